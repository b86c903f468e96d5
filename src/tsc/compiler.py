"""Compiles one function for one set of argument shapes: through the pipeline to native code, or to the
generic tier.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from tsc import pipeline
from tsc.analysis.fusion import CHECKS_BOUNDS, spec
from tsc.analysis.result_layouts import is_row_major
from tsc.codegen import EmittedModule, emit_cpu
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import TorchContext, make_context
from tsc.dialects.torch_ops import ValueTensorLiteralOp
from tsc.dialects.tsc import GroupOp
from tsc.dumps import stage_watcher
from tsc.errors import BoundsError, CodegenError
from tsc.frontend.unit import Unit
from tsc.ops.registry import TensorSpec
from tsc.options import options
from tsc.passes.flatten_results import ATTRIBUTE as RESULT
from tsc.passes.flatten_results import ROW_MAJOR
from tsc.passes.specialize import Specialize
from tsc.runtime.generic import GenericFunction
from tsc.runtime.host import host_target
from tsc.runtime.jit import CompiledObject, compile_llvm
from tsc.runtime.native import ArraySpec, native_function
from tsc.runtime.results import SINGLE, NativeResults, bases, nest
from tsc.verification.verifier import Verifier

GIL_ELEMENTS = 1 << 15
"""Elements computed by a call beyond which the GIL is released: a few microseconds of work."""

Run = Callable[..., Any]
Arrays = Sequence[np.ndarray[Any, Any]]


@dataclass
class Compilation:
    """What compiling did: passes, operations, kernels, and the time of each phase."""

    report: pipeline.Report = field(default_factory=pipeline.Report)
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    kernels: list[str] = field(default_factory=list[str])
    assembly: Callable[[], str] | None = None
    llvm: str = ""


@dataclass(eq=False)
class Specialization:
    """A function compiled for particular arguments. `run` takes the flat arrays and gives the result; where
    it is native, it also takes what runs the generic tier on them.
    """

    run: Run
    is_native: bool
    reason: str | None
    """Why it is not native."""
    compilation: Compilation
    source: str = ""
    """Of the generic tier: the Python text."""

    @property
    def native(self) -> Run | None:
        """The native entry itself, where what it gives is the result."""
        return self.run.native if isinstance(self.run, NativeResults) and self.run.is_direct else None


@dataclass(eq=False)
class Entry:
    """A function ready to be specialized: at stage `frozen`, with the arrays of its constants."""

    module: ModuleOp
    name: str
    pool: ConstantPool
    unit: Unit
    fuses_contractions: bool = True
    """Whether contractions are fused with what follows them."""

    @property
    def function(self) -> FuncOp:
        """The function's operation."""
        return next(f for f in self.module.ops if isinstance(f, FuncOp) and f.sym_name.data == self.name)

    def alone(self) -> ModuleOp:
        """A copy of the function in a module of its own."""
        return ModuleOp([self.function.clone()])


def specialized(
    entry: Entry, arguments: Sequence[str], stop_after: str, compilation: Compilation, label: str = "",
    check: pipeline.Watcher | None = None,
) -> tuple[TorchContext, ModuleOp]:  # fmt: skip
    """The function lowered to `stop_after` for arguments as `Specialize` spells them."""
    context = make_context(entry.pool)
    module = entry.alone()
    begin = time.perf_counter()
    Specialize(tuple(arguments)).apply(context, module)
    watch = stage_watcher(label or entry.name, entry.pool)
    for watcher in filter(None, (watch, check)):
        watcher("frozen", Specialize(tuple(arguments)), module)
    pipeline.lower(
        context,
        module,
        start="frozen",
        stop_after=stop_after,
        target=host_target(),
        fuse_contractions=entry.fuses_contractions,
        watch=watch,
        report=compilation.report,
        check=check,
    )
    compilation.seconds["passes"] = compilation.seconds.get("passes", 0.0) + time.perf_counter() - begin
    return context, module


def compile_for(
    entry: Entry, arguments: Sequence[str], slow: Run, call: Run, arrays: Arrays = ()
) -> Specialization:
    """Compile `entry` for arguments of these shapes.

    `slow` is where the native entry sends calls whose arguments are others; `call` runs functions in the
    generic tier. With ``TSC_VERIFY=1`` every pass is held to what the function does with `arrays`.

    Raises:
        TscError: the compiler failed in a way the generic tier could not do better at.
    """
    compilation = Compilation()
    made = Verifier(entry.name, entry.pool, entry.unit, arrays, call, nest)
    verifier = made if options().is_verified else None
    check = None if verifier is None else verifier.check
    context, module = specialized(entry, arguments, "fused", compilation, check=check)
    function = next(f for f in module.ops if isinstance(f, FuncOp))
    reason = _why_not_native(function, entry.pool)
    if reason is None:
        try:
            native, _ = build_native(context, module.clone(), slow, compilation, check)
            if verifier is not None:
                verifier.check_native(native)
            results = _results(function, native, entry.unit, _explaining(entry, arguments, call))
            return Specialization(results, True, None, compilation)
        except CodegenError as error:
            reason = error.message
    explain = _explaining(entry, arguments, call)
    return _generic(context, function, entry, call, compilation, reason, explain)


