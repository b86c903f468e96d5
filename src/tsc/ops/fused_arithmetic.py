"""``a * b + c`` rounded once, and functions of the C library on arrays: what compiled code computes with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsc.dtypes import Array

_SMALLEST_NORMAL = float(np.finfo(np.float32).smallest_normal)


def by_element(function: Callable[[float], float], x: Array) -> Array:
    """`function`, one of `math`, of each element, as float64: the C library's, of which NumPy's own kernels
    differ in the last digit.
    """
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def fused(a: Array, b: Array, c: Array) -> Array:
    """``a * b + c`` rounded once, for operands of one dtype: float32 or float64."""
    return _fused_singles(a, b, c) if a.dtype == np.float32 else _fused_doubles(a, b, c)


def scaled(x: Array, factor: float, shift: float) -> Array:
    """``x * factor + shift`` rounded once."""
    if (factor, shift) == (1.0, 0.0):
        return x + x.dtype.type(0)
    return fused(x, np.full_like(x, factor), np.full_like(x, shift))


def _fused_singles(a: Array, b: Array, c: Array) -> Array:
    """The product of two float32 is a float64. So is the sum, rounded: that it is rounded again shows only
    where it lies in the middle between two float32.
    """
    product, addend = a.astype(np.float64) * b, c.astype(np.float64)
    total = np.asarray(product + addend)
    is_middle = total.view(np.int64) & 0x1FFFFFFF == 0x10000000
    doubtful = np.nonzero(is_middle | (np.abs(total) < _SMALLEST_NORMAL) & (total != 0))
    if doubtful[0].size:
        total[doubtful] = _to_odd(*_two_sum(product[doubtful], addend[doubtful]))
    return total.astype(np.float32)


def _fused_doubles(a: Array, b: Array, c: Array) -> Array:
    """Source: Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using
    rounding to odd", 2008, section 4.
    """
    high, low = _two_product(a, b)
    sum_low, sum_low_rest = _two_sum(c, low)
    total, total_rest = _two_sum(high, sum_low)
    return total + _to_odd(*_two_sum(sum_low_rest, total_rest))


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """``a + b`` rounded, and what rounding left out. Source: Knuth, TAOCP 2, 4.2.2."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """``a * b`` rounded, and what rounding left out. Source: Dekker, 1971."""
    product = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _halves(a: Array) -> tuple[Array, Array]:
    scaled = a * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - a)
    return high, a - high


def _to_odd(nearest: Array, rest: Array) -> Array:
    """The sum of a float64 and what its rounding left out, rounded to odd: to the neighbour whose last bit is
    1 if it is inexact.
    """
    is_even = nearest.view(np.int64) & 1 == 0
    odd = np.nextafter(nearest, np.where(rest > 0, np.inf, -np.inf))
    return np.where((rest != 0) & is_even, odd, nearest)
