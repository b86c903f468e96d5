"""Members of a class or module, replaced for a while: how a trace sees what no dispatcher shows."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from tsc.concurrency import after_fork_in_child

_MISSING: Any = object()
_REPLACED: list[tuple[int, Any, dict[str, Any]]] = []
"""What is replaced now, oldest first: by which thread, where, and the members that were there before."""


@contextmanager
def patched(owner: Any, replacements: Mapping[str, Any]) -> Generator[None]:
    """`owner` has the members in `replacements` inside, and its own again afterwards.

    Only one thread at a time may do this (it holds `tsc.concurrency.TRACING`).
    """
    own: Any = owner.__dict__
    _REPLACED.append((threading.get_ident(), owner, {name: own.get(name, _MISSING) for name in replacements}))
    try:
        for name, value in replacements.items():
            setattr(owner, name, value)
        yield
    finally:
        _, owner, before = _REPLACED.pop()
        _restore(owner, before)


def _restore(owner: Any, before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if value is not _MISSING:
            setattr(owner, name, value)
        elif name in vars(owner):
            delattr(owner, name)


def _restore_after_fork() -> None:
    """In a forked child: the thread that traced is not there to put the members back."""
    while _REPLACED and _REPLACED[-1][0] != threading.get_ident():
        _, owner, before = _REPLACED.pop()
        _restore(owner, before)


after_fork_in_child(_restore_after_fork)
