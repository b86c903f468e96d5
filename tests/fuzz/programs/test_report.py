"""Findings are grouped by fault, and each minimal program is a file that runs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.programs.evaluating import Finding
from tests.fuzz.programs.report import Example, document, grouped, line_of, operators_of, write
from tests.fuzz.programs.test_pool import FINE


def example(seed: int, variant: str, aspect: str, detail: str, body: str = FINE) -> Example:
    return Example(seed, body, Finding(variant, aspect, detail), (variant,))


def test_one_message_with_other_values_is_one_group() -> None:
    groups = grouped([
        example(1, "scripted", "raises", "ShapeError: got 3 dims"),
        example(2, "frozen", "raises", "ShapeError: got 4 dims"),
        example(3, "frozen", "values", "result: got 1, want 2"),
    ])  # fmt: skip
    assert [g.count for g in groups] == [2, 1]
    assert line_of(groups[0]).strip() == "2 raises: ShapeError: got _ dims (frozen 1, scripted 1)"


def test_wrong_values_are_grouped_by_the_operators_of_the_program() -> None:
    body = FINE.replace("x + 1", "torch.relu(x)[0]")
    groups = grouped([
        example(1, "scripted", "values", "a"),
        example(2, "scripted", "values", "b"),
        example(3, "scripted", "values", "a", body),
    ])  # fmt: skip
    assert [(g.count, g.key[1]) for g in groups] == [(2, "add"), (1, "relu")]


def test_minor_differences_come_last() -> None:
    groups = grouped([
        *(example(n, "scripted", "strides", "") for n in range(3)), example(4, "scripted", "values", ""),
    ])  # fmt: skip
    assert [g.key[0] for g in groups] == ["values", "strides"]


def test_the_document_shows_each_group_with_its_program() -> None:
    text = document(grouped([example(1, "scripted", "values", "result: got 1, want 2")]))
    assert "## 1 values: add (scripted 1)" in text
    assert "result: got 1, want 2" in text
    assert FINE.strip() in text


def test_operators_are_those_of_the_program_not_of_its_arguments() -> None:
    assert operators_of(FINE) == {"add"}
    assert operators_of(FINE.replace("x + 1", "x.mul_(2)[1:]")) == {"mul_"}


def test_a_written_failure_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variant in ("scripted", "optimized", "loaded", "saved"):
        file = write(example(7, variant, "values", 'got "x" \\ y'), tmp_path)
        namespace: dict[str, object] = {"__name__": "failure"}
        file_text = file.read_text()
        assert "tests.fuzz" not in file_text
        exec(compile(file_text, str(file), "exec"), namespace)
        check = namespace["test_it_gives_what_pytorch_gives"]
        assert callable(check)
        check(monkeypatch)
