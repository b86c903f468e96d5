"""Bessel and Airy functions, in float64: by series and recurrences where those lose no digits, by asymptotic
expansions far out, and by the trapezoidal rule, which converges geometrically for analytic integrands.

Accuracy: 1e-13, relative to the largest value nearby, measured against mpmath. PyTorch's are off by more.
"""

from __future__ import annotations

import math

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.ops.definition import Family
from tsc.ops.float_functions import Register, float_function

FAMILY = Family()
_FAR = 25.0
"""Beyond it the smallest term of an asymptotic expansion, about ``exp(-2 x)``, is below the last digit."""
_EULER = 0.57721566490153286
_ORDERS = 90
"""Where backward recurrences begin: J of that order vanishes for arguments up to `_FAR`."""


def _bessel(name: str) -> Register:
    return float_function(FAMILY, f"aten::special_{name}", illegal=(dtypes.F16, dtypes.BF16, *dtypes.COMPLEX))


def _expansion(order: float, x: Array, signs: tuple[int, ...]) -> tuple[Array, Array]:
    """The sums of even and of odd terms of an asymptotic expansion. Source: DLMF 10.17.1."""
    term, sums = np.ones_like(x), [np.ones_like(x), np.zeros_like(x)]
    for k in range(1, 30):
        following = term * (4 * order * order - (2 * k - 1) ** 2) / (8 * k * x)
        term = np.where(np.abs(following) < np.abs(term), following, 0)
        sums[k % 2] = sums[k % 2] + signs[k % 4] * term
    return sums[0], sums[1]


# --- J and Y ---


def _oscillating_far(order: int, x: Array) -> tuple[Array, Array]:
    """J and Y of large arguments."""
    even, odd = _expansion(order, x, (1, 1, -1, -1))
    angle = x - (2 * order + 1) * math.pi / 4
    sin, cos, scale = np.sin(angle), np.cos(angle), np.sqrt(2 / (math.pi * x))
    return scale * (even * cos - odd * sin), scale * (even * sin + odd * cos)


def _orders(x: Array) -> Array:
    """J of all orders for ``1 <= x <= 25``, by Miller's backward recurrence."""
    made = np.zeros((_ORDERS + 2, *x.shape))
    made[_ORDERS] = 1e-250
    for k in range(_ORDERS, 0, -1):
        made[k - 1] = 2 * k / x * made[k] - made[k + 1]
    return made / (made[0] + 2 * made[2::2].sum(0))


def _oscillating_middle(order: int, x: Array) -> tuple[Array, Array]:
    """J and Y by Neumann's expansions in J of all orders. Source: DLMF 10.23.17 and 10.23.18."""
    made, log = _orders(x), np.log(x / 2) + _EULER
    k = np.arange(1, _ORDERS // 2 - 1).reshape(-1, *(1 for _ in x.shape))
    signs = (-1.0) ** k
    if order == 0:
        tail = (signs * made[2 : 2 * len(k) + 1 : 2] / k).sum(0)
        return made[0], 2 / math.pi * log * made[0] - 4 / math.pi * tail
    tail = (signs * (2 * k + 1) / (k * (k + 1)) * made[3 : 2 * len(k) + 2 : 2]).sum(0)
    y = 2 / math.pi * ((log - 1) * made[1] - made[0] / x - tail)
    return made[1], y


def _oscillating_near(order: int, x: Array) -> tuple[Array, Array]:
    """J and Y by their power series. Source: DLMF 10.2.2, 10.8.1 and 10.8.2."""
    square, term = -x * x / 4, np.ones_like(x) if order == 0 else x / 2
    j, y, harmonic = np.zeros_like(x), np.zeros_like(x), 0.0
    for k in range(20):
        weight = 2 * harmonic if order == 0 else 2 * harmonic + 1 / (k + 1)
        j, y = j + term, y + term * weight
        term = term * square / ((k + 1) * (k + 1 + order))
        harmonic += 1 / (k + 1)
    pole = 0.0 if order == 0 else -2 / (math.pi * x)
    return j, pole + 2 / math.pi * (np.log(x / 2) + _EULER) * j - y / math.pi


def _oscillating(order: int, x: Array) -> tuple[Array, Array]:
    """J and Y of arguments that are not negative."""
    near = _oscillating_near(order, np.minimum(x, 1.0))
    middle = _oscillating_middle(order, np.clip(np.nan_to_num(x, nan=1.0), 1.0, _FAR))
    far = _oscillating_far(order, np.maximum(x, _FAR))
    j, y = (np.where(x < 1, a, np.where(x <= _FAR, b, c)) for a, b, c in zip(near, middle, far, strict=True))
    return j, y


def _j(order: int, x: Array) -> Array:
    value = _oscillating(order, np.abs(x))[0]
    return np.where(x < 0, -value, value) if order else value


def _y(order: int, x: Array) -> Array:
    return np.where(x > 0, _oscillating(order, np.abs(x))[1], np.where(x == 0, -np.inf, np.nan))


@_bessel("bessel_j0")
def bessel_j0(x: Array) -> Array:
    """The Bessel function of the first kind of order 0."""
    return _j(0, x)


@_bessel("bessel_j1")
def bessel_j1(x: Array) -> Array:
    """The Bessel function of the first kind of order 1."""
    return _j(1, x)


@_bessel("bessel_y0")
def bessel_y0(x: Array) -> Array:
    """The Bessel function of the second kind of order 0; minus infinity at 0, NaN below."""
    return _y(0, x)


@_bessel("bessel_y1")
def bessel_y1(x: Array) -> Array:
    """The Bessel function of the second kind of order 1; minus infinity at 0, NaN below."""
    return _y(1, x)


@_bessel("spherical_bessel_j0")
def spherical_bessel_j0(x: Array) -> Array:
    """``sin(x) / x``."""
    return np.where(np.isinf(x), 0.0, np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x)))