def _why_not_native(function: FuncOp, pool: ConstantPool) -> str | None:
    if RESULT not in function.attributes:
        return "its result is not made of tensors and constants alone, or shares memory with an argument"
    end = function.body.block.last_op
    assert isinstance(end, ReturnOp)
    if not end.operands:
        return "it computes no tensor"
    for value in [*function.body.block.args, *end.operands]:
        if not isinstance(value.type, tt.ValueTensorType) or not value.type.is_static:
            return f"the shape of '{value.name_hint or 'a result'}' is not known before it runs"
        if isinstance(value.owner, ValueTensorLiteralOp) and value.owner.resource_key in pool.attributes:
            return f"it returns the attribute '{value.owner.resource_key}' itself, not a copy"
    return None


def build_native(
    context: TorchContext, module: ModuleOp, slow: Run, compilation: Compilation,
    check: pipeline.Watcher | None = None,
) -> tuple[Run, CompiledObject]:  # fmt: skip
    """Native code for the only function of a module at stage `fused`; arrays in, array or tuple of arrays
    out.

    Raises:
        CodegenError: something has no native form.
    """
    function = next(f for f in module.ops if isinstance(f, FuncOp))
    inputs = [spec(a) for a in function.body.block.args]
    end = function.body.block.last_op
    assert end is not None
    outputs = [spec(o) for o in end.operands]
    work = sum(_elements(o) for o in function.walk())
    begin = time.perf_counter()
    watch = stage_watcher(function.sym_name.data, context.pool)
    pipeline.lower(
        context,
        module,
        start="fused",
        stop_after="loop",
        target=host_target(),
        watch=watch,
        report=compilation.report,
        check=check,
    )
    lowered = time.perf_counter()
    emitted = emit_cpu(module, host_target())
    written = time.perf_counter()
    compiled = compile_llvm(emitted.text, host_target())
    done = time.perf_counter()
    for phase, seconds in (
        ("passes", lowered - begin),
        ("emit", written - lowered),
        ("llvm", done - written),
    ):
        compilation.seconds[phase] = compilation.seconds.get(phase, 0.0) + seconds
    compilation.kernels = [
        f.sym_name.data for f in module.ops if isinstance(f, FuncOp) and f.sym_visibility is not None
    ]
    compilation.assembly, compilation.llvm = compiled.assembly, emitted.text
    constants = _fill_constants(compiled, emitted, context.pool)
    arena = _arena_bytes(module)
    slow_path = _Slow(slow, constants)
    native = native_function(
        compiled,
        "main",
        _array_specs(inputs),
        _array_specs(outputs),
        arena,
        slow_path,
        release_gil=work > GIL_ELEMENTS,
    )
    return native, compiled


class _Slow:
    """The Python path of a native entry; also what keeps the arrays of the constants alive."""

    def __init__(self, run: Run, constants: Any) -> None:
        self.run = run
        self.constants = constants

    def __call__(self, *arguments: Any) -> Any:
        return self.run(*arguments)


def _elements(op: Operation) -> int:
    sizes = [r.type.sizes for r in op.results if isinstance(r.type, tt.TensorType) and r.type.is_static]
    return sum(int(np.prod(s)) for s in sizes if s is not None)


def _array_specs(specs: Sequence[TensorSpec]) -> list[ArraySpec]:
    return [ArraySpec(s.dtype.numpy, s.shape) for s in specs]


def _fill_constants(compiled: CompiledObject, emitted: EmittedModule, pool: ConstantPool) -> list[Any]:
    """Write the addresses of the constants' arrays into the object's table; the arrays, to be kept alive."""
    if not emitted.constant_keys:
        return []
    import ctypes

    arrays = [np.ascontiguousarray(pool[key]) for key in emitted.constant_keys]
    table = (ctypes.c_void_p * len(arrays)).from_address(compiled.address("tsc_constants"))
    for i, array in enumerate(arrays):
        table[i] = array.__array_interface__["data"][0]
    return arrays


