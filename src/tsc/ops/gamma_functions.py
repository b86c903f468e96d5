"""Incomplete gamma functions, the zeta function of Hurwitz, and the scaled error function, in float64."""

from __future__ import annotations

import math

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.ops.definition import Family
from tsc.ops.float_functions import float_function
from tsc.ops.special import log_gamma, scaled_complement

FAMILY = Family()
ROUNDS = 20_000
"""Most terms: they grow with the square root of the parameter, to so many for ten millions."""
_EPSILON = 2.0**-54
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _factor(a: Array, x: Array) -> Array:
    return np.exp(a * np.log(x) - x - log_gamma(a))


def _lower_series(a: Array, x: Array) -> Array:
    """The lower integral over the gamma function. Source: DLMF 8.7.1."""
    term, total, k = np.ones_like(x), np.ones_like(x), 0
    while k < ROUNDS and np.any(term > total * _EPSILON):
        k += 1
        term = term * x / (a + k)
        total = total + term
    return total * _factor(a, x) / a


def _upper_fraction(a: Array, x: Array) -> Array:
    """The upper integral over the gamma function: a continued fraction, by Lentz's method.

    Source: DLMF 8.9.2.
    """
    tiny = 1e-300
    b = x + 1 - a
    c, d = np.full_like(x, 1 / tiny), 1 / np.where(b == 0, tiny, b)
    value, k, change = d, 0, np.zeros_like(x)
    while k < ROUNDS and np.any(np.abs(change - 1) > 2 * _EPSILON):
        k += 1
        numerator, b = -k * (k - a), b + 2
        d, c = numerator * d + b, b + numerator / c
        d, c = 1 / np.where(d == 0, tiny, d), np.where(c == 0, tiny, c)
        change = d * c
        value = value * change
    return value * _factor(a, x)


def _both(a: Array, x: Array) -> tuple[Array, Array]:
    """The regularized lower and upper incomplete gamma functions."""
    a, x = np.broadcast_arrays(a, x)
    is_plain = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    by_series = x < a + 1
    low = _lower_series(np.where(is_plain & by_series, a, 1.0), np.where(is_plain & by_series, x, 0.5))
    high = _upper_fraction(np.where(is_plain & ~by_series, a, 1.0), np.where(is_plain & ~by_series, x, 3.0))
    lower = np.where(by_series, low, 1 - high)
    upper = np.where(by_series, 1 - low, high)
    is_all = (a == 0) & (x > 0) | np.isinf(x) & np.isfinite(a)
    is_none = (x == 0) & (a > 0) | np.isinf(a) & ~np.isinf(x)
    is_wrong = (
        (a < 0)
        | (x < 0)
        | np.isnan(a)
        | np.isnan(x) & ~np.isinf(a)
        | (a == 0) & (x == 0)
        | np.isinf(a) & np.isinf(x)
    )
    lower = np.where(is_wrong, np.nan, np.where(is_all, 1.0, np.where(is_none, 0.0, lower)))
    upper = np.where(is_wrong, np.nan, np.where(is_all, 0.0, np.where(is_none, 1.0, upper)))
    return lower, upper


@float_function(FAMILY, "aten::igamma", "aten::special_gammainc", illegal=dtypes.COMPLEX)
def igamma(a: Array, x: Array) -> Array:
    """The regularized lower incomplete gamma function; of infinite `a` 0, of infinite `x` 1."""
    return _both(a, x)[0]


@float_function(FAMILY, "aten::igammac", "aten::special_gammaincc", illegal=dtypes.COMPLEX)
def igammac(a: Array, x: Array) -> Array:
    """The regularized upper incomplete gamma function."""
    return _both(a, x)[1]


def hurwitz(s: Array, q: Array) -> Array:
    """The sum of ``(q + k)^-s`` over k, by Euler's and Maclaurin's summation; `q` is no pole."""
    s, q = np.broadcast_arrays(s, q)
    total, at = np.zeros(q.shape), q.astype(np.float64)
    enough = 12 + np.minimum(s, 200)
    for _ in range(ROUNDS):
        small = at < enough
        if not np.any(small):
            break
        total = np.where(small, total + at**-s, total)
        at = np.where(small, at + 1, at)
    total = total + at ** (1 - s) / (s - 1) + 0.5 * at**-s
    term, factor = at ** (-s - 1), s
    for i, bernoulli in enumerate(_BERNOULLI):
        total = total + bernoulli * factor * term / math.factorial(2 * i + 2)
        factor = factor * (s + 2 * i + 1) * (s + 2 * i + 2)
        term = term / (at * at)
    return total


@float_function(
    FAMILY,
    "aten::special_zeta",
    "aten::special_zeta.other_scalar",
    "aten::special_zeta.self_scalar",
    illegal=(dtypes.F16, dtypes.BF16, *dtypes.COMPLEX),
)
def zeta(s: Array, q: Array) -> Array:
    """Hurwitz's zeta function: infinite for ``s = 1`` and at poles, NaN for lower `s`, and of negative `q`
    for `s` that are no integers.
    """
    is_pole = (q <= 0) & (q == np.floor(q))
    is_wrong = (s < 1) | (q < 0) & (s != np.floor(s)) & ~is_pole
    value = hurwitz(
        np.where((s > 1) & np.isfinite(s), s, 2.0), np.where(is_pole | is_wrong | ~np.isfinite(q), 1.0, q)
    )
    value = np.where(np.isposinf(q), np.nan, np.where(is_pole, np.inf, value))
    value = np.where(s == 1, np.inf, np.where(is_wrong, np.nan, value))
    value = np.where(np.isposinf(s), np.where(q > 1, 0.0, np.where(q == 1, 1.0, np.inf)), value)
    return np.where((np.isnan(s) | np.isnan(q)) & ~is_pole, np.nan, value)


@float_function(FAMILY, "aten::special_erfcx", illegal=(dtypes.F16, dtypes.BF16, *dtypes.COMPLEX))
def erfcx(x: Array) -> Array:
    """``exp(x^2) erfc(x)``."""
    return scaled_complement(x)
