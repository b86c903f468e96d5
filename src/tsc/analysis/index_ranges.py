"""What is known of the numbers in index tensors."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import IntAttr
from xdsl.ir import Operation, SSAValue

from tsc.analysis.fusion import tensor_operands
from tsc.analysis.known_values import constant_of, unwrapped
from tsc.analysis.operator_effects import definition_of
from tsc.dialects.aten import AtenOp
from tsc.dialects.walking import comes_from
from tsc.dims import Dim, certainly_natural, is_known

BELOW = "tsc.below"
"""The attribute of operations that give natural numbers below the one it holds."""


def is_below(index: SSAValue, extent: int) -> bool:
    """Whether the elements of an index tensor certainly are natural numbers below `extent`: all of them come
    from operations that say so, and are only moved.
    """

    def sources(value: SSAValue) -> list[SSAValue] | None:
        owner = value.owner
        if not isinstance(owner, Operation):
            return None
        limit = owner.attributes.get(BELOW)
        if _is_clamped(owner, extent):
            return []
        if isinstance(limit, IntAttr) and certainly_natural(extent - cast("int", limit.data)):  # pyright: ignore[reportUnknownMemberType]
            return []
        return _moved(owner) or None

    return comes_from(unwrapped(index), sources)


def _is_clamped(op: Operation, extent: int) -> bool:
    """Whether `op` takes integers outside the natural numbers below `extent` for the nearest inside."""
    if not isinstance(op, AtenOp) or op.schema.full_name != "aten::clamp":
        return False
    low, high = (constant_of(limit) for limit in op.operands[1:3])
    are_known = all(isinstance(limit, (int, Dim)) for limit in (low, high))
    return are_known and is_known(low) and low == 0 and certainly_natural(extent - 1 - high)


def _moved(op: Operation) -> list[SSAValue]:
    """The tensors whose elements an operation gives in other places, where it does nothing else."""
    operator = definition_of(op)
    if not isinstance(op, AtenOp) or operator is None:
        return []
    if operator.kind in ("view", "reshape", "concat", "join"):
        return tensor_operands(op)
    return [op.operands[0]] if operator.is_identity and op.results[0].type == op.operands[0].type else []
