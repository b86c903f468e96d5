"""Whether a tensor is row-major in PyTorch, if what a function takes is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.fusion import tensor_operands
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_value
from tsc.analysis.memory_aliases import memory_sources
from tsc.analysis.operator_effects import definition_of, wants_layout
from tsc.analysis.probing import probe
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp, PrimUninitializedOp, ValueTensorLiteralOp
from tsc.dialects.tsc import LIES_OTHERWISE
from tsc.dialects.walking import comes_from, walk
from tsc.dims import alike, certainly_equal, hints_of, holds_dim, is_one
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_array, is_list
from tsc.ops.definition import Operator, ResultLayout, TensorSpec
from tsc.ops.index_views import IndexView
from tsc.ops.strides import element_strides


def is_row_major(value: SSAValue, pool: ConstantPool, *, of_any_arguments: bool = False) -> bool:
    """Whether `value` certainly is row-major, if the arguments of the function are or `of_any_arguments`; the
    arrays of constants, in `pool`, show how those lie.
    """

    def sources(at: SSAValue) -> list[SSAValue] | None:
        is_given = isinstance(at.owner, Block) and isinstance(at.owner.parent_op(), FuncOp)
        return None if of_any_arguments and is_given else _sources(at, pool)

    return comes_from(value, sources)


def _sources(value: SSAValue, pool: ConstantPool) -> list[SSAValue] | None:
    """The tensors that must be row-major for `value` to be; None where that is not enough."""
    owner = value.owner
    spec = spec_of_value(value)
    if spec is not None and not spec.shape:  # a number has one place
        return []
    if isinstance(owner, (Block, PrimIfOp, PrimLoopOp)):
        return memory_sources(value)  # of an argument of the function, nothing
    if isinstance(owner, PrimUninitializedOp):
        return []
    if LIES_OTHERWISE in owner.attributes:
        return None
    if isinstance(owner, ValueTensorLiteralOp):
        return [] if literal_array(pool, owner).flags.c_contiguous else None
    operator = definition_of(owner)
    if operator is None or wants_layout(owner):
        return None
    if operator.may_share and not operator.shares_by_layout:
        return _shown(owner, operator)
    if operator.result_layout is ResultLayout.ROW_MAJOR:
        return []
    if operator.result_layout is ResultLayout.ELEMENTWISE:
        return [_ordered_as(operand) for operand in tensor_operands(owner)]
    return tensor_operands(owner) if operator.result_layout.follows_operands else None


def _ordered_as(value: SSAValue) -> SSAValue:
    """A tensor that is row-major if what is computed of `value` element by element is: that has the dims of
    `value` in their order, but no gaps. Of a view with gaps in row-major memory it is what that is a view of.
    """
    owner = value.owner
    operator = definition_of(owner) if isinstance(owner, Operation) else None
    if not isinstance(owner, Operation) or operator is None or operator.kind != "view":
        return value
    source, *others = owner.operands
    spec, rest = spec_of_value(source), [constant_of(o) for o in others]
    if spec is None or any(r is UNKNOWN for r in rest) or holds_dim([spec.shape, rest]):
        return value
    try:
        part = probe(operator, np.empty(spec.shape, spec.dtype.numpy), *rest)
    except OPERATOR_FAILURES:
        return value
    is_ordered = is_array(part) and all(n > 1 for n in part.shape)  # where a dim of one lies nobody says
    return source if is_ordered and all(a > b for a, b in pairwise((*part.strides, 0))) else value


def _shown(op: Operation, operator: Operator) -> list[SSAValue] | None:
    """The operand of a view, where what it shows of row-major memory is row-major."""
    source = op.operands[0]
    before, after = spec_of_value(source), spec_of_value(op.results[0])
    if before is None or after is None:
        return None
    if operator.is_identity and alike(before.shape, after.shape):
        return [source]
    rest = [constant_of(o) for o in list(op.operands)[1:]]
    if any(r is UNKNOWN for r in rest):
        return None
    try:
        is_whole = _shows_whole_memory(operator, before, after, rest)
    except OPERATOR_FAILURES:
        return None
    return [source] if is_whole else None


def _shows_whole_memory(
    operator: Operator, before: TensorSpec, after: TensorSpec, rest: Sequence[Any]
) -> bool:
    """Whether a view of row-major memory is row-major; where sizes are symbolic: whatever they are. A dim of
    one element in the present call, where its stride says nothing, may have more in others.
    """
    if not holds_dim([before.shape, after.shape, rest]):
        part = probe(operator, np.empty(before.shape, before.dtype.numpy), *rest)
        return is_array(part) and part.flags.c_contiguous
    if operator.kind == "reshape":
        return True
    if operator.kind == "view" and before.dtype is after.dtype:
        view = probe(operator, IndexView.of(before.shape, before.dtype.numpy), *rest)
        return isinstance(view, IndexView) and _is_dense(view.shape, _strides(view, before.shape))
    part = probe(operator, np.empty(hints_of(before.shape), before.dtype.numpy), *hints_of(rest))
    return is_array(part) and _is_dense(after.shape, element_strides(part))


def has_equal_strides(function: FuncOp) -> bool:
    """Whether a view in `function` has two dims that step alike (`unfold`), or may: by their sizes alone
    PyTorch decides which of them lies inside the other one in what is computed of it.
    """
    return any(_steps_alike(op) for op in walk(function) if isinstance(op, AtenOp))


def _steps_alike(op: AtenOp) -> bool:
    operator = definition_of(op)
    if operator is None or operator.kind != "view":
        return operator is not None and operator.reads_layout and operator.may_share
    spec, rest = spec_of_value(op.operands[0]), [constant_of(o) for o in list(op.operands)[1:]]
    shown = spec_of_value(op.results[0])
    is_other = shown is not None and spec is not None and shown.dtype is not spec.dtype
    if spec is None or is_other or any(r is UNKNOWN for r in rest):
        return False
    try:
        view = probe(operator, IndexView.of(spec.shape, spec.dtype.numpy), *rest)
    except OPERATOR_FAILURES:
        return False
    views: list[Any] = view if is_list(view) else [view]
    steps = [[step.along for step in v.strides if step.along] for v in views if isinstance(v, IndexView)]
    return any(len(set(along)) < len(along) for along in steps)


def _strides(view: IndexView, source: Sequence[int]) -> list[int]:
    """The steps between neighbours of each dim, in elements, of a view of row-major memory."""
    return [sum(n * prod(source[d + 1 :]) for d, n in step.along) for step in view.strides]


def _is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether these are certainly the strides of row-major memory."""
    dense = [prod(shape[i + 1 :]) for i in range(len(shape))]
    return all(is_one(n) or certainly_equal(s, d) for n, s, d in zip(shape, strides, dense, strict=True))
