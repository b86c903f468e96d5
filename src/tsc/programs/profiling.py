"""A function and its arguments into how long its kernels take: ``print(tsc.profile(m, x))``."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tsc.compiler.kernel_timing import KernelCall, KernelTiming, Times
from tsc.compiler.machine_peaks import Clock, Peaks
from tsc.compiler.specialization import Specialization
from tsc.errors import SourceRange
from tsc.options import options
from tsc.printing.columns import columns
from tsc.programs.script_functions import BoundFunction
from tsc.runtime.exceptions import places_of
from tsc.runtime.threads import get_num_threads

TIMES, WARMUP = 20, 3
"""Runs that are measured, and runs before these."""


@dataclass(frozen=True)
class KernelProfile:
    """A place where a kernel is called, and what its calls took."""

    part: str
    """Of a program in parts, or of one that Python runs around native groups: which; else empty."""
    kernel: str
    kind: str
    schedule: str
    """How its loops were made."""
    operators: tuple[str, ...]
    """Those that it computes, or moves data for."""
    sources: tuple[tuple[SourceRange, ...], ...]
    """Where these are in the program: for each, the place and below it the calls that led there."""
    calls: float
    """In a run, on average."""
    seconds: float
    """Of a run; the median."""
    share: float
    """Of the time of a run."""
    operations: int | None
    """Floating-point operations of a call; None where they depend on data."""
    bytes: int | None
    """Bytes of its buffers, each counted once; None where it does not go through them as a whole."""

    @property
    def operations_per_second(self) -> float | None:
        """Floating-point operations in a second, where there are any and they are known."""
        return self._rate(self.operations)

    @property
    def bytes_per_second(self) -> float | None:
        """Bytes of its buffers in a second, where they say what it moves."""
        return self._rate(self.bytes)

    def _rate(self, amount: int | None) -> float | None:
        return None if not amount or not self.seconds else amount * self.calls / self.seconds

    @property
    def place(self) -> str:
        """The first of its places in a few words."""
        if not self.sources:
            return "(compiler)"
        stack = self.sources[0]
        ends = stack[:1] if len(stack) < 2 else (stack[-1], stack[0])
        text = " > ".join(f"{end.file.rpartition('/')[2]}:{end.line}" for end in ends)
        return text if len(self.sources) == 1 else f"{text} (and {len(self.sources) - 1} more)"


@dataclass(frozen=True)
class TraceEvent:
    """Something that took time in one of the runs."""

    name: str
    category: str
    """``run``, ``native`` (a native function) or ``kernel``."""
    begin_seconds: float
    """Since the first run began."""
    seconds: float
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, repr=False)
class Profile:
    """What a call of a function spends its time on; its `str` is a table of kernels, the slowest first, in
    which kernels of one place that differ by the number in their name alone are one row.
    """

    function: str
    tier: str
    """``native``: one call of machine code; ``mixed``: Python around native code; ``generic``: Python."""
    reason: str | None
    """Why it is not native."""
    threads: int
    times: int
    """Runs that were measured; all times are their medians."""
    seconds: float
    """Of a run."""
    kernel_seconds: float
    host_seconds: float
    """In native code, outside kernels."""
    python_seconds: float
    """Outside native functions: arguments are checked, results made, and Python runs what is not native."""
    peaks: Peaks
    """What the machine can do with so many threads."""
    kernels: tuple[KernelProfile, ...]
    """In the order of the program."""
    events: tuple[TraceEvent, ...]
    dropped_events: int
    """Calls of kernels that are counted, but are not among the events."""

    def __str__(self) -> str:
        rows = sorted(_merged(self.kernels), key=lambda kernel: -kernel.seconds)
        parts = (("kernels", self.kernel_seconds), ("native code outside kernels", self.host_seconds),
                 ("Python", self.python_seconds))  # fmt: skip
        shares = ", ".join(f"{name} {_duration(s)} ({self._share(s):.0%})" for name, s in parts)
        lines = [
            f"{self.function} runs {self.tier}, threads: {self.threads}",
            *([f"not native: {self.reason}"] if self.reason is not None else []),
            f"a run takes {_duration(self.seconds)} (median of {self.times}): {shares}",
            f"this machine: {self.peaks.operations_per_second / 1e9:.4g} GFLOP/s (float32 multiply-adds), "
            f"{self.peaks.bytes_per_second / 1e9:.4g} GB/s (copies in memory)",
            "",
            *columns([HEADER, *map(self._row, rows)]),
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _share(self, seconds: float) -> float:
        return seconds / self.seconds if self.seconds else 0.0

    def _row(self, kernel: KernelProfile) -> tuple[str, ...]:
        peaks = self.peaks
        return (
            _duration(kernel.seconds),
            f"{kernel.share:.1%}",
            f"{kernel.calls:.4g}",
            _rate(kernel.operations_per_second, peaks.operations_per_second),
            _rate(kernel.bytes_per_second, peaks.bytes_per_second),
            kernel.kind,
            f"{kernel.part}: {kernel.kernel}" if kernel.part else kernel.kernel,
            kernel.place,
        )

    def trace(self) -> str:
        """All runs as JSON in the Trace Event format, which Perfetto and Chrome's ``about:tracing`` show."""
        events: list[dict[str, Any]] = [
            {
                "name": event.name,
                "cat": event.category,
                "ph": "X",
                "ts": event.begin_seconds * 1e6,
                "dur": event.seconds * 1e6,
                "pid": 1,
                "tid": 1,
                "args": dict(event.details),
            }
            for event in self.events
        ]
        named = {"ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": {"name": self.function}}
        return json.dumps({"displayTimeUnit": "ms", "traceEvents": [named, *events]})


