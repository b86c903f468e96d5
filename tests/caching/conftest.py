"""A cache of its own for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsc.cache import folder as cache_folder
from tsc.options import options


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty cache, which is on."""
    made = tmp_path / "cache"
    monkeypatch.setattr(options(), "is_cache_enabled", True)
    monkeypatch.setattr(options(), "cache_folder", str(made))
    monkeypatch.setattr(cache_folder, "_WARNED", set[str]())
    return made
