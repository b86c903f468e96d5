"""Special functions: logarithms of sums, entropies, gamma, error and Bessel functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import Promote, pointwise, spec_of
from tsc.ops.float_functions import Register, float_function, float_infer
from tsc.ops.scalar import Scalar

FAMILY = Family()
TO_FLOAT = Promote.TO_FLOAT


@pointwise(
    FAMILY,
    "aten::logaddexp",
    illegal=(*dtypes.INTEGRAL, dtypes.BOOL),
    native=False,
    layout=ResultLayout.ELEMENTWISE,
)
def logaddexp(self: Scalar, other: Scalar) -> Scalar:
    """``log(exp(x) + exp(y))``, by a form that cannot overflow."""
    if self.dtype.is_complex:
        return (self.exp() + other.exp()).log()
    gap = -(self - other).abs()
    sum_ = self.maximum(other) + gap.exp().log1p()
    return (self.eq(other) & self.abs().eq(math.inf)).where(self, sum_)


@pointwise(FAMILY, "aten::logaddexp2", illegal=dtypes.NOT_FLOATING, native=False)
def logaddexp2(self: Scalar, other: Scalar) -> Scalar:
    """`logaddexp` to the base 2."""
    gap = -(self - other).abs()
    sum_ = self.maximum(other) + gap.apply("exp2").log1p() * (1 / math.log(2))
    return (self.eq(other) & self.abs().eq(math.inf)).where(self, sum_)


def _x_log(x: Scalar, logarithm: Scalar, y: Scalar) -> Scalar:
    product = x * logarithm
    product = x.eq(0).where(0, product)
    return y.is_nan().where(y, product)


@pointwise(
    FAMILY,
    "aten::xlogy.Tensor",
    "aten::xlogy.Scalar_Other",
    "aten::xlogy.Scalar_Self",
    promote=TO_FLOAT,
    illegal=dtypes.COMPLEX,
)
def xlogy(self: Scalar, other: Scalar) -> Scalar:
    """``x log(y)``, and 0 where ``x`` is 0."""
    return _x_log(self, other.log(), other)


@pointwise(
    FAMILY,
    "aten::special_xlog1py",
    "aten::special_xlog1py.other_scalar",
    "aten::special_xlog1py.self_scalar",
    promote=TO_FLOAT,
    illegal=dtypes.COMPLEX,
)
def xlog1py(self: Scalar, other: Scalar) -> Scalar:
    """``x log(1 + y)``, and 0 where ``x`` is 0."""
    return _x_log(self, other.log1p(), other)


@pointwise(FAMILY, "aten::special_entr", promote=TO_FLOAT, illegal=dtypes.COMPLEX)
def entr(self: Scalar) -> Scalar:
    """``-x log(x)``; 0 at 0, minus infinity below."""
    entropy = (self > 0).where(-self * self.log(), self.eq(0).where(self * 0.0, self.lift(-math.inf)))
    return self.is_nan().where(self, entropy)


@pointwise(FAMILY, "aten::sinc", promote=TO_FLOAT)
def sinc(self: Scalar) -> Scalar:
    """``sin(pi x) / (pi x)``."""
    angle = self * math.pi
    return self.eq(0).where(1.0, angle.apply("sin") / angle)


# --- functions NumPy computes in float64 ---


def _function(*names: str) -> Register:
    return float_function(FAMILY, *names)


def _safe(function: Callable[[float], float], pole: float) -> Callable[[Array], Array]:
    def one(x: float) -> float:
        if math.isinf(x) or math.isnan(x):
            return abs(x)
        try:
            return function(x)
        except (ValueError, OverflowError):
            return pole

    return np.vectorize(one, otypes=[np.float64])


log_gamma = _safe(math.lgamma, math.inf)
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_erf = np.vectorize(math.erf, otypes=[np.float64])


@_function("aten::lgamma")
def lgamma(x: Array) -> Array:
    """The logarithm of the absolute value of the gamma function."""
    return log_gamma(x)


@_function("aten::erfc")
def erfc(x: Array) -> Array:
    """``1 - erf(x)``, accurate for large ``x``."""
    return _erfc(x)


def _digamma_above(x: Array) -> tuple[Array, Array]:
    """`x` moved up to 10 or more by the recurrence, and the terms that costs."""
    shift = np.zeros_like(x)
    for _ in range(10):
        small = x < 10
        shift -= np.where(small, 1 / x, 0)
        x = np.where(small, x + 1, x)
    return x, shift


@_function("aten::digamma")
def digamma(x: Array) -> Array:
    """The derivative of `lgamma`, by the asymptotic series. Source: Abramowitz, Stegun, 6.3.18."""
    pole = (x <= 0) & (x == np.floor(x))
    reflected = x < 0
    y = np.where(reflected, 1 - x, x)
    high, shift = _digamma_above(np.where(pole, 1.0, y))
    squares = 1 / (high * high)
    series = squares * (
        1 / 12 - squares * (1 / 120 - squares * (1 / 252 - squares * (1 / 240 - squares / 132)))
    )
    value = np.log(high) - 0.5 / high - series + shift
    value = np.where(reflected, value - np.pi / np.tan(np.pi * x), value)
    return np.where(x == 0, np.copysign(np.inf, -x), np.where(pole, np.nan, value))


@_function("aten::erfinv")
def erfinv(x: Array) -> Array:
    """The inverse of `erf`: Winitzki's approximation, then Newton's method."""
    a = 0.147
    log = np.log1p(-x * x)
    half = 2 / (np.pi * a) + log / 2
    y = np.sign(x) * np.sqrt(np.sqrt(half * half - log / a) - half)
    inside = np.abs(x) < 1
    for _ in range(4):
        step = (_erf(np.where(inside, y, 0)) - x) * (np.sqrt(np.pi) / 2) * np.exp(np.where(inside, y * y, 0))
        y = np.where(inside, y - step, y)
    return np.where(inside, y, np.where(np.abs(x) == 1, np.copysign(np.inf, x), np.nan))


@_function("aten::i0")
def i0(x: Array) -> Array:
    """The modified Bessel function of order 0."""
    return np.i0(x)


@_function("aten::special_i0e")
def i0e(x: Array) -> Array:
    """``exp(-|x|) i0(x)``, far from zero by the asymptotic series. Source: DLMF 10.40.1."""
    size = np.abs(x)
    near, far = np.minimum(size, 100.0), np.maximum(size, 100.0)
    term, total = np.ones_like(far), np.ones_like(far)
    for k in range(1, 12):
        term = term * (2 * k - 1) ** 2 / (8 * k * far)
        total = total + term
    return np.where(size > 100, total / np.sqrt(2 * math.pi * far), np.i0(near) * np.exp(-near))


@_function("aten::special_ndtr")
def ndtr(x: Array) -> Array:
    """The normal distribution function."""
    return 0.5 * _erfc(-x * math.sqrt(0.5))


def scaled_complement(x: Array) -> Array:
    """``exp(x^2) erfc(x)``, by the asymptotic series where that is exact. Source: DLMF 7.12.1."""
    near, far = np.clip(x, -27.0, 10.0), np.maximum(x, 10.0)
    term, total = np.ones_like(x), np.ones_like(x)
    for k in range(1, 30):
        term = -term * (2 * k - 1) / (2 * far * far)
        total = total + term
    value = np.where(x > 10, total / (far * math.sqrt(math.pi)), np.exp(near * near) * _erfc(near))
    return np.where(x < -27, np.inf, np.where(np.isnan(x), x, value))


@_function("aten::special_ndtri")
def ndtri(x: Array) -> Array:
    """The inverse of the normal distribution function: Newton's method on the logarithm of its lower half."""
    is_inside = (x > 0) & (x < 1)
    half = np.where(is_inside, np.minimum(x, 1 - x), 0.5)
    wanted = np.log(half)
    y = -np.sqrt(np.maximum(-2 * wanted - math.log(2 * math.pi) / 2, 0))
    for _ in range(12):
        reached = log_ndtr(y)
        y = y - (reached - wanted) * np.exp(reached + y * y / 2 + math.log(2 * math.pi) / 2)
    inside = np.where(x == 0.5, 0.0, np.where(x > 0.5, -y, y))
    return np.where(is_inside, inside, np.where(x == 0, -np.inf, np.where(x == 1, np.inf, np.nan)))


