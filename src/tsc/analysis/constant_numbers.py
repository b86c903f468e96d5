"""Tensors of few elements that are known though tensors may be written: nothing writes to these."""

from __future__ import annotations

from typing import Any

from xdsl.dialects.func import ReturnOp
from xdsl.ir import SSAValue

from tsc.analysis.known_values import (
    CONSTRUCTIONS,
    UNKNOWN,
    constant_of,
    is_list_mutated,
    spec_of_type,
    spec_of_value,
)
from tsc.analysis.operator_effects import definition_of, is_foldable
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_ops import NonValueTensorLiteralOp, PrimListConstructOp
from tsc.dims import Dim, certainly_natural, holds_dim
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_array

SCALAR_FORMS = {f"aten::{name}.Tensor": f"aten::{name}.Scalar" for name in ("add", "sub", "mul", "div")}
DIVISOR_FORMS = {
    "aten::div.Tensor_mode": "aten::div.Scalar_mode", "aten::floor_divide": "aten::floor_divide.Scalar",
    "aten::remainder.Tensor": "aten::remainder.Scalar", "aten::fmod.Tensor": "aten::fmod.Scalar",
}  # fmt: skip
"""Operators on integers that raise where such a tensor is 0, which native code must know it is not."""
REPEATED = "aten::repeat_interleave.self_Tensor"
NUMBER_FORMS = {**SCALAR_FORMS, **DIVISOR_FORMS, REPEATED: "aten::repeat_interleave.self_int"}
"""The operators that take a number in the place of such a tensor."""
MOST_ELEMENTS = 16
"""Elements of a tensor that is looked at: traces compute sizes with tensors of one."""
DEEPEST = 100
"""Operators from a tensor back to the constants it is computed of, up to which they are looked at."""


def constant_number(op: AtenOp, pool: ConstantPool) -> Any:
    """The number that `op` adds, subtracts, multiplies or divides by, where that is a constant tensor without
    dims; else None.

    PyTorch's executor takes such a tensor as a number, which matters to type promotion: a trace by PyTorch
    holds the 1.5 of ``torch.arange(3) * 1.5`` as a float64 tensor, and the product is float32.
    """
    if op.schema.full_name not in SCALAR_FORMS:
        return None
    literal = op.operands[1].owner
    if not isinstance(literal, NonValueTensorLiteralOp):
        return None
    array = literal_array(pool, literal)
    if array.shape != () or not is_only_read(literal.results[0], with_views=False):
        return None
    return array.item()


def number_taken(op: AtenOp, pool: ConstantPool) -> Any:
    """The number that an operator of `NUMBER_FORMS` may be given in place of its second operand, or None."""
    name = op.schema.full_name
    if name == REPEATED:
        return _repeats(op, pool)
    return _divisor(op, pool) if name in DIVISOR_FORMS else constant_number(op, pool)


def _divisor(op: AtenOp, pool: ConstantPool) -> Any:
    """The number, or size, that `op` divides integers of the same dtype by, where it is known and not 0; else
    None.
    """
    specs = [spec_of_value(operand) for operand in op.operands[:2]]
    dtypes_of = {spec.dtype if spec is not None else None for spec in specs}
    found = specs[1]
    if len(dtypes_of) != 1 or found is None or found.shape or not found.dtype.is_integral:
        return None
    array = ComputedNumbers(pool).of(op.operands[1])
    return int(array.item()) or None if is_array(array) else _size_held(op.operands[1])


def _size_held(value: SSAValue) -> Any:
    """The size that a tensor was made of, which certainly is not 0; else None."""
    owner = value.owner
    if not isinstance(owner, AtenOp) or owner.schema.full_name != "prim::NumToTensor.Scalar":
        return None
    size = constant_of(owner.operands[0])
    is_some = isinstance(size, Dim) and certainly_natural(size - 1)
    return size if is_some and is_only_read(value) else None


def _repeats(op: AtenOp, pool: ConstantPool) -> int | None:
    """How often ``repeat_interleave`` repeats each element, where that is one known number; else None."""
    array = ComputedNumbers(pool).of(op.operands[1])
    return int(array.item()) if is_array(array) and array.size == 1 else None


class ComputedNumbers:
    """Looks tensors of few elements up, that are constants or computed of constants, and that nobody writes
    to.
    """

    def __init__(self, pool: ConstantPool) -> None:
        self._pool = pool
        self._known: dict[SSAValue, Any] = {}
        self._depth = 0

    def of(self, value: SSAValue) -> Any:
        """The value, or the array, that `value` certainly is; `UNKNOWN` otherwise."""
        found = constant_of(value, self._pool)
        if found is not UNKNOWN or not isinstance(value.type, (tt.TensorType, tt.ListType)):
            return found
        if value not in self._known:
            self._depth += 1
            self._known[value] = self._found(value) if self._depth <= DEEPEST else UNKNOWN
            self._depth -= 1
        return self._known[value]

    def _found(self, value: SSAValue) -> Any:
        owner = value.owner
        if isinstance(owner, PrimListConstructOp) and not is_list_mutated(value):
            parts = [self.of(operand) for operand in owner.operands]
            return UNKNOWN if any(part is UNKNOWN for part in parts) else parts
        spec = spec_of_type(value.type) if isinstance(value.type, tt.TensorType) else None
        if spec is None or holds_dim(spec.shape) or spec.size > MOST_ELEMENTS or not is_only_read(value):
            return UNKNOWN
        if isinstance(owner, NonValueTensorLiteralOp):
            return literal_array(self._pool, owner)
        return self._computed(owner) if isinstance(owner, AtenOp) else UNKNOWN

    def _computed(self, op: AtenOp) -> Any:
        operator = definition_of(op)
        if operator is None or len(op.results) != 1 or not is_foldable(op):
            return UNKNOWN
        arguments = [self.of(operand) for operand in op.operands]
        if any(argument is UNKNOWN for argument in arguments) or holds_dim(arguments):
            return UNKNOWN
        try:
            found = operator.eager(*arguments)
        except OPERATOR_FAILURES:
            return UNKNOWN  # the call is wrong, and raises when the program runs
        return found if is_array(found) else UNKNOWN


def is_only_read(value: SSAValue, *, with_views: bool = True) -> bool:
    """Whether all users of a tensor certainly do not write to it, and either are no views, or are only read
    themselves; what becomes of it once it is returned does not matter.
    """
    for use in value.uses:
        op = use.operation
        if with_views and isinstance(op, ReturnOp):
            continue
        if with_views and isinstance(op, CONSTRUCTIONS):
            if not all(map(is_only_read, op.results)):
                return False
            continue
        if not isinstance(op, AtenOp) or use.index >= len(op.schema.arguments):
            return False
        formal = op.schema.arguments[use.index]
        if formal.is_written or (formal.alias and not (with_views and all(map(is_only_read, op.results)))):
            return False
    return True
