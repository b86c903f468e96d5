"""What a function gives back: which values callers can see, or see the memory of."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue, Use
from xdsl.traits import IsTerminator

from tsc.analysis.known_values import CONSTRUCTIONS, is_returned
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import DerefineOp, PrimIfOp, PrimLoopOp


def is_shown(value: SSAValue) -> bool:
    """Whether `value`, something that holds it, or what may be a view of it, is given back."""
    pending, seen = [value], set[SSAValue]()
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        if is_returned(at):
            return True
        seen.add(at)
        pending += [shown for use in at.uses for shown in _shown_by(use)]
    return False


def is_in_loop(op: Operation) -> bool:
    """Whether `op` may run several times in a call."""
    outer = op.parent_op()
    while outer is not None:
        if isinstance(outer, PrimLoopOp):
            return True
        outer = outer.parent_op()
    return False


def _shown_by(use: Use) -> list[SSAValue]:
    """The values that may be or hold the memory of the value used."""
    reader = use.operation
    outer = reader.parent_op()
    if reader.has_trait(IsTerminator) and isinstance(outer, PrimIfOp):
        return [outer.results[use.index]]
    if reader.has_trait(IsTerminator) and isinstance(outer, PrimLoopOp) and use.index:
        return [outer.results[use.index - 1], outer.regions[0].block.args[use.index]]
    if isinstance(reader, PrimLoopOp):
        carried = use.index - 2
        return [reader.regions[0].block.args[carried + 1], reader.results[carried]] if carried >= 0 else []
    if isinstance(reader, (*CONSTRUCTIONS, DerefineOp)):
        return list(reader.results)
    operator = definition_of(reader)
    is_view = operator is not None and operator.may_share and use.index == 0
    return [r for r in reader.results if isinstance(r.type, (tt.TensorType, tt.ListType))] if is_view else []
