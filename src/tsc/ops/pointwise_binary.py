"""Pointwise operators of two and three tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tsc import dtypes
from tsc.dialects.arith_emitter import divides
from tsc.dims import Dim
from tsc.errors import DTypeError
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import Promote, pointwise
from tsc.ops.promotion import dtype_of, result_dtype
from tsc.ops.scalar import Number, Scalar

FAMILY = Family()


def _scaled(x: Scalar, alpha: float) -> Scalar:
    """``alpha * x``. PyTorch multiplies complex numbers by 1 too, which makes NaN of infinite ones."""
    if isinstance(alpha, float) and not (x.dtype.is_floating or x.dtype.is_complex):
        raise DTypeError("For integral input tensors, argument alpha must not be a floating point number.")
    return x if alpha == 1 and not x.dtype.is_complex else x * alpha


@pointwise(FAMILY, "aten::add.Tensor", "aten::add.Scalar")
def add(self: Scalar, other: Scalar, alpha: float) -> Scalar:
    """``self + alpha * other``; of bools, `or`."""
    return self + _scaled(other, alpha)


def _sub_refusal(self: TensorSpec | Number, other: TensorSpec | Number, alpha: float) -> str | None:
    bools = sum(dtype_of(a) is dtypes.BOOL for a in (self, other))
    if not bools:
        return None
    if bools == 2:
        return (
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    return (
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a "
        "mask, use the `~` or `logical_not()` operator instead."
    )


@pointwise(FAMILY, "aten::sub.Tensor", "aten::sub.Scalar", refuses=_sub_refusal)
def sub(self: Scalar, other: Scalar, alpha: float) -> Scalar:
    """``self - alpha * other``."""
    return self - _scaled(other, alpha)


@pointwise(FAMILY, "aten::rsub.Tensor", "aten::rsub.Scalar", refuses=_sub_refusal)
def rsub(self: Scalar, other: Scalar, alpha: float) -> Scalar:
    """``other - alpha * self``."""
    return other - _scaled(self, alpha)


@pointwise(FAMILY, "aten::mul.Tensor", "aten::mul.Scalar", "aten::multiply.Tensor")
def mul(self: Scalar, other: Scalar) -> Scalar:
    """``self * other``; of bools, `and`."""
    return self * other


@pointwise(
    FAMILY, "aten::div.Tensor", "aten::div.Scalar", "aten::true_divide.Tensor", promote=Promote.TO_FLOAT
)
def div(self: Scalar, other: Scalar) -> Scalar:
    """``self / other``, of integers too."""
    return self / other


def floor_quotient(a: Scalar, b: Scalar) -> Scalar:
    """The quotient rounded down. Source: PyTorch c10/util/generic_math.h, ``div_floor_floating``."""
    if not a.dtype.is_floating:
        quotient = a.divtrunc(b)
        remainder = a - quotient * b
        inexact = remainder.ne(0) & ((remainder < 0) ^ (b < 0))
        return quotient - inexact.to(a.dtype)
    remainder = a.rem(b)
    quotient = (a - remainder) / b
    quotient = (remainder.ne(0) & ((b < 0) ^ (remainder < 0))).where(quotient - 1.0, quotient)
    floored = quotient.floor()
    floored = (quotient - floored > 0.5).where(floored + 1.0, floored)
    floored = quotient.ne(0).where(floored, (a / b) * 0.0)
    return b.eq(0).where(a / b, floored)


def divides_natively(self: TensorSpec | Number, other: TensorSpec | Number, *rest: object) -> bool:
    """Whether floats are divided, or integers by a number with which no division fails."""
    dtype = result_dtype((self, other))
    if dtype.is_floating:
        return True
    if not isinstance(self, TensorSpec) or not dtype.is_integral or dtype is dtypes.BOOL:
        return False
    if isinstance(other, Dim):
        return dtype is dtypes.I64
    return isinstance(other, int) and divides(int(other), dtype)


def _rounds_natively(self: TensorSpec, other: TensorSpec | Number, rounding_mode: str | None) -> bool:
    return rounding_mode is None or divides_natively(self, other)


def _rounded(arguments: Sequence[Any]) -> Promote:
    return Promote.TO_FLOAT if arguments[2] is None else Promote.DEFAULT


def _rounded_refusal(
    self: TensorSpec | Number, other: TensorSpec | Number, rounding_mode: str | None
) -> str | None:
    is_bool = rounding_mode is not None and result_dtype((self, other)) is dtypes.BOOL
    return f"\"div_{rounding_mode}_cpu\" not implemented for 'Bool'" if is_bool else None


@pointwise(
    FAMILY, "aten::div.Tensor_mode", "aten::div.Scalar_mode", promote=_rounded, refuses=_rounded_refusal,
    native=_rounds_natively,
)  # fmt: skip
def div_mode(self: Scalar, other: Scalar, rounding_mode: str | None) -> Scalar:
    """The quotient rounded toward zero (``trunc``) or down (``floor``)."""
    if rounding_mode == "floor":
        return floor_quotient(self, other)
    if rounding_mode == "trunc":
        return self.divtrunc(other) if not self.dtype.is_floating else (self / other).apply("trunc")
    return self / other


@pointwise(
    FAMILY,
    "aten::floor_divide",
    "aten::floor_divide.Scalar",
    native=divides_natively,
    illegal=(dtypes.BOOL,),
)
def floor_divide(self: Scalar, other: Scalar) -> Scalar:
    """``floor(self / other)``."""
    return floor_quotient(self, other)


@pointwise(
    FAMILY,
    "aten::remainder.Tensor",
    "aten::remainder.Scalar",
    "aten::remainder.Scalar_Tensor",
    native=divides_natively,
    illegal=(dtypes.BOOL,),
    layout=ResultLayout.ELEMENTWISE,
)
def remainder(self: Scalar, other: Scalar) -> Scalar:
    """Python's ``%``: the sign of the divisor."""
    r = self.rem(other)
    wrong = r.ne(0) & ((r < 0) ^ (other < 0))
    return wrong.where(r + other, r)


