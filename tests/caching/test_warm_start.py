"""A second process runs what the first has compiled: the same results to the bit, and no compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.caching.programs import saved
from tests.caching.run_archive import results_of
from tsc.cache.file_digest import SETTLED_SECONDS

ROOT = Path(__file__).parents[2]
STORED = {
    "perceptron": ["2x64", "3x64", "7x64", "9x64", "2x64"],
    "convolutions": ["1x3x12x12"],
    "shifted": ["5x3000"],
    "looked": ["3x7"],
}
"""Modules whose code is stored, and shapes to call them with: from the third on, sizes are symbolic."""
NOT_STORED = {"counting": ["2x8"], "told": ["2x8"], "named": ["2x8"]}
"""Modules whose code and archive do not say all about a call."""


@dataclass
class Run:
    """What a process told."""

    results: list[Any]
    imported: list[str]
    log: list[str]

    def kinds(self, what: str) -> list[str]:
        """The kinds of cache entries that were a ``hit``, a ``miss``, or ``stored``."""
        return [line.split()[2] for line in self.log if line.split()[1] == f"{what}:"]


def run(cache: Path, *tasks: str, **variables: str) -> Run:
    """Run archives in a process of its own."""
    environment = {**os.environ, "TSC_CACHE": "1", "TSC_CACHE_DIR": str(cache), **variables}
    command = [sys.executable, str(ROOT / "tests/caching/run_archive.py"), *tasks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return Run(**json.loads(done.stdout.splitlines()[-1]))


@dataclass
class Filled:
    """A cache that one process has filled."""

    archives: dict[str, str]
    tasks: dict[str, str]
    cache: Path
    first: Run
    expected: dict[str, Any]
    """The results without any cache."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    folder = tmp_path_factory.mktemp("archives")
    shapes = STORED | NOT_STORED
    archives = {kind: saved(kind, folder) for kind in shapes}
    tasks = {kind: f"{archives[kind]}:{','.join(shapes[kind])}" for kind in shapes}
    expected = {kind: results_of(archives[kind], shapes[kind]) for kind in shapes}
    time.sleep(SETTLED_SECONDS)  # the digest of a file that was just written is not kept
    return Filled(archives, tasks, folder / "cache", run(folder / "cache", *tasks.values()), expected)


@pytest.fixture
def cache(filled: Filled, tmp_path: Path) -> Path:
    """A copy of the filled cache."""
    return Path(shutil.copytree(filled.cache, tmp_path / "copy"))


def test_the_first_process_compiles(filled: Filled) -> None:
    assert "xdsl" in filled.first.imported
    assert filled.first.results == list(filled.expected.values())
    assert filled.first.kinds("stored").count("code") == 6


@pytest.mark.parametrize("kind", STORED)
def test_the_second_process_compiles_nothing(kind: str, filled: Filled) -> None:
    second = run(filled.cache, filled.tasks[kind])
    assert second.imported == []
    assert second.kinds("miss") == []
    assert {"program", "code", "host", "object"} <= set(second.kinds("hit"))
    assert second.results == [filled.expected[kind]]


def test_what_code_and_archive_do_not_say_is_never_stored(filled: Filled) -> None:
    second = run(filled.cache, *(filled.tasks[kind] for kind in NOT_STORED))
    assert "code" not in second.kinds("hit")
    assert second.results == [filled.expected[kind] for kind in NOT_STORED]


def test_another_program_another_shape_and_another_option_are_misses(cache: Path, filled: Filled) -> None:
    archive, other = filled.archives["perceptron"], saved("perceptron", cache.parent, seed=2)
    second = run(cache, f"{other}:2x64")
    assert "code" in second.kinds("miss")
    assert second.results[0][0] != filled.expected["perceptron"][0]
    assert second.results == [results_of(other, ["2x64"])]
    strict = run(cache, f"{archive}:2x64", f"{other}:4x64", TSC_STRICT="1")
    assert strict.kinds("miss").count("code") == 2
    assert run(cache, f"{archive}:2x64", TSC_NUM_THREADS="1").imported == []


def test_the_name_of_an_archive_does_not_count_but_its_bytes(cache: Path, filled: Filled) -> None:
    path = Path(shutil.copy(filled.archives["shifted"], cache.parent / "renamed.pt"))
    assert run(cache, f"{path}:5x3000").imported == []
    path.write_bytes(Path(saved("shifted", cache.parent, seed=2)).read_bytes())
    changed = run(cache, f"{path}:5x3000")
    assert "program" in changed.kinds("miss")
    assert "code" not in changed.kinds("hit")


def test_half_a_hit_compiles_the_rest(cache: Path, filled: Filled) -> None:
    shapes = ["3x64", "5x64", "6x64", "8x64"]
    task = f"{filled.archives['perceptron']}:{','.join(shapes)}"
    second = run(cache, task)
    assert second.kinds("hit").count("code") == 1
    assert "xdsl" in second.imported
    third = run(cache, task)
    assert third.imported == []
    expected = results_of(filled.archives["perceptron"], shapes)
    assert second.results == third.results == [expected]


@pytest.mark.parametrize("kinds", [("weights", "host"), ("code", "program", "object")])
def test_damaged_files_are_made_again(kinds: tuple[str, ...], cache: Path, filled: Filled) -> None:
    task = filled.tasks["convolutions"]
    for kind in kinds:
        for file in cache.glob(f"{kind}-*"):
            data = bytearray(file.read_bytes())
            data[len(data) * 2 // 3] ^= 4
            file.write_bytes(data)
    again = run(cache, task)
    for kind in kinds:
        assert any(f"miss: {kind}" in line and "checksum" in line for line in again.log)
    assert again.results == [filled.expected["convolutions"]]
    assert run(cache, task).imported == []


def test_a_folder_that_is_not_to_be_used_costs_one_warning(tmp_path: Path, filled: Filled) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    refused = run(folder, filled.tasks["shifted"])
    warnings = [line for line in refused.log if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert "others may write" in warnings[0]
    assert list(folder.iterdir()) == []
    assert refused.results == [filled.expected["shifted"]]
