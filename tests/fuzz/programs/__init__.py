"""Random TorchScript programs against PyTorch: ``run`` makes, tries, reduces and reports them."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from tests.fuzz.crew import in_threads
from tests.fuzz.task import Report, Task

from .jobs import Answer, Job
from .pool import Worker
from .reducer import STEPS, reduce
from .report import Example, document, grouped, line_of, message_of, write
from .variants import VARIANTS

SHARE_OF_TRYING = 0.65
"""Of the time; the rest is for making failing programs small."""
REDUCED_OF_A_MESSAGE = 2
"""How many programs with one message are reduced; the others are counted only."""


SECONDS_OF_SILENCE = 60.0
"""After which the run says how far it has come."""


def say(line: str) -> None:
    """A line about the run itself: reports go to the other stream."""
    print(line, file=sys.stderr, flush=True)


class _Run:
    """Workers that share a counter of seeds, what they found, and what is left to reduce."""

    def __init__(self, task: Task) -> None:
        self.task = task
        share = SHARE_OF_TRYING if task.count is None else 1.0
        self.trying = replace(task, seconds=task.seconds * share)
        self.variants = task.variants or VARIANTS
        self.seeds = count(task.seed * 1_000_000)
        self.tried = 0
        self.statuses: Counter[str] = Counter()
        self.ill_conditioned: Counter[str] = Counter()
        self.found: list[Example] = []
        self.reduced: list[Example] = []
        self.kinds: Counter[tuple[str, ...]] = Counter()
        self.lock = threading.Lock()
        self.told = time.monotonic()

    def in_threads(self, work: Callable[[Worker], None]) -> None:
        """Run `work` with each worker, and wait."""
        in_threads(self.task.jobs, Worker, work)

    def try_programs(self, worker: Worker) -> None:
        """Try one seed after another."""
        while True:
            with self.lock:
                if self.trying.is_over(self.tried):
                    return
                seed = next(self.seeds)
                self.tried += 1
            answer = worker.ask(Job(self.variants, seed))
            with self.lock:
                self.statuses[answer.outcome.status] += 1
                self.ill_conditioned.update(f.detail for f in answer.outcome.ill_conditioned)
                faults = one_of_each_fault(seed, answer)
                self.found += faults
                self.tell(faults)

    def tell(self, faults: list[Example]) -> None:
        """Say what is found when it is found, and now and then how far the run has come."""
        for fault in faults:
            finding = fault.finding
            say(f"seed {fault.seed}: {', '.join(fault.variants)}: {finding.aspect}: {finding.detail[:200]}")
        if time.monotonic() - self.told > SECONDS_OF_SILENCE:
            self.told = time.monotonic()
            say(f"{self.tried} tried, {len(self.found)} findings")

    def reduce_programs(self, worker: Worker) -> None:
        """Reduce what was found, the shortest first, until the time is over."""
        while True:
            with self.lock:
                if not self.found:
                    return
                example = self.found.pop()
                kind = (example.finding.aspect, message_of(example.finding))
                self.kinds[kind] += 1
                is_known = example.finding.is_told and self.kinds[kind] > REDUCED_OF_A_MESSAGE
            is_over = self.task.is_over(0)
            small = example if is_over or is_known else self._reduced(worker, example)
            if is_over and not example.finding.is_told:
                small = replace(example, body="")
            with self.lock:
                self.reduced.append(small)

    def _reduced(self, worker: Worker, example: Example) -> Example:
        last = example.finding

        def fails(candidate: str) -> bool:
            nonlocal last
            outcome = worker.ask(Job((last.variant,), body=candidate, calls=last.call + 1)).outcome
            alike = next((f for f in outcome.findings if f.is_like(example.finding)), None)
            last = alike or last
            return alike is not None

        steps = 6 if last.aspect == "hang" else STEPS
        small = replace(example, body=reduce(example.body, fails, steps), finding=last)
        return replace(small, guilty=_guilty(worker, small))


def _guilty(worker: Worker, example: Example) -> str:
    """What verification says of a program that differs only when it is compiled."""
    finding = example.finding
    if finding.variant not in ("optimized", "frozen"):
        return ""
    job = Job((finding.variant,), body=example.body, calls=finding.call + 1, is_verified=True)
    found = (f.detail for f in worker.ask(job).outcome.findings)
    return next((detail for detail in found if "VerificationError" in detail), "")


def one_of_each_fault(seed: int, answer: Answer) -> list[Example]:
    """A program's findings; variants that differ in the same way are one."""
    made: dict[tuple[str, str], Example] = {}
    for finding in answer.outcome.findings:
        kind = (finding.aspect, message_of(finding) if finding.is_told else "")
        held = made.setdefault(kind, Example(seed, answer.body, finding, ()))
        made[kind] = replace(held, variants=(*held.variants, finding.variant))
    return list(made.values())


def _urgency(example: Example) -> tuple[bool, bool, bool, int]:
    """What sorts what is to be reduced first to the end: wrong values, then short programs."""
    finding = example.finding
    return not finding.is_minor, finding.aspect != "sharing", not finding.is_told, -len(example.body)


def run(task: Task) -> Report:
    """Try random programs until the task is over."""
    state = _Run(task)
    try:
        state.in_threads(state.try_programs)
    except KeyboardInterrupt:
        say(f"interrupted after {state.tried} programs; the report follows")
        state.trying.seconds = 0.0
    rate = state.tried / max(time.monotonic() - task.begin, 1e-9)
    state.found.sort(key=_urgency)
    state.in_threads(state.reduce_programs)
    groups = grouped(state.reduced)
    task.folder.mkdir(parents=True, exist_ok=True)
    for group in groups:
        if group.example.body:
            write(group.example, task.folder)
    if groups:
        (task.folder / "programs.md").write_text(document(groups))
    lines = [f"      {rate:.1f} programs per second"]
    lines += [f"      {n} {status}" for status, n in sorted(state.statuses.items())]
    lines += [f"      {n} ill-conditioned: {why}" for why, n in state.ill_conditioned.most_common()]
    failures = sum(g.count for g in groups if not g.example.finding.is_minor)
    return Report("programs", state.tried, failures, [*lines, *(line_of(g) for g in groups)])
