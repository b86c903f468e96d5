"""By which names written memory is known, and whether a rewriting to values follows them all."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import CONSTRUCTIONS, writes_operand
from tsc.analysis.memory_aliases import AliasSets, Place, has_memory, holds_memory, shared_operands
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import (
    DerefineOp,
    NonValueTensorLiteralOp,
    PrimSetAttrOp,
    PrimUncheckedCastOp,
    ValueTensorLiteralOp,
)
from tsc.dialects.walking import walk

WRAPPERS = (*CONSTRUCTIONS, DerefineOp, PrimUncheckedCastOp)
"""Operations whose result holds, or is, their operands: made again of what those are now when it is read."""
LITERALS = (NonValueTensorLiteralOp, ValueTensorLiteralOp)


def unfollowed_name(function: FuncOp) -> str | None:
    """The operation that gives written memory a name of which nobody can tell what it is after a write.

    `AliasSets` knows, conservatively, all names of a memory. `functionalize` follows new tensors, views of
    one tensor, and what wraps those; a list's element, a branch's result or an attribute is another name.
    """
    sets = AliasSets(function)
    written = {
        sets.own(operand)
        for op in walk(function)
        for i, operand in enumerate(op.operands)
        if writes_operand(op, i)
    }
    for op in walk(function):
        if any(_touches(value, sets, written) for value in _unfollowed(op, function, sets, written)):
            return op.name
    return None


def _unfollowed(op: Operation, function: FuncOp, sets: AliasSets, written: set[Place]) -> Iterable[SSAValue]:
    """The values that get a name by `op` under which they are not followed."""
    if isinstance(op, PrimSetAttrOp):
        yield op.operands[1]
    if op is not function:
        yield from (a for r in op.regions for b in r.blocks for a in b.args)
    if not _is_followed(op, sets, written):
        yield from op.results


def _touches(value: SSAValue, sets: AliasSets, places: set[Place]) -> bool:
    """Whether a value is, or holds, memory in `places`."""
    if not has_memory(value):
        return False
    return sets.own(value) in places or (holds_memory(value) and sets.held(value) in places)


def _is_followed(op: Operation, sets: AliasSets, written: set[Place]) -> bool:
    """Whether the rewriting knows what the results of `op` are after a write."""
    if isinstance(op, (*WRAPPERS, *LITERALS)):
        return True
    if not isinstance(op, AtenOp) or definition_of(op) is None:
        return False
    if op.schema.mutates:
        return True  # its result is what it wrote
    shared = [o for o in shared_operands(op) if _touches(o, sets, written)]
    if not shared:
        return not any(holds_memory(r) for r in op.results)
    return (
        len(op.results) == 1
        and shared == [op.operands[0]]
        and isinstance(op.results[0].type, tt.TensorType)
        and isinstance(op.operands[0].type, tt.TensorType)
    )
