"""The map of docs/architecture.md, checked on the source: the rooms, and who imports whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/tsc"
BASE = {
    "errors", "dtypes", "narrowing", "memory", "concurrency", "options", "markers", "dims", "progress",
    "tracebacks",
}  # fmt: skip
BESIDE = {"__init__", "testing"}
"""Files of the face; they may import anything."""
LARGEST_TOP = 12
LONGEST_FILE = 400
"""Lines."""


def rooms() -> dict[str, set[str]]:
    """The map of docs/architecture.md: folder or module to what it may import, base and itself aside."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "docs/architecture.md").read_text()
    for line in text.partition("| room |")[2].splitlines()[2:]:
        if not line.startswith("|"):
            break
        room, _, imported = (cell.strip() for cell in line.strip("|").split("|"))
        found[room.strip("`")] = {name.strip() for name in imported.split(",") if name.strip()}
    return found


ROOMS = rooms()
FILES = sorted(SOURCE.rglob("*.py"))


def imports(file: Path) -> set[str]:
    """Absolute names of the modules a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(file: Path) -> str:
    """The folder in ``src/tsc``, or the module."""
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def used_by(files: list[Path]) -> set[str]:
    """The rooms that files import, base and their own aside."""
    own = {room_of(f) for f in files}
    found = {name.split(".")[1] for f in files for name in imports(f) if name.startswith("tsc.")}
    return found - own - BASE


def test_the_map_names_every_room() -> None:
    assert {room_of(f) for f in FILES} == ROOMS.keys() | BASE | BESIDE
    assert len([f for f in FILES if f.parent == SOURCE]) <= LARGEST_TOP


@pytest.mark.parametrize("room", ROOMS)
def test_the_map_is_true(room: str) -> None:
    assert used_by([f for f in FILES if room_of(f) == room]) == ROOMS[room]


def test_imports_run_downward() -> None:
    order = list(ROOMS)
    for room, imported in ROOMS.items():
        assert imported <= set(order[order.index(room) + 1 :]), room


def test_the_base_imports_only_itself() -> None:
    assert not used_by([f for f in FILES if room_of(f) in BASE])


def test_no_file_is_too_long_to_read() -> None:
    lengths = {str(f.relative_to(SOURCE)): len(f.read_text().splitlines()) for f in FILES}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(SOURCE)) for f in FILES])
def test_pytorch_is_never_imported(file: Path) -> None:
    assert not any(name.split(".")[0] == "torch" for name in imports(file))