@pointwise(FAMILY, "aten::fmod.Tensor", "aten::fmod.Scalar", native=divides_natively, illegal=(dtypes.BOOL,))
def fmod(self: Scalar, other: Scalar) -> Scalar:
    """C's ``fmod``: the sign of the dividend."""
    return self.rem(other)


_POWERS: dict[float, Callable[[Scalar], Scalar]] = {
    2: lambda x: x * x, 3: lambda x: x * x * x, 0.5: lambda x: x.sqrt(), -0.5: lambda x: 1.0 / x.sqrt(),
    -1: lambda x: 1.0 / x, -2: lambda x: 1.0 / (x * x),
}  # fmt: skip


@pointwise(FAMILY, "aten::pow.Tensor_Scalar")
def pow_number(self: Scalar, exponent: Number) -> Scalar:
    """``self ** exponent``; the usual exponents by products and roots, as in PyTorch.

    Raises:
        DTypeError: an integer to a negative power.
    """
    if self.dtype is dtypes.BOOL:
        return self if exponent else ~(self & False)
    by_product = self.dtype.is_floating or (self.dtype.is_integral and exponent in (2, 3))
    if by_product and not isinstance(exponent, complex) and exponent in _POWERS:
        return _POWERS[exponent](self)
    if self.dtype.is_integral and isinstance(exponent, int) and exponent < 0:
        raise DTypeError("Integers to negative integer powers are not allowed.")
    return self.pow(exponent)


@pointwise(FAMILY, "aten::pow.Scalar", illegal=(dtypes.BOOL,), layout=ResultLayout.ROW_MAJOR)
@pointwise(FAMILY, "aten::pow.Tensor_Tensor", illegal=(dtypes.BOOL,))
def pow_(self: Scalar, exponent: Scalar) -> Scalar:
    """``self ** exponent``."""
    return self.pow(exponent)


@pointwise(FAMILY, "aten::atan2", promote=Promote.TO_FLOAT)
def atan2(self: Scalar, other: Scalar) -> Scalar:
    """The angle of the point (other, self)."""
    return self.atan2(other)


@pointwise(FAMILY, "aten::copysign.Tensor", "aten::copysign.Scalar", promote=Promote.TO_FLOAT)
def copysign(self: Scalar, other: Scalar) -> Scalar:
    """The magnitude of `self` with the sign of `other`."""
    return self.copysign(other)


@pointwise(FAMILY, "aten::hypot", illegal=dtypes.NOT_FLOATING)
def hypot(self: Scalar, other: Scalar) -> Scalar:
    """``sqrt(self**2 + other**2)``, without overflow on the way: the larger is taken out of the root."""
    a, b = self.abs(), other.abs()
    large, small = a.maximum(b), a.minimum(b)
    is_plain = (large > 0) & (large < math.inf)
    ratio = is_plain.where(small, 0.0) / is_plain.where(large, 1.0)
    length = large * (ratio * ratio + 1.0).sqrt()
    return (a.eq(math.inf) | b.eq(math.inf)).where(math.inf, length)


@pointwise(FAMILY, "aten::maximum", "aten::max.other", illegal=dtypes.COMPLEX)
def maximum(self: Scalar, other: Scalar) -> Scalar:
    """The larger; NaN if either is."""
    return self.maximum(other)


@pointwise(FAMILY, "aten::minimum", "aten::min.other", illegal=dtypes.COMPLEX)
def minimum(self: Scalar, other: Scalar) -> Scalar:
    """The smaller; NaN if either is."""
    return self.minimum(other)


@pointwise(FAMILY, "aten::fmax", illegal=dtypes.COMPLEX)
def fmax(self: Scalar, other: Scalar) -> Scalar:
    """The larger; of a number and NaN, the number."""
    return self.is_nan().where(other, other.is_nan().where(self, self.maximum(other)))


@pointwise(FAMILY, "aten::fmin", illegal=dtypes.COMPLEX)
def fmin(self: Scalar, other: Scalar) -> Scalar:
    """The smaller; of a number and NaN, the number."""
    return self.is_nan().where(other, other.is_nan().where(self, self.minimum(other)))


