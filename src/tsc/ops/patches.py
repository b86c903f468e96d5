"""Images as patches and back: unfold, fold, pixel_shuffle, channel_shuffle, unpooling, glu."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, dim
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.scatter_lowering import add
from tsc.ops.shapes import pair, window_size, wrap_dim

FAMILY = Family()


def _counts(
    extents: Sequence[int],
    kernel: int | Sequence[int],
    dilation: int | Sequence[int],
    padding: int | Sequence[int],
    stride: int | Sequence[int],
) -> list[int]:
    """How many patches fit in each spatial dim."""
    counts = [
        window_size(n, k, s, p, d)
        for n, k, s, p, d in zip(
            extents, *(pair(v) for v in (kernel, stride, padding, dilation)), strict=True
        )
    ]
    if any(n <= 0 for n in counts):
        raise ShapeError(
            f"Given input with spatial size {list(extents)}, kernel_size={list(pair(kernel))}, "
            f"dilation={list(pair(dilation))}, padding={list(pair(padding))}, calculated shape of the array "
            f"of sliding blocks as {counts}, but its components must be at least one."
        )
    return counts


def _im2col_infer(
    self: TensorSpec,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> TensorSpec:
    if self.ndim not in (3, 4) or 0 in self.shape[1:]:
        raise ShapeError(
            f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size; got {list(self.shape)}"
        )
    rows, columns = _counts(self.shape[-2:], kernel_size, dilation, padding, stride)
    kh, kw = pair(kernel_size)
    return TensorSpec((*self.shape[:-3], self.shape[-3] * kh * kw, rows * columns), self.dtype)


def _tap(i: int, j: int, d: Sequence[int], s: Sequence[int], counts: Sequence[int]) -> tuple[Any, ...]:
    """The places that position ``(i, j)`` of every patch covers."""
    row, column = i * d[0], j * d[1]
    return (
        ...,
        slice(row, row + (counts[0] - 1) * s[0] + 1, s[0]),
        slice(column, column + (counts[1] - 1) * s[1] + 1, s[1]),
    )


def _im2col_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    """A view of the padded image that shows each patch, copied."""
    x, kernel_size, dilation, padding, stride = arguments
    spec = _im2col_infer(x.spec, kernel_size, dilation, padding, stride)
    (kh, kw), d, p, s = (pair(v) for v in (kernel_size, dilation, padding, stride))
    rows, columns = _counts(x.spec.shape[-2:], kernel_size, dilation, padding, stride)
    lead = x.spec.ndim - 2
    margins = [*[0] * lead, *p]
    i, j, row, column = (dim(lead + n) for n in range(4))
    places = [*map(dim, range(lead)), i * d[0] + row * s[0], j * d[1] + column * s[1]]
    patches = kernel.pad(x, margins, margins).view((*x.spec.shape[:-2], kh, kw, rows, columns), places)
    return kernel.reshape_in_memory(kernel.materialize(patches, "aten::im2col"), spec.shape)


@FAMILY.op(
    "aten::im2col",
    infer=_im2col_infer,
    lower=_im2col_lower,
    kind="concat",
    layout=ResultLayout.AS_COMPUTED,
)
def im2col(
    self: Array,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Array:
    """Every patch as a column."""
    spec = _im2col_infer(spec_of(self), kernel_size, dilation, padding, stride)
    (kh, kw), d, p, s = (pair(v) for v in (kernel_size, dilation, padding, stride))
    counts = _counts(self.shape[-2:], kernel_size, dilation, padding, stride)
    padded = np.pad(self, [(0, 0)] * (self.ndim - 2) + [(p[0], p[0]), (p[1], p[1])])
    taps = [padded[_tap(i, j, d, s, counts)] for i in range(kh) for j in range(kw)]
    return np.stack(taps, self.ndim - 2).reshape(spec.shape)


def _col2im_infer(
    self: TensorSpec,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> TensorSpec:
    kh, kw = pair(kernel_size)
    size = pair(output_size)
    rows, columns = _counts(size, kernel_size, dilation, padding, stride)
    if self.ndim not in (2, 3) or self.shape[-2] % (kh * kw) or self.shape[-1] != rows * columns:
        raise ShapeError(
            f"Given output_size={list(size)}, kernel_size={[kh, kw]}, expected input of size {kh * kw} * "
            f"channels by {rows * columns}, but got {list(self.shape)}"
        )
    return TensorSpec((*self.shape[:-2], self.shape[-2] // (kh * kw), *size), self.dtype)


def _col2im_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    """Each element of each patch added where it belongs in the padded image."""
    x, output_size, kernel_size, dilation, padding, stride = arguments
    spec = _col2im_infer(x.spec, output_size, kernel_size, dilation, padding, stride)
    (kh, kw), d, p, s = (pair(v) for v in (kernel_size, dilation, padding, stride))
    height, width = (n + 2 * m for n, m in zip(spec.shape[-2:], p, strict=True))
    shape = (kh, kw, *_counts(spec.shape[-2:], kernel_size, dilation, padding, stride))

    def place(builder: BodyBuilder, _: list[Scalar], __: list[Scalar]) -> list[Scalar]:
        i, j, row, column = (builder.index_scalar(n, dtypes.I64) for n in range(4))
        return [(i * d[0] + row * s[0]) * width + (j * d[1] + column * s[1])]

    places = kernel.generic([], [Output(TensorSpec(shape, dtypes.I64))], "pppp", place, "positions", shape)[0]
    batches, count = math.prod(spec.shape[:-2]), math.prod(shape)
    wide = computation_dtype(spec.dtype)
    values = kernel.reshape_in_memory(kernel.materialize(kernel.convert(x, wide)), (batches, count, 1))
    image = kernel.full(TensorSpec((batches, height * width, 1), wide), 0)
    made = kernel.scatter(image, kernel.reshape_in_memory(places, (1, count)), values, add, "aten::col2im")
    made = kernel.reshape_in_memory(made, (*spec.shape[:-2], height, width))
    lead = len(spec.shape) - 2
    shown = made.view(spec.shape, [*map(dim, range(lead)), dim(lead) + p[0], dim(lead + 1) + p[1]])
    return kernel.materialize(kernel.convert(shown, spec.dtype))


@FAMILY.op(
    "aten::col2im",
    infer=_col2im_infer,
    lower=_col2im_lower,
    kind="scatter",
    layout=ResultLayout.AS_COMPUTED,
)
def col2im(
    self: Array,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Array:
    """The sum of all patches, each in its place."""
    spec = _col2im_infer(spec_of(self), output_size, kernel_size, dilation, padding, stride)
    (kh, kw), d, p, s = (pair(v) for v in (kernel_size, dilation, padding, stride))
    height, width = spec.shape[-2:]
    counts = _counts((height, width), kernel_size, dilation, padding, stride)
    wide = computation_dtype(spec.dtype).numpy
    columns = self.astype(wide, copy=False).reshape(*spec.shape[:-2], kh * kw, *counts)
    padded = np.zeros((*spec.shape[:-2], height + 2 * p[0], width + 2 * p[1]), wide)
    for i in range(kh):
        for j in range(kw):
            padded[_tap(i, j, d, s, counts)] += columns[..., i * kw + j, :, :]
    return padded[..., p[0] : p[0] + height, p[1] : p[1] + width].astype(self.dtype)


# --- shuffles ---


@composite(FAMILY, "aten::pixel_shuffle", layout=ResultLayout.SUGGESTED)
def pixel_shuffle(aten: Aten, self: AnyTensor, upscale_factor: int) -> AnyTensor:
    """Groups of channels laid out as squares of pixels."""
    shape, r = list(aten.shape(self)), upscale_factor
    if len(shape) < 3 or r <= 0 or shape[-3] % (r * r):
        raise ShapeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={shape[-3:][:1]} is not divisible by {r * r}"
        )
    lead, (c, h, w) = shape[:-3], shape[-3:]
    n = len(lead)
    split = aten("reshape", self, [*lead, c // (r * r), r, r, h, w])
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return aten("clone", aten("reshape", aten("permute", split, order), [*lead, c // (r * r), h * r, w * r]))


@composite(FAMILY, "aten::pixel_unshuffle", layout=ResultLayout.SUGGESTED)
def pixel_unshuffle(aten: Aten, self: AnyTensor, downscale_factor: int) -> AnyTensor:
    """Squares of pixels gathered as channels."""
    shape, r = list(aten.shape(self)), downscale_factor
    if len(shape) < 3 or r <= 0 or shape[-1] % r or shape[-2] % r:
        raise ShapeError(
            "pixel_unshuffle expects height and width to be divisible by downscale_factor, but "
            f"input.size={shape} is not divisible by {r}"
        )
    lead, (c, h, w) = shape[:-3], shape[-3:]
    n = len(lead)
    split = aten("reshape", self, [*lead, c, h // r, r, w // r, r])
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return aten("clone", aten("reshape", aten("permute", split, order), [*lead, c * r * r, h // r, w // r]))


@composite(FAMILY, "aten::channel_shuffle", "aten::native_channel_shuffle", layout=ResultLayout.SUGGESTED)
def channel_shuffle(aten: Aten, self: AnyTensor, groups: int) -> AnyTensor:
    """Channels of all groups dealt out in turn."""
    shape = list(aten.shape(self))
    if len(shape) < 3 or groups <= 0 or shape[1] % groups:
        raise ShapeError(
            f"Number of channels must be divisible by groups. Got {shape[1:2]} channels and {groups} groups."
        )
    split = aten("reshape", self, [shape[0], groups, shape[1] // groups, *shape[2:]])
    return aten("reshape", aten("transpose.int", split, 1, 2), shape)


@composite(FAMILY, "aten::glu", layout=ResultLayout.ELEMENTWISE)
def glu(aten: Aten, self: AnyTensor, dim: int) -> AnyTensor:
    """The first half times the sigmoid of the second."""
    shape = aten.shape(self)
    if not shape:
        raise ShapeError("glu does not support 0-dimensional tensors")
    if not aten.dtype(self).is_floating:
        raise DTypeError(f"glu: requires a floating dtype; got {aten.dtype(self).name}")
    axis = wrap_dim(dim, len(shape))
    half, odd = divmod(shape[axis], 2)
    if odd:
        raise ShapeError(f"Halving dimension must be even, but dimension {axis} is size {shape[axis]}")
    gate = aten.sigmoid(aten("narrow", self, axis, half, half))
    return aten("mul.Tensor", aten("narrow", self, axis, 0, half), gate)


def _unpool(spatial: int) -> None:
    def infer(self: TensorSpec, indices: TensorSpec, output_size: Sequence[int], *_: object) -> TensorSpec:
        if self.shape != indices.shape:
            raise ShapeError(
                f"Expected shape of indices to be same as that of the input tensor ({list(self.shape)}) but "
                f"got indices tensor with shape: {list(indices.shape)}"
            )
        return TensorSpec((*self.shape[:-spatial], *output_size), self.dtype)

    @FAMILY.op(f"aten::max_unpool{spatial}d", infer=infer, layout=ResultLayout.of_images(spatial))
    def max_unpool(self: Array, indices: Array, output_size: Sequence[int], *_: object) -> Array:
        spec = infer(spec_of(self), spec_of(indices), output_size)
        lead = self.shape[:-spatial]
        rows = math.prod(lead)
        result = np.zeros((rows, math.prod(output_size)), self.dtype)
        if not self.size:
            return result.reshape(spec.shape)
        places = indices.reshape(rows, -1)
        if places.size and (places.min() < 0 or places.max() >= result.shape[1]):
            raise ShapeError(
                f"Found an invalid max index: {places.max()} (output volumes are of size {list(output_size)})"
            )
        np.put_along_axis(result, places, self.reshape(rows, -1), 1)
        return result.reshape(spec.shape)


_unpool(2)
_unpool(3)
