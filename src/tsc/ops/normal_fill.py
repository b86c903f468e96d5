"""Uniform numbers into normally distributed ones, sixteen at a time, to the bits of PyTorch's AVX2 kernels.

Source: ``normal_fill`` and ``normal_fill_AVX2`` (aten/src/ATen/native/cpu/DistributionTemplates.h); the
polynomials of float32 are those of Cephes (Moshier: ``logf``, ``sinf``, ``cosf``), where each sum that
follows a product is rounded once with it, as compilers contract them.
"""

from __future__ import annotations

import math

import numpy as np

from tsc.dtypes import Array
from tsc.ops.fused_arithmetic import by_element, fused, scaled

BLOCK = 16
"""Numbers made together: eight radii and eight angles become sixteen."""
CHUNK = 1024
"""Blocks computed at a time: what they take stays in the cache."""
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
LN2 = (-2.12194440e-4, 0.693359375)
"""The natural logarithm of 2 is the sum; multiples of the second are exact."""
QUARTER_PI = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
"""Minus a quarter of pi, in three parts."""


def normal_blocks(uniforms: Array, mean: float, std: float) -> Array:
    """Uniform numbers, in blocks of sixteen, become as many normally distributed ones; float32 or float64."""
    make = _singles if uniforms.dtype == np.float32 else _doubles
    made = uniforms.reshape(-1, 2, BLOCK // 2)
    for at in range(0, len(made), CHUNK):
        pairs = made[at : at + CHUNK]
        pairs[:, 0], pairs[:, 1] = make(pairs[:, 0], pairs[:, 1], mean, std)
    return uniforms


def _singles(u1: Array, u2: Array, mean: float, std: float) -> tuple[Array, Array]:
    radius = np.sqrt(np.float32(-2) * _log(np.float32(1) - u1))
    sin, cos = _sin_cos(np.float32(2 * math.pi) * u2)
    first, second = (scaled(radius * x, std, mean) for x in (cos, sin))
    return first, second


def _all(like: Array, value: float) -> Array:
    return np.full(like.shape, value, like.dtype)


def _log(x: Array) -> Array:
    """The natural logarithm of normal float32 above 0."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    x = (bits & 0x007FFFFF | 0x3F000000).view(np.float32)  # in [0.5, 1)
    is_low = x < np.float32(0.707106781186547524)
    exponent -= is_low
    x = (x - np.float32(1)) + np.where(is_low, x, np.float32(0))
    square = x * x
    y = _polynomial(LOG, x) * x
    y = fused(y, square, exponent * np.float32(LN2[0]))
    y = fused(-square, _all(x, 0.5), y)
    return fused(exponent, _all(x, LN2[1]), x + y)


def _sin_cos(x: Array) -> tuple[Array, Array]:
    """Sine and cosine of float32 that are not negative."""
    octant = ((x * np.float32(4 / math.pi)).astype(np.int32) + 1) & ~1
    for part in QUARTER_PI:
        x = fused(octant.astype(np.float32), _all(x, part), x)
    square = x * x
    cos = _polynomial(COS, square) * square
    cos = fused(cos, square, -(square * np.float32(0.5))) + np.float32(1)
    sin = fused(_polynomial(SIN, square) * square, x, x)
    is_swapped = octant & 2 != 0
    sin, cos = np.where(is_swapped, cos, sin), np.where(is_swapped, sin, cos)
    return np.where(octant & 4, -sin, sin), np.where((octant - 2) & 4, cos, -cos)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """By Horner's rule, the coefficient of the highest power first."""
    total = _all(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = fused(total, x, _all(x, coefficient))
    return total


def _doubles(u1: Array, u2: Array, mean: float, std: float) -> tuple[Array, Array]:
    radius = np.sqrt(-2 * by_element(math.log, 1 - u1))
    angle = 2 * math.pi * u2
    first, second = (scaled(radius * by_element(f, angle), std, mean) for f in (math.cos, math.sin))
    return first, second
