"""The thread pool of compiled code: Python threads that sit in a native loop without the GIL.

A parallel kernel reads the pool's control block (see `pool_ir`) through a slot in its object. Workers start
when first needed, spin for some tens of microseconds after a job and then sleep. A second caller, and a
parallel loop inside a chunk, find the pool taken and run serially. A forked child starts serial and starts
workers of its own when it needs them.
"""

import atexit
import ctypes
import os
import threading
import time
import warnings
from collections.abc import Callable

from tsc.concurrency import once
from tsc.errors import ArgumentError, ResourceError
from tsc.options import options
from tsc.runtime import pool_ir
from tsc.runtime.host import available_cores
from tsc.runtime.machine_code import CompiledObject, ProcessModule

SPIN_NS = 40_000
"""How long an idle worker spins before it sleeps."""


class ThreadPool:
    """The process's one pool. The control block lives as long as the process, since compiled code points to
    it.
    """

    def __init__(self, threads: int):
        self._lock = threading.Lock()
        self._workers: list[threading.Thread] = []
        self._wanted = threads
        self._memory = (ctypes.c_int64 * (pool_ir.WORDS + 8))()
        self.address = -(-ctypes.addressof(self._memory) // 64) * 64
        """Where the control block lies."""
        self._words = (ctypes.c_int64 * pool_ir.WORDS).from_address(self.address)
        self._words[pool_ir.THREADS] = 1
        self._words[pool_ir.PENDING] = int(threads > 1)
        atexit.register(self._at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    @property
    def pending_address(self) -> int:
        """Where the word lies that is 1 while `start` should be called before a parallel kernel."""
        return self.address + 8 * pool_ir.PENDING

    @property
    def threads(self) -> int:
        """How many threads run chunks (the caller's included) once the pool has started."""
        return self._wanted

    def resize(self, threads: int) -> None:
        """Use `threads` threads from the next parallel kernel on.

        Raises:
            ResourceError: the system does not give that many; the pool is as it was.
        """
        _prepare()
        with self._lock:
            if threads > self._wanted:
                self._add_workers(threads - 1)
            elif threads < self._wanted:
                self._stop()
                self._words[pool_ir.PENDING] = int(threads > 1)
            self._wanted = threads

    def start(self) -> None:
        """Start the workers if they are wanted and not there; if the system does not give that many, go on
        without any (and warn).
        """
        _prepare()
        with self._lock:
            self._words[pool_ir.PENDING] = 0
            if self._workers or self._wanted < 2:
                return
            try:
                self._add_workers(self._wanted - 1)
            except ResourceError as error:
                self._wanted = 1
                warnings.warn(
                    f"compiled code runs in one thread: {error.message}", RuntimeWarning, stacklevel=2
                )

    def _add_workers(self, wanted: int) -> None:
        """Have `wanted` workers instead of fewer. They wait at a gate until all of them are there."""
        gate = _Gate()
        begin = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(_native().address("worker"))
        fresh: list[threading.Thread] = []
        try:
            for number in range(len(self._workers) + 1, wanted + 1):
                name = f"tsc-worker-{number}"
                arguments = (begin, self.address, _spins())
                thread = threading.Thread(target=gate.pass_to, args=arguments, name=name, daemon=True)
                thread.start()
                fresh.append(thread)
        except (RuntimeError, MemoryError) as error:
            gate.decide(is_open=False)
            for thread in fresh:
                thread.join()
            raise ResourceError(
                f"requires {wanted + 1} threads of the system; got {len(self._workers) + len(fresh) + 1} "
                f"({error})"
            ) from None
        self._words[pool_ir.STOP] = self._words[pool_ir.PENDING] = 0
        self._words[pool_ir.RUN] = _native().address("run")
        self._workers += fresh
        self._words[pool_ir.THREADS] = wanted + 1
        gate.decide(is_open=True)

    def _stop(self, timeout_s: float | None = None) -> None:
        """End the workers: a new epoch without chunks, in which they see the stop word."""
        if not self._workers:
            return
        self._words[pool_ir.THREADS] = 1
        acquire = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(_native().address("acquire"))
        deadline = time.monotonic() + (timeout_s or float("inf"))
        while not acquire(self.address):
            if time.monotonic() > deadline:
                return
            time.sleep(0.0001)
        self._words[pool_ir.STOP] = 1
        self._words[pool_ir.LOCK] = 0
        run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        # One chunk more than there are workers: enough wake-ups for all of them.
        nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(_native().address("nothing"))
        pointer = ctypes.cast(nothing, ctypes.c_void_p)
        run(_native().address("run"))(self.address, pointer, None, len(self._workers) + 1)
        for thread in self._workers:
            thread.join(timeout_s)
        self._workers.clear()

    def _at_exit(self) -> None:
        self._stop(timeout_s=1.0)

    def _after_fork(self) -> None:
        """In a child there are no workers, and whoever held a lock is gone."""
        self._lock = threading.Lock()
        self._workers.clear()
        for word in range(pool_ir.WORDS):
            self._words[word] = 0
        self._words[pool_ir.THREADS] = 1
        self._words[pool_ir.PENDING] = int(self._wanted > 1)


class _Gate:
    """Where threads wait to be told whether to begin."""

    def __init__(self) -> None:
        self._is_decided = threading.Event()
        self._is_open = False

    def decide(self, is_open: bool) -> None:
        """Let all that wait, and all that come, begin or go."""
        self._is_open = is_open
        self._is_decided.set()

    def pass_to(self, begin: Callable[..., None], *arguments: object) -> None:
        """Wait; then begin, or go."""
        self._is_decided.wait()
        if self._is_open:
            begin(*arguments)


def _prepare() -> None:
    """Compile what the pool needs, before its lock is taken: nothing else is taken under that."""
    _native()
    _spins()


POOL = ProcessModule(pool_ir.pool_ir)
"""The code of the pool."""


@once
def _native() -> CompiledObject:
    compiled = POOL.load()
    # Daemon workers may still run this code while the interpreter shuts down: it is never freed.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(compiled))
    return compiled


@once
def _spins() -> int:
    """How many pauses last `SPIN_NS` on this machine (a pause takes 10 to 140 cycles)."""
    spin = ctypes.CFUNCTYPE(None, ctypes.c_int64)(_native().address("spin"))
    start = time.perf_counter_ns()
    spin(1000)
    return max(1, 1000 * SPIN_NS // max(1, time.perf_counter_ns() - start))


@once
def thread_pool() -> ThreadPool:
    """The pool; at first with as many threads as the options say, none of them started."""
    return ThreadPool(options().num_threads or available_cores())


def set_num_threads(threads: int) -> None:
    """How many threads compiled code uses. Results do not depend on it.

    Raises:
        ArgumentError: `threads` is less than 1.
        ResourceError: the system does not give that many; as many as before are used.
    """
    if threads < 1:
        raise ArgumentError(f"set_num_threads: requires at least 1 thread; got {threads}")
    thread_pool().resize(threads)


def get_num_threads() -> int:
    """How many threads compiled code uses."""
    return thread_pool().threads