@_function("aten::special_log_ndtr")
def log_ndtr(x: Array) -> Array:
    """The logarithm of the normal distribution function; below zero without what underflows."""
    t = x * math.sqrt(0.5)
    tail = np.log(scaled_complement(np.maximum(-t, 0)) / 2) - t * t
    return np.where(x < -1, tail, np.log1p(-_erfc(t) / 2))


def _mvlgamma_infer(self: TensorSpec, p: int) -> TensorSpec:
    return float_infer(self)


@FAMILY.op("aten::mvlgamma", infer=_mvlgamma_infer, layout=ResultLayout.ROW_MAJOR)
def mvlgamma(self: Array, p: int) -> Array:
    """The logarithm of the multivariate gamma function."""
    x = self.astype(np.float64)
    if p < 1:
        raise ShapeError("p has to be greater than or equal to 1")
    terms = log_gamma(x[..., None] - np.arange(p) / 2)
    value = terms.sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
    return np.asarray(value).astype(float_infer(spec_of(self)).dtype.numpy)


def _hurwitz(s: float, x: Array) -> Array:
    """The Hurwitz zeta function by Euler-Maclaurin summation."""
    total = np.zeros_like(x)
    for _ in range(12):
        total += x**-s
        x = x + 1
    total += x ** (1 - s) / (s - 1) + 0.5 * x**-s
    term, factor = x ** (-s - 1), s
    for i, bernoulli in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730)):
        total += bernoulli * factor * term / math.factorial(2 * i + 2)
        factor *= (s + 2 * i + 1) * (s + 2 * i + 2)
        term /= x * x
    return total


def _polygamma_infer(n: int, self: TensorSpec) -> TensorSpec:
    return float_infer(self)


@FAMILY.op("aten::polygamma", infer=_polygamma_infer, layout=ResultLayout.ELEMENTWISE)
def polygamma(n: int, self: Array) -> Array:
    """The `n`-th derivative of `digamma`."""
    target = float_infer(spec_of(self)).dtype.numpy
    if n < 0:
        raise ShapeError("polygamma(n, x) does not support negative n.")
    with np.errstate(all="ignore"):
        x = self.astype(np.float64)
        if n == 0:
            return np.asarray(digamma(x)).astype(target)
        return np.asarray((-1) ** (n + 1) * math.factorial(n) * _hurwitz(n + 1, x)).astype(target)
