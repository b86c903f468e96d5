"""The file in which profilers look for the names of functions that have no file: Linux's ``perf`` reads
``/tmp/perf-PID.map``.

Source: tools/perf/Documentation/jit-interface.txt in Linux: a line is address, size (hexadecimal) and name.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable

LOG = logging.getLogger("tsc")
FOLDER = "/tmp"
_WRITTEN: list[str] = []
"""The lines so far, for children that are forked: they have a file of their own."""


def note(functions: Iterable[tuple[str, int, int]]) -> None:
    """Write names, addresses and sizes in bytes of functions. Nothing is written to a file of somebody else,
    nor through a link.
    """
    lines = [f"{address:x} {size:x} tsc:{name}\n" for name, address, size in functions if size]
    if lines and not _WRITTEN:
        os.register_at_fork(after_in_child=_begin_again)
    _WRITTEN.extend(lines)
    _append(lines)


def _append(lines: Iterable[str]) -> None:
    """Other writers of the file (Python itself is one) append to it as well."""
    path = os.path.join(FOLDER, f"perf-{os.getpid()}.map")
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(descriptor, "w", encoding="utf-8") as file:
            if os.fstat(descriptor).st_uid == os.geteuid():
                file.writelines(lines)
    except OSError as error:
        LOG.warning("TSC_PERF: %s is not written: %s", path, error)


def _begin_again() -> None:
    """In a child that was forked, whose code lies where its parent's does."""
    _append(_WRITTEN)
