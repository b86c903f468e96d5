"""How far work that takes long is: `on_progress`, a line on a terminal, or lines in the log.

Whoever works says so by ``with working(...)``, and `step` where it is. Work is under the compile lock, so
there is one at a time; work inside other work shows as a part of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tsc.progress.displays import default_display

PATIENCE_SECONDS = 1.0
"""What takes no longer shows nothing, unless somebody asked with `on_progress`."""


@dataclass(frozen=True)
class Progress:
    """Where work is."""

    work: str
    """What is being done: ``compiling Net.forward``."""
    stage: str = ""
    """The step of it: ``loop: schedule``; empty once all is done."""
    done: int = 0
    """How many of the stage's kernels, or of LLVM's modules, are done."""
    total: int = 0
    """How many there are; 0 in stages that are not counted."""
    seconds: float = 0.0
    """Since the work began."""
    is_finished: bool = False
    """Whether this is the last of it."""

    def __str__(self) -> str:
        count = f" {self.done} of {self.total}" if self.total else ""
        where = f": {self.stage}{count}" if self.stage else ""
        return f"{self.work}{where}, {self.seconds:.1f} s"


Callback = Callable[[Progress], object]


class WorkEndedError(BaseException):
    """Work ends before it is done, since `end_work` asked for that. (No `Exception`: nobody shall go on.)"""


class _State:
    callback: Callback | None = None
    is_ending = False
    now: Progress | None = None
    begun = 0.0


def on_progress(callback: Callback | None) -> Callback | None:
    """Have `callback` called with a `Progress` at each step of what compiles or freezes; it replaces the line
    that a terminal shows (or the log) of what takes over a second. None brings that back.

    It is called by the thread that works, under the compile lock: it may not wait for another thread that
    uses this package. What it raises ends the work.

    Returns what was there before.

    ```python
    tsc.on_progress(lambda p: bar.update(p.done, p.total))
    ```
    """
    before, _State.callback = _State.callback, callback
    return before


def end_work() -> None:
    """Have the work that is being done raise `WorkEndedError` at its next step."""
    _State.is_ending = _State.now is not None


@contextmanager
def working(work: str) -> Generator[None]:
    """`work` is being done in the ``with`` block."""
    if _State.now is not None:
        yield
        return
    _State.now, _State.begun = Progress(work), time.perf_counter()
    try:
        yield
        step("", is_finished=True)
    finally:
        _State.now, _State.is_ending = None, False
        default_display().clear()


def step(stage: str, done: int = 0, total: int = 0, *, is_finished: bool = False) -> None:
    """The work is at `stage`, of which so much is done."""
    if _State.now is None:
        return
    if _State.is_ending:
        raise WorkEndedError
    seconds = time.perf_counter() - _State.begun
    now = _State.now = replace(
        _State.now,
        stage=stage,
        done=done,
        total=total,
        seconds=seconds,
        is_finished=is_finished,
    )
    if _State.callback is not None:
        _State.callback(now)
    elif seconds > PATIENCE_SECONDS:
        default_display().show(str(now), stage, is_finished=is_finished)
