"""The command, and how it finds its fuzzers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import task


def test_every_module_with_a_run_is_a_fuzzer() -> None:
    assert "programs" in task.names()


def test_a_task_ends_with_its_time_or_its_count() -> None:
    assert task.Task(seconds=0).is_over(0)
    assert not task.Task(seconds=60).is_over(1000)
    assert task.Task(seconds=60, count=3).is_over(3)


def test_the_command_tries_programs_and_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = "fuzz programs --count 3 --jobs 1 --variants scripted --seed 0 --folder"
    monkeypatch.setattr(sys, "argv", [*words.split(), str(tmp_path)])
    status = command.main()
    told = capsys.readouterr().out
    assert "seed 0" in told
    assert "programs: 3 tried" in told
    assert status == (1 if any(tmp_path.glob("test_*.py")) else 0)
