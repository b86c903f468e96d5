"""Leaks: modules that are loaded, optimized, run and dropped, again and again; what stays of them."""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import os
import weakref
from pathlib import Path
from typing import Any

import tsc
from tests.fuzz.subjects import SHAPES, argument, result, small
from tests.fuzz.task import Report, Task

STATM = Path("/proc/self/statm")
WARMING = 20
"""Cycles before the first look: caches of types and operators fill, and the allocators' heaps take shape."""
CYCLES, A_TIME = 60, 10
SLACK_BYTES = 2 << 20
"""How much the heaps swing when nothing leaks."""
GROWTH_A_CYCLE_BYTES = 5 << 10


def run(task: Task) -> Report:
    """Cycles until the task is over, at least `CYCLES` of them; every one is the same, whatever the seed."""
    findings = specializations_go(40)
    cycles(WARMING)
    before, files, count = resident_bytes(), open_files(), 0
    while count < CYCLES or not task.is_over(count):
        cycles(A_TIME)
        count += A_TIME
    grown = resident_bytes() - before
    if grown > SLACK_BYTES + count * GROWTH_A_CYCLE_BYTES:
        findings.append(f"leaks: {count} cycles keep {grown / count / 1024:.1f} KiB each")
    if open_files() > files:
        findings.append(f"leaks: {count} cycles keep {open_files() - files} files open")
    kept = f"{count} cycles keep {grown / count / 1024:.1f} KiB each"
    return Report("leaks", count, len(findings), [*findings, f"      {kept}"])


def cycles(count: int) -> None:
    """Load, optimize, run and drop `count` modules."""
    for _ in range(count):
        result(small(), SHAPES[0])
    gc.collect()  # a module is in a cycle with its methods; how many wait decides how far the heap grows


def specializations_go(count: int) -> list[str]:
    """Whether `count` specializations of a module, and its code, go when it does."""
    before = tsc.set_fusion_strategy([("STATIC", count)])
    try:
        module = small()
        for rows in range(1, count + 1):
            module(argument((rows, 12)))
    finally:
        tsc.set_fusion_strategy(before)
    table: dict[Any, Any] = module.forward.compiled.table
    held = [weakref.ref(made.native.__self__) for made in table.values()]
    if len(held) != count:
        return [f"leaks: {len(held)} specializations of {count}"]
    del module, table
    gc.collect()
    alive = sum(reference() is not None for reference in held)
    return [f"leaks: {alive} of {count} specializations stay when their module goes"] if alive else []


def resident_bytes() -> int:
    """The memory this process has, after everything free was given back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(ctypes.util.find_library("c")), "malloc_trim", None)
    if trim is not None:
        trim(0)
    pages = int(STATM.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))
