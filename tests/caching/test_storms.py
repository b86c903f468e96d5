"""Many processes at once, processes that are killed, flipped bits: small storms (``storms.py`` makes larger
ones).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.caching.programs import saved

ROOT = Path(__file__).parents[2]


def storm(*arguments: str) -> dict[str, int]:
    """What the processes of a storm met."""
    command = [sys.executable, "-m", "tests.caching.storms", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_processes_that_race_read_what_belongs_to_a_key_or_nothing() -> None:
    assert storm("race", "4", "25") == {"right": 4, "damaged files": 0}


def test_processes_that_are_killed_leave_nothing_half_written() -> None:
    met = storm("kills", "20")
    assert met.pop("stored") > 0
    assert met == {"killed": 20, "wrong": 0, "damaged files": 0}


def test_a_flipped_bit_gives_no_wrong_answer(tmp_path: Path) -> None:
    met = storm("flips", "40", saved("convolutions", tmp_path), "1x3x12x12")
    assert met.keys() <= {"right", "missed"}
    assert met["missed"] > 0
