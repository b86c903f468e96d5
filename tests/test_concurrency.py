# pyright: reportUnknownMemberType=false
"""The locks: one object for all threads, one compilation for a key, hits that never wait, forks that do."""

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
import torch

import tsc
from tests.fuzz.subjects import argument, expected, fresh_function, result
from tsc import concurrency
from tsc.concurrency import COMPILING, TRACING, computed_once, interned, once
from tsc.programs import making

THREADS = 6
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def at_once(work: Callable[[], Any]) -> list[Any]:
    """What `work` gives in several threads that begin together."""
    found: list[Any] = []
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait()
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def status_of_child(work: Callable[[], bool]) -> int:
    """How a forked child ends that checks something."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1]


def test_interned_values_are_one_object_for_all_threads() -> None:
    @interned
    def make(key: str) -> object:
        time.sleep(0.01)
        return object()

    assert len({id(made) for made in at_once(lambda: make("a"))}) == 1
    assert make("a") is not make("b")


def test_what_is_made_once_is_made_once() -> None:
    calls: list[int] = []

    @once
    def make() -> object:
        calls.append(1)
        time.sleep(0.01)
        return object()

    assert len({id(made) for made in at_once(make)}) == 1
    assert calls == [1]


def test_a_key_is_compiled_once_however_many_threads_call_first(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, ...]] = []
    compile_for = making.compile_for

    def counted(entry: Any, key: Any, *rest: Any, **named: Any) -> Any:
        compiled.append(tuple(key))
        return compile_for(entry, key, *rest, **named)

    monkeypatch.setattr(making, "compile_for", counted)
    function = tsc.script(fresh_function())

    def work() -> bool:
        return all(result(function, (n, 12)) in expected("function", (n, 12)) for n in (1, 3))

    for n in (1, 3):
        expected("function", (n, 12))
    compiled.clear()
    assert at_once(work) == [True] * THREADS
    assert sorted(compiled) == [("1x12xf32", "int:2"), ("3x12xf32", "int:2")]


def test_threads_that_make_methods_of_a_module_get_one() -> None:
    module = tsc.script(torch.nn.Linear(12, 3).eval())
    assert len({id(method) for method in at_once(lambda: module.forward)}) == 1


def test_a_call_of_what_is_compiled_waits_for_no_compilation() -> None:
    function = tsc.script(fresh_function())
    wanted = result(function, (3, 12))
    torch_argument = torch.from_numpy(argument((3, 12)))
    done: list[bool] = []

    def call() -> None:
        done.append(result(function, (3, 12)) == wanted)
        done.append(np.asarray(function(torch_argument)).tobytes() == wanted)

    caller = threading.Thread(target=call)
    with COMPILING:
        caller.start()
        caller.join(20)
        assert done == [True, True]


@fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("lock", [COMPILING, llvm.ffi.lib._lock], ids=["compiler", "llvm"])
def test_a_fork_waits_for_a_compilation_and_the_child_can_compile(lock: AbstractContextManager[Any]) -> None:
    held, seconds = threading.Event(), 0.2

    def compile_slowly() -> None:
        with lock:
            held.set()
            time.sleep(seconds)

    thread = threading.Thread(target=compile_slowly)
    thread.start()
    held.wait()
    begin = time.monotonic()
    status = status_of_child(
        lambda: result(tsc.script(fresh_function()), (1, 12)) in expected("function", (1, 12))
    )
    assert status == 0
    assert time.monotonic() - begin > seconds / 2
    thread.join()


@fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_under_the_lock_keeps_it_in_both_processes() -> None:
    def is_held() -> bool:
        COMPILING.__exit__(None, None, None)  # raises where this thread does not hold it
        return True

    with COMPILING:
        assert status_of_child(is_held) == 0


@fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_during_a_trace_of_another_thread_waits_for_nothing() -> None:
    inside, stop = threading.Event(), threading.Event()
    original = tsc.nn.Module.__call__

    def slow(x: Any) -> Any:
        inside.set()
        stop.wait(20)
        return x.size(0) * tsc.relu(x)

    def traced_alone() -> bool:
        with TRACING:
            pass
        return type(tsc.Tensor(argument((3, 12))).size(0)) is int and is_original()

    def is_original() -> bool:
        return tsc.nn.Module.__call__ is original

    thread = threading.Thread(target=tsc.trace, args=(slow, tsc.Tensor(argument((3, 12)))))
    thread.start()
    inside.wait()
    assert not is_original()
    assert status_of_child(traced_alone) == 0
    stop.set()
    thread.join()


class Slow:
    """A property that takes a while."""

    def __init__(self, inside: threading.Event, stop: threading.Event) -> None:
        self.inside, self.stop = inside, stop

    @computed_once
    def half(self) -> float:
        """How much."""
        self.inside.set()
        self.stop.wait(20)
        return 0.5


@fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_while_another_thread_computes_a_property_waits_for_nothing() -> None:
    inside, stop, done = (threading.Event() for _ in range(3))
    done.set()
    first = Slow(inside, stop)
    thread = threading.Thread(target=lambda: first.half)
    thread.start()
    inside.wait()
    assert status_of_child(lambda: Slow(done, done).half == 0.5) == 0
    stop.set()
    thread.join()
    assert first.__dict__["half"] == first.half == 0.5


def test_no_property_holds_a_lock() -> None:
    """That of functools does, in Python 3.11, which a forked child would wait for."""
    files = Path(tsc.__file__).parent.rglob("*.py")
    assert [file.name for file in files if "@cached_property" in file.read_text(encoding="utf-8")] == []


def test_the_garbage_collector_rests_while_the_lock_is_held() -> None:
    assert gc.isenabled()
    with COMPILING:
        with COMPILING:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with COMPILING:
            COMPILING.collect_between_steps()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_garbage_of_a_long_compilation_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Circle:
        def __init__(self) -> None:
            self.itself = self

    monkeypatch.setattr(concurrency, "YOUNG_OBJECTS", 100)
    with COMPILING:
        gone = weakref.ref(Circle())
        kept = [list[int]() for _ in range(200)]
        COMPILING.collect_between_steps()
        assert gone() is None
    assert len(kept) == 200


FORKS_WITHIN_IMPORTS = """
import os, signal, threading, time
import tsc

tsc.script  # what compiles is there, what traces is not
hung = 0
for number in range(6):
    parent = os.fork()
    if parent == 0:
        threading.Thread(target=lambda: tsc.trace, daemon=True).start()
        time.sleep(0.01 * number)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            tsc.trace
            os._exit(0)
        os._exit(os.waitpid(child, 0)[1] != 0)
    hung += os.waitpid(parent, 0)[1] != 0
print(hung)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_forked_within_an_import_imports_too() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKS_WITHIN_IMPORTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=True)
    assert done.stdout.split() == ["0"]
