"""The thread pool: same results for any number of threads, several callers at once, forks."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tsc.errors import ArgumentError
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm
from tsc.runtime.threads import get_num_threads, set_num_threads, thread_pool

# A chunk adds 1 to its own counter and, in the nested job, runs 4 chunks of another job.
TEXT = """
define void @one(ptr %counters, i64 %chunk) {
  %p = getelementptr i64, ptr %counters, i64 %chunk
  %old = load i64, ptr %p
  %new = add i64 %old, 1
  store i64 %new, ptr %p
  ret void
}
define void @nested(ptr %context, i64 %chunk) {
  %pool = load ptr, ptr %context
  %counters_p = getelementptr ptr, ptr %context, i64 1
  %counters = load ptr, ptr %counters_p
  %run_p = getelementptr ptr, ptr %pool, i64 1
  %run = load ptr, ptr %run_p
  %first = mul i64 %chunk, 4
  %mine = getelementptr i64, ptr %counters, i64 %first
  call void %run(ptr %pool, ptr @one, ptr %mine, i64 4)
  ret void
}
define void @many(ptr %pool, ptr %counters, i64 %chunks, i64 %jobs) {
entry:
  %run_p = getelementptr ptr, ptr %pool, i64 1
  %run = load ptr, ptr %run_p
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
  call void %run(ptr %pool, ptr @one, ptr %counters, i64 %chunks)
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, %jobs
  br i1 %more, label %loop, label %out
out:
  ret void
}
"""


@cache
def kernels() -> CompiledObject:
    return compile_llvm(TEXT, host_target())


def run_many(counters: "np.ndarray[tuple[int], np.dtype[np.int64]]", jobs: int) -> None:
    many = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    many(kernels().address("many"))(thread_pool().address, counters.ctypes.data, counters.size, jobs)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = get_num_threads()
    set_num_threads(2)
    thread_pool().start()
    yield
    set_num_threads(before)


@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("chunks", [1, 2, 7, 64])
def test_every_chunk_runs_exactly_once(threads: int, chunks: int) -> None:
    set_num_threads(threads)
    thread_pool().start()
    counters = np.zeros(chunks, np.int64)
    run_many(counters, 5000)
    assert (counters == 5000).all()


def test_several_callers_at_once() -> None:
    results = [np.zeros(8, np.int64) for _ in range(4)]
    callers = [threading.Thread(target=run_many, args=(counters, 5000)) for counters in results]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all((counters == 5000).all() for counters in results)


def test_a_nested_job_runs_serially() -> None:
    counters = np.zeros(64, np.int64)
    context = (ctypes.c_int64 * 2)(thread_pool().address, counters.ctypes.data)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    address = ctypes.c_int64.from_address(thread_pool().address + 8).value
    run(address)(thread_pool().address, kernels().address("nested"), ctypes.addressof(context), 16)
    assert (counters == 1).all()


def test_workers_wake_up_from_sleep() -> None:
    counters = np.zeros(8, np.int64)
    for _ in range(20):
        time.sleep(0.002)
        run_many(counters, 1)
    assert (counters == 20).all()


def test_an_idle_pool_uses_no_processor() -> None:
    run_many(np.zeros(8, np.int64), 10)
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - start < 0.05


def test_resizing_again_and_again() -> None:
    counters = np.zeros(16, np.int64)
    for threads in (1, 2, 4, 1, 3, 2) * 3:
        set_num_threads(threads)
        assert get_num_threads() == threads
        if threads > 1:
            thread_pool().start()
            run_many(counters, 10)
    assert (counters == 10 * 12).all()


LIMITED = """
import resource
from pathlib import Path
import numpy as np
from tests.runtime.test_threads import run_many
from tsc.errors import ResourceError
from tsc.runtime.threads import get_num_threads, set_num_threads, thread_pool
set_num_threads(2)
thread_pool().start()
pages = int(Path("/proc/self/statm").read_text().split()[0])
room = pages * resource.getpagesize() + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (room, room))
for threads in (2, 3):
    set_num_threads(threads)
    try:
        set_num_threads(3000)
    except ResourceError as error:
        print(error, get_num_threads())
    counters = np.zeros(8, np.int64)
    run_many(counters, 1000)
    assert (counters == 1000).all()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's")
def test_threads_that_cannot_be_had_are_one_error_and_the_pool_goes_on() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=120, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    first, second = ended.stdout.splitlines()
    assert first.startswith("requires 3000 threads of the system; got ")
    assert (first[-2:], second[-2:]) == (" 2", " 3")


def test_workers_that_cannot_be_had_when_they_are_needed_leave_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_num_threads(1)
    set_num_threads(3)
    set_num_threads(2)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.warns(RuntimeWarning, match="compiled code runs in one thread: requires 2 threads"):
        thread_pool().start()
    assert get_num_threads() == 1
    counters = np.zeros(8, np.int64)
    run_many(counters, 10)
    assert (counters == 10).all()


def test_no_threads_is_refused() -> None:
    with pytest.raises(ArgumentError, match="at least 1 thread; got 0"):
        set_num_threads(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_restarts_its_pool() -> None:
    run_many(np.zeros(8, np.int64), 10)
    child = os.fork()
    if child == 0:
        counters = np.zeros(8, np.int64)
        serial = ctypes.c_int64.from_address(thread_pool().address).value == 1
        thread_pool().start()
        run_many(counters, 1000)
        os._exit(0 if serial and (counters == 1000).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
