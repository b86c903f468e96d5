"""Times of calls, taken in turn, and what they are held to."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import torch

import tsc

TORCH = cast("Any", torch)
"""PyTorch without its annotations, which are partial."""
Call = Callable[[], object]


@dataclass(frozen=True)
class Finding:
    """One figure, and what it is held to."""

    program: str
    what: str
    value: float
    limit: float
    is_at_least: bool = False
    """Whether the limit is the smallest value, and not the largest."""
    note: str = ""
    """Where it comes from: both times, say."""

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.value >= self.limit if self.is_at_least else self.value <= self.limit


def table(findings: Sequence[Finding]) -> str:
    """The findings as a Markdown table."""
    lines = ["| program | what | value | goal | holds | from |", "|---|---|---|---|---|---|"]
    for found in findings:
        goal = f"{'>=' if found.is_at_least else '<='} {found.limit:g}"
        holds = "yes" if found.holds else "**no**"
        lines.append(
            f"| {found.program} | {found.what} | {found.value:.3g} | {goal} | {holds} | {found.note} |"
        )
    return "\n".join(lines)


REST = 0.01
"""Seconds for which the threads of other libraries may wait for work, and take a core."""


def in_turn(calls: Sequence[Call], rounds: int = 15, seconds: float = 0.01) -> list[float]:
    """The median seconds of each call: all in turn, `rounds` times, each time for about `seconds`, when the
    threads of the one before have come to rest.
    """
    counts = [max(1, int(seconds / max(once(call), 1e-7))) for call in calls]
    samples: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, count, found in zip(calls, counts, samples, strict=True):
            time.sleep(REST)
            call()
            found.append(repeated(call, count) / count)
    return [median(found) for found in samples]


def once(call: Call) -> float:
    """Seconds of one call, when it was called before."""
    for _ in range(3):
        call()
    return repeated(call, 3) / 3


def repeated(call: Call, count: int) -> float:
    """Seconds of `count` calls."""
    begun = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - begun


def told(seconds: float) -> str:
    """A time in words."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def frozen(module: torch.nn.Module) -> Any:
    """What tsc makes of a module that does not train."""
    return tsc.optimize_for_inference(tsc.jit.script(own(module).eval().requires_grad_(False)))


def frozen_by_torch(module: torch.nn.Module) -> Any:
    """What PyTorch makes of it."""
    return TORCH.jit.freeze(TORCH.jit.script(own(module).eval().requires_grad_(False)))


def own(module: torch.nn.Module) -> torch.nn.Module:
    """A module with tensors of its own."""
    return copy.deepcopy(module)


def resident_bytes() -> int:
    """The memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def tiers(module: Any) -> str:
    """How the program runs, and why not natively."""
    infos = [info for info in module.specializations() if ", part" not in info.method]
    reasons = {info.reason for info in infos if info.reason}
    kinds = "/".join(dict.fromkeys(info.tier for info in infos)) or "generic"
    return kinds if not reasons else f"{kinds}: {'; '.join(sorted(reasons))[:120]}"


def assert_same(got: Any, want: Any) -> None:
    """Hold results to others, in numbers nearly.

    Raises:
        AssertionError: they differ.
    """
    if isinstance(want, (list, tuple)):
        given, wanted = cast("Sequence[Any]", got), cast("Sequence[Any]", want)
        assert len(given) == len(wanted), f"{len(given)} results; {len(wanted)} are wanted"
        for one, other in zip(given, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(want, dict):
        assert_same(list(got.items()), list(cast("dict[Any, Any]", want).items()))
    elif isinstance(want, str):
        assert got == want, f"{got!r}; {want!r} is wanted"
    else:
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)
