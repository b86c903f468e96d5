"""What this machine can do, measured: multiply-adds and copies of loops of our own, and the clock that code
which is profiled reads.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tsc.analysis.target import Target
from tsc.codegen.call_timing import CLOCK, clock_text
from tsc.concurrency import once
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm

SUMS = 10
"""Sums that run beside each other: more than the latency of an addition times the additions per cycle."""
ROUNDS = 1 << 20
COPIED_BYTES = 1 << 26
"""More than caches hold, of all threads together."""
TRIES = 5
READINGS = 9
LEAST_SECONDS = 0.02
"""Between the readings that say how long a tick is."""


@dataclass(frozen=True)
class Peaks:
    """What this machine can do with a number of threads."""

    operations_per_second: float
    """Of float32, a multiply-add being two."""
    bytes_per_second: float
    """Of a copy in memory, what is read and what is written together."""

    @classmethod
    def measured(cls, threads: int) -> Peaks:
        """The best of a few tries."""
        code, lanes = _code(), host_target().lanes(32)
        multiply = _function(code, "tsc_multiply", ctypes.c_int64)
        copy = _function(code, "tsc_copy", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        size = COPIED_BYTES // threads // 512 * 512
        arrays = [(np.ones(size, np.uint8), np.ones(size, np.uint8)) for _ in range(threads)]
        copies = [
            partial(copy, source.ctypes.data, target.ctypes.data, size // 64) for source, target in arrays
        ]
        with ThreadPoolExecutor(threads) as pool:
            products = _best(pool, [partial(multiply, ROUNDS)] * threads)
            copied = _best(pool, copies)
        return cls(2.0 * SUMS * lanes * ROUNDS * threads / products, 2.0 * size * threads / copied)


class Clock:
    """The clock of code that is profiled, and what its ticks are in the time of `time.perf_counter`."""

    def __init__(self) -> None:
        self._now = _function(_code(), CLOCK)
        self._now.restype = ctypes.c_int64
        self._first = self._both()

    def _both(self) -> tuple[int, float]:
        """What both say at one moment: of several readings the one that was interrupted least."""
        readings: list[tuple[float, int, float]] = []
        for _ in range(READINGS):
            before = time.perf_counter()
            ticks = self._now()
            after = time.perf_counter()
            readings.append((after - before, ticks, (before + after) / 2))
        _, ticks, seconds = min(readings)
        return ticks, seconds

    def seconds_per_tick(self) -> float:
        """By what has passed since the clock was made."""
        ticks, seconds = self._both()
        while ticks == self._first[0] or seconds - self._first[1] < LEAST_SECONDS:
            ticks, seconds = self._both()
        return (seconds - self._first[1]) / (ticks - self._first[0])

    def time_of(self, ticks: int, seconds_per_tick: float) -> float:
        """When the clock said so, in the time of `time.perf_counter`."""
        return self._first[1] + (ticks - self._first[0]) * seconds_per_tick


def _best(pool: ThreadPoolExecutor, calls: list[Callable[[], object]]) -> float:
    """Seconds that calls beside each other take at best."""
    found = float("inf")
    for _ in range(TRIES):
        begin = time.perf_counter()
        for pending in [pool.submit(call) for call in calls]:
            pending.result()
        found = min(found, time.perf_counter() - begin)
    return found


@once
def _code() -> CompiledObject:
    target = host_target()
    texts = [f'target triple = "{target.triple}"', clock_text(target.triple), _multiply(target), _COPY]
    return compile_llvm("\n".join([*texts, ""]), target)


def _function(code: CompiledObject, name: str, *arguments: type) -> Any:
    """An exported function of the code, which runs without the GIL."""
    return ctypes.CFUNCTYPE(None, *arguments)(code.address(name))


def _multiply(target: Target) -> str:
    """Multiply-adds of vectors, in `SUMS` sums that do not wait for each other."""
    kind = f"<{target.lanes(32)} x float>"
    name = f"llvm.fma.v{target.lanes(32)}f32" if target.has_fma else f"llvm.fmuladd.v{target.lanes(32)}f32"
    phis = [f"  %s{i} = phi {kind} [ splat (float {i}.0), %entry ], [ %n{i}, %loop ]" for i in range(SUMS)]
    steps = [
        f"  %n{i} = call {kind} @{name}({kind} %s{i}, {kind} splat (float 0.5), {kind} splat (float 1.0))"
        for i in range(SUMS)
    ]
    adds, total = list[str](), "%n0"
    for i in range(1, SUMS):
        adds.append(f"  %t{i} = fadd {kind} {total}, %n{i}")
        total = f"%t{i}"
    return "\n".join(
        [
            f"declare {kind} @{name}({kind}, {kind}, {kind})",
            f"@tsc_sum = internal global {kind} zeroinitializer",
            "define void @tsc_multiply(i64 %rounds) nounwind {",
            "entry:",
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %entry ], [ %more, %loop ]",
            *phis,
            *steps,
            "  %more = add i64 %i, 1",
            "  %again = icmp slt i64 %more, %rounds",
            "  br i1 %again, label %loop, label %done",
            "done:",
            *adds,
            f"  store volatile {kind} {total}, ptr @tsc_sum",
            "  ret void",
            "}",
        ]
    )


_COPY = """\
define void @tsc_copy(ptr noalias %source, ptr noalias %target, i64 %lines) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %more, %loop ]
  %from = getelementptr <16 x float>, ptr %source, i64 %i
  %to = getelementptr <16 x float>, ptr %target, i64 %i
  %line = load <16 x float>, ptr %from, align 4
  store <16 x float> %line, ptr %to, align 4
  %more = add i64 %i, 1
  %again = icmp slt i64 %more, %lines
  br i1 %again, label %loop, label %done
done:
  ret void
}"""
