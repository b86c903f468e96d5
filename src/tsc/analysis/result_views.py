"""Which results of a function are views of one memory, and how each lies in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_type
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import ValueTensorLiteralOp
from tsc.dialects.tsc import MemoryOp
from tsc.errors import OPERATOR_FAILURES

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class View:
    """A result as a part of `base`, which is row-major: sizes, and strides and offset in bytes."""

    base: SSAValue
    shape: list[int]
    strides: list[int]
    offset: int


def shared_bases(results: Iterable[SSAValue]) -> dict[SSAValue, View]:
    """Those of `results` that are views of an argument, or of what another result is, or is a view of too."""
    views = {value: _view_of_base(value) for value in results}
    found = {value: view for value, view in views.items() if view is not None}
    names: dict[SSAValue, set[SSAValue]] = {}
    for value, view in found.items():
        names.setdefault(view.base, set()).add(value)
    computed = (base for base in names if not isinstance(base.owner, MemoryOp))
    alone = {base for base in computed if len(names[base]) == 1}
    return {value: view for value, view in found.items() if view.base not in alone and value is not view.base}


def shown_argument(value: SSAValue) -> SSAValue | None:
    """The argument that a part of a result is, or is perhaps a view of; None for other memory."""
    base, _ = _taken_of(value)
    return base.owner.operands[0] if isinstance(base.owner, MemoryOp) else None


def _view_of_base(value: SSAValue) -> View | None:
    """`value` as a view of the (computed, constant or given) tensor that it shows; None where that is not
    known.
    """
    base, chain = _taken_of(value)
    spec = spec_of_type(base.type) if isinstance(base.type, tt.ValueTensorType) else None
    if spec is None or not isinstance(base.owner, (AtenOp, ValueTensorLiteralOp, MemoryOp)):
        return None
    whole = np.empty(spec.shape, spec.dtype.numpy)
    part = _taken(whole, reversed(chain))
    if part is None or part.dtype != whole.dtype:
        return None
    offset = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return View(base, list(part.shape), list(part.strides), offset)


def _taken_of(value: SSAValue) -> tuple[SSAValue, list[AtenOp]]:
    """The tensor that `value` shows, and the operators that take it, the last first."""
    chain: list[AtenOp] = []
    while isinstance(value.owner, AtenOp) and _shows_first(value.owner):
        chain.append(value.owner)
        value = value.owner.operands[0]
    return value, chain


def _shows_first(op: AtenOp) -> bool:
    """Whether the one result of `op` may be a view of its first operand."""
    operator = definition_of(op)
    return (
        operator is not None
        and (operator.is_view or operator.is_identity)
        and operator.may_share
        and len(op.results) == 1
        and isinstance(op.results[0].type, tt.ValueTensorType)
        and isinstance(op.operands[0].type, tt.ValueTensorType)
        and (operator.is_view or op.results[0].type.dtype is op.operands[0].type.dtype)
    )


def _taken(whole: Array, chain: Iterable[AtenOp]) -> Array | None:
    """The view of `whole` that a chain of operators takes; None where one copies, or is not decided yet."""
    part = whole
    for op in chain:
        operator = definition_of(op)
        rest = [constant_of(o) for o in list(op.operands)[1:]]
        if operator is None or any(r is UNKNOWN for r in rest):
            return None
        try:
            part = operator.eager(part, *rest)
        except OPERATOR_FAILURES:
            return None
    return part if part.size == 0 or np.may_share_memory(part, whole) else None
