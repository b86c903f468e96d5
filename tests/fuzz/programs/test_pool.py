"""Programs that end or hang a process are found, and the next program is tried all the same."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.fuzz.programs import pool, variants
from tests.fuzz.programs.jobs import Job
from tests.fuzz.programs.pool import Worker

FINE = """
def subject(x: Tensor):
    return x + 1

def make():
    return subject

SIZES = [(2, 3, 4)]

def arguments(sizes):
    return [values([2, 3], torch.float32, 1)]
"""
DIES = FINE.replace("    return subject", "    import os\n    os.kill(os.getpid(), 9)")
HANGS = FINE.replace("    return subject", "    while True:\n        pass")


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()


def test_a_process_that_dies_is_a_crash_of_its_program(worker: Worker) -> None:
    died = worker.ask(Job(("scripted",), body=DIES))
    assert [(f.variant, f.aspect) for f in died.outcome.findings] == [("scripted", "crash")]
    assert died.body == DIES
    assert worker.ask(Job(("scripted", "optimized"), body=FINE)).outcome.findings == []


def test_a_process_that_does_not_answer_is_a_hang(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker.ask(Job(("scripted",), body=FINE)).outcome.status == "runs"
    monkeypatch.setattr(pool, "SECONDS", 0.05)
    hung = worker.ask(Job(("scripted",), body=HANGS))
    assert [(f.variant, f.aspect) for f in hung.outcome.findings] == [("scripted", "hang")]


def test_python_that_takes_too_long_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "SECONDS", 0.1)
    with pytest.raises(variants.HangError, match="test_pool"), variants.limited():
        time.sleep(30)
    monkeypatch.setattr(variants, "PATIENCE", 1000)
    with pytest.raises(variants.HangError, match="test_pool"), variants.limited():
        sum(1 for _ in itertools.count())


def test_the_text_of_a_seed_is_the_same_in_every_process(worker: Worker) -> None:
    assert worker.ask(Job((), 12345)).body == pool.made_text(12345)
