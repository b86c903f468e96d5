"""Pointwise operators of one tensor."""

from __future__ import annotations

import math

from tsc import dtypes
from tsc.dtypes import Number
from tsc.errors import ArgumentError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import Promote, pointwise
from tsc.ops.promotion import result_dtype
from tsc.ops.scalar import FLOAT_FUNCTIONS, Scalar

FAMILY = Family()
TO_FLOAT = Promote.TO_FLOAT


def _function(name: str) -> None:
    @pointwise(FAMILY, f"aten::{name}", promote=TO_FLOAT)
    def function(self: Scalar) -> Scalar:
        return self.apply(name)


for _name in FLOAT_FUNCTIONS:
    _function(_name)


def _neg_refusal(self: TensorSpec) -> str | None:
    if self.dtype is not dtypes.BOOL:
        return None
    return (
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
        "use the `~` or `logical_not()` operator instead."
    )


@pointwise(FAMILY, "aten::neg", refuses=_neg_refusal)
def neg(self: Scalar) -> Scalar:
    """``-x``."""
    return -self


@pointwise(FAMILY, "aten::abs", promote=Promote.TO_REAL, illegal=(dtypes.BOOL,))
def abs_(self: Scalar) -> Scalar:
    """``|x|``; the smallest integer stays itself."""
    return self.abs()


@pointwise(FAMILY, "aten::floor", illegal=(dtypes.BOOL,))
def floor(self: Scalar) -> Scalar:
    """The largest integer not above ``x``."""
    return self.apply("floor")


@pointwise(FAMILY, "aten::ceil", illegal=(dtypes.BOOL,))
def ceil(self: Scalar) -> Scalar:
    """The smallest integer not below ``x``."""
    return self.apply("ceil")


@pointwise(FAMILY, "aten::trunc", "aten::fix", illegal=(dtypes.BOOL,))
def trunc(self: Scalar) -> Scalar:
    """``x`` without its fraction."""
    return self.apply("trunc")


@pointwise(FAMILY, "aten::round", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def round_(self: Scalar) -> Scalar:
    """The nearest integer, halves to the even one."""
    return self.apply("roundeven")


@pointwise(FAMILY, "aten::round.decimals", illegal=dtypes.NOT_FLOATING)
def round_decimals(self: Scalar, decimals: int) -> Scalar:
    """``x`` rounded to `decimals` places (negative: to tens, hundreds)."""
    scale = 10.0 ** abs(decimals)
    if decimals >= 0:
        return (self * scale).apply("roundeven") / scale
    return (self / scale).apply("roundeven") * scale


@pointwise(FAMILY, "aten::frac", illegal=dtypes.NOT_FLOATING)
def frac(self: Scalar) -> Scalar:
    """``x - trunc(x)``."""
    return self - self.apply("trunc")


@pointwise(FAMILY, "aten::sign", illegal=dtypes.COMPLEX)
def sign(self: Scalar) -> Scalar:
    """-1, 0 or 1; NaN gives 0, as in PyTorch."""
    if self.dtype is dtypes.BOOL:
        return self
    return (self > 0).to(self.dtype) - (self < 0).to(self.dtype)


@pointwise(FAMILY, "aten::sgn")
def sgn(self: Scalar) -> Scalar:
    """`sign` for real dtypes; ``x / |x|`` for complex ones."""
    if self.dtype is dtypes.BOOL:
        return self
    if self.dtype.is_complex:
        size, (real, imag) = self.abs().parts()[0], self.parts()
        return self.ne(0).where((real / size).with_imaginary(imag / size), 0)
    return (self > 0).to(self.dtype) - (self < 0).to(self.dtype)


@pointwise(FAMILY, "aten::signbit", promote=Promote.COMPARE, illegal=dtypes.COMPLEX)
def signbit(self: Scalar) -> Scalar:
    """Whether the sign bit is set (-0.0 has it)."""
    if self.dtype.is_floating:
        return self.lift(1.0).copysign(self) < 0
    return self < 0


@pointwise(FAMILY, "aten::reciprocal", promote=TO_FLOAT)
def reciprocal(self: Scalar) -> Scalar:
    """``1 / x``."""
    return 1.0 / self


@pointwise(FAMILY, "aten::rsqrt", promote=TO_FLOAT)
def rsqrt(self: Scalar) -> Scalar:
    """``1 / sqrt(x)``."""
    return 1.0 / self.sqrt()


@composite(FAMILY, "aten::square", layout=ResultLayout.ELEMENTWISE)
def square(aten: Aten, self: AnyTensor) -> AnyTensor:
    """``x * x``; of bools, integers."""
    x = self if aten.dtype(self) is not dtypes.BOOL else aten("to.dtype", self, dtypes.I64.code)
    return aten("mul.Tensor", x, x)


@pointwise(FAMILY, "aten::sigmoid", promote=TO_FLOAT)
def sigmoid(self: Scalar) -> Scalar:
    """``1 / (1 + exp(-x))``."""
    return 1.0 / (1.0 + (-self).exp())


@pointwise(FAMILY, "aten::logit", promote=TO_FLOAT, illegal=dtypes.COMPLEX)
def logit(self: Scalar, eps: float | None) -> Scalar:
    """``log(x / (1 - x))``, `x` first clamped to ``[eps, 1 - eps]``."""
    x = self if eps is None else self.clamp(eps, 1 - eps)
    return (x / (1.0 - x)).log()


@pointwise(FAMILY, "aten::rad2deg", promote=TO_FLOAT, illegal=dtypes.COMPLEX)
def rad2deg(self: Scalar) -> Scalar:
    """Radians to degrees."""
    return self * (180.0 / math.pi)


@pointwise(FAMILY, "aten::deg2rad", promote=TO_FLOAT, illegal=dtypes.COMPLEX)
def deg2rad(self: Scalar) -> Scalar:
    """Degrees to radians."""
    return self * (math.pi / 180.0)


@pointwise(FAMILY, "aten::bitwise_not", illegal=dtypes.FLOATING)
def bitwise_not(self: Scalar) -> Scalar:
    """The complement of every bit; of a bool, its negation."""
    return ~self


@pointwise(FAMILY, "aten::logical_not", promote=Promote.COMPARE)
def logical_not(self: Scalar) -> Scalar:
    """Whether ``x`` is zero."""
    return self.eq(0)


@pointwise(FAMILY, "aten::isnan", promote=Promote.COMPARE)
def isnan(self: Scalar) -> Scalar:
    """Whether ``x`` is NaN."""
    return self.is_nan()


@pointwise(FAMILY, "aten::isinf", promote=Promote.COMPARE)
def isinf(self: Scalar) -> Scalar:
    """Whether ``x`` is an infinity."""
    if self.dtype.is_complex:
        real, imag = self.parts()
        return real.abs().eq(math.inf) | imag.abs().eq(math.inf)
    return self.abs().eq(math.inf) if self.dtype.is_floating else self.ne(self)


@pointwise(FAMILY, "aten::isfinite", promote=Promote.COMPARE)
def isfinite(self: Scalar) -> Scalar:
    """Whether ``x`` is neither infinite nor NaN."""
    if self.dtype.is_complex:
        real, imag = self.parts()
        return (real.abs() < math.inf) & (imag.abs() < math.inf)
    return self.abs() < math.inf if self.dtype.is_floating else self.eq(self)


@pointwise(FAMILY, "aten::nan_to_num")
def nan_to_num(self: Scalar, nan: float | None, posinf: float | None, neginf: float | None) -> Scalar:
    """NaN and infinities replaced; by default by 0 and the largest and smallest finite numbers."""
    if self.dtype.is_complex:
        real, imag = (nan_to_num(part, nan, posinf, neginf) for part in self.parts())
        return real.with_imaginary(imag)
    if not self.dtype.is_floating:
        return self
    largest = _largest(self.stored or self.dtype)
    x = self.is_nan().where(nan or 0.0, self)
    x = x.eq(math.inf).where(largest if posinf is None else posinf, x)
    return x.eq(-math.inf).where(-largest if neginf is None else neginf, x)


def _largest(dtype: dtypes.DType) -> float:
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype.numpy).max)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _clamped(x: Scalar, low: Scalar | None, high: Scalar | None) -> Scalar:
    if low is None and high is None:
        raise ArgumentError("torch.clamp: At least one of 'min' or 'max' must not be None")
    x = x if low is None else x.maximum(low)
    return x if high is None else x.minimum(high)


