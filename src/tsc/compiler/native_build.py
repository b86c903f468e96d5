"""The last steps of a native compilation: from stage `fused` to something that is called with arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import IntAttr, MemRefType, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.fusion import spec
from tsc.analysis.module_functions import kernels
from tsc.codegen import ALONE, EmittedModule, Linkage
from tsc.compiler.descent import Descent
from tsc.compiler.sizes_function import NAME, sizes_function
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dims import hint_of, is_known
from tsc.passes.plan_memory import ARENA
from tsc.runtime.machine_code import CompiledObject
from tsc.runtime.native import ANY, MISS, ArraySpec, SizesFunction, calls_of, native_function

GIL_ELEMENTS = 1 << 15
"""Elements computed by a call beyond which the GIL is released: a few microseconds of work."""

Run = Callable[..., Any]


@dataclass(frozen=True)
class NativeCode:
    """Native code as two builtins; arrays in, array or tuple of arrays out."""

    entry: Run
    """Calls whose arguments are others go the slow way."""
    strict: Run
    """Gives `MISS` for those."""
    arena_bytes: int = 0
    """Scratch memory of one call."""
    code_bytes: int = 0
    """The object file: machine code with its tables."""

    @property
    def calls(self) -> int:
        """How many calls have computed."""
        return calls_of(self.entry) + calls_of(self.strict)


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


def emit_native(descent: Descent, name: str = "main", linkage: Linkage = ALONE) -> HostProgram:
    """LLVM IR for a function at stage `fused`, which exports `name`, and where sizes are symbolic also
    ``{name}.sizes``.

    Raises:
        CodegenError: something has no native form.
        SizesFoundError: sizes turned out to be equal, or fixed.
    """
    function = descent.function
    inputs = _array_specs(function.body.block.args)
    end = function.body.block.last_op
    assert end is not None
    outputs = _array_specs(end.operands)
    host = descent.lower("loop")
    host.sym_name = StringAttr(name)
    arena = _arena_bytes(host)
    sizes = _add_sizes(descent, f"{name}.{NAME}", inputs, outputs, arena)
    emitted = descent.emit(linkage)
    descent.compilation.kernels += [f.sym_name.data for f in kernels(descent.module)]
    return HostProgram(emitted, inputs, outputs, arena, sizes)


def build_native(descent: Descent, slow: Run) -> NativeCode:
    """Native code for a function at stage `fused`. Calls of its entry whose arguments are others go to
    `slow`.

    Raises:
        CodegenError: something has no native form.
    """
    function = descent.function
    is_long = any(isinstance(o, PrimLoopOp) for o in function.walk())
    is_long |= sum(_elements(o) for o in function.walk()) > GIL_ELEMENTS
    program = emit_native(descent)
    compiled = descent.load(program.emitted)
    constants = _fill_constants(compiled, program.emitted, descent.context.pool)
    given, made = _without_symbols(program.inputs), _without_symbols(program.outputs)
    arena, sizes = program.arena, program.sizes

    def builtin(otherwise: Run) -> Run:
        held = _Slow(otherwise, constants)
        return native_function(
            compiled, "main", given, made, hint_of(arena), held, release_gil=is_long, sizes=sizes
        )

    return NativeCode(builtin(slow), builtin(_missed), arena, len(compiled.object_bytes))


def _missed(*arguments: object) -> Any:
    return MISS


class _Slow:
    """The Python path of a native entry; also what keeps the arrays of the constants alive."""

    def __init__(self, run: Run, constants: object) -> None:
        self.run = run
        self.constants = constants

    def __call__(self, *arguments: object) -> Any:
        return self.run(*arguments)


def _elements(op: Operation) -> int:
    sizes = [r.type.sizes for r in op.results if isinstance(r.type, tt.TensorType) and r.type.is_static]
    return sum(hint_of(prod(s)) for s in sizes if s is not None)


def _array_specs(values: Sequence[SSAValue]) -> list[ArraySpec]:
    specs = [spec(v) for v in values]
    return [ArraySpec(s.dtype.numpy, s.shape) for s in specs]


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


def _fill_constants(compiled: CompiledObject, emitted: EmittedModule, pool: ConstantPool) -> list[Any]:
    """Write the addresses of the constants' arrays into the object's table; the arrays, to be kept alive."""
    if not emitted.constant_keys:
        return []
    arrays = [np.ascontiguousarray(pool[key]) for key in emitted.constant_keys]
    table = (ctypes.c_void_p * len(arrays)).from_address(compiled.address("tsc_constants"))
    for i, array in enumerate(arrays):
        table[i] = array.__array_interface__["data"][0]
    return arrays


def _arena_bytes(host: FuncOp) -> int:
    """The size of the host function's last argument, which `plan-memory` has added."""
    symbolic = host.attributes.get(ARENA)
    if isinstance(symbolic, IntAttr):
        return cast("int", symbolic.data)  # pyright: ignore[reportUnknownMemberType]
    kind = host.body.block.args[-1].type
    assert isinstance(kind, MemRefType)
    return kind.get_shape()[0]
