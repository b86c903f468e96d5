"""Members of a class or module, replaced for a while: how a trace sees what no dispatcher shows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from tsc.concurrency import COMPILING, after_fork_in_child

_MISSING: Any = object()
_CHANGES: list[tuple[int, Callable[[], None]]] = []
"""How what the process has changed for now is changed back, and the thread that will do so; oldest first."""


@contextmanager
def changed(change: Callable[[], Callable[[], None]]) -> Generator[None]:
    """`change` changes something of the whole process, and returns what changes it back: called at the end,
    or in a forked child that lacks this thread. Only one thread at a time may do this (the one that holds
    `tsc.concurrency.TRACING`); a fork sees it done, or not begun.
    """
    with COMPILING:
        _CHANGES.append((threading.get_ident(), change()))
    try:
        yield
    finally:
        with COMPILING:
            _CHANGES.pop()[1]()


def patched(owner: Any, replacements: Mapping[str, Any]) -> Any:
    """`owner` has the members in `replacements` inside, and its own again afterwards."""
    own: Any = owner.__dict__

    def replace() -> Callable[[], None]:
        before = {name: own.get(name, _MISSING) for name in replacements}
        for name, value in replacements.items():
            setattr(owner, name, value)
        return lambda: _restore(owner, before)

    return changed(replace)


def _restore(owner: Any, before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if value is not _MISSING:
            setattr(owner, name, value)
        elif name in vars(owner):
            delattr(owner, name)


def _change_back_after_fork() -> None:
    """In a forked child: a thread that traced is not there to do it."""
    while _CHANGES and _CHANGES[-1][0] != threading.get_ident():
        _CHANGES.pop()[1]()


after_fork_in_child(_change_back_after_fork)
