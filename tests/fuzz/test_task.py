"""Every fuzzer of the folder takes a task and gives a report: the command runs them all alike."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from tests.fuzz import task


@pytest.mark.parametrize("name", task.names())
def test_a_fuzzer_takes_a_task(name: str) -> None:
    signature = inspect.signature(import_module(f"tests.fuzz.{name}").run, eval_str=True)
    assert [p.annotation for p in signature.parameters.values()] == [task.Task]
    assert signature.return_annotation is task.Report
