"""Futures of ``fork``: a thread of the pool does the work, or whoever waits for it first."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from types import GenericAlias
from typing import Any

from tsc.concurrency import after_fork_in_child
from tsc.errors import ResourceError, TscError
from tsc.interop import torch as torch_interop
from tsc.runtime.host import available_cores


class _Runner:
    """Who does a piece of work."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()


_RUNNING: dict[Future, _Runner] = {}
"""The work that is being done. An entry is made by `setdefault`: only one thread can be the first."""


class Future:
    """The result of a forked call: a value or an exception.

    Work that nobody has begun is done by who waits for it, and no thread waits but for work that another is
    doing: so forks in forked calls cannot keep one another waiting, however few threads there are.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        """`work` is done in the context (variables, PyTorch's grad mode) of the thread that makes the
        future.
        """
        self._work: Callable[[], Any] | None = partial(copy_context().run, work)
        self._grad_mode = torch_interop.is_grad_enabled() if torch_interop.torch() is not None else None
        self._value: Any = None
        self._error: BaseException | None = None
        self._is_done = False
        self._latch = threading.Lock()
        self._latch.acquire()

    @classmethod
    def of(cls, function: Callable[..., Any], *arguments: object, **keywords: object) -> Future:
        """Call `function` now."""
        made = cls(partial(function, *arguments, **keywords))
        made.run()
        return made

    def __class_getitem__(cls, item: object) -> Any:
        """``Future[Tensor]``, for annotations."""
        return GenericAlias(cls, (item,))

    def run(self) -> None:
        """Do the work in this thread, if it was not begun."""
        runner = _Runner()
        if self._is_done or _RUNNING.setdefault(self, runner) is not runner:
            return
        if not self._is_done:  # done between the two tests
            self._do()
        del _RUNNING[self]

    def _do(self) -> None:
        work, self._work = self._work, None
        assert work is not None
        mode = torch_interop.is_grad_enabled()
        torch_interop.set_grad_enabled(mode if self._grad_mode is None else self._grad_mode)
        try:
            self._value = work()
        except Exception as error:
            self._error = error
        except BaseException as error:
            self._error = error
            raise
        finally:
            del work
            torch_interop.set_grad_enabled(mode)
            self._is_done = True
            self._latch.release()

    def done(self) -> bool:
        """Whether the work is done."""
        return self._is_done

    def wait(self) -> Any:
        """The value; raises what the forked call raised."""
        self.run()
        if not self._is_done:
            with self._latch:
                pass
        if self._error is not None:
            raise _again(self._error)
        return self._value

    value = wait

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of ``callback(self)``, called when this one is done."""
        if self._is_done:
            return Future.of(callback, self)

        def follow() -> Any:
            self.run()
            if not self._is_done:
                with self._latch:
                    pass
            return callback(self)

        made = Future(follow)
        FORKS.submit(made)
        return made

    def seen_as(self, convert: Callable[[Any], Any]) -> Future:
        """A future of the same value in another form."""
        made = Future(lambda: convert(self.wait()))
        if self._is_done:
            made.run()
        return made

    def _lose(self) -> None:
        """The thread that does the work is not there: in a forked child."""
        if not self._is_done:
            self._error = ResourceError(
                "wait: requires a call that this process makes; got one that a thread of its parent was "
                "making when it forked"
            )
            self._is_done = True
            self._latch.release()


def _again(error: BaseException) -> BaseException:
    """`error` for one more who waits: each has the stack of its own wait."""
    if not isinstance(error, TscError):
        return error
    made = copy.copy(error)
    made.frames = list(error.frames)
    made.__cause__ = error.__cause__
    return made.with_traceback(error.__traceback__)


class ForkPool:
    """Threads that do the work of futures, at most one for each core; they start when there is work."""

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._pending: deque[Future] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._threads = 0
        self._idle = 0

    def submit(self, future: Future) -> None:
        """Have a thread do the work, unless somebody waits for it before."""
        with self._changed:
            self._pending.append(future)
            if self._idle >= len(self._pending):
                self._changed.notify()
                return
            if self._threads < self._most:
                self._threads += 1
                self._start()
        if self._threads == 0:  # the system gives none
            future.run()

    def _start(self) -> None:
        name = f"tsc-fork-{self._threads}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except (RuntimeError, MemoryError):
            self._threads -= 1

    def _work(self) -> None:
        while True:
            changed = self._changed  # another one in a child that the work has forked
            with changed:
                while not self._pending:
                    self._idle += 1
                    changed.wait()
                    self._idle -= 1
                future = self._pending.popleft()
            future.run()
            del future

    def _after_fork(self) -> None:
        """In a child there are no threads, and whoever held the lock is gone. What was not begun can be."""
        self._changed = threading.Condition(threading.Lock())
        self._threads = self._idle = 0
        own = threading.get_ident()
        for future, runner in list(_RUNNING.items()):
            if runner.thread != own:
                future._lose()  # pyright: ignore[reportPrivateUsage]
                _RUNNING.pop(future, None)


FORKS = ForkPool(available_cores())
"""The process's one pool for forked calls."""
after_fork_in_child(FORKS._after_fork)  # pyright: ignore[reportPrivateUsage]


def forked(work: Callable[[], Any]) -> Future:
    """A future of `work`, which another thread may begin at once."""
    made = Future(work)
    FORKS.submit(made)
    return made


def fork(func: Any, *args: Any, **kwargs: Any) -> Future:
    """A future of ``func(*args, **kwargs)``; `wait` gives its value.

    In a program other threads make the call, or who waits for it first (``docs/threads.md``). In Python it is
    made at once, as in PyTorch.

    >>> tsc.wait(tsc.fork(max, 1, 2))
    2
    """
    return Future.of(func, *args, **kwargs)


def wait(future: Future) -> Any:
    """The value of a future; raises what the forked call raised."""
    return future.wait()


fork.__dict__["__tsc_builtin__"] = "form::fork"
wait.__dict__["__tsc_builtin__"] = "form::wait"
