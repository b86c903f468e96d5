"""`KernelTiming`: what is to be known of the kernels of a native function that is profiled: which operators
each is made of, what it does, and how long its calls took.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass

from tsc.analysis.builtin_types import is_memref
from tsc.analysis.kernel_work import KernelWork, kernel_work
from tsc.analysis.module_functions import kernels
from tsc.codegen.call_timing import EVENTS, TIMES
from tsc.codegen.types import size_bytes
from tsc.compiler.tags import TAG, tag_of
from tsc.dialects.aten import AtenOp
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.passes.assign_layouts import AssignLayouts
from tsc.runtime.machine_code import CompiledObject

Words = np.ndarray[Any, np.dtype[np.int64]]
COPIES = ("copy", "zero_halo")
"""How kernels are called that put a tensor into another layout."""


@dataclass(frozen=True)
class KernelCall:
    """A place where the host function calls a kernel."""

    kernel: str
    kind: str
    schedule: str
    operators: tuple[str, ...]
    """The operators that it computes, or copies for: ``aten::relu``."""
    locations: tuple[Attribute, ...]
    """Where these are in the program."""
    operations: int | None
    """Floating-point operations of a call, where they are known."""
    bytes: int | None
    """Bytes of the buffers that a call reads and writes, each once, where it goes through all of them."""


@dataclass(frozen=True)
class Times:
    """What the clocks of a function said since they were read last."""

    ticks: Words
    """By site: of the host function, then of each call."""
    calls: Words
    events: Words
    """Rows of a site, and the ticks at its begin and end."""
    dropped: int
    """Further events, which were not kept."""


@dataclass(eq=False)
class KernelTiming:
    """A watcher of the way down of one native function."""

    groups: Sequence[Sequence[Operation]]
    """The operators of each group; calls are followed to these by their locations."""
    work: dict[str, KernelWork] = field(default_factory=dict[str, KernelWork])
    calls: list[KernelCall] = field(default_factory=list[KernelCall])
    _code: CompiledObject | None = None

    @classmethod
    def begin(cls, function: FuncOp) -> KernelTiming:
        """For a function at stage `fused`, whose groups get numbers for locations."""
        groups: list[Sequence[Operation]] = []
        for op in walk(function):
            if isinstance(op, GroupOp):
                op.location = FileLineColLoc(StringAttr(TAG), IntAttr(len(groups)), IntAttr(0))
                groups.append([inner for inner in walk(op.body) if isinstance(inner, AtenOp)])
        return cls(groups)

    def __call__(self, stage: str, compiler_pass: ModulePass, module: ModuleOp) -> None:
        """Look at the kernels when they have their last form as loops over tensors."""
        if isinstance(compiler_pass, AssignLayouts):
            self.work.update({kernel.sym_name.data: kernel_work(kernel) for kernel in kernels(module)})

    def note_calls(self, module: ModuleOp, calls: Sequence[CallOp]) -> None:
        """These calls, in a module at stage `loop`, have clocks."""
        found = {kernel.sym_name.data: kernel for kernel in kernels(module)}
        self.calls = [self._call(call, found[call.callee.string_value()]) for call in calls]

    def _call(self, call: CallOp, kernel: FuncOp) -> KernelCall:
        name = kernel.sym_name.data
        number = tag_of(call.location)
        operators = () if number is None else tuple(self.groups[number])
        work = self.work.get(name) or KernelWork(_text(kernel, "tsc.kind"), 0, True)
        names = dict.fromkeys(op.schema.full_name for op in operators if isinstance(op, AtenOp))
        return KernelCall(
            name,
            "copy" if name.startswith(COPIES) else work.kind,
            _text(kernel, "tsc.schedule"),
            tuple(names),
            tuple(dict.fromkeys(op.location for op in operators)),
            work.operations,
            _bytes(call) if work.reads_all and work.kind != "halo" else None,
        )

    def attach(self, code: CompiledObject) -> None:
        """The machine code that has the clocks."""
        self._code = code
        self.read()

    def read(self) -> Times:
        """What the clocks say, which begin anew."""
        assert self._code is not None
        sites = 1 + len(self.calls)
        words = 1 + 2 * sites + 3 * EVENTS
        table: Words = np.ctypeslib.as_array((ctypes.c_int64 * words).from_address(self._code.address(TIMES)))
        count = int(table[0])
        kept = min(count, EVENTS)
        first = 1 + 2 * sites
        pairs = table[1:first].reshape(sites, 2).copy()
        events = table[first : first + 3 * kept].reshape(kept, 3).copy()
        table[:first] = 0
        return Times(pairs[:, 0], pairs[:, 1], events, count - kept)


def _text(kernel: FuncOp, name: str) -> str:
    return str(getattr(kernel.attributes.get(name), "data", ""))


def _bytes(call: CallOp) -> int | None:
    """The bytes of the buffers of a call, each once."""
    total = 0
    for value in dict.fromkeys(call.arguments):
        if is_memref(value.type):
            shape = value.type.get_shape()
            if any(n < 0 for n in shape):
                return None
            total += prod(shape) * size_bytes(value.type.element_type)
    return total
