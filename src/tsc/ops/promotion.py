"""PyTorch's type promotion: which dtype a mix of tensors, 0-dim tensors and Python numbers is computed in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tsc import dtypes
from tsc.dims import Dim
from tsc.dtypes import Category, DType, Number
from tsc.ops.definition import TensorSpec

_FLOAT_RANK = {dtypes.F16: 0, dtypes.BF16: 0, dtypes.F32: 1, dtypes.F64: 2}


def promote(a: DType, b: DType) -> DType:
    """The smallest dtype both convert to (``torch.promote_types``)."""
    if a is b:
        return a
    if a.category is not b.category:
        low, high = sorted((a, b), key=lambda d: d.category)
        if high.is_complex and low is dtypes.F64:
            return dtypes.C128
        return high
    if a.is_complex:
        return dtypes.C128
    if a.is_floating:
        return dtypes.F32 if _FLOAT_RANK[a] == _FLOAT_RANK[b] else max(a, b, key=lambda d: _FLOAT_RANK[d])
    return _promote_integers(a, b)


def _promote_integers(a: DType, b: DType) -> DType:
    if dtypes.U8 in (a, b):
        other = b if a is dtypes.U8 else a
        return dtypes.I16 if other is dtypes.I8 else other
    return a if a.bits >= b.bits else b


def of_number(value: Number | Dim) -> DType:
    """The dtype a Python number has when nothing else decides: int64, float32, complex64, bool."""
    if isinstance(value, bool):
        return dtypes.BOOL
    if isinstance(value, (int, Dim)):
        return dtypes.I64
    return dtypes.C64 if isinstance(value, complex) else dtypes.F32


def dtype_of(operand: TensorSpec | Number | Dim) -> DType:
    """The dtype of one operand: the spec of a tensor, or a Python number."""
    return operand.dtype if isinstance(operand, TensorSpec) else of_number(operand)


def result_dtype(operands: Iterable[TensorSpec | Any]) -> DType:
    """The dtype of an expression over `operands` (``torch.result_type``): specs of tensors, and Python
    numbers.

    Tensors with dims decide; 0-dim tensors only if of a higher category, Python numbers only if of a higher
    one still.
    """
    tiers: list[DType | None] = [None, None, None]
    for operand in operands:
        if isinstance(operand, TensorSpec):
            tier = 0 if operand.shape else 1
        else:
            tier = 2
        dtype = dtype_of(operand)
        current = tiers[tier]
        tiers[tier] = dtype if current is None else promote(current, dtype)
    result: DType | None = None
    for dtype in tiers:
        if dtype is not None and (result is None or _category_rises(result, dtype)):
            result = dtype if result is None else _raise_category(result, dtype)
    assert result is not None, "an operator needs an operand"
    return result


def _category_rises(base: DType, other: DType) -> bool:
    return other.category > base.category


def _raise_category(base: DType, other: DType) -> DType:
    if other.category is Category.COMPLEX and base.is_floating:
        return dtypes.C128 if base is dtypes.F64 else dtypes.C64
    return other


def computation_dtype(dtype: DType) -> DType:
    """The dtype arithmetic on `dtype` is done in: float32 for float16 and bfloat16."""
    return dtypes.F32 if dtype in dtypes.REDUCED else dtype