@pointwise(FAMILY, "aten::clamp", "aten::clip", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def clamp(self: Scalar, min: Scalar | None, max: Scalar | None) -> Scalar:
    """``x`` kept between `min` and `max`; where they cross, `max`. NaN stays NaN."""
    return _clamped(self, min, max)


def _clamp_refusal(
    self: TensorSpec, min: TensorSpec | Number | None, max: TensorSpec | Number | None
) -> str | None:
    """Between two limits; of one limit it is a maximum or minimum, which bools have."""
    is_bool = None not in (min, max) and result_dtype((self, min, max)) is dtypes.BOOL
    return "\"clamp_cpu\" not implemented for 'Bool'" if is_bool else None


@pointwise(FAMILY, "aten::clamp.Tensor", "aten::clip.Tensor", refuses=_clamp_refusal, illegal=dtypes.COMPLEX)
def clamp_tensor(self: Scalar, min: Scalar | None, max: Scalar | None) -> Scalar:
    """As `clamp`, with tensors for limits."""
    return _clamped(self, min, max)


@pointwise(FAMILY, "aten::clamp_min.Tensor", illegal=dtypes.COMPLEX)
@pointwise(FAMILY, "aten::clamp_min", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def clamp_min(self: Scalar, min: Scalar) -> Scalar:
    """``max(x, min)``."""
    return self.maximum(min)


@pointwise(FAMILY, "aten::clamp_max.Tensor", illegal=dtypes.COMPLEX)
@pointwise(FAMILY, "aten::clamp_max", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def clamp_max(self: Scalar, max: Scalar) -> Scalar:
    """``min(x, max)``."""
    return self.minimum(max)


@pointwise(FAMILY, "aten::threshold", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def threshold(self: Scalar, threshold: float, value: float) -> Scalar:
    """``x`` where it is above `threshold`, else `value`; both are taken in the dtype of `x`."""
    limit, other = (v if self.dtype.is_floating else int(v) for v in (threshold, value))
    return (self <= limit).where(other, self)
