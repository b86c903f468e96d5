"""How large the elements of integer tensors, and the numbers that are read from them, may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, cast

from xdsl.dialects.builtin import IntAttr
from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.analysis.index_ranges import BELOW
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_value, unwrapped
from tsc.analysis.number_reads import READS
from tsc.dialects.aten import AtenOp
from tsc.dims import certainly_natural, maximum, minimum, most_of
from tsc.ops.shapes import wrap_dims

MOST_STEPS = 16
"""Operators that are looked through, one behind the other."""


def largest(value: SSAValue, steps: int = MOST_STEPS) -> int | None:
    """What a number, or each element of a tensor, surely is not above; None where that is not known. Sizes of
    arguments may be in it, and no others.
    """
    owner = unwrapped(value).owner
    known = constant_of(value)
    if isinstance(known, int) and not isinstance(known, bool):
        return known
    if not isinstance(owner, AtenOp) or not steps:
        return None
    below = owner.attributes.get(BELOW)
    if isinstance(below, IntAttr):
        return most_of(cast("int", below.data)) - 1  # pyright: ignore[reportUnknownMemberType]
    rule = RULES.get(owner.schema.full_name)
    return None if rule is None else rule(owner, lambda v: largest(v, steps - 1))


Ask = Callable[[SSAValue], "int | None"]
Rule = Callable[[AtenOp, Ask], "int | None"]


def _of_first(op: AtenOp, ask: Ask) -> int | None:
    return ask(op.operands[0])


def _count(op: AtenOp, ask: Ask) -> int | None:
    """A sum of truth values is at most their number."""
    spec = spec_of_value(op.operands[0])
    if spec is None or spec.dtype is not dtypes.BOOL:
        return None
    dims: Any = constant_of(op.operands[1]) if "dim" in op.schema.full_name else None
    if dims is UNKNOWN:
        return None
    reduced = wrap_dims(dims, spec.ndim) if dims else range(spec.ndim)
    return most_of(prod(spec.shape[d] for d in reduced))


def _least_of(op: AtenOp, ask: Ask) -> int | None:
    known = [limit for limit in map(ask, op.operands[:2]) if limit is not None]
    return minimum(*known) if known else None


def _greatest_of(op: AtenOp, ask: Ask) -> int | None:
    known = [ask(o) for o in op.operands[:2]]
    return None if None in known else maximum(*known)


def _clamped(op: AtenOp, ask: Ask) -> int | None:
    high: Any = constant_of(op.operands[-1])
    if isinstance(high, int):
        return high if certainly_natural(high) else None
    low: Any = constant_of(op.operands[1])
    known = ask(op.operands[0])
    return maximum(known, low) if high is None and isinstance(low, int) and known is not None else None


def _converted(op: AtenOp, ask: Ask) -> int | None:
    """What is converted to int64 keeps its value."""
    spec = spec_of_value(op.results[0])
    return ask(op.operands[0]) if spec is not None and spec.dtype is dtypes.I64 else None


def _sum(op: AtenOp, ask: Ask) -> int | None:
    known = [ask(o) for o in op.operands[:2]]
    factor = constant_of(op.operands[2]) if len(op.operands) > 2 else 1
    return None if None in known or factor != 1 else sum(cast("list[int]", known))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(READS, _of_first),
    **dict.fromkeys(("aten::sum", "aten::sum.dim_IntList"), _count),
    **dict.fromkeys(
        (
            "aten::max", "aten::min", "aten::amax", "aten::amin", "aten::select.int", "aten::slice.Tensor",
            "aten::reshape", "aten::view", "aten::unsqueeze", "aten::squeeze", "aten::squeeze.dim",
            "aten::expand", "aten::clone", "aten::index.Tensor", "aten::index_select", "aten::item",
            "aten::detach", "aten::contiguous",
        ),
        _of_first,
    ),
    "aten::to.dtype": _converted,
    "aten::minimum": _least_of,
    "aten::min.other": _least_of,
    "prim::min.int": _least_of,
    "aten::maximum": _greatest_of,
    "aten::max.other": _greatest_of,
    "prim::max.int": _greatest_of,
    "aten::clamp": _clamped,
    "aten::add.int": _sum,
    "aten::add.Scalar": _sum,
    "aten::add.Tensor": _sum,
    "prim::NumToTensor.Scalar": _of_first,
}  # fmt: skip
"""What operators say of the elements of their results."""
