"""Samples: places by weight, and variates whose parameters are elements (Poisson, binomial, gamma)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, ShapeError
from tsc.ops import single_draws
from tsc.ops.composite import AnyTensor
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.distributions import fill_exponential
from tsc.ops.draws import DIGITS, require_floating, rounded, unit_doubles
from tsc.ops.elementwise import spec_of
from tsc.ops.random import empty_like
from tsc.ops.random_source import RandomSource, drawing
from tsc.ops.random_streams import Draws, require_real
from tsc.ops.shapes import broadcast, like_self
from tsc.ops.single_draws import SingleDraws, drawing_singly
from tsc.ops.sorting import topk

FAMILY = Family()


def _multinomial_infer(self: TensorSpec, num_samples: int, *_: object) -> TensorSpec:
    if self.ndim not in (1, 2):
        raise ShapeError(f"prob_dist must be 1 or 2 dim; got {self.ndim}")
    return TensorSpec((*self.shape[:-1], num_samples), dtypes.I64)


def _multinomial_drawn(
    draws: Draws, self: AnyTensor, num_samples: int, replacement: bool, source: object
) -> AnyTensor:
    aten, shape, dtype = draws.aten, draws.aten.shape(self), draws.aten.dtype(self)
    require_real(dtype)
    if num_samples <= 0 or (not replacement and num_samples > shape[-1]):
        raise ShapeError(f"cannot sample n_sample = {num_samples} of {shape[-1]}")
    aten.require(aten("all", aten("logical_and", aten("ge.Scalar", self, 0), aten("isfinite", self))))
    sums = aten("sum.dim_IntList", self, [-1], True, dtypes.F64.code)
    aten.require(aten("all", aten("gt.Scalar", sums, 0)))
    if num_samples > 1 and replacement:
        return _many_drawn(draws, self, num_samples)
    speeds = aten("div.Tensor", self, draws.exponential(shape, dtype, 1.0))
    if num_samples == 1:
        return aten("argmax", speeds, -1, True)
    return aten("topk", speeds, num_samples, -1, True, True)[1]


def _many_drawn(draws: Draws, weights: AnyTensor, count: int) -> AnyTensor:
    """Where each unit number falls: behind all the edges that are below it, but for the last one."""
    aten, (*lead, places) = draws.aten, draws.aten.shape(weights)
    kind = dtypes.F32 if aten.dtype(weights) in dtypes.REDUCED else aten.dtype(weights)
    sums = aten("cumsum", aten.in_dtype(weights, kind), -1)
    edges = aten("div.Tensor", sums, aten("slice.Tensor", sums, -1, places - 1, places, 1))
    edges = aten.in_dtype(aten("slice.Tensor", edges, -1, 0, places - 1, 1), dtypes.F64)
    units = draws.units([*lead, count], dtypes.F64)
    is_below = aten("lt.Tensor", aten("unsqueeze", edges, -2), aten("unsqueeze", units, -1))
    return aten("sum.dim_IntList", is_below, [-1], False)


@FAMILY.op("aten::multinomial", infer=_multinomial_infer, draws=True, drawn=_multinomial_drawn)
def multinomial(self: Array, num_samples: int, replacement: bool, source: RandomSource | None) -> Array:
    """Places drawn with probabilities proportional to the elements of each row.

    Raises:
        ShapeError: weights are negative or all zero, or too many samples are wanted without replacement.
    """
    spec = _multinomial_infer(spec_of(self), num_samples)
    require_floating("multinomial", spec_of(self).dtype)
    if num_samples <= 0:
        raise ShapeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > self.shape[-1]:
        raise ShapeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if not np.all((self >= 0) & np.isfinite(self.astype(np.float64))):
        raise ShapeError("probability tensor contains either `inf`, `nan` or element < 0")
    if np.any(self.astype(np.float64).sum(-1) <= 0):
        raise ShapeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if num_samples == 1 or not replacement:
        return _race(self, num_samples, source).reshape(spec.shape)
    with drawing(source) as numbers:
        rows = np.atleast_2d(self)
        units = unit_doubles(numbers, len(rows) * num_samples).reshape(-1, num_samples)
        places = [np.searchsorted(_edges(row), unit) for row, unit in zip(rows, units, strict=True)]
    return np.array(places, np.int64).reshape(spec.shape)


def _race(self: Array, count: int, source: RandomSource | None) -> Array:
    """Those that come first where each place waits an exponential time divided by its weight."""
    waits = fill_exponential(empty_like(self), source, 1.0)
    with np.errstate(all="ignore"):
        speeds = self / waits
    if count == 1:
        return np.argmax(speeds, -1, keepdims=True)
    return np.ascontiguousarray(topk(speeds, count, -1, True, True)[1])


def _edges(weights: Array) -> Array:
    """Where the part of the unit interval that belongs to each place ends."""
    kind = np.float32 if weights.dtype.itemsize == 2 else weights.dtype
    sums = np.cumsum(weights.astype(kind), dtype=kind)
    edges = sums / sums[-1]
    edges[-1] = 1
    return edges.astype(np.float64)


# --- a parameter for each element ---


def _require_wide(name: str, array: Array) -> None:
    """Raise a `DTypeError` where PyTorch has no kernel."""
    dtype = dtypes.by_numpy(array.dtype)
    if dtype not in (dtypes.F32, dtypes.F64):
        raise DTypeError(f"{name}: not implemented for '{dtype.scalar_type}'")


def _each(numbers: SingleDraws, sample: Callable[..., float], *parameters: Array) -> Array:
    """``sample(numbers, *elements)`` of all elements in turn, as float64."""
    columns = [p.reshape(-1).astype(np.float64).tolist() for p in parameters]
    drawn = [sample(numbers, *elements) for elements in zip(*columns, strict=True)]
    return np.array(drawn, np.float64).reshape(parameters[0].shape)


@FAMILY.op("aten::poisson", infer=like_self, draws=True)
def poisson(self: Array, source: RandomSource | None) -> Array:
    """Counts with the rates the elements say."""
    require_floating("poisson", spec_of(self).dtype)
    if np.any(self < 0):
        raise ShapeError("invalid Poisson rate, expected rate to be non-negative")
    with drawing_singly(source) as numbers:
        return _each(numbers, single_draws.poisson, self).astype(self.dtype)


def _binomial_infer(count: TensorSpec, prob: TensorSpec, source: object) -> TensorSpec:
    return TensorSpec(broadcast(count.shape, prob.shape), count.dtype)


@FAMILY.op("aten::binomial", infer=_binomial_infer, draws=True)
def binomial(count: Array, prob: Array, source: RandomSource | None) -> Array:
    """How many of `count` trials of probability `prob` succeed.

    Raises:
        DTypeError: both are not of one floating dtype.
    """
    _require_wide("binomial", count)
    if count.dtype != prob.dtype:
        raise DTypeError("binomial: expects count and prob to have the same dtype")
    counts, chances = np.broadcast_arrays(count, prob)
    with drawing_singly(source) as numbers:
        return _each(numbers, single_draws.binomial, counts, chances).astype(count.dtype)


def _smallest(dtype: np.dtype[Any]) -> float:
    """The smallest normal number."""
    return {np.dtype(np.float16): 2.0**-14, np.dtype(np.float64): 2.0**-1022}.get(dtype, 2.0**-126)


def _gamma(alpha: Array, numbers: SingleDraws) -> Array:
    drawn = [single_draws.gamma(numbers, a) for a in alpha.reshape(-1)]
    made = np.maximum(np.array(drawn, np.float64), _smallest(alpha.dtype))
    return rounded(made, dtypes.by_numpy(alpha.dtype)).reshape(alpha.shape)


LANES, ROWS, LEVEL = 4, 4, 16
"""Numbers in a vector, vectors summed side by side, and terms before a sum moves to the next level."""


def _row_sums(x: Array) -> Array:
    """Sums along the last dim, in the order of additions of PyTorch's kernel.

    Source: ``cascade_sum`` (aten/src/ATen/native/cpu/SumKernel.cpp).
    """
    count = x.shape[-1] // (LANES * ROWS)
    whole = x[..., : count * LANES * ROWS].reshape(*x.shape[:-1], count, ROWS, LANES)
    step = max(LEVEL, 2 ** (max(count - 1, 0).bit_length() // 4))
    levels = np.zeros((4, *x.shape[:-1], ROWS, LANES))
    for i in range(count):
        levels[0] += whole[..., i, :, :]
        for j in range(1, 4):
            if (i + 1) % step**j:
                break
            levels[j] += levels[j - 1]
            levels[j - 1] = 0
    rows = levels[0] + levels[1] + levels[2] + levels[3]
    vectors = x.shape[-1] // LANES
    for i in range(count * ROWS, vectors):
        rows[..., 0, :] += x[..., i * LANES : (i + 1) * LANES]
    lanes = rows[..., 0, :] + rows[..., 1, :] + rows[..., 2, :] + rows[..., 3, :]
    total = np.zeros(x.shape[:-1])
    for i in range(vectors * LANES, x.shape[-1]):
        total += x[..., i]
    for i in range(LANES):
        total += lanes[..., i]
    return total


@FAMILY.op("aten::_standard_gamma", infer=like_self, draws=True)
def standard_gamma(self: Array, source: RandomSource | None) -> Array:
    """Gamma variates of the shapes the elements say, and scale 1."""
    _require_wide("_standard_gamma", self)
    with drawing_singly(source) as numbers:
        return _gamma(self, numbers)


@FAMILY.op("aten::_sample_dirichlet", infer=like_self, draws=True)
def sample_dirichlet(self: Array, source: RandomSource | None) -> Array:
    """Points of a simplex: gamma variates of the last dim over their sum, never 0 nor 1."""
    _require_wide("_sample_dirichlet", self)
    with drawing_singly(source) as numbers:
        drawn = _gamma(self.astype(np.float64), numbers)
    highest = 1.0 - 2.0 ** -DIGITS[dtypes.by_numpy(self.dtype)]
    shares = np.clip(drawn / _row_sums(drawn)[..., None], _smallest(self.dtype), highest)
    return rounded(shares, dtypes.by_numpy(self.dtype))
