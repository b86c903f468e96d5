"""The last steps of a native compilation: from stage `fused` to something that is called with arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import IntAttr, MemRefType, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.fusion import CHECKS_BOUNDS, spec
from tsc.analysis.module_functions import kernels
from tsc.codegen import ALONE, EmittedModule, KernelUnits, Linkage
from tsc.compiler.descent import Descent
from tsc.compiler.kernel_timing import KernelTiming
from tsc.compiler.sizes_function import NAME, sizes_function
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dialects.walking import walk
from tsc.dims import hint_of, holds_found, is_known, most_of
from tsc.options import options
from tsc.passes.plan_memory import ARENA
from tsc.runtime.assembling import Assembly
from tsc.runtime.native import ANY, ArraySpec, SizesFunction
from tsc.runtime.native_code import CallPlan, NativeCode, native_code

GIL_ELEMENTS = 1 << 15
"""Elements computed by a call beyond which the GIL is released: a few microseconds of work."""

Run = Callable[..., Any]


@dataclass(frozen=True)
class HostProgram:
    """A function as LLVM IR, and what its caller needs to know."""

    emitted: EmittedModule
    inputs: Sequence[ArraySpec]
    """Its arguments; sizes may be expressions."""
    outputs: Sequence[ArraySpec]
    arena: int
    """Bytes of scratch memory of one call; an expression, where sizes are."""
    sizes: SizesFunction | None
    """Of symbolic sizes: what says them."""


def emit_native(
    descent: Descent, name: str = "main", linkage: Linkage = ALONE, assembly: Assembly | None = None
) -> HostProgram:
    """LLVM IR for a function at stage `fused`, which exports `name`, and where sizes are symbolic also
    ``{name}.sizes``. Kernels go to `assembly` as they are done, where there is one.

    Raises:
        CodegenError: something has no native form.
        SizesFoundError: sizes turned out to be equal, or fixed.
    """
    function = descent.function
    inputs = _array_specs(function.body.block.args)
    end = function.body.block.last_op
    assert end is not None
    outputs = _array_specs(end.operands)
    units = None
    is_watched = descent.dump is not None or descent.timing is not None
    if assembly is not None and not is_watched:  # a dump shows one module, clocks are in one
        units = KernelUnits(descent.target, assembly.add)
    host = descent.lower("loop", units)
    host.sym_name = StringAttr(name)
    arena = _arena_bytes(host)
    sizes = _add_sizes(descent, f"{name}.{NAME}", inputs, outputs, arena)
    emitted = descent.emit(linkage, units)
    descent.compilation.kernels += [f.sym_name.data for f in kernels(descent.module)]
    return HostProgram(emitted, inputs, outputs, arena, sizes)


def build_native(descent: Descent, slow: Run) -> NativeCode:
    """Native code for a function at stage `fused`. Calls of its entry whose arguments are others go to
    `slow`.

    Raises:
        CodegenError: something has no native form.
    """
    function = descent.function
    is_long = any(isinstance(o, PrimLoopOp) for o in walk(function))
    is_long |= sum(_elements(o) for o in walk(function)) > GIL_ELEMENTS
    if options().is_profiled:
        descent.timing = KernelTiming.begin(function)
    with Assembly(descent.target) as assembly:
        program = emit_native(descent, assembly=assembly)
        compiled = descent.load(program.emitted, assembly)
    if descent.timing is not None:
        descent.timing.attach(compiled)
        descent.compilation.timings.append(descent.timing)
    keys = program.emitted.constant_keys
    constants = [np.ascontiguousarray(descent.context.pool[key]) for key in keys]
    given, made = _without_symbols(program.inputs), _without_symbols(program.outputs)
    is_flagged = CHECKS_BOUNDS in function.attributes
    plan = CallPlan(given, made, hint_of(program.arena), is_long, program.sizes, is_flagged)
    return native_code(compiled, plan, constants, slow, program.arena)


def _elements(op: Operation) -> int:
    sizes = [r.type.sizes for r in op.results if isinstance(r.type, tt.TensorType) and r.type.is_static]
    return sum(hint_of(prod(s)) for s in sizes if s is not None)


def _array_specs(values: Sequence[SSAValue]) -> list[ArraySpec]:
    specs = [spec(v) for v in values]
    return [ArraySpec(s.dtype.numpy, _room(s.shape)) for s in specs]


def _room(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of a tensor; the room that one needs at the most, where the program finds how large it is."""
    return (most_of(prod(shape)),) if any(map(holds_found, shape)) else tuple(shape)


def _without_symbols(specs: Sequence[ArraySpec]) -> list[ArraySpec]:
    """Specs of plain numbers, in which `ANY` stands for symbolic sizes."""
    return [ArraySpec(s.dtype, tuple(n if is_known(n) else ANY for n in s.shape)) for s in specs]


def _add_sizes(
    descent: Descent, name: str, inputs: Sequence[ArraySpec], outputs: Sequence[ArraySpec], arena: int
) -> SizesFunction | None:
    """Where sizes are symbolic, add the function `name` that says what they are in a call to the module.

    Raises:
        SizesFoundError: sizes turned out to be equal, or fixed.
    """
    if descent.sizes is None:
        return None
    environment = descent.sizes.environment
    descent.sizes.require_free()
    given, made = ([s.shape for s in specs] for specs in (inputs, outputs))
    function = sizes_function(environment, given, made, arena)
    function.sym_name = StringAttr(name)
    descent.module.body.block.add_op(function)
    return SizesFunction(name, len(environment.symbols))


def _arena_bytes(host: FuncOp) -> int:
    """The size of the host function's last argument, which `plan-memory` has added."""
    symbolic = host.attributes.get(ARENA)
    if isinstance(symbolic, IntAttr):
        return cast("int", symbolic.data)  # pyright: ignore[reportUnknownMemberType]
    kind = host.body.block.args[-1].type
    assert isinstance(kind, MemRefType)
    return kind.get_shape()[0]
