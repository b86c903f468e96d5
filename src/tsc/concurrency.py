"""What may not happen in two threads at once: the compile lock, values made once, and what a fork does to
both (``docs/threads.md``).
"""

from __future__ import annotations

import functools
import gc
import logging  # pyright: ignore[reportUnusedImport]  # noqa: F401 - see `_hold_for_fork`
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")


class ForkSafeLock:
    """A re-entrant lock; a forked child in which it is held by a thread that is not there gets a new one."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    def remake(self) -> None:
        """In a forked child: only the thread that forked may still hold it."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


YOUNG_OBJECTS = 1_000_000
"""New objects beyond which `collect_between_steps` looks for garbage: some hundred megabytes of them."""


class CompileLock:
    """A re-entrant lock. While it is held the garbage collector does not run by itself: a compilation makes
    millions of objects that stay, and looking through them again and again took a third of its time.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._pauses = False

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1 and gc.isenabled():
            self._pauses = True
            gc.disable()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0 and self._pauses:
            self._pauses = False
            gc.enable()
        self._lock.release()

    def collect_between_steps(self) -> None:
        """Collect garbage if there may be much of it."""
        if self._pauses and gc.get_count()[0] > YOUNG_OBJECTS:
            gc.collect(0)


COMPILING = CompileLock()
"""The compile lock: held by whoever reads or changes a program, builds IR, or calls LLVM. Calls of what is
compiled never take it, nor does code of the user run under it (other than what the frontend evaluates:
annotations and attributes).
"""
TRACING = ForkSafeLock()
"""Held while a trace runs the user's code: it replaces members of classes that the whole process uses. Taken
before `COMPILING`, never under it.
"""

DRAWING = threading.RLock()
"""Held for one draw of random numbers, from whatever generator: they follow one another, whoever else draws.
Only llvmlite's lock may be taken under it, by the garbage collector.
"""

IMPORTING = threading.RLock()
"""Held while a public name is imported. What modules do when they are imported takes no other lock but
`DRAWING`.
"""

_HELD_FOR_FORK: list[AbstractContextManager[Any]] = [COMPILING, IMPORTING, DRAWING]
_FORKING: dict[int, ExitStack] = {}
"""The locks that a thread holds while it forks."""
_AFTER_FORK: list[Callable[[], None]] = [TRACING.remake]


def serialized(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, under the compile lock."""

    @functools.wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> T:
        with COMPILING:
            return function(*arguments, **keywords)

    return run


def interned(make: Callable[P, T]) -> Callable[P, T]:
    """`make`, a function without side effects, remembered: every thread gets the same object for the same
    arguments. (`functools.cache` gives two threads that come first an object each.)
    """
    table: dict[Any, T] = {}

    @functools.wraps(make)
    def first(*arguments: P.args, **keywords: P.kwargs) -> T:
        return table.setdefault((arguments, tuple(keywords.items())), make(*arguments, **keywords))

    return cast("Callable[P, T]", functools.cache(first))


def once(make: Callable[[], T]) -> Callable[[], T]:
    """`make`, called at most once, under the compile lock."""
    made: list[T] = []

    @functools.wraps(make)
    def first() -> T:
        with COMPILING:
            if not made:
                made.append(make())
            return made[0]

    return cast("Callable[[], T]", functools.cache(first))


class computed_once(Generic[V]):  # noqa: N801  (a decorator, as `property` is)
    """A property that is computed when it is first read, and kept; threads that read it at once may each
    compute it. `functools.cached_property` has a lock, in Python 3.11, and one for all objects: a child that
    is forked while another thread computes would wait for it forever.
    """

    def __init__(self, compute: Callable[[Any], V]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> V:
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


def hold_for_fork(lock: AbstractContextManager[Any]) -> None:
    """Have `lock`, which is taken under the compile lock if both are, held during every fork."""
    _HELD_FOR_FORK.append(lock)


def after_fork_in_child(repair: Callable[[], None]) -> None:
    """Have `repair` called in every forked child, in which only the thread that forked is left."""
    _AFTER_FORK.append(repair)


def _hold_for_fork() -> None:
    """A fork waits until no other thread compiles, is inside LLVM, or imports a public name: the child gets
    nothing half-made.

    What is registered last is called first, so `logging` comes before this file: it takes its own lock
    here, for which a compilation that logs would wait.
    """
    with ExitStack() as stack:
        for lock in _HELD_FOR_FORK:
            stack.enter_context(lock)
        _FORKING[threading.get_ident()] = stack.pop_all()


def _release() -> None:
    held = _FORKING.pop(threading.get_ident(), None)
    if held is not None:  # None: taking them was interrupted
        held.close()


def _in_child() -> None:
    _release()
    for repair in _AFTER_FORK:
        repair()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_for_fork, after_in_parent=_release, after_in_child=_in_child)