# --- modified: I and K ---


def _growing(order: int, x: Array) -> Array:
    """``exp(-|x|) I(x)``: by the power series, all of whose terms have one sign, or the expansion."""
    size = np.abs(x)
    near = np.minimum(size, _FAR)
    term, total = np.ones_like(x) if order == 0 else near / 2, np.zeros_like(x)
    for k in range(70):
        total = total + term
        term = term * (near * near / 4) / ((k + 1) * (k + 1 + order))
    even, odd = _expansion(order, np.maximum(size, _FAR), (1, -1, 1, -1))
    far = (even + odd) / np.sqrt(2 * math.pi * np.maximum(size, _FAR))
    value = np.where(size <= _FAR, total * np.exp(-near), far)
    return np.where(x < 0, -value, value) if order else value


def decaying(order: float, x: Array) -> Array:
    """``exp(x) K(x)`` of arguments above 0: the integral of ``exp(-x (cosh t - 1)) cosh(order t)`` over t."""
    tiny = np.maximum(x, 1e-8)
    end = np.arccosh(1 + 45 / tiny)
    t = np.linspace(0.0, 1.0, 129).reshape(-1, *(1 for _ in x.shape)) * end
    step = end / 128
    values = np.exp(-tiny * 2 * np.sinh(t / 2) ** 2) * np.cosh(order * t)
    integral = (values.sum(0) - (values[0] + values[-1]) / 2) * step
    limit = -np.log(x / 2) - _EULER if order == 0 else 1 / x
    value = np.where(x < 1e-8, limit * np.exp(x), integral)
    return np.where(np.isinf(x), 0.0, value)


def _k(order: int, x: Array, scaled: bool) -> Array:
    size = np.where(x > 0, x, 1.0)
    value = decaying(order, size) * (1.0 if scaled else np.exp(-size))
    return np.where(x > 0, value, np.where(x == 0, np.inf, np.nan))


@float_function(FAMILY, "aten::special_i1", illegal=dtypes.COMPLEX)
def i1(x: Array) -> Array:
    """The modified Bessel function of order 1."""
    return _growing(1, x) * np.exp(np.abs(x))


@float_function(FAMILY, "aten::special_i1e", illegal=dtypes.COMPLEX)
def i1e(x: Array) -> Array:
    """``exp(-|x|) i1(x)``."""
    return _growing(1, x)


@_bessel("modified_bessel_i0")
def modified_bessel_i0(x: Array) -> Array:
    """The modified Bessel function of the first kind of order 0."""
    return _growing(0, x) * np.exp(np.abs(x))


@_bessel("modified_bessel_i1")
def modified_bessel_i1(x: Array) -> Array:
    """The modified Bessel function of the first kind of order 1."""
    return _growing(1, x) * np.exp(np.abs(x))


@_bessel("modified_bessel_k0")
def modified_bessel_k0(x: Array) -> Array:
    """The modified Bessel function of the second kind of order 0; infinite at 0, NaN below."""
    return _k(0, x, scaled=False)


@_bessel("modified_bessel_k1")
def modified_bessel_k1(x: Array) -> Array:
    """The modified Bessel function of the second kind of order 1; infinite at 0, NaN below."""
    return _k(1, x, scaled=False)


@_bessel("scaled_modified_bessel_k0")
def scaled_modified_bessel_k0(x: Array) -> Array:
    """``exp(x)`` times `modified_bessel_k0`."""
    return _k(0, x, scaled=True)


@_bessel("scaled_modified_bessel_k1")
def scaled_modified_bessel_k1(x: Array) -> Array:
    """``exp(x)`` times `modified_bessel_k1`."""
    return _k(1, x, scaled=True)


# --- Airy's ---


def _airy_line(x: Array) -> Array:
    """Ai between -10 and 2: the integral of ``exp(i (t^3 / 3 + x t))`` along the line ``Im t = 1/2``."""
    s = np.linspace(-14.0, 14.0, 1401).reshape(-1, *(1 for _ in x.shape))
    t = s + 0.5j
    return np.exp(1j * (t**3 / 3 + x * t)).real.sum(0) * 0.02 / (2 * math.pi)


def _airy_below(x: Array) -> Array:
    """Ai of arguments far below 0. Source: DLMF 9.7.9, by J of order 1/3."""
    size = -x
    zeta = 2 / 3 * size * np.sqrt(size)
    even, odd = _expansion(1 / 3, zeta, (1, 1, -1, -1))
    angle = zeta - math.pi / 4
    return (even * np.cos(angle) - odd * np.sin(angle)) / (math.sqrt(math.pi) * size**0.25)


@_bessel("airy_ai")
def airy_ai(x: Array) -> Array:
    """Airy's function Ai."""
    high = np.maximum(x, 2.0)
    zeta = 2 / 3 * high * np.sqrt(high)
    above = np.sqrt(high / 3) / math.pi * decaying(1 / 3, zeta) * np.exp(-zeta)
    middle, below = _airy_line(np.clip(x, -10.0, 2.0)), _airy_below(np.minimum(x, -10.0))
    value = np.where(x > 2, above, np.where(x < -10, below, middle))
    return np.where(np.isnan(x) | np.isinf(x), np.nan, np.where(x > 103.892, 0.0, value))
