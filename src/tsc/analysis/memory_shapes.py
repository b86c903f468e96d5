"""How tensors lie in memory, if what a function takes is row-major: arrays that lie as they do."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import Block, SSAValue

from tsc.analysis.fusion import tensor_operands
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_value
from tsc.analysis.operator_effects import definition_of, wants_layout
from tsc.analysis.result_layouts import is_row_major
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.tsc import LIES_OTHERWISE
from tsc.dims import hints_of
from tsc.errors import OPERATOR_FAILURES, ShapeError
from tsc.narrowing import is_array
from tsc.ops.definition import Operator, ResultLayout
from tsc.ops.strides import as_elementwise

LARGEST = 2**20
"""Elements up to which arrays are made."""


def cannot_be_viewed(op: AtenOp, pool: ConstantPool) -> bool:
    """Whether a view operator certainly raises in the present call, as its argument lies in memory."""
    if is_row_major(op.operands[0], pool):
        return False
    array = lying_as(op.operands[0], pool)
    rest = [constant_of(operand) for operand in list(op.operands)[1:]]
    operator = definition_of(op)
    if array is None or operator is None or any(r is UNKNOWN for r in rest):
        return False
    try:
        operator.eager(array, *hints_of(rest))
    except ShapeError:
        return True
    except OPERATOR_FAILURES:
        return False
    return False


def lying_as(value: SSAValue, pool: ConstantPool) -> np.ndarray[Any, Any] | None:
    """An array with the shape of a tensor in the present call, that lies as it does; None where that is not
    known. Its elements mean nothing.
    """
    spec = spec_of_value(value)
    if spec is None:
        return None
    shape = tuple(hints_of(spec.shape))
    if int(np.prod(shape)) > LARGEST:
        return None
    if is_row_major(value, pool):
        return np.empty(shape, spec.dtype.numpy)
    owner = value.owner
    if isinstance(owner, Block) or LIES_OTHERWISE in owner.attributes or not isinstance(owner, AtenOp):
        return None
    operator = definition_of(owner)
    if operator is None or wants_layout(owner):
        return None
    if operator.may_share:
        return _shown(owner, operator, pool)
    if operator.result_layout is not ResultLayout.ELEMENTWISE:
        return None
    arrays = [lying_as(operand, pool) for operand in tensor_operands(owner)]
    if any(array is None for array in arrays):
        return None
    return as_elementwise(np.empty(shape, spec.dtype.numpy), [a for a in arrays if a is not None])


def _shown(op: AtenOp, operator: Operator, pool: ConstantPool) -> np.ndarray[Any, Any] | None:
    """What a view operator gives of an array that lies as its argument does."""
    base = lying_as(op.operands[0], pool)
    rest = [constant_of(operand) for operand in list(op.operands)[1:]]
    if base is None or any(r is UNKNOWN for r in rest):
        return None
    try:
        shown = operator.eager(base, *hints_of(rest))
    except OPERATOR_FAILURES:
        return None
    return shown if is_array(shown) else None
