"""Clocks around the calls of kernels, in code that is made to be profiled.

The module exports a table of words, ``@tsc_times``: how many events there were since it was last cleared,
then two words for each site (ticks, calls; the first site is the host function itself), then three for each
of the first `EVENTS` events: site, and the ticks at its begin and end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsl.dialects import func

if TYPE_CHECKING:
    from tsc.codegen.function_emitter import FunctionEmitter

TIMES, CLOCK = "tsc_times", "tsc_clock"
"""The exported table, and the exported function ``i64 ()`` that reads the clock."""
EVENTS = 1 << 14
"""Events that are kept one by one."""


def clock_of(triple: str) -> str:
    """The intrinsic that reads a counter of constant rate: of x86 the time-stamp counter."""
    is_x86 = triple.startswith(("x86_64", "i686"))
    return "llvm.readcyclecounter" if is_x86 else "llvm.readsteadycounter"


def clock_text(triple: str) -> str:
    """The declaration of the clock, and the function that reads it."""
    clock = clock_of(triple)
    return (
        f"declare i64 @{clock}()\n"
        f"define i64 @{CLOCK}() nounwind {{\n  %now = call i64 @{clock}()\n  ret i64 %now\n}}"
    )


@dataclass
class CallTiming:
    """Adds clocks to the module that is being written; `calls` are the sites after the first."""

    triple: str
    calls: list[func.CallOp] = field(default_factory=list[func.CallOp])
    _hosts: list[str] = field(default_factory=list[str])

    @property
    def sites(self) -> int:
        """How many sites there are: the host function, and each call of a kernel in it."""
        return 1 + len(self.calls)

    def begin(self, function: FunctionEmitter) -> str:
        """Read the clock before a call."""
        return function.emit(f"call i64 @{clock_of(self.triple)}()")

    def end(self, function: FunctionEmitter, call: func.CallOp, begin: str) -> None:
        """Note what a call took."""
        self.calls.append(call)
        function.statement(f"call void @tsc.note(i64 {len(self.calls)}, i64 {begin})")

    def host(self, name: str) -> str:
        """The head under which the host function `name` is to be written; `text` calls it from there."""
        self._hosts.append(name)
        return f'internal void @"{name}.timed"'

    def text(self) -> str:
        """The table, what writes to it, and the host functions with their clocks."""
        clock, words = clock_of(self.triple), 1 + 2 * self.sites + 3 * EVENTS
        hosts = [_HOST.format(name=name, clock=clock) for name in self._hosts]
        table = f"@{TIMES} = dso_local global [{words} x i64] zeroinitializer"
        note = _NOTE.format(clock=clock, table=TIMES, events=EVENTS, first=1 + 2 * self.sites)
        return "\n".join([table, clock_text(self.triple), note, *hosts])


_HOST = """\
define void @"{name}"(ptr %in, ptr %out, ptr %arena) nounwind {{
  %begin = call i64 @{clock}()
  call void @"{name}.timed"(ptr %in, ptr %out, ptr %arena)
  call void @tsc.note(i64 0, i64 %begin)
  ret void
}}"""

_NOTE = """\
define internal void @tsc.note(i64 %site, i64 %begin) noinline nounwind {{
entry:
  %end = call i64 @{clock}()
  %took = sub i64 %end, %begin
  %twice = shl i64 %site, 1
  %ticks.place = add i64 %twice, 1
  %calls.place = add i64 %twice, 2
  %ticks = getelementptr i64, ptr @{table}, i64 %ticks.place
  %calls = getelementptr i64, ptr @{table}, i64 %calls.place
  %ticks.old = load i64, ptr %ticks
  %ticks.new = add i64 %ticks.old, %took
  store i64 %ticks.new, ptr %ticks
  %calls.old = load i64, ptr %calls
  %calls.new = add i64 %calls.old, 1
  store i64 %calls.new, ptr %calls
  %count = load i64, ptr @{table}
  %more = add i64 %count, 1
  store i64 %more, ptr @{table}
  %fits = icmp ult i64 %count, {events}
  br i1 %fits, label %keep, label %done
keep:
  %thrice = mul i64 %count, 3
  %place = add i64 %thrice, {first}
  %event = getelementptr i64, ptr @{table}, i64 %place
  store i64 %site, ptr %event
  %event.begin = getelementptr i64, ptr %event, i64 1
  store i64 %begin, ptr %event.begin
  %event.end = getelementptr i64, ptr %event, i64 2
  store i64 %end, ptr %event.end
  br label %done
done:
  ret void
}}"""
