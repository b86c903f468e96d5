"""Generators, and random numbers by size: ``rand``, ``randn`` and theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.ops.composite import AnyTensor
from tsc.ops.creation import dtype_or, sized
from tsc.ops.definition import Effect, Family, ResultLayout, TensorSpec
from tsc.ops.draws import REAL, fill, normal, require_floating, uniform
from tsc.ops.elementwise import spec_of
from tsc.ops.random_source import DEFAULT_SEED, RandomSource, default_source, drawing, random_seed
from tsc.ops.random_streams import Draws, require_real
from tsc.ops.strides import as_it_lay

FAMILY = Family()
Drawn = Callable[..., Any]
"""``draw(draws, shape, dtype)``: numbers in terms of those of `draws`."""
Fill = Callable[..., Array]
"""``fill(target, source, *parameters)``: random numbers for all elements of `target`, which it gives back."""


@FAMILY.op("aten::manual_seed", kind="python", effect=Effect.ACTS)
def manual_seed(seed: int) -> None:
    """Begin the default stream again."""
    default_source().restart(seed)


@FAMILY.op("aten::manual_seed.generator", kind="python", effect=Effect.ACTS)
def manual_seed_generator(self: RandomSource, seed: int) -> RandomSource:
    """Begin a stream again."""
    self.restart(seed)
    return self


@FAMILY.op("aten::Generator", kind="python", effect=Effect.ACTS)
def make_generator(device: str | None, seed: int | None) -> RandomSource:
    """A stream of its own."""
    return RandomSource(DEFAULT_SEED if seed is None else seed)


@FAMILY.op("aten::initial_seed", kind="python", effect=Effect.READS)
def initial_seed(self: RandomSource) -> int:
    """The seed the stream began with, as an int64."""
    return (self.initial_seed + 2**63) % 2**64 - 2**63


@FAMILY.op("aten::seed", kind="python", effect=Effect.ACTS)
def seed(self: RandomSource) -> int:
    """Begin the stream again with a random seed, which is returned."""
    made = random_seed()
    self.restart(made)
    return made


# --- tensors filled with random numbers ---


def empty_like(self: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """An array of the shape of `self`, laid out as PyTorch lays out what is like it."""
    return as_it_lay(np.empty(self.shape, dtype or self.dtype), self)


def fill_uniform(target: Array, source: RandomSource | None, low: float = 0.0, high: float = 1.0) -> Array:
    """Numbers in ``[low, high)``; those of complex dtypes have such parts."""
    dtype = dtypes.by_numpy(target.dtype)
    require_floating("uniform_", dtype)
    with drawing(source) as numbers:
        if dtype.is_complex:
            parts = uniform(numbers, 2 * target.size, REAL[dtype], low, high)
            return fill(target, parts.view(target.dtype))
        return fill(target, uniform(numbers, target.size, dtype, low, high))


def fill_normal(target: Array, source: RandomSource | None, mean: float = 0.0, std: float = 1.0) -> Array:
    """Normally distributed numbers; of complex ones `std` is that of both parts together."""
    dtype = dtypes.by_numpy(target.dtype)
    if target.size:
        require_floating("normal_", dtype)
    in_blocks = target.flags.c_contiguous
    with drawing(source) as numbers:
        if dtype.is_complex:
            deviation = std / 2**0.5
            parts = normal(numbers, 2 * target.size, REAL[dtype], mean, deviation, is_contiguous=in_blocks)
            return fill(target, parts.view(target.dtype))
        return fill(target, normal(numbers, target.size, dtype, mean, std, is_contiguous=in_blocks))


def _drawn(draw: Drawn, draws: Draws, size: Sequence[int], dtype: int | None, *_: object) -> AnyTensor:
    kind = dtype_or(dtype, dtypes.F32)
    require_real(kind)
    return draw(draws, size, kind)


def _drawn_like(draw: Drawn, draws: Draws, self: AnyTensor, dtype: int | None, *_: object) -> AnyTensor:
    kind = dtype_or(dtype, draws.aten.dtype(self))
    require_real(kind)
    return draw(draws, draws.aten.shape(self), kind)


def _define(name: str, fill_with: Fill, draw: Drawn) -> None:
    """``rand`` or ``randn`` by size and in the likeness of a tensor."""
    drawn, drawn_like = partial(_drawn, draw), partial(_drawn_like, draw)

    def infer(size: Sequence[int], dtype: int | None, *_: object) -> TensorSpec:
        return sized(size, dtype_or(dtype, dtypes.F32))

    def infer_like(self: TensorSpec, dtype: int | None, *_: object) -> TensorSpec:
        return TensorSpec(self.shape, dtype_or(dtype, self.dtype))

    def infer_from(size: Sequence[int], source: object, *rest: Any) -> TensorSpec:
        return infer(size, *rest)

    def infer_like_from(self: TensorSpec, source: object, *rest: Any) -> TensorSpec:
        return infer_like(self, *rest)

    @FAMILY.op(f"aten::{name}.generator", infer=infer_from, draws=True)
    def create_from(size: Sequence[int], source: RandomSource | None, *rest: Any) -> Array:
        spec = infer(size, *rest)
        return fill_with(np.empty(spec.shape, spec.dtype.numpy), source)

    @FAMILY.op(f"aten::{name}", infer=infer, draws=True, drawn=drawn)
    def create(size: Sequence[int], *rest: Any) -> Array:
        return create_from(size, None, *rest)

    @FAMILY.op(
        f"aten::{name}_like.generator", infer=infer_like_from, draws=True, layout=ResultLayout.ELEMENTWISE
    )
    def create_like_from(self: Array, source: RandomSource | None, *rest: Any) -> Array:
        return fill_with(empty_like(self, infer_like(spec_of(self), *rest).dtype.numpy), source)

    @FAMILY.op(
        f"aten::{name}_like", infer=infer_like, draws=True, drawn=drawn_like, layout=ResultLayout.ELEMENTWISE
    )
    def create_like(self: Array, *rest: Any) -> Array:
        return create_like_from(self, None, *rest)


_define("rand", fill_uniform, Draws.uniform)
_define("randn", fill_normal, Draws.normal)
