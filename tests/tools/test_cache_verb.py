"""``python -m tsc cache``: what is stored, what of it is damaged, and what goes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tsc.cache import folder as cache_folder
from tsc.cache import store
from tsc.options import options
from tsc.tools.command_line import MISUSED, REFUSED, main

DAY = 86400


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with three entries, the second of which was not used for days."""
    made = tmp_path / "cache"
    monkeypatch.setattr(options(), "is_cache_enabled", True)
    monkeypatch.setattr(options(), "cache_folder", str(made))
    monkeypatch.setattr(cache_folder, "_WARNED", set[str]())
    for kind, key in (("object", "a"), ("object", "b"), ("weights", "c")):
        assert store.write(kind, key, b"x" * 5000)
    past = time.time() - 3 * DAY
    os.utime(made / store.name_of("object", "b"), (past, past))
    return made


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> dict[str, Any]:
    assert main(["cache", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_entries_have_kinds_sizes_and_ages(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = said(capsys, 0, "list")
    assert report["folder"] == str(folder)
    assert {kind: held["files"] for kind, held in report["kinds"].items()} == {"object": 2, "weights": 1}
    assert report["size_bytes"] == sum(file.stat().st_size for file in folder.glob(f"*{store.SUFFIX}"))
    oldest = report["entries"][-1]
    assert oldest["name"] == store.name_of("object", "b")
    assert oldest["age_seconds"] == pytest.approx(3 * DAY, rel=0.1)
    assert main(["cache", "list"]) == 0
    assert "3 days ago" in capsys.readouterr().out


def test_damaged_entries_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "verify"]) == 0
    assert "all 3 checksums are right" in capsys.readouterr().out
    name = store.name_of("weights", "c")
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    assert said(capsys, REFUSED, "verify")["damaged"] == {name: "its checksum is wrong"}
    assert main(["cache", "verify"]) == REFUSED
    assert f"DAMAGED: {name}" in capsys.readouterr().out
    assert (folder / name).exists()


def test_what_was_not_used_longest_goes_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(file.stat().st_size for file in folder.glob(f"*{store.SUFFIX}"))
    report = said(capsys, 0, "prune", "--size", str(size - 1))
    assert (report["freed_files"], report["freed_bytes"]) == (1, size // 3)
    assert not (folder / store.name_of("object", "b")).exists()
    assert said(capsys, 0, "prune")["freed_files"] == 0
    assert said(capsys, 0, "prune", "--size", "0")["entries"] == []


def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, words in (
        (["prune", "--size", "much"], "--size: requires bytes, as 1000000, 512M or 2G; got 'much'"),
        (["list", "--size", "1G"], "--size: requires prune"),
    ):
        assert main(["cache", *arguments]) == MISUSED
        assert words in capsys.readouterr().err
    folder.chmod(0o777)
    assert main(["cache", "list"]) == REFUSED
    assert "others may write to this one" in capsys.readouterr().err
    monkeypatch.setattr(options(), "cache_folder", str(folder / "none"))
    assert main(["cache", "list"]) == 0
    assert "0 files" in capsys.readouterr().out
