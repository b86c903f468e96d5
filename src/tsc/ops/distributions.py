"""Random numbers from distributions: Bernoulli, multinomial, normal, uniform, exponential and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.creation import dtype_or, sized
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.random import RandomSource, generator, normal_array, require_floating, uniform_array
from tsc.ops.shapes import broadcast, like_self

FAMILY = Family()


def _probabilities(p: float | Array) -> float | Array:
    if np.any((np.asarray(p) < 0) | (np.asarray(p) > 1)):
        raise ShapeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return p


def _coin(numbers: np.random.Generator, p: float | Array, spec: TensorSpec) -> Array:
    return np.asarray(numbers.random(spec.shape) < _probabilities(p)).astype(spec.dtype.numpy)


@FAMILY.op("aten::bernoulli", infer=like_self, draws=True)
def bernoulli(self: Array, source: RandomSource | None) -> Array:
    """1 with the probability each element says, else 0."""
    require_floating("bernoulli", spec_of(self).dtype)
    return _coin(generator(source), self.astype(np.float64), spec_of(self))


@FAMILY.op("aten::bernoulli.p", infer=like_self, draws=True)
def bernoulli_p(self: Array, p: float, source: RandomSource | None) -> Array:
    """1 with probability `p`, else 0."""
    return _coin(generator(source), p, spec_of(self))


@FAMILY.op("aten::bernoulli.Tensor", infer=like_self, draws=True)
def bernoulli_tensor(self: Array, p: Array, source: RandomSource | None) -> Array:
    """1 with the probability each element of `p` says, else 0."""
    return _coin(generator(source), p.astype(np.float64), spec_of(self))


@FAMILY.op("aten::bernoulli_.float", kind="inplace", draws=True)
def bernoulli_in_place(self: Array, p: float, source: RandomSource | None) -> Array:
    """1 with probability `p`, else 0, stored in `self`."""
    self[...] = bernoulli_p(self, p, source)
    return self


def _multinomial_infer(self: TensorSpec, num_samples: int, *_: object) -> TensorSpec:
    if self.ndim not in (1, 2):
        raise ShapeError(f"prob_dist must be 1 or 2 dim; got {self.ndim}")
    return TensorSpec((*self.shape[:-1], num_samples), dtypes.I64)


@FAMILY.op("aten::multinomial", infer=_multinomial_infer, draws=True)
def multinomial(self: Array, num_samples: int, replacement: bool, source: RandomSource | None) -> Array:
    """Places drawn with probabilities proportional to the elements of each row.

    Raises:
        ShapeError: weights are negative or all zero, or too many samples are wanted without replacement.
    """
    spec = _multinomial_infer(spec_of(self), num_samples)
    require_floating("multinomial", spec_of(self).dtype)
    weights = np.atleast_2d(self.astype(np.float64))
    if num_samples <= 0:
        raise ShapeError("cannot sample n_sample <= 0 samples")
    if np.any(~(weights >= 0)) or np.any(np.isinf(weights)) or np.any(weights.sum(-1) <= 0):
        raise ShapeError(
            "probability tensor contains either `inf`, `nan` or element < 0, or a row that sums to 0"
        )
    numbers = generator(source)
    if not replacement:
        if num_samples > weights.shape[-1]:
            raise ShapeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        with np.errstate(divide="ignore"):
            arrival = numbers.exponential(size=weights.shape) / weights
        return np.argsort(arrival, axis=-1)[:, :num_samples].reshape(spec.shape).astype(np.int64)
    edges = np.cumsum(weights, -1) / weights.sum(-1, keepdims=True)
    drawn = numbers.random((weights.shape[0], num_samples))
    places = (drawn[:, :, None] >= edges[:, None, :]).sum(-1)
    return np.minimum(places, weights.shape[-1] - 1).reshape(spec.shape).astype(np.int64)


def _scaled_normal(
    numbers: np.random.Generator, mean: float | Array, std: float | Array, spec: TensorSpec
) -> Array:
    if np.any(np.asarray(std) < 0):
        raise ShapeError(f"normal expects std >= 0.0, but found std {std}")
    wide = dtypes.C128 if spec.dtype.is_complex else dtypes.F64
    return np.asarray(normal_array(numbers, TensorSpec(spec.shape, wide)) * std + mean).astype(
        spec.dtype.numpy
    )


def _normal_infer(mean: TensorSpec | float, std: float | TensorSpec, *_: object) -> TensorSpec:
    tensors = [v for v in (mean, std) if isinstance(v, TensorSpec)]
    return TensorSpec(broadcast(*(t.shape for t in tensors)), tensors[0].dtype)


@FAMILY.op(
    "aten::normal.Tensor_float",
    "aten::normal.float_Tensor",
    "aten::normal.Tensor_Tensor",
    infer=_normal_infer,
    draws=True,
)
def normal(mean: Array | float, std: float | Array, source: RandomSource | None) -> Array:
    """Normally distributed numbers with the given means and deviations."""
    return _scaled_normal(generator(source), mean, std, _normal_infer(*specs_of([mean, std])))


def _normal_sized_infer(
    mean: float, std: float, size: Sequence[int], source: object, dtype: int | None, *_: object
) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.F32))


@FAMILY.op(
    "aten::normal.float_float",
    infer=_normal_sized_infer,
    draws=True,
)
def normal_sized(
    mean: float, std: float, size: Sequence[int], source: RandomSource | None, dtype: int | None, *_: object
) -> Array:
    """Normally distributed numbers of one mean and deviation."""
    return _scaled_normal(generator(source), mean, std, sized(size, dtype_or(dtype, dtypes.F32)))


@FAMILY.op("aten::normal_", kind="inplace", draws=True)
def normal_in_place(self: Array, mean: float, std: float, source: RandomSource | None) -> Array:
    """Normally distributed numbers stored in `self`."""
    self[...] = _scaled_normal(generator(source), mean, std, spec_of(self))
    return self


@FAMILY.op("aten::uniform", infer=like_self, draws=True)
def uniform(self: Array, low: float, high: float, source: RandomSource | None) -> Array:
    """Numbers in ``[low, high)``."""
    if low > high:
        raise ShapeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return (uniform_array(generator(source), spec_of(self)) * (high - low) + low).astype(self.dtype)


def _define_distribution(name: str, draw: Callable[..., Array]) -> None:
    """``draw(numbers, shape, *parameters)`` is the meaning of ``name`` and, in place, of ``name_``."""

    @FAMILY.op(f"aten::{name}_", kind="inplace", draws=True)
    def in_place(self: Array, *arguments: Any) -> Array:
        *parameters, source = arguments
        self[...] = draw(generator(source), spec_of(self).shape, *parameters).astype(self.dtype)
        return self


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise ShapeError(f"{name} expects a positive parameter; got {value}")
    return value


def _exponential(numbers: np.random.Generator, shape: tuple[int, ...], rate: float) -> Array:
    return numbers.exponential(1 / _positive("exponential_", rate), shape)


def _geometric(numbers: np.random.Generator, shape: tuple[int, ...], p: float) -> Array:
    return numbers.geometric(_positive("geometric_", p), shape)


def _cauchy(numbers: np.random.Generator, shape: tuple[int, ...], median: float, sigma: float) -> Array:
    return np.asarray(numbers.standard_cauchy(shape) * _positive("cauchy_", sigma) + median)


def _log_normal(numbers: np.random.Generator, shape: tuple[int, ...], mean: float, std: float) -> Array:
    return np.asarray(numbers.lognormal(mean, _positive("log_normal_", std), shape))


_define_distribution("exponential", _exponential)
_define_distribution("geometric", _geometric)
_define_distribution("cauchy", _cauchy)
_define_distribution("log_normal", _log_normal)


@FAMILY.op("aten::poisson", infer=like_self, draws=True)
def poisson(self: Array, source: RandomSource | None) -> Array:
    """Counts with the rates the elements say."""
    return np.asarray(generator(source).poisson(self.astype(np.float64))).astype(self.dtype)
