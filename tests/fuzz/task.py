"""What a fuzzer is asked for, and what it reports: each module of this folder that has a
``run(task: Task) -> Report`` is one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass
class Task:
    """How much to try, from which seed, and where failures are written."""

    seed: int = 0
    seconds: float = 60.0
    count: int | None = None
    """Tries after which to stop before the time is over."""
    variants: tuple[str, ...] = ()
    """Which ways of running to try; all when empty. Fuzzers without variants ignore it."""
    jobs: int = 2
    folder: Path = Path("fuzz-failures")
    begin: float = field(default_factory=time.monotonic)

    def is_over(self, tried: int) -> bool:
        """Whether the time or the count is used up."""
        out_of_time = time.monotonic() - self.begin >= self.seconds
        return out_of_time or (self.count is not None and tried >= self.count)


@dataclass
class Report:
    """What a fuzzer found: a line for each group of failures, most frequent first."""

    name: str
    tried: int
    failures: int
    lines: list[str]

    def __str__(self) -> str:
        head = f"{self.name}: {self.tried} tried, {self.failures} failed"
        return "\n".join([head, *self.lines])


def names() -> list[str]:
    """The fuzzers of this folder."""
    places = [p.stem for p in FOLDER.glob("*.py")] + [p.parent.name for p in FOLDER.glob("*/__init__.py")]
    candidates = sorted(p for p in places if not p.startswith(("_", "test_", "task")))
    return [name for name in candidates if hasattr(import_module(f"tests.fuzz.{name}"), "run")]


def run(name: str, task: Task) -> Report:
    """Run one fuzzer by name."""
    module: Any = import_module(f"tests.fuzz.{name}")
    return module.run(task)
