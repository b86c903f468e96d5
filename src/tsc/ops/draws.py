"""Words of a random source into numbers of a distribution and dtype, as PyTorch's CPU kernels make them."""

from __future__ import annotations

import math

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import DTypeError
from tsc.ops.fused_arithmetic import by_element, fused, scaled
from tsc.ops.normal_fill import BLOCK, normal_blocks
from tsc.ops.random_source import RandomSource
from tsc.ops.strides import elementwise_order

DIGITS = {dtypes.F64: 53, dtypes.F32: 24, dtypes.F16: 11, dtypes.BF16: 8}
"""Binary digits of the floating dtypes."""
REAL = {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}
"""The dtype of the parts of a complex one."""
MANY = (2**32 - 1) // 20
"""Permutations of so many or more take two words a step."""
WIDE_RANGE = 2**28
"""Integers from so many or more are of two words each."""


def require_floating(name: str, dtype: DType) -> None:
    """Raise a `DTypeError` for integers and bools."""
    if not (dtype.is_floating or dtype.is_complex):
        raise DTypeError(f"{name}: requires a floating dtype; got {dtype.name}")


def fill(target: Array, values: Array) -> Array:
    """Store `values`, one for each element, in the order in which PyTorch goes through the elements: that of
    their memory.
    """
    order = elementwise_order(target.shape, [(target.shape, target.strides)])[::-1]
    turned = target.transpose(order)
    turned[...] = values.reshape(turned.shape)
    return target


def in_order(array: Array, target: Array) -> Array:
    """The elements of `array`, of the shape of `target`, in the order of `fill`."""
    order = elementwise_order(target.shape, [(a.shape, a.strides) for a in (target, array)])[::-1]
    return array.transpose(order).reshape(-1)


def unit_doubles(source: RandomSource, count: int) -> Array:
    """float64 numbers in ``[0, 1)``."""
    return (source.wide_words(count) & np.uint64(2**53 - 1)) * 2.0**-53


def unit_singles(source: RandomSource, count: int) -> Array:
    """float32 numbers in ``[0, 1)``."""
    return (source.words(count) & np.uint32(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)


def uniform(source: RandomSource, count: int, dtype: DType, low: float = 0.0, high: float = 1.0) -> Array:
    """Numbers in ``[low, high)``, of a real dtype; what is rounded up to `high` becomes `low`."""
    unit = unit_doubles(source, count) if dtype is dtypes.F64 else unit_singles(source, count)
    if (low, high) != (0.0, 1.0):
        first, last = (np.full(count, bound, unit.dtype) for bound in (low, high))
        unit = fused(unit, last - first, first)
    made = unit.astype(dtype.numpy, copy=False)
    made[made == np.asarray(high).astype(dtype.numpy)] = low
    return made


def rounded(values: Array, dtype: DType) -> Array:
    """Numbers in a floating dtype; in one of 16 bits by way of float32."""
    singles = values.astype(np.float32) if dtype in dtypes.REDUCED else values
    return singles.astype(dtype.numpy, copy=False)


def normal_doubles(source: RandomSource, count: int) -> Array:
    """float64 numbers from the standard normal distribution, made in pairs of which the second is kept."""
    kept = [] if source.next_normal is None or not count else [source.next_normal]
    if kept:
        source.next_normal = None
    pairs = (count - len(kept) + 1) // 2
    units = unit_doubles(source, 2 * pairs).reshape(pairs, 2)
    radius = np.sqrt(-2.0 * by_element(math.log1p, -units[:, 1]))
    angle = 2.0 * math.pi * units[:, 0]
    made = np.stack([radius * by_element(f, angle) for f in (math.cos, math.sin)], -1).reshape(-1)
    if len(kept) + 2 * pairs > count:
        source.next_normal = float(made[-1])
    return np.concatenate([kept, made])[:count]


def normal(
    source: RandomSource, count: int, dtype: DType, mean: float, std: float, *, is_contiguous: bool = True
) -> Array:
    """Normally distributed numbers of a real dtype. Sixteen or more, in contiguous memory, are made in blocks
    (the last of which may begin before the one before it ends), others in pairs.
    """
    if count < BLOCK or not is_contiguous:
        return rounded(scaled(normal_doubles(source, count), std, mean), dtype)
    whole, kind = count // BLOCK * BLOCK, dtypes.F64 if dtype is dtypes.F64 else dtypes.F32
    made = uniform(source, whole if dtype in dtypes.REDUCED else count, kind)
    normal_blocks(made[:whole], mean, std)
    if whole < count:
        made = np.concatenate([made[: count - BLOCK], normal_blocks(uniform(source, BLOCK, kind), mean, std)])
    return made.astype(dtype.numpy, copy=False)


def integers(source: RandomSource, count: int, dtype: DType, low: int, extent: int) -> Array:
    """Integers in ``[low, low + extent)``; an `extent` of 2**64 is all of them."""
    if extent == 2**64:
        return _from_int64(source.wide_words(count).view(np.int64), dtype)
    words = source.wide_words(count) if extent >= WIDE_RANGE else source.words(count).astype(np.uint64)
    shifted = words % np.uint64(extent) + np.uint64(low % 2**64)
    return _from_int64(shifted.view(np.int64), dtype)


def natural_integers(source: RandomSource, count: int, dtype: DType) -> Array:
    """Integers from 0 to the largest of an integral dtype, or to the last before one is missing."""
    if dtype in (dtypes.F64, dtypes.I64):
        words = source.wide_words(count)
    else:
        words = source.words(count).astype(np.uint64)
    return _from_int64((words % np.uint64(largest_natural(dtype) + 1)).view(np.int64), dtype)


def largest_natural(dtype: DType) -> int:
    """The largest integer ``random_()`` gives: exact in `dtype`, and all below it too."""
    if dtype is dtypes.BOOL:
        return 1
    return 2 ** DIGITS[dtype] if dtype in DIGITS else int(np.iinfo(dtype.numpy).max)


def _from_int64(values: Array, dtype: DType) -> Array:
    return rounded(values, dtype) if dtype.is_floating else values.astype(dtype.numpy)


def bernoulli(source: RandomSource, p: float | Array, count: int) -> Array:
    """Bools that are true with probability `p`, a number or as many float32 or float64 as there are bools."""
    if isinstance(p, np.ndarray) and p.dtype != np.float64:
        return unit_singles(source, count) < p.astype(np.float32)
    return unit_doubles(source, count) < p


def permutation(source: RandomSource, count: int) -> Array:
    """The integers below `count`, shuffled by Fisher and Yates from the front."""
    steps = max(count - 1, 0)
    words = source.wide_words(steps) if count >= MANY else source.words(steps).astype(np.uint64)
    ahead = (words % (np.uint64(count) - np.arange(steps, dtype=np.uint64))).tolist()
    made = list(range(count))
    for i, offset in enumerate(ahead):
        j = i + offset
        made[i], made[j] = made[j], made[i]
    return np.array(made, np.int64)
