"""Arithmetic with numbers, on the tensors without dims that stand for them: what Python's operators give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.ir import SSAValue

from tsc.dialects import torch_types as tt
from tsc.dims import Dim
from tsc.dtypes import F64, I64, DType
from tsc.errors import DTypeError
from tsc.ops.composite import Aten

LOGICAL = {"__and__": "logical_and", "__or__": "logical_or", "__xor__": "logical_xor"}
ARITHMETIC = ("add", "sub", "mul")
DIVISIONS = ("remainder", "floordiv", "div")
EXTREMES = {"prim::max": "maximum", "prim::min": "minimum"}
COMPARISONS = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
"""With what each becomes when its operands change places."""
TENSORS_OF_NUMBERS = ("aten::tensor.int", "aten::tensor.float", "aten::tensor.bool")
"""Operators that make tensors without dims."""
WITH_TENSORS = {
    "aten::fill.Scalar": "fill.Tensor", "aten::masked_fill.Scalar": "masked_fill.Tensor",
    "aten::index_fill.int_Scalar": "index_fill.int_Tensor", "aten::where.ScalarSelf": "where.self",
    "aten::where.ScalarOther": "where.self",
}  # fmt: skip
"""The forms of operators that put tensors without dims where these put numbers."""
FULL = {"aten::full": 1, "aten::full_like": 1, "aten::new_full": 2}
"""Operators that make tensors of one number, and which argument it is."""
VIEWS = ("aten::select.int", "aten::narrow")
"""Views at a place that a number says."""


def arithmetic(stem: str, a: SSAValue, b: SSAValue | int | float | Dim, form: str, aten: Aten) -> SSAValue:
    """One of `ARITHMETIC`; `form` is the overload, or ``turned`` where `a` is the second operand."""
    if form == "turned":
        return aten("rsub.Scalar", a, b, 1) if stem == "sub" else arithmetic(stem, a, b, "Scalar", aten)
    return aten(f"mul.{form}", a, b) if stem == "mul" else aten(f"{stem}.{form}", a, b, 1)


def compared(stem: str, a: SSAValue, b: SSAValue | int | float | Dim, form: str, aten: Aten) -> SSAValue:
    """One of `COMPARISONS`, in the same way."""
    if form == "turned":
        return aten(f"{COMPARISONS[stem]}.Scalar", a, b)
    return aten(f"{stem}.{form}", a, b)


def divides(divisor: Any) -> bool:
    """Whether dividing an int by `divisor` certainly gives what it gives for tensors, and never raises."""
    return type(divisor) is int and divisor > 0


def divided(stem: str, a: SSAValue, divisor: int, aten: Aten) -> SSAValue:
    """One of `DIVISIONS`, of an int."""
    if stem == "div":
        return aten("div.Scalar", in_dtype(a, F64, aten), float(divisor))
    whole = in_dtype(a, I64, aten)
    if stem == "remainder":
        return aten("remainder.Scalar", whole, divisor)
    return aten("div.Scalar_mode", whole, divisor, "floor")


def window(source: SSAValue, dim: int, start: SSAValue, count: int, aten: Aten) -> SSAValue:
    """`count` places of a tensor from `start` on."""
    places = aten("add.Tensor", aten("arange", count, I64.code, None, None, None), start, 1)
    return aten("index_select", source, dim, places)


def at_index(source: SSAValue, dim: int, index: SSAValue, part: SSAValue | None, aten: Aten) -> SSAValue:
    """The part of a tensor at an index, which may count from the end, or the tensor with another `part`
    there.
    """
    kind = source.type
    assert isinstance(kind, tt.TensorType)
    assert kind.sizes is not None
    assert kind.dtype is not None
    at = aten("where.self", aten("lt.Scalar", index, 0), aten("add.Scalar", index, kind.sizes[dim], 1), index)
    places = aten("reshape", at, [1])
    if part is None:
        return aten("squeeze.dim", aten("index_select", source, dim, places), dim)
    return aten("index_copy", source, dim, places, in_dtype(aten("unsqueeze", part, dim), kind.dtype, aten))


def clamped(source: SSAValue, limits: Sequence[SSAValue | None], aten: Aten) -> SSAValue:
    """A tensor kept between numbers, each a tensor without dims; floats are none of the limits of integers.

    Raises:
        DTypeError: one is.
    """
    kind = source.type
    assert isinstance(kind, tt.TensorType)
    assert kind.dtype is not None
    dtype = kind.dtype
    if not dtype.is_floating and any(v is not None and aten.dtype(v).is_floating for v in limits):
        raise DTypeError(f"clamp: requires limits of {dtype.name}; got floats")
    return aten("clamp.Tensor", source, *(v if v is None else in_dtype(v, dtype, aten) for v in limits))


def in_dtype(tensor: SSAValue, dtype: DType, aten: Aten) -> SSAValue:
    """`tensor` in another dtype."""
    kind = tensor.type
    assert isinstance(kind, tt.TensorType)
    return tensor if kind.dtype is dtype else aten("to.dtype", tensor, dtype.code, False, False, None)
