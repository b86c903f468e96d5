"""What goes between the parent and its workers."""

from __future__ import annotations

from dataclasses import dataclass

from .evaluating import Outcome

READY = "ready"
"""What a worker says before its first job."""


@dataclass(frozen=True)
class Job:
    """A program to try: of a seed, or given as text."""

    variants: tuple[str, ...]
    seed: int = 0
    body: str = ""
    calls: int = 3
    is_verified: bool = False
    """Whether every pass is held to the one before (``TSC_VERIFY=1``)."""


@dataclass(frozen=True)
class Answer:
    """The program, and what came of it."""

    body: str
    outcome: Outcome
