"""Compilation beside the program: `set_background_compilation`. Calls for which there is no code yet run in
the generic tier, and one thread compiles for them.
"""

from __future__ import annotations

import atexit
import contextvars
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial

from tsc.concurrency import after_fork_in_child
from tsc.options import options
from tsc.progress import WorkEndedError, end_work

SECONDS_TO_END = 5.0
"""How long the end of a process waits for a compilation to stop: it does at its next step."""

Job = Callable[[], None]


class Background:
    """Jobs for one thread, which lives while there are any. Each is known by a name, and is there once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[Hashable, Job] = {}
        """The one that is being done is the first."""
        self._thread: threading.Thread | None = None
        self._is_ending = False

    def begin(self, name: Hashable, job: Job) -> None:
        """Have `job` done, in the caller's context, unless one of that name is waiting."""
        with self._changed:
            if name in self._jobs or self._is_ending:
                return
            self._jobs[name] = partial(contextvars.copy_context().run, job)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="tsc compiler", daemon=True)
                self._thread.start()

    def holds(self, name: Hashable) -> bool:
        """Whether a job of that name is waiting or being done."""
        return name in self._jobs

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is left to do; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, seconds)

    def end(self) -> None:
        """Do nothing more; what is being done stops at its next step."""
        with self._changed:
            self._is_ending = True
            self._jobs = dict(list(self._jobs.items())[:1])
        deadline = time.monotonic() + SECONDS_TO_END
        while not self.wait(0.01) and time.monotonic() < deadline:
            end_work()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    self._thread = None
                    self._changed.notify_all()
                    return
                name, job = next(iter(self._jobs.items()))
            try:
                job()
            except WorkEndedError:
                pass  # the process ends
            finally:
                with self._changed:
                    self._jobs.pop(name, None)


class _State:
    background = Background()


def background() -> Background:
    """The one of this process."""
    return _State.background


def _begin_anew() -> None:
    """In a forked child, in which no thread compiles: calls ask for what they need again."""
    _State.background = Background()


after_fork_in_child(_begin_anew)
atexit.register(lambda: _State.background.end())


def set_background_compilation(enabled: bool) -> bool:
    """Have calls for which there is no native code yet run in the generic tier at once, while a thread
    compiles for them; those after that run natively. (Rounding may differ between the two.) `enabled` is a
    setting of the process, at first what ``TSC_BACKGROUND`` says, else False: the first call compiles.

    Errors of a compilation are raised by the next call that would have used it. The process may end at any
    time: what is being compiled is dropped.

    Returns what it was before.
    """
    before, options().is_background = options().is_background, bool(enabled)
    return before


def wait_for_compilation(seconds: float | None = None) -> bool:
    """Wait until everything that is compiled in the background is ready (a program in parts asks for its
    parts when it is next called), `seconds` at most; whether it is.
    """
    return background().wait(seconds)
