"""Which results of a function are views of one memory, and how each lies in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_type
from tsc.analysis.memory_aliases import memory_sources
from tsc.analysis.operator_effects import definition_of
from tsc.analysis.probing import probe
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp, ValueTensorLiteralOp
from tsc.dialects.tsc import MemoryOp
from tsc.dims import hints_of, holds_dim
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.registry import require

Step = tuple[AtenOp, list[Any]]
"""An operator, and what it is given beside the tensor."""


@dataclass(frozen=True)
class View:
    """A result as a part of `base`, which is row-major: sizes, and strides and offset in bytes."""

    base: SSAValue
    shape: list[int] | None
    """None where sizes are symbolic, or the dtype is another: then the operators say which part it is."""
    strides: list[int]
    offset: int
    steps: list[Step]
    """The operators that take it: what they show of a base that lies otherwise is another part of it, or a
    copy.
    """
    is_symbolic: bool
    """Whether symbolic sizes say which part it is."""
    is_reordered: bool
    """Whether it is all of the base, in another order: what else could be made is a copy."""

    @property
    def lies_as_taken(self) -> bool:
        """Whether its strides may be others for other sizes than those of the present call: elements of the
        base are left out, or put in another order.
        """
        moving = (definition_of(op) for op, _ in self.steps)
        return self.is_symbolic and any(operator is None or operator.kind == "view" for operator in moving)


def shared_bases(results: Iterable[SSAValue], *, takes_views: bool = False) -> dict[SSAValue, View]:
    """Those of `results` that are views of an argument, or of what another result is, or is a view of too. A
    caller that `takes_views` is given others as well: all of what is computed in another order, and those
    where only the sizes of a call say how they lie.
    """
    views = {value: _view_of_base(value) for value in results}
    found = {value: view for value, view in views.items() if view is not None}
    names: dict[SSAValue, set[SSAValue]] = {}
    for value, view in found.items():
        names.setdefault(view.base, set()).add(value)
    computed = (base for base in names if not isinstance(base.owner, MemoryOp))
    alone = {
        base
        for base in computed
        if len(names[base]) == 1
        and not (takes_views and any(found[v].is_reordered or found[v].lies_as_taken for v in names[base]))
    }
    return {value: view for value, view in found.items() if view.base not in alone and value is not view.base}


def shown_argument(value: SSAValue) -> SSAValue | None:
    """The argument that a part of a result is, or is perhaps a view of; None for other memory."""
    base, _ = _taken_of(value)
    return base.owner.operands[0] if isinstance(base.owner, MemoryOp) else None


def uncertain_results(results: Iterable[SSAValue]) -> set[SSAValue]:
    """Those of `results` that are perhaps memory of another, and nobody knows before the program runs."""
    showing: dict[SSAValue, set[SSAValue]] = {}
    for value in results:
        for memory in _memories(value):
            showing.setdefault(memory, set()).add(value)
    found: set[SSAValue] = set()
    for values in showing.values():
        if len(values) > 1 and not all(map(_is_settled, values)):
            found |= values
    return found


def _memories(value: SSAValue) -> set[SSAValue]:
    """The tensors of which `value` may be memory that were made, or given, as their own."""
    pending, seen, made = [value], set[SSAValue](), set[SSAValue]()
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        sources = memory_sources(at)
        pending += sources
        if not sources:
            made.add(at)
    return made


def _is_settled(value: SSAValue) -> bool:
    """Whether it is known of which tensor `value` is memory, and of which part, or that it is a copy."""
    base, chain = _taken_of(value)
    is_base = isinstance(base.owner, MemoryOp) or not memory_sources(base)
    return is_base and _steps(chain) is not None


def _view_of_base(value: SSAValue) -> View | None:
    """`value` as a view of the (computed, constant or given) tensor that it shows, which may be a copy that
    an operator on the way makes; None where that is not known.
    """
    base, chain = _taken_of(value)
    spec = spec_of_type(base.type) if isinstance(base.type, tt.ValueTensorType) else None
    steps = _steps(chain)
    if spec is None or steps is None or not _is_base(base):
        return None
    part = whole = np.empty(hints_of(spec.shape), spec.dtype.numpy)
    begin = 0
    for number, (op, arguments) in enumerate(steps, 1):
        try:
            part = probe(require(op.schema.full_name), part, *hints_of(arguments))
        except OPERATOR_FAILURES:
            return None
        if part.size and not np.may_share_memory(part, whole):
            base, begin = op.results[0], number
            part = whole = np.empty(part.shape, part.dtype)
    offset = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    is_symbolic = holds_dim([spec.shape, *(arguments for _, arguments in steps)])
    shape = None if is_symbolic or part.dtype != whole.dtype else list(part.shape)
    is_reordered = not part.flags.c_contiguous and _shown_places(part) == whole.size
    return View(base, shape, list(part.strides), offset, steps[begin:], is_symbolic, is_reordered)


def _shown_places(array: np.ndarray[Any, Any]) -> int:
    """How many places in memory an array shows, if no two dims show the same."""
    return prod(n for n, stride in zip(array.shape, array.strides, strict=True) if stride)


def _is_base(value: SSAValue) -> bool:
    """Whether a tensor that is no view may be one that others are views of: of a branch or loop only one of
    which it is known that it made it.
    """
    if isinstance(value.owner, (PrimIfOp, PrimLoopOp)):
        return all(isinstance(memory.owner, AtenOp) for memory in _memories(value))
    return isinstance(value.owner, (AtenOp, ValueTensorLiteralOp, MemoryOp))


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


def _steps(chain: Sequence[AtenOp]) -> list[Step] | None:
    """A chain of operators, the first one first, with their arguments; None where some are not known."""
    steps = [(op, [constant_of(o) for o in list(op.operands)[1:]]) for op in reversed(chain)]
    return None if any(a is UNKNOWN for _, arguments in steps for a in arguments) else steps
