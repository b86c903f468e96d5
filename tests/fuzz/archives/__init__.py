"""Hostile archives: ``run`` makes them of sound ones, tries them, reduces and reports what they do wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count

from tests.fuzz.crew import in_threads
from tests.fuzz.task import Report, Task

from .corpus import corpus
from .mutating import Recipe, recipe_of
from .pool import Worker
from .reporting import Example, Group, grouped, reduced, write
from .trying import Finding

REDUCED_OF_A_GROUP = 3


class _Run:
    """Workers that share a counter of seeds, and what they found."""

    def __init__(self, task: Task, archives: Mapping[str, bytes]) -> None:
        self.task = task
        self.archives = archives
        self.seeds = count(task.seed * 1_000_000)
        self.tried = 0
        self.statuses: Counter[str] = Counter()
        self.found: list[Example] = []
        self.groups: list[Group] = []
        self.lock = threading.Lock()

    def in_threads(self, work: Callable[[Worker], None]) -> None:
        """Run `work` with each worker, and wait."""
        in_threads(self.task.jobs, lambda: Worker(self.archives), work)

    def try_archives(self, worker: Worker) -> None:
        """Try one seed after another."""
        while True:
            with self.lock:
                if self.task.is_over(self.tried):
                    return
                seed = next(self.seeds)
                self.tried += 1
            recipe = recipe_of(seed, list(self.archives))
            outcome = worker.ask(recipe)
            with self.lock:
                self.statuses[outcome.status] += 1
                self.found += [Example(seed, recipe, finding) for finding in outcome.findings]

    def reduce_groups(self, worker: Worker) -> None:
        """Make the first few archives of each group small, and keep the smallest."""
        while True:
            with self.lock:
                waiting = [g for g in self.groups if g.small is None]
                if not waiting:
                    return
                group = waiting[0]
                group.small = group.examples[0]
            small = [reduced(e, self._fails(worker, e.finding)) for e in group.examples[:REDUCED_OF_A_GROUP]]
            group.small = min(small, key=lambda e: len(e.recipe.changes))

    def _fails(self, worker: Worker, finding: Finding) -> Callable[[Recipe], bool]:
        return lambda recipe: any(f.is_like(finding) for f in worker.ask(recipe).findings)


def run(task: Task) -> Report:
    """Try hostile archives until the task is over."""
    state = _Run(task, corpus())
    state.in_threads(state.try_archives)
    rate = state.tried / max(time.monotonic() - task.begin, 1e-9)
    state.groups = grouped(state.found)
    if state.groups:
        state.in_threads(state.reduce_groups)
        task.folder.mkdir(parents=True, exist_ok=True)
    for group in state.groups:
        write(group, state.archives, task.folder)
    lines = [f"      {rate:.1f} archives per second"]
    lines += [f"      {n} {status}" for status, n in sorted(state.statuses.items())]
    return Report("archives", state.tried, len(state.found), [*lines, *(g.line() for g in state.groups)])
