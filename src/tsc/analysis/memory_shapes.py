"""How tensors lie in memory, if what a function takes is row-major: arrays that lie as they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import Block, SSAValue

from tsc.analysis.fusion import tensor_operands
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_value
from tsc.analysis.operator_effects import definition_of, wants_layout
from tsc.analysis.probing import probe
from tsc.analysis.result_layouts import is_row_major
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dialects.tsc import LIES_OTHERWISE
from tsc.dims import hints_of, holds_dim
from tsc.errors import OPERATOR_FAILURES, ShapeError
from tsc.narrowing import is_array
from tsc.ops.definition import Operator, ResultLayout, TensorSpec
from tsc.ops.strides import as_elementwise

LARGEST = 2**20
"""Elements up to which arrays are made."""
DEEPEST = 100
"""Operators from a tensor back to what it is computed of, up to which they are looked at."""


def cannot_be_viewed(op: AtenOp, pool: ConstantPool) -> bool:
    """Whether a view operator certainly raises in the present call, as its argument lies in memory."""
    if is_row_major(op.operands[0], pool):
        return False
    array = Lying(pool, in_any_call=False).of(op.operands[0])
    rest = [constant_of(operand) for operand in list(op.operands)[1:]]
    operator = definition_of(op)
    if array is None or operator is None or any(r is UNKNOWN for r in rest):
        return False
    try:
        probe(operator, array, *hints_of(rest))
    except ShapeError:
        return True
    except OPERATOR_FAILURES:
        return False
    return False


def dims_in_memory(value: SSAValue, pool: ConstantPool) -> list[int] | None:
    """The order in which the dims of a tensor certainly make it row-major, whatever the arguments of the
    function are; None where that is not known.
    """
    array = Lying(pool, in_any_call=True).of(value)
    if array is None:
        return None
    order = sorted(range(array.ndim), key=lambda d: (-array.strides[d], array.shape[d] != 1))
    return order if array.transpose(order).flags.c_contiguous else None


class Lying:
    """How tensors lie in the present call, or `in_any_call`, whatever the arguments of the function are: each
    is looked at once.
    """

    def __init__(self, pool: ConstantPool, in_any_call: bool) -> None:
        self._pool = pool
        self._in_any_call = in_any_call
        self._known: dict[SSAValue, np.ndarray[Any, Any] | None] = {}
        self._depth = 0

    def of(self, value: SSAValue) -> np.ndarray[Any, Any] | None:
        """An array with the shape of a tensor that lies as it does; None where that is not known. Its
        elements mean nothing.
        """
        if value not in self._known:
            self._depth += 1
            self._known[value] = self._found(value) if self._depth <= DEEPEST else None
            self._depth -= 1
        return self._known[value]

    def is_row_major(self, value: SSAValue) -> bool:
        """Whether a tensor certainly is row-major."""
        if not isinstance(value.type, tt.TensorType):
            return False
        if is_row_major(value, self._pool, of_any_arguments=self._in_any_call):
            return True
        array = self.of(value)
        return array is not None and array.flags.c_contiguous

    def certainly_copied(self, op: AtenOp) -> bool:
        """Whether an operator whose result may be memory of its argument, as that lies there
        (``contiguous``), gives a copy.
        """
        operator = definition_of(op)
        if operator is None or not operator.shares_by_layout:
            return False
        given = self.of(op.operands[0])
        shown = None if given is None else _shown(op, operator, given)
        if given is None or shown is None:
            return False
        return given.size > 0 and not np.may_share_memory(given, shown)

    def _found(self, value: SSAValue) -> np.ndarray[Any, Any] | None:
        spec = spec_of_value(value)
        if spec is None or (self._in_any_call and holds_dim(spec.shape)):
            return None
        shape = tuple(hints_of(spec.shape))
        if int(np.prod(shape)) > LARGEST:
            return None
        if is_row_major(value, self._pool, of_any_arguments=self._in_any_call):
            return np.empty(shape, spec.dtype.numpy)
        owner = value.owner
        if isinstance(owner, Block) or LIES_OTHERWISE in owner.attributes or not isinstance(owner, AtenOp):
            return None
        operator = definition_of(owner)
        return None if operator is None or wants_layout(owner) else self._given(owner, operator, spec)

    def _given(self, op: AtenOp, operator: Operator, spec: TensorSpec) -> np.ndarray[Any, Any] | None:
        if operator.may_share:
            base = self.of(op.operands[0])
            return None if base is None else _shown(op, operator, base)
        if not operator.result_layout.follows_operands:
            return None
        arrays: list[Any] = []
        for operand in tensor_operands(op):
            array = self.of(operand)
            if array is None:
                return None
            arrays.append(array)
        return _laid_out(op, operator, arrays, spec)


def _laid_out(
    op: AtenOp, operator: Operator, arrays: Sequence[Any], spec: TensorSpec
) -> np.ndarray[Any, Any] | None:
    """A result that is new memory, of arrays that lie as the arguments do."""
    made = np.empty(hints_of(spec.shape), spec.dtype.numpy)
    if operator.result_layout is ResultLayout.ELEMENTWISE:
        return as_elementwise(made, arrays)
    if operator.result_layout is ResultLayout.SUGGESTED and arrays:
        is_image = arrays[0].ndim > 3 and not arrays[0].flags.c_contiguous
        return None if is_image else made
    return _computed(op, operator, arrays) if operator.result_layout is ResultLayout.FOLLOWING else None


def _computed(op: AtenOp, operator: Operator, arrays: Sequence[Any]) -> np.ndarray[Any, Any] | None:
    """What an operator gives of arrays that lie as its arguments do."""
    given = iter(arrays)
    arguments: list[Any] = []
    for operand in op.operands:
        if isinstance(operand.type, tt.TensorType):
            arguments.append(next(given))
        elif isinstance(operand.owner, PrimListConstructOp) and operand.type == tt.ListType(tt.TENSOR):
            arguments.append([next(given) for _ in operand.owner.operands])
        else:
            arguments.append(hints_of(constant_of(operand)))
    if any(argument is UNKNOWN for argument in arguments):
        return None
    try:
        made = probe(operator, *arguments)
    except OPERATOR_FAILURES:
        return None
    return made if is_array(made) else None


def _shown(op: AtenOp, operator: Operator, base: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """What a view operator gives of an array that lies as its argument does."""
    rest = [constant_of(operand) for operand in list(op.operands)[1:]]
    if any(r is UNKNOWN for r in rest):
        return None
    try:
        shown = probe(operator, base, *hints_of(rest))
    except OPERATOR_FAILURES:
        return None
    return shown if is_array(shown) else None