def _arena_bytes(module: ModuleOp) -> int:
    host = next(f for f in module.ops if isinstance(f, FuncOp) and f.sym_visibility is None)
    kind: Any = host.body.block.args[-1].type
    return kind.get_shape()[0]


def _explaining(entry: Entry, arguments: Sequence[str], call: Run) -> Run:
    """What runs after native code has found an index out of range: the generic tier raises the error of the
    operator that it belongs to, with its place in the source.
    """

    def run(*arrays: Any) -> Any:
        _, module = specialized(entry, arguments, "value", Compilation())
        function = next(f for f in module.ops if isinstance(f, FuncOp))
        GenericFunction(function, entry.pool, entry.unit, call)(*arrays)
        raise BoundsError("index out of range in self")

    return run


def _results(function: FuncOp, native: Run, unit: Unit, explain: Run) -> NativeResults:
    """How the results of `native` become the result of the program."""
    attribute = function.attributes[RESULT]
    assert isinstance(attribute, StringAttr)
    checks = explain if CHECKS_BOUNDS in function.attributes else None
    return NativeResults(native, json.loads(attribute.data), unit, checks, ROW_MAJOR in function.attributes)


def _row_major(array: Any) -> Any:
    return array if array.flags.c_contiguous else array.copy(order="C")


def _generic(
    context: TorchContext, function: FuncOp, entry: Entry, call: Run, compilation: Compilation, reason: str,
    explain: Run,
) -> Specialization:  # fmt: skip
    """The specialized function as Python, with native kernels for its groups."""
    kernels: dict[Operation, Run] = {}
    for op in function.walk():
        if isinstance(op, GroupOp):
            kernels[op] = _group_kernel(context, op, entry, call, compilation)
    generic = GenericFunction(function, entry.pool, entry.unit, call, kernels)
    structure = json.loads(function.attributes[RESULT].data) if RESULT in function.attributes else None  # pyright: ignore
    checks, shown = CHECKS_BOUNDS in function.attributes, bases(structure)

    def run(*arrays: Any) -> Any:
        result = generic(*arrays)
        if structure is None:
            return result
        flat = cast("tuple[Any, ...]", result) if isinstance(result, tuple) else (result,)
        tensors = [_row_major(t) if i in shown else t for i, t in enumerate(flat)]
        if checks and tensors[-1]:
            explain(*arrays)
        return nest(structure, tensors, entry.unit)

    return Specialization(run, False, reason, compilation, generic.source)


def _group_kernel(
    context: TorchContext, group: GroupOp, entry: Entry, call: Run, compilation: Compilation
) -> Run:
    """One group as a native function of its own, which gives the strides that its operators give."""
    function, generic = _as_function(group), _operators_of(group, entry, call)
    structure = ["tuple", [["tensor", i] for i in range(len(group.results))]]
    made: list[NativeResults] = []

    def run(*arrays: Any) -> Any:
        return made[0](arrays, partial(generic, *arrays))

    native, _ = build_native(make_context(context.pool), ModuleOp([function]), run, compilation)
    end = group.body.last_op
    assert end is not None
    results = NativeResults(
        native,
        structure if len(group.results) > 1 else SINGLE,
        entry.unit,
        is_row_major=all(map(is_row_major, end.operands)),
    )
    made.append(results)
    return native if results.is_direct else run


def _as_function(group: GroupOp) -> FuncOp:
    """A function that does what the group does."""
    block = Block(arg_types=[o.type for o in group.operands])
    copy = group.clone()
    copy.operands = list(block.args)
    block.add_ops([copy, ReturnOp(*copy.results)])
    signature = ([a.type for a in block.args], [r.type for r in copy.results])
    return FuncOp("group", signature, Region(block))


def _operators_of(group: GroupOp, entry: Entry, call: Run) -> Run:
    """The operators of a group in the generic tier, made when it is first called."""
    made: list[GenericFunction] = []

    def run(*arrays: Any) -> Any:
        if not made:
            made.append(GenericFunction(_opened(group), entry.pool, entry.unit, call))
        return made[0](*arrays)

    return run


def _opened(group: GroupOp) -> FuncOp:
    """A function whose body is that of the group."""
    block = Block(arg_types=[a.type for a in group.body.args])
    values: dict[SSAValue, SSAValue] = dict(zip(group.body.args, block.args, strict=True))
    for op in group.body.ops:
        if op is not group.body.last_op:
            block.add_op(op.clone(values))
    end = group.body.last_op
    assert end is not None
    returned = [values[v] for v in end.operands]
    block.add_op(ReturnOp(*returned))
    return FuncOp("group", ([a.type for a in block.args], [v.type for v in returned]), Region(block))
