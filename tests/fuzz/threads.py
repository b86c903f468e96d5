"""Storms: first calls, scripting, tracing, loading, saving and resizing of the pool in eight threads at once,
and forks while another thread compiles. Results must be those of one thread, to the bit.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import random
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch

import tsc
from tests.fuzz.subjects import (
    SHAPES,
    SUBJECTS,
    Dense,
    expected,
    expected_gradient,
    fresh_function,
    fresh_module,
    gradient,
    result,
)
from tests.fuzz.task import Report, Task

THREADS = 8
SWITCH_INTERVAL_S = 1e-5
PATIENCE_S = 120.0
"""How long a round or a child may take before it counts as hanging."""

Job = Callable[[], None]


def run(task: Task) -> Report:
    """Rounds of threads, and forks, until the task is over or something is found."""
    prepare()
    rounds = 0
    findings: list[str] = []
    while not task.is_over(rounds) and not findings:
        findings += storm(task.seed + rounds)
        findings += fork_storm(task.seed + rounds, 2)
        rounds += 1
    return Report("threads", rounds, len(findings), findings)


def prepare() -> None:
    """Compute all expected results, alone."""
    for name in SUBJECTS:
        for shape in SHAPES:
            expected(name, shape)
    for name in ("scripted", "looping"):
        expected_gradient(name, SHAPES[1])


@contextmanager
def short_switches() -> Generator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


# --- threads ---


def storm(seed: int) -> list[str]:
    """One round: `THREADS` threads with jobs on shared and on own subjects, all never compiled before."""
    numbers = random.Random(seed)
    threads = tsc.get_num_threads()
    with short_switches(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's tracer
        shared = {name: make() for name, make in SUBJECTS.items()}
        sources = fresh_module(Dense), fresh_function()
        findings = _at_once([_jobs(numbers, shared, sources) for _ in range(THREADS)])
    tsc.set_num_threads(threads)
    return [f"threads, seed {seed}: {finding}" for finding in findings]


def _jobs(numbers: random.Random, shared: dict[str, Any], sources: tuple[Any, Any]) -> list[Job]:
    """What one thread does: all shared subjects in an order of its own, and a few other things between; of
    them scripting the same sources as the others.
    """
    jobs: list[Job] = []
    for name, subject in shared.items():
        jobs.append(_call(name, subject, numbers.choice(SHAPES)))
    own = numbers.choice(list(SUBJECTS))
    jobs.append(lambda: _call(own, SUBJECTS[own](), numbers.choice(SHAPES))())
    jobs.append(numbers.choice([_saving, _looking, _pickling, _differentiating, _freezing])(shared))
    jobs.append(lambda: _call("scripted", tsc.script(sources[0]), numbers.choice(SHAPES))())
    jobs.append(lambda: _call("function", tsc.script(sources[1]), numbers.choice(SHAPES))())
    jobs.append(lambda: tsc.set_num_threads(numbers.randint(1, 4)))
    numbers.shuffle(jobs)
    return jobs


def _call(name: str, subject: Any, shape: tuple[int, ...]) -> Job:
    def job() -> None:
        assert result(subject, shape) in expected(name, shape), f"{name} of {shape} differs"

    return job


def _saving(shared: dict[str, Any]) -> Job:
    def job() -> None:
        for name in ("scripted", "traced", "loaded"):
            shared[name].save_to_buffer()

    return job


def _looking(shared: dict[str, Any]) -> Job:
    def job() -> None:
        for name in ("scripted", "frozen", "function"):
            assert str(shared[name].graph).startswith("graph(")
            assert "return" in shared[name].code

    return job


def _pickling(shared: dict[str, Any]) -> Job:
    def job() -> None:
        again = pickle.loads(pickle.dumps(shared["loaded"]))
        assert result(again, SHAPES[0]) in expected("loaded", SHAPES[0]), "an unpickled module differs"

    return job


def _freezing(shared: dict[str, Any]) -> Job:
    def job() -> None:
        frozen = tsc.freeze(shared["scripted"])
        assert result(frozen, SHAPES[2]) in expected("frozen", SHAPES[2]), "a frozen module differs"

    return job


def _differentiating(shared: dict[str, Any]) -> Job:
    def job() -> None:
        for name in ("scripted", "looping"):
            found = gradient(shared[name], SHAPES[1])
            assert found == expected_gradient(name, SHAPES[1]), f"the gradient of {name} differs"

    return job


def _at_once(lists: list[list[Job]]) -> list[str]:
    """Run each list of jobs in a thread of its own, all beginning together."""
    findings: list[str] = []
    start = threading.Barrier(len(lists))

    def work(jobs: list[Job]) -> None:
        start.wait()
        for job in jobs:
            try:
                job()
            except Exception:
                findings.append(traceback.format_exc())

    threads = [threading.Thread(target=work, args=(jobs,), daemon=True) for jobs in lists]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        faulthandler.dump_traceback()
        findings.append("threads hang; their stacks are on stderr")
    return findings


# --- forks ---


def fork_storm(seed: int, forks: int) -> list[str]:
    """`forks` children, forked while other threads script, trace, compile and free; each must compile and run
    by itself.
    """
    if not hasattr(os, "fork"):
        return []
    numbers = random.Random(seed)
    shared = SUBJECTS["loaded"]()
    stop = threading.Event()
    busy = [
        threading.Thread(target=_keep_busy, args=(names, stop), daemon=True)
        for names in (("scripted", "loaded", "function"), ("traced", "traced_function"))
    ]
    findings: list[str] = []
    with warnings.catch_warnings(), torch_in_one_thread():
        warnings.simplefilter("ignore")  # of Python, that the process has threads
        for thread in busy:
            thread.start()
        for _ in range(forks):
            time.sleep(numbers.uniform(0.0, 0.03))
            findings += _forked(shared, numbers.choice(list(SUBJECTS)))
        stop.set()
        for thread in busy:
            thread.join(PATIENCE_S)
    return [f"forks, seed {seed}: {finding}" for finding in findings]


@contextmanager
def torch_in_one_thread() -> Generator[None]:
    """PyTorch starts no OpenMP team, which a forked child waits for without end."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _keep_busy(names: tuple[str, ...], stop: threading.Event) -> None:
    """Make, run and drop subjects."""
    while not stop.is_set():
        for name in names:
            result(SUBJECTS[name](), SHAPES[0])


def _forked(shared: Any, own: str) -> list[str]:
    """A child that runs a shared subject and one of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            faulthandler.dump_traceback_later(PATIENCE_S - 5)
            _call("loaded", shared, SHAPES[1])()
            _call(own, SUBJECTS[own](), SHAPES[3])()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return [] if status == 0 else [f"a child ended with status {status} ({own})"]
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return [f"a child hangs ({own})"]