def _merged(kernels: Iterable[KernelProfile]) -> list[KernelProfile]:
    """Kernels, in which those of one place that are alike, as the steps of an unrolled loop are, are one."""
    alike: dict[tuple[str, ...], list[KernelProfile]] = {}
    for kernel in kernels:
        key = (kernel.part, _stem(kernel.kernel), kernel.kind, kernel.place)
        alike.setdefault(key, []).append(kernel)
    return [found[0] if len(found) == 1 else _sum(found) for found in alike.values()]


def _stem(name: str) -> str:
    return re.sub(r"(_\d+)+$", "", name)


def _sum(kernels: Sequence[KernelProfile]) -> KernelProfile:
    names = {kernel.kernel for kernel in kernels}
    calls = sum(kernel.calls for kernel in kernels)

    def mean(amounts: Sequence[int | None]) -> int | None:
        known = [a for a in amounts if a is not None]
        if len(known) < len(amounts) or not calls:
            return None
        return round(sum(a * k.calls for a, k in zip(known, kernels, strict=True)) / calls)

    return replace(
        kernels[0],
        kernel=kernels[0].kernel if len(names) == 1 else f"{_stem(kernels[0].kernel)}_*",
        calls=calls,
        seconds=sum(kernel.seconds for kernel in kernels),
        share=sum(kernel.share for kernel in kernels),
        operations=mean([kernel.operations for kernel in kernels]),
        bytes=mean([kernel.bytes for kernel in kernels]),
    )


HEADER = ("time", "share", "calls", "GFLOP/s", "GB/s", "kind", "kernel", "source")


def _rate(found: float | None, peak: float) -> str:
    return "" if found is None else f"{found / 1e9:.3g} ({found / peak:.0%})"


def _duration(seconds: float) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


# --- measuring ---


def profile(
    function: BoundFunction, arguments: Sequence[Any], keywords: Mapping[str, Any],
    times: int = TIMES, warmup: int = WARMUP,
) -> Profile:  # fmt: skip
    """Compile `function` once more, with clocks, and run it on these arguments."""
    own = _afresh(function)
    unfrozen = options().profiled_runs if function.entry is None else 0
    with _clocks():
        for _ in range(1 + unfrozen + warmup):
            own(*arguments, **keywords)
        probes = [_Probe(label, timing) for label, timing in _timings(own)]
        peaks, clock = Peaks.measured(get_num_threads()), Clock()
        own(*arguments, **keywords)  # measuring has cleared the caches
        for probe in probes:
            probe.timing.read()
        runs: list[tuple[float, float]] = []
        for _ in range(times):
            begin = time.perf_counter()
            own(*arguments, **keywords)
            runs.append((begin, time.perf_counter() - begin))
            for probe in probes:
                probe.seen.append(probe.timing.read())
    return _profile_of(function.name, own, probes, runs, peaks, clock)


def _afresh(function: BoundFunction) -> BoundFunction:
    """The same function, for which nothing is compiled yet."""
    made = BoundFunction(function.interpreter, function.function, function.receiver, function.default)
    made.entry, made.parameters = function.entry, function.parameters
    return made


