"""Runs a function at any stage up to `linalg`, without compiling it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region

from tsc.analysis.module_functions import is_kernel
from tsc.dialects.constants import ConstantPool
from tsc.dialects.tsc import GroupOp, YieldOp
from tsc.dialects.walking import walk
from tsc.dtypes import Array
from tsc.frontend.unit import Unit
from tsc.runtime.generic import GenericFunction
from tsc.verification.linalg_interpreter import LinalgInterpreter, signless

Call = Callable[..., Any]


def run_torch(module: ModuleOp, arguments: Sequence[Any], pool: ConstantPool, unit: Unit, call: Call) -> Any:
    """What the function of a module at stage `frozen`, `value` or `fused` returns: operators run eagerly, in
    groups as well.
    """
    function = next(f for f in module.ops if isinstance(f, FuncOp))
    sizes: dict[str, int] = {}
    groups: dict[Operation, Call] = {
        op: _group(op, pool, unit, call, sizes) for op in walk(function) if isinstance(op, GroupOp)
    }
    return GenericFunction(function, pool, unit, call, groups, sizes=sizes)(*arguments)


def _group(group: GroupOp, pool: ConstantPool, unit: Unit, call: Call, sizes: dict[str, int]) -> Call:
    """The operators of a group as a function of their own; `sizes` are those that the program has found."""
    block = Block(arg_types=[a.type for a in group.body.args])
    values: dict[Any, Any] = dict(zip(group.body.args, block.args, strict=True))
    for op in group.body.ops:
        if isinstance(op, YieldOp):
            block.add_op(ReturnOp(*(values[o] for o in op.operands)))
        else:
            block.add_op(op.clone(values))
    signature = ([a.type for a in block.args], [r.type for r in group.results])
    return GenericFunction(FuncOp("group", signature, Region(block)), pool, unit, call, sizes=sizes)


def run_linalg(module: ModuleOp, arguments: Sequence[Array], pool: ConstantPool) -> list[Array]:
    """The arrays that the host function of a module at stage `linalg` returns; integers are signed there."""
    functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
    host = next(f for f in functions.values() if not is_kernel(f))
    return LinalgInterpreter(pool, functions).run(host.body.block, [signless(a) for a in arguments])
