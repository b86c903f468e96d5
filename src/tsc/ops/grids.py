"""Sampling at computed places: grid_sample and affine_grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, eager_aten
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.grid_formulas import BICUBIC, NEAREST, REFLECTION, ZEROS, affine_places, grid_sampled
from tsc.ops.promotion import computation_dtype
from tsc.ops.resampling import cubic_kernel

FAMILY = Family()


def _reflected(x: Array, low: float, high: float) -> Array:
    """`x` folded back into ``[low, high]`` at its ends."""
    if low == high:
        return np.zeros_like(x)
    span = high - low
    distance = np.abs(x - low)
    extra = np.fmod(distance, span)
    flips = np.floor(distance / span)
    return np.where(flips % 2 == 0, extra + low, span - extra + low).astype(x.dtype)


def _padded(x: Array, n: int, padding: int, align_corners: bool, lost: int = 0) -> Array:
    """Coordinates outside the input moved inside, as `padding` says; those that are no numbers to `lost`."""
    if padding == ZEROS:
        return x
    if padding == REFLECTION:
        x = _reflected(x, 0, n - 1) if align_corners else _reflected(x, -0.5, n - 0.5)
    return np.clip(np.where(np.isnan(x), x.dtype.type(lost), x), 0, n - 1)


def _unnormalized(x: Array, n: int, align_corners: bool) -> Array:
    """From ``[-1, 1]`` to input places."""
    return (x + 1) / 2 * (n - 1) if align_corners else ((x + 1) * n - 1) / 2


def _read(input: Array, places: Sequence[Array]) -> Array:
    """``input[n, :, places...]`` with the channels in place 1; zero outside."""
    extents = input.shape[2:]
    inside = np.ones(places[0].shape, np.bool_)
    clipped: list[Array] = []
    for place, n in zip(places, extents, strict=True):
        is_here = (place >= 0) & (place < n)
        inside &= is_here
        clipped.append(np.where(is_here, place, 0).astype(np.int64))
    batch = np.arange(len(input)).reshape(-1, *([1] * len(extents)))
    values = np.moveaxis(input, 1, -1)[(batch, *clipped)]
    return np.moveaxis(np.where(inside[..., None], values, 0), -1, 1)


def _linear(input: Array, at: Sequence[Array]) -> Array:
    """The weighted sum of the corners of the cell each place is in."""
    bases = [np.floor(x) for x in at]
    total: Any = 0
    for corner in product((0, 1), repeat=len(at)):
        weight: Any = 1
        for side, x, base in zip(corner, at, bases, strict=True):
            weight = weight * ((x - base) if side else (1 - (x - base)))
        if len(at) == 3:  # where nothing is read, the weight is not either
            weight = np.where(np.isnan(weight), 0, weight)
        total = total + _read(
            input, [b + side for side, b in zip(corner, bases, strict=True)]
        ) * np.expand_dims(weight, 1)
    return total


def _cubic_weights(t: Array) -> list[Array]:
    weights = [np.asarray(cubic_kernel(eager_aten(), t - k, -0.75)) for k in range(-1, 3)]
    return [np.where(np.isnan(t), t, weight) for weight in weights]


def _cubic(input: Array, at: Sequence[Array], padding: int, align_corners: bool) -> Array:
    y, x = at
    rows, columns = np.floor(y), np.floor(x)
    vertical, horizontal = _cubic_weights(y - rows), _cubic_weights(x - columns)
    height, width = input.shape[2:]
    total: Any = 0
    for i, j in product(range(4), range(4)):
        row = _padded(rows + i - 1, height, padding, align_corners)
        column = _padded(columns + j - 1, width, padding, align_corners)
        total = total + _read(input, [row, column]) * np.expand_dims(vertical[i] * horizontal[j], 1)
    return total


def _grid_infer(input: TensorSpec, grid: TensorSpec, mode: int, *_: object) -> TensorSpec:
    spatial = input.ndim - 2
    if (
        spatial not in (2, 3)
        or grid.ndim != input.ndim
        or grid.shape[-1] != spatial
        or grid.shape[0] != input.shape[0]
    ):
        raise ShapeError(
            f"grid_sampler(): expected 4D or 5D input and grid with same batch and {spatial} coordinates, "
            f"but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.dtype is not grid.dtype:
        raise DTypeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has "
            f"{input.dtype.scalar_type} "
            f"and grid has {grid.dtype.scalar_type}"
        )
    if any(n == 0 for n in input.shape[2:]):
        raise ShapeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{list(input.shape)}"
        )
    if mode == BICUBIC and spatial == 3:
        raise ShapeError("grid_sampler(): bicubic interpolation only supports 4D input")
    return TensorSpec((*input.shape[:2], *grid.shape[1:-1]), input.dtype)


def _sampled(
    aten: Aten, input: AnyTensor, grid: AnyTensor, mode: int, padding: int, align_corners: bool
) -> AnyTensor:
    dtype = aten.dtype(input)
    image, places = (aten.in_dtype(x, computation_dtype(dtype)) for x in (input, grid))
    return aten.in_dtype(grid_sampled(aten, image, places, mode, padding, align_corners), dtype)


@FAMILY.op(
    "aten::grid_sampler", "aten::grid_sampler_2d", "aten::grid_sampler_3d",
    infer=_grid_infer, kind="composite", composite=_sampled, layout=ResultLayout.ROW_MAJOR,
)  # fmt: skip
def grid_sampler(
    input: Array, grid: Array, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Array:
    """`input` read at the places `grid` says, in ``[-1, 1]``, x first: bilinear, nearest or bicubic."""
    _grid_infer(spec_of(input), spec_of(grid), interpolation_mode)
    wide = computation_dtype(dtypes.by_numpy(input.dtype)).numpy
    source, places = input.astype(wide, copy=False), grid.astype(wide, copy=False)
    extents = input.shape[2:]
    at = [_unnormalized(places[..., -1 - i], n, align_corners) for i, n in enumerate(extents)]
    if interpolation_mode == BICUBIC:
        return _cubic(source, at, padding_mode, align_corners).astype(input.dtype)
    is_volume = len(extents) == 3  # PyTorch has two ways of doing this, which lose NaN to different ends
    at = [
        _padded(x, n, padding_mode, align_corners, lost=n - 1 if is_volume else 0)
        for x, n in zip(at, extents, strict=True)
    ]
    if interpolation_mode == NEAREST:
        return _read(source, [np.rint(x) for x in at]).astype(input.dtype)
    return np.asarray(_linear(source, at)).astype(input.dtype)


def _affine_infer(theta: TensorSpec, size: Sequence[int], align_corners: bool) -> TensorSpec:
    spatial = len(size) - 2
    if spatial not in (2, 3) or theta.shape != (size[0], spatial, spatial + 1):
        raise ShapeError(
            f"Expected a batch of {spatial}D affine matrices of shape Nx{spatial}x{spatial + 1} for size "
            f"{list(size)}. Got {list(theta.shape)}."
        )
    return TensorSpec((size[0], *size[2:], spatial), theta.dtype)


@FAMILY.op("aten::affine_grid_generator", infer=_affine_infer, kind="composite", composite=affine_places)
def affine_grid(theta: Array, size: Sequence[int], align_corners: bool) -> Array:
    """The places an affine map sends the points of a regular grid to, for `grid_sampler`."""
    spec = _affine_infer(spec_of(theta), size, align_corners)
    axes: list[Array] = []
    for n in reversed(list(size[2:])):
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(n)
        axes.append(line if align_corners else line * (n - 1) / n)
    mesh = np.meshgrid(*axes[::-1], indexing="ij")[::-1]
    points = np.stack([*mesh, np.ones(mesh[0].shape)], -1).reshape(-1, len(axes) + 1)
    return (points @ theta.astype(np.float64).swapaxes(1, 2)).reshape(spec.shape).astype(theta.dtype)
