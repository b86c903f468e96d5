"""Weights in fewer bits: rounding them, and finding those that have no more.

Weights of 16 bits are bfloat16. Those of 8 bits are whole numbers from -127 to 127 times a scale for each
output (symmetric quantization per channel): the largest magnitude that leads to it, divided by 127.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from tsc import dtypes
from tsc.dialects.constants import ConstantPool
from tsc.dtypes import Array, DType

LARGEST = 127
"""The largest whole number that stands for a weight."""
LEAST_ELEMENTS = 1 << 14
"""Of weights that are worth it."""


@dataclass(frozen=True)
class Narrowed:
    """Weights in fewer bits: keys of constants."""

    dtype: DType
    weights: str
    scales: str | None = None
    """What each output is to be multiplied by."""


def rounded(weight: Array, precision: str, column: int = 0) -> Array:
    """`weight`, as float32, with elements that `precision` can hold; dim `column` is that of the outputs. As
    ``int8``, what leads to an output with a weight that is not finite stays.
    """
    if precision == "bf16":
        return weight.astype(dtypes.BF16.numpy).astype(np.float32)
    known = _scales(weight, column)
    is_finite = _along(np.isfinite(known), weight.ndim, column)
    scales = _along(_shortened(np.where(np.isfinite(known), known, np.float32(1))), weight.ndim, column)
    return np.where(is_finite, np.rint(weight / scales) * scales, weight)


def narrowed(pool: ConstantPool, key: str, column: int) -> Narrowed | None:
    """The constant `key` in as few bits as hold it exactly; None where that takes all of them."""
    weight = pool[key]
    if weight.dtype != np.float32 or weight.size < LEAST_ELEMENTS:
        return None
    if _is_bfloat16(weight):
        made = pool.derived(key, "bfloat16", lambda w: w.astype(dtypes.BF16.numpy), f"{key}.bfloat16")
        return Narrowed(dtypes.BF16, made)
    if not _is_whole(weight, column):
        return None
    integers = pool.derived(key, ("int8", column), partial(_integers, column=column), f"{key}.int8")
    scales = pool.derived(key, ("scales", column), partial(_scales, column=column), f"{key}.scales")
    return Narrowed(dtypes.I8, integers, scales)


def _is_bfloat16(weight: Array) -> bool:
    """Whether the lower halves of all elements are zero: a few are asked first."""
    bits = np.ascontiguousarray(weight).reshape(-1).view(np.uint32)
    return not np.any(bits[:64] & 0xFFFF) and not np.any(bits & 0xFFFF)


def _is_whole(weight: Array, column: int) -> bool:
    """Whether each element is exactly a whole number times the scale of its output: a few are asked first."""
    rows = np.moveaxis(weight, column, 0)
    return bool(np.isfinite(_scales(rows, 0)).all()) and all(
        np.array_equal(_integers(part, 0).astype(np.float32) * _along(_scales(part, 0), part.ndim, 0), part)
        for part in (rows[:1], rows)
    )


def _scales(weight: Array, column: int) -> Array:
    """The scale of each output; 1 where all that leads to it is zero, not finite where something is not."""
    others = tuple(d for d in range(weight.ndim) if d != column)
    largest = np.abs(weight).max(axis=others)
    return np.where(largest == 0, np.float32(1), largest / np.float32(LARGEST)).astype(np.float32)


def _shortened(scales: Array) -> Array:
    """The next scales above of 16 bits of mantissa: their products with weights of 8 bits are exact, so that
    what is rounded once stays as it is.
    """
    return ((scales.view(np.uint32) + np.uint32(0xFF)) & np.uint32(0xFFFFFF00)).view(np.float32)


def _integers(weight: Array, column: int) -> Array:
    return np.rint(weight / _along(_scales(weight, column), weight.ndim, column)).astype(np.int8)


def _along(scales: Array, ndim: int, column: int) -> Array:
    return scales.reshape([-1 if d == column else 1 for d in range(ndim)])