def _comparison(name: str) -> None:
    illegal = () if name in ("eq", "ne") else dtypes.COMPLEX

    @pointwise(
        FAMILY, f"aten::{name}.Tensor", f"aten::{name}.Scalar", promote=Promote.COMPARE, illegal=illegal
    )
    def compare(self: Scalar, other: Scalar) -> Scalar:
        functions = {
            "lt": self.__lt__,
            "le": self.__le__,
            "gt": self.__gt__,
            "ge": self.__ge__,
            "eq": self.eq,
            "ne": self.ne,
        }
        return functions[name](other)


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(_name)


def _bitwise(name: str, symbol: str) -> None:
    names = [f"aten::bitwise_{name}.Tensor", f"aten::bitwise_{name}.Scalar"]
    if name in ("and", "or", "xor"):
        names += [f"aten::__{name}__.Tensor", f"aten::__{name}__.Scalar"]

    @pointwise(FAMILY, *names, illegal=dtypes.FLOATING)
    def bitwise(self: Scalar, other: Scalar) -> Scalar:
        functions = {"&": self.__and__, "|": self.__or__, "^": self.__xor__}
        return functions[symbol](other)


for _name, _symbol in (("and", "&"), ("or", "|"), ("xor", "^")):
    _bitwise(_name, _symbol)


@pointwise(
    FAMILY, "aten::bitwise_left_shift.Tensor", "aten::bitwise_left_shift.Tensor_Scalar",
    "aten::__lshift__.Tensor", "aten::__lshift__.Scalar", native=False, illegal=(dtypes.BOOL,),
)  # fmt: skip
def left_shift(self: Scalar, other: Scalar) -> Scalar:
    """``self << other``."""
    return self << other


@pointwise(
    FAMILY, "aten::bitwise_right_shift.Tensor", "aten::bitwise_right_shift.Tensor_Scalar",
    "aten::__rshift__.Tensor", "aten::__rshift__.Scalar", native=False, illegal=(dtypes.BOOL,),
)  # fmt: skip
def right_shift(self: Scalar, other: Scalar) -> Scalar:
    """``self >> other``."""
    return self >> other


@pointwise(FAMILY, "aten::logical_and", promote=Promote.COMPARE)
def logical_and(self: Scalar, other: Scalar) -> Scalar:
    """Whether both are nonzero."""
    return self.ne(0) & other.ne(0)


@pointwise(FAMILY, "aten::logical_or", promote=Promote.COMPARE)
def logical_or(self: Scalar, other: Scalar) -> Scalar:
    """Whether either is nonzero."""
    return self.ne(0) | other.ne(0)


@pointwise(FAMILY, "aten::logical_xor", promote=Promote.COMPARE)
def logical_xor(self: Scalar, other: Scalar) -> Scalar:
    """Whether exactly one is nonzero."""
    return self.ne(0) ^ other.ne(0)


def _lerp_refusal(self: TensorSpec, end: TensorSpec, weight: TensorSpec | Number) -> str | None:
    """Both ends have one dtype, and so has a weight with dims."""
    for name, given in (("end", end), ("weight", weight)):
        if not isinstance(given, TensorSpec) or (name == "weight" and not given.ndim):
            continue
        if given.dtype is not self.dtype:
            return f"expected dtype {self.dtype.name} for `{name}` but got dtype {given.dtype.name}"
    is_real = self.dtype.is_floating or self.dtype.is_complex
    return None if is_real else f"lerp is not implemented for '{self.dtype.scalar_type}'"


@pointwise(FAMILY, "aten::lerp.Scalar", "aten::lerp.Tensor", refuses=_lerp_refusal)
def lerp(self: Scalar, end: Scalar, weight: Scalar) -> Scalar:
    """``self + weight * (end - self)``, by the form that is exact at both ends."""
    difference = end - self
    return (weight.abs() < 0.5).where(self + weight * difference, end - difference * (1.0 - weight))


@pointwise(FAMILY, "aten::addcmul", illegal=(dtypes.BOOL,))
def addcmul(self: Scalar, tensor1: Scalar, tensor2: Scalar, value: float) -> Scalar:
    """``self + value * tensor1 * tensor2``; of integers, `value` is one too."""
    is_integral = not (self.dtype.is_floating or self.dtype.is_complex)
    return self + _scaled(tensor1, int(value) if is_integral else value) * tensor2


def _addcdiv_refusal(self: TensorSpec, tensor1: TensorSpec, tensor2: TensorSpec, value: float) -> str | None:
    if any(t.dtype.is_floating or t.dtype.is_complex for t in (tensor1, tensor2)):
        return None
    return "Integer division with addcdiv is no longer supported"


@pointwise(FAMILY, "aten::addcdiv", promote=Promote.TO_FLOAT, refuses=_addcdiv_refusal)
def addcdiv(self: Scalar, tensor1: Scalar, tensor2: Scalar, value: float) -> Scalar:
    """``self + value * tensor1 / tensor2``."""
    return self + _scaled(tensor1, value) / tensor2
