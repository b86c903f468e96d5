"""Workers of a fuzzer, each asked from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar


class Closable(Protocol):
    """A worker: a process that ends when it is closed."""

    def close(self) -> None:
        """End it."""


W = TypeVar("W", bound=Closable)


def in_threads(jobs: int, make: Callable[[], W], work: Callable[[W], None]) -> None:
    """Run `work` with each of `jobs` new workers, and wait."""

    def run_one() -> None:
        worker = make()
        try:
            work(worker)
        finally:
            worker.close()

    threads = [threading.Thread(target=run_one) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
