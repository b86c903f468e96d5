"""What goes through the pipes of a worker, beside outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.archives.mutating import Recipe


@dataclass(frozen=True)
class Job:
    """An archive to make and try."""

    recipe: Recipe


@dataclass(frozen=True)
class Step:
    """A step begins: the first is that the worker is ready."""

    name: str


READY = Step("ready")
