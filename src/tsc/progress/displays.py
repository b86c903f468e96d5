"""Where progress is shown when nobody asks for it: in one line of a terminal, or in the log."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Protocol, TextIO

from tsc.options import options

LOG = logging.getLogger("tsc.progress")
INTERVAL_SECONDS = 0.1
"""How often a terminal's line changes."""
ERASE = "\r\x1b[K"


class Display(Protocol):
    """Something that shows where work is."""

    def show(self, text: str, stage: str, *, is_finished: bool) -> None:
        """Show `text`, which tells of `stage`."""
        ...

    def clear(self) -> None:
        """Leave nothing behind."""
        ...


class Line:
    """One line of a terminal, written over and over, and gone in the end."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.shown = 0.0
        """When it was written last; 0 while there is none."""

    def show(self, text: str, stage: str, *, is_finished: bool) -> None:
        """Write the line anew, if it is not as good as new."""
        now = time.monotonic()
        if is_finished or now - self.shown < INTERVAL_SECONDS:
            return
        width = _width(self.stream)
        self.stream.write(f"{ERASE}tsc: {text}"[: width + len(ERASE)])
        self.stream.flush()
        self.shown = now

    def clear(self) -> None:
        """Erase the line."""
        if self.shown:
            self.stream.write(ERASE)
            self.stream.flush()
            self.shown = 0.0


class LogLines:
    """A line in the log ``tsc.progress`` for each stage, and one in the end."""

    def __init__(self) -> None:
        self.stage = ""

    def show(self, text: str, stage: str, *, is_finished: bool) -> None:
        """Log a stage that was not logged yet."""
        if stage != self.stage or is_finished:
            LOG.info("%s%s", text, " in all" if is_finished else "")
            self.stage = stage

    def clear(self) -> None:
        """Begin with the next stage."""
        self.stage = ""


class _Silence:
    """``TSC_PROGRESS=0``."""

    def show(self, text: str, stage: str, *, is_finished: bool) -> None:
        """Show nothing."""

    def clear(self) -> None:
        """Nothing is there."""


_LOG_LINES = LogLines()
_LINES: dict[int, Line] = {}
"""The line of each stream, by its file descriptor."""


def default_display() -> Display:
    """The terminal if standard error is one, else the log."""
    if not options().shows_progress:
        return _Silence()
    stream = sys.stderr
    if stream is None or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return _LOG_LINES
    line = _LINES.get(stream.fileno())
    if line is None or line.stream is not stream:
        line = _LINES[stream.fileno()] = Line(stream)
    return line


def _width(stream: TextIO) -> int:
    try:
        return max(20, os.get_terminal_size(stream.fileno()).columns - 1)
    except OSError:
        return 79
