"""The thread pool of an instance, as functions of a library: that of `tsc.runtime.pool_ir`, with threads of
the C library.
"""

from __future__ import annotations

import re

from tsc.ahead import layout
from tsc.ahead.ir_text import FunctionText
from tsc.ahead.layout import Status
from tsc.ahead.library_text import Library
from tsc.runtime import pool_ir
from tsc.runtime.threads import SPIN_NS

MOST_THREADS = 1024
_SET_MASK, _MONOTONIC = 2, 1
_MASK_BYTES = 128
"""Of a set of signals, and of processors."""


def add_threads(library: Library) -> None:
    """The pool, and the functions ``threads.start``, ``threads.stop`` and ``threads.cores``."""
    text = pool_ir.pool_ir(library.module.triple).partition("\n")[2]
    library.module.functions.append(
        re.sub(r"^define (?!internal)", "define internal ", text, flags=re.MULTILINE)
    )
    for made in (_worker(), _spins(), _cores(), _stop(), _make(), _start(library)):
        library.module.add(made)


def _word(number: int) -> int:
    return layout.POOL + 8 * number


def _worker() -> FunctionText:
    """What a thread runs; its argument is the instance."""
    f = FunctionText("internal ptr @threads.worker", "ptr %instance")
    spins = f.word("%instance", layout.SPINS)
    f.call("void", "worker", "ptr %instance", f"i64 {spins}")
    f.leave("ret ptr null")
    return f


def _spins() -> FunctionText:
    """How many pauses an idle worker makes before it sleeps."""
    f = FunctionText("internal i64 @threads.spins")
    before, after = f.memory("[2 x i64]"), f.memory("[2 x i64]")
    f.call("i32", "clock_gettime", f"i32 {_MONOTONIC}", f"ptr {before}")
    f.call("void", "spin", "i64 1000")
    f.call("i32", "clock_gettime", f"i32 {_MONOTONIC}", f"ptr {after}")
    seconds = f.binary("sub", f.word(after), f.word(before))
    part = f.binary("sub", f.word(after, 8), f.word(before, 8))
    spent = f.binary("add", f.binary("mul", seconds, 1_000_000_000), part)
    told = f.call("i64", "llvm.smax.i64", f"i64 {spent}", "i64 1")
    count = f.value(f"udiv i64 {1000 * SPIN_NS}, {told}")
    f.leave(f"ret i64 {f.call('i64', 'llvm.smax.i64', f'i64 {count}', 'i64 1')}")
    return f


def _cores() -> FunctionText:
    """The processors that the process may run on."""
    f = FunctionText("internal i64 @threads.cores")
    mask = f.memory(f"[{_MASK_BYTES} x i8]")
    f.call("ptr", "memset", f"ptr {mask}", "i32 0", f"i64 {_MASK_BYTES}")
    failed = f.call("i32", "sched_getaffinity", "i32 0", f"i64 {_MASK_BYTES}", f"ptr {mask}")
    with f.when(f.value(f"icmp slt i32 {failed}, 0")):
        f.leave("ret i64 1")
    total = "0"
    for place in range(0, _MASK_BYTES, 8):
        count = f.call("i64", "llvm.ctpop.i64", f"i64 {f.word(mask, place)}")
        total = f.binary("add", total, count)
    f.leave(f"ret i64 {f.call('i64', 'llvm.smax.i64', f'i64 {total}', 'i64 1')}")
    return f