@contextmanager
def _clocks() -> Generator[None]:
    """Let native code that is compiled in the ``with`` block have clocks."""
    before = options().is_profiled
    options().is_profiled = True
    try:
        yield
    finally:
        options().is_profiled = before


@dataclass(eq=False)
class _Probe:
    """The clocks of a native function, and what they said after each run."""

    label: str
    timing: KernelTiming
    seen: list[Times] = field(default_factory=list[Times])


def _timings(function: BoundFunction) -> Iterator[tuple[str, KernelTiming]]:
    for version in function.versions.made:
        yield from _of(version.specializations.table.values(), "")


def _of(made: Iterable[Specialization | None], label: str) -> Iterator[tuple[str, KernelTiming]]:
    for found in made:
        if found is None:
            continue
        for number, timing in enumerate(found.compilation.timings):
            yield label if found.is_native else _inside(label, f"group {number}"), timing
        for number, part in enumerate(found.outlined.parts if found.outlined is not None else ()):
            yield from _of(part.specializations.table.values(), _inside(label, f"part {number}"))


def _inside(label: str, inner: str) -> str:
    return f"{label}, {inner}" if label else inner


def _profile_of(
    name: str, own: BoundFunction, probes: Sequence[_Probe], runs: Sequence[tuple[float, float]],
    peaks: Peaks, clock: Clock,
) -> Profile:  # fmt: skip
    tick = clock.seconds_per_tick()
    spent = np.array([seconds for _, seconds in runs])
    median = float(np.median(spent))
    native = sum((np.array([t.ticks[0] for t in probe.seen]) * tick for probe in probes), np.zeros(len(runs)))
    inside = sum(
        (np.array([t.ticks[1:].sum() for t in probe.seen]) * tick for probe in probes), np.zeros(len(runs))
    )
    last = own.last
    return Profile(
        name,
        "generic" if last is None else last.tier,
        "nothing is compiled for such a call: see explain" if last is None else last.reason,
        get_num_threads(),
        len(runs),
        median,
        float(np.median(inside)),
        float(np.median(native - inside)),
        float(np.median(spent - native)),
        peaks,
        tuple(
            _kernel(name, probe, site, call, tick, median)
            for probe in probes
            for site, call in enumerate(probe.timing.calls, 1)
        ),
        tuple(sorted(_events(name, probes, runs, clock, tick), key=lambda event: event.begin_seconds)),
        sum(times.dropped for probe in probes for times in probe.seen),
    )


def _kernel(
    name: str, probe: _Probe, site: int, call: KernelCall, tick: float, whole: float
) -> KernelProfile:
    seconds = float(np.median([times.ticks[site] for times in probe.seen])) * tick
    return KernelProfile(
        probe.label,
        call.kernel,
        call.kind,
        call.schedule,
        call.operators,
        tuple(tuple(stack) for location in call.locations if (stack := places_of(location, name))),
        float(np.mean([times.calls[site] for times in probe.seen])),
        seconds,
        seconds / whole if whole else 0.0,
        call.operations,
        call.bytes,
    )


def _events(
    name: str, probes: Sequence[_Probe], runs: Sequence[tuple[float, float]], clock: Clock, tick: float
) -> Iterator[TraceEvent]:
    start = runs[0][0]
    for begin, seconds in runs:
        yield TraceEvent(name, "run", begin - start, seconds)
    for probe in probes:
        native = TraceEvent(probe.label or "native code", "native", 0.0, 0.0)
        known = [native, *(_event_of(call, name) for call in probe.timing.calls)]
        for times in probe.seen:
            rows: list[list[int]] = times.events.tolist()
            for site, begin, end in rows:
                event, since = known[site], clock.time_of(begin, tick) - start
                yield replace(event, begin_seconds=since, seconds=(end - begin) * tick)


def _event_of(call: KernelCall, name: str) -> TraceEvent:
    stacks = [places_of(location, name) for location in call.locations]
    lines = [f"{stack[0].file}:{stack[0].line}" for stack in stacks if stack]
    details = {"kind": call.kind, "schedule": call.schedule, "operators": ", ".join(call.operators),
               "source": ", ".join(lines)}  # fmt: skip
    return TraceEvent(call.kernel, "kernel", 0.0, 0.0, details)
