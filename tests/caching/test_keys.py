"""What stands in keys: everything that changes code, and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import tsc.cache
from tsc.cache import keys, store
from tsc.options import Options, options


def test_every_option_is_in_the_keys_or_said_to_change_no_code() -> None:
    names = {field.name for field in dataclasses.fields(Options)}
    assert names == set(keys.CODE_OPTIONS) | set(keys.OTHER_OPTIONS)
    assert not set(keys.CODE_OPTIONS) & set(keys.OTHER_OPTIONS)
    assert all(keys.OTHER_OPTIONS.values())


@pytest.mark.parametrize("name", keys.CODE_OPTIONS)
def test_an_option_that_changes_code_changes_the_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys.options_key()
    monkeypatch.setattr(options(), name, 12345)
    assert keys.options_key() != before


@pytest.mark.parametrize("name", keys.OTHER_OPTIONS)
def test_another_option_does_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys.options_key()
    monkeypatch.setattr(options(), name, 12345)
    assert keys.options_key() == before


def test_versions_name_what_compiles() -> None:
    import llvmlite
    import numpy
    import xdsl

    found = keys.versions()
    assert f"llvmlite {llvmlite.__version__}" in found
    assert f"xdsl {xdsl.__version__}" in found
    assert f"numpy {numpy.__version__}" in found


def test_a_changed_source_file_is_another_version(tmp_path: Path) -> None:
    file = tmp_path / "package/module.py"
    file.parent.mkdir()
    file.write_text("a")
    before = sorted(keys.stamps(tmp_path))
    assert [name for name, _, _ in before] == ["package/module.py"]
    file.write_text("ab")
    assert sorted(keys.stamps(tmp_path)) != before


@pytest.mark.usefixtures("folder")
def test_nothing_is_stored_by_a_process_whose_own_files_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.write("test", "key", b"x")
    monkeypatch.setattr(keys, "_own_version", lambda: "another")
    assert not store.write("test", "other", b"x")
    assert tsc.cache.info().files == {"test": 1}


def test_keys_name_no_paths() -> None:
    text = keys.key_of(a=1) + keys.options_key()
    assert "/" not in text.replace("https://", "")


def test_the_processor_is_that_of_the_first_block() -> None:
    text = "processor\t: 0\nmodel\t\t: 7\nflags\t\t: avx fma\ncpu MHz\t: 1.5\n\nprocessor\t: 1\nmodel\t: 8\n"
    assert keys.first_block(text) == {"processor": "0", "model": "7", "flags": "avx fma", "cpu MHz": "1.5"}
