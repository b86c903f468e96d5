"""`tools.replay`: what differs between two recordings is named, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.replay import compare


def recording(folder: Path, number: int, files: dict[str, str]) -> Path:
    """A recording of one program, compiled once as the `number`-th compilation of its process."""
    compilation = folder / "program" / f"{number:03d}-f"
    compilation.mkdir(parents=True)
    for name, text in files.items():
        (compilation / name).write_text(text)
    return folder


def test_recordings_of_the_same_code_do_not_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"00-frozen-specialize.mlir": "a", "01-llvm.ll": "b"}
    assert compare(recording(tmp_path / "a", 3, files), recording(tmp_path / "b", 7, files)) == 0
    assert "0 of 2 files differ" in capsys.readouterr().out


def test_what_differs_is_named_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recording(tmp_path / "a", 1, {"00-same": "s", "01-changed": "one\ntwo", "02-gone": ""})
    after = recording(tmp_path / "b", 1, {"00-same": "s", "01-changed": "one\nthree", "03-new": ""})
    assert compare(before, after) == 3
    shown = capsys.readouterr().out
    assert "program/0-f/01-changed: differs" in shown
    assert "-two" in shown
    assert "+three" in shown
    assert "02-gone: only before" in shown
    assert "03-new: only after" in shown
    assert "00-same" not in shown