def _stop() -> FunctionText:
    """End the workers. In a forked child there are none any more."""
    f = FunctionText("internal void @threads.stop", "ptr %instance")
    handles, workers = f.word("%instance", layout.HANDLES, "ptr"), f.word("%instance", layout.WORKERS)
    process = f.widened(f.call("i32", "getpid"))
    is_own = f.compare("eq", process, f.word("%instance", layout.PROCESS))
    there = f.value(f"icmp sgt i64 {workers}, 0")
    with f.when(f.value(f"and i1 {is_own}, {there}")):
        f.do(f"store atomic i64 1, ptr {f.at('%instance', _word(pool_ir.THREADS))} monotonic, align 8")
        with f.repeated():
            got = f.call("i64", "acquire", "ptr %instance")
            f.break_when(f.value(f"icmp ne i64 {got}, 0"))
            f.call("i32", "sched_yield")
        f.do(f"store atomic i64 1, ptr {f.at('%instance', _word(pool_ir.STOP))} release, align 8")
        f.do(f"store atomic i64 0, ptr {f.at('%instance', _word(pool_ir.LOCK))} release, align 8")
        more = f.value(f"add i64 {workers}, 1")  # one chunk more than workers: wake-ups for all of them
        f.call("void", "run", "ptr %instance", "ptr @nothing", "ptr null", f"i64 {more}")
        with f.rounds(workers) as number:
            handle = f.word(handles, f.binary("mul", number, 8))
            f.call("i32", "pthread_join", f"i64 {handle}", "ptr null")
    f.put("i64 0", "%instance", layout.WORKERS)
    f.put("ptr null", "%instance", layout.HANDLES)
    f.call("void", "free", f"ptr {handles}")
    f.leave("ret void")
    return f


def _make() -> FunctionText:
    """Make workers until there are `count`, or the system gives no more. They take no signals."""
    f = FunctionText("internal void @threads.make", "ptr %instance", "ptr %handles", "i64 %count")
    mask, old = f.memory(f"[{_MASK_BYTES} x i8]"), f.memory(f"[{_MASK_BYTES} x i8]")
    f.call("ptr", "memset", f"ptr {mask}", "i32 255", f"i64 {_MASK_BYTES}")
    f.call("i32", "pthread_sigmask", f"i32 {_SET_MASK}", f"ptr {mask}", f"ptr {old}")
    with f.repeated():
        made = f.word("%instance", layout.WORKERS)
        f.break_when(f.value(f"icmp sge i64 {made}, %count"))
        handle = f.at("%handles", f.binary("mul", made, 8))
        failed = f.call(
            "i32", "pthread_create", f"ptr {handle}", "ptr null", "ptr @threads.worker", "ptr %instance"
        )
        f.break_when(f.value(f"icmp ne i32 {failed}, 0"))
        f.put(f"i64 {f.binary('add', made, 1)}", "%instance", layout.WORKERS)
    f.call("i32", "pthread_sigmask", f"i32 {_SET_MASK}", f"ptr {old}", "ptr null")
    f.leave("ret void")
    return f


def _start(library: Library) -> FunctionText:
    """Have `threads` threads, the caller's included."""
    f = FunctionText("internal i32 @threads.start", "ptr %instance", "i64 %threads")
    f.put("i64 1", "%instance", _word(pool_ir.THREADS))
    with f.when(f.value("icmp slt i64 %threads, 2")):
        f.leave("ret i32 0")
    wanted = f.value("sub i64 %threads, 1")
    handles = f.call("ptr", "calloc", f"i64 {wanted}", "i64 8")
    with f.when(f.is_null(handles)):
        library.fail(f, Status.MEMORY, f"{library.name}_create: the system gives no more memory")
    f.put(f"ptr {handles}", "%instance", layout.HANDLES)
    f.put("ptr @run", "%instance", _word(pool_ir.RUN))
    f.put(f"i64 {f.call('i64', 'threads.spins')}", "%instance", layout.SPINS)
    f.call("void", "threads.make", "ptr %instance", f"ptr {handles}", f"i64 {wanted}")
    made = f.word("%instance", layout.WORKERS)
    with f.when(f.value(f"icmp slt i64 {made}, {wanted}")):
        f.call("void", "threads.stop", "ptr %instance")
        pattern = f"{library.name}_create: requires %lld more threads of the system; got %lld"
        library.fail(f, Status.THREADS, pattern, f"i64 {wanted}", f"i64 {made}")
    f.put("i64 %threads", "%instance", _word(pool_ir.THREADS))
    f.leave("ret i32 0")
    return f
