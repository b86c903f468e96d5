"""Mixed programs: the specialized function as generated Python, with native kernels for its groups."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from tsc.analysis.fusion import CHECKS_BOUNDS
from tsc.analysis.memory_aliases import shared_operands
from tsc.analysis.result_layouts import is_row_major
from tsc.compiler.descent import Descent
from tsc.compiler.dumps import Dump
from tsc.compiler.entry import Entry
from tsc.compiler.native_build import build_native
from tsc.dialects.aten import AtenOp
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.dtypes import Array
from tsc.errors import CodegenError, UnsuitedError
from tsc.options import options
from tsc.runtime.generic import GenericFunction
from tsc.runtime.native_results import SINGLE, NativeResults
from tsc.runtime.result_forms import ResultForm
from tsc.tracebacks import warn_user

Run = Callable[..., Any]


def build_mixed(descent: Descent, entry: Entry, call: Run) -> tuple[Run, str]:
    """What runs a function at stage `fused`, and its Python text. `call` runs other functions. A group that
    has no native form runs operator by operator, with a warning.

    Raises:
        CodegenError: a group has no native form, and the options are strict.
    """
    function = descent.function
    kernels: dict[Operation, Run] = {}
    in_python = descent.compilation.python_groups
    for number, op in enumerate(op for op in walk(function) if isinstance(op, GroupOp)):
        if all(map(_shows, op.body.ops)):
            kernels[op] = _operators_of(op, entry, call)
            in_python[number] = "it may give memory of its operand, which Python need not copy"
            continue
        try:
            kernels[op] = _group_kernel(descent, op, entry, call)
        except CodegenError as error:
            if options().is_strict:
                raise
            text = f"{entry.name}: a part is not compiled, and runs operator by operator: {error.message}"
            warn_user(text)
            kernels[op] = _operators_of(op, entry, call)
            in_python[number] = error.message
    generic = GenericFunction(function, entry.pool, entry.unit, call, kernels)
    if descent.dump is not None:
        descent.dump.write("generic.py", generic.source)
    form = ResultForm.of(function)
    checks = CHECKS_BOUNDS in function.attributes

    def run(*arrays: Array) -> Any:
        result = generic(*arrays)
        if form.structure is None and not form.written:
            return result
        tensors = cast("tuple[Any, ...]", result) if isinstance(result, tuple) else (result,)
        if checks and tensors[-1]:
            raise UnsuitedError("the generic tier is needed")
        return form.complete(tensors, arrays, entry.unit)

    return run, generic.source


def _shows(op: Operation) -> bool:
    """Whether `op`, in a group, gives what may be memory of its operand: Python need not copy it."""
    return not isinstance(op, AtenOp) or bool(shared_operands(op))


def _group_kernel(descent: Descent, group: GroupOp, entry: Entry, call: Run) -> Run:
    """One group as a native function of its own, which gives the strides that its operators give."""
    generic = _operators_of(group, entry, call)
    structure: list[Any] = ["tuple", [["tensor", i] for i in range(len(group.results))]]
    made: list[NativeResults] = []

    def run(*arrays: Array) -> Any:
        return made[0](arrays, partial(generic, *arrays))

    native = build_native(_descent_of(group, descent), run).entry
    end = group.body.last_op
    assert end is not None
    results = NativeResults(
        native,
        ResultForm(structure) if len(group.results) > 1 else SINGLE,
        entry.unit,
        is_row_major=all(is_row_major(o, descent.context.pool) for o in end.operands),
    )
    made.append(results)
    return native if results.is_direct else run


def _descent_of(group: GroupOp, descent: Descent) -> Descent:
    """The way down of one group alone."""
    module, dump = ModuleOp([_as_function(group)]), Dump.begin("group", descent.context.pool)
    return Descent(descent.context, module, "fused", descent.compilation, dump)


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

    def run(*arrays: Array) -> Any:
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
