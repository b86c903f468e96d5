"""Convolutions: direct, grouped, depthwise and transposed, in one to three dims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import certainly_empty
from tsc.dtypes import Array, DType
from tsc.errors import ShapeError
from tsc.narrowing import is_array
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.contractions import computed_wide, multiply_add, refuse_bools, require_same_dtype
from tsc.ops.convolution_layouts import convolved
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.promotion import computation_dtype
from tsc.ops.shapes import pair, require_shape
from tsc.ops.transposed_convolutions import Axis, strided_kernel, transposed_convolution

FAMILY = Family()


def _convolution_infer(
    input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int],
    transposed: bool, output_padding: Sequence[int], groups: int,
) -> TensorSpec:  # fmt: skip
    spatial = weight.ndim - 2
    if input.ndim != weight.ndim:
        raise ShapeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to conv{spatial}d, but "
            f"got input of size: {list(input.shape)}"
        )
    require_same_dtype("convolution", input, weight)
    out_channels = weight.shape[1] * groups if transposed else weight.shape[0]
    if isinstance(bias, TensorSpec):
        require_same_dtype("convolution", input, bias)
        require_shape("convolution: the bias", bias.shape, (out_channels,))
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    if input.shape[1] != channels:
        raise ShapeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} "
            f"to have {channels} channels, but got {input.shape[1]} channels instead"
        )
    _require_sizes(input, weight, groups)
    s, p, d, extra = (pair(v, spatial) for v in (stride, padding, dilation, output_padding))
    if min(s) <= 0 or min(d) <= 0:
        raise ShapeError(f"non-positive {'stride' if min(s) <= 0 else 'dilation'} is not supported")
    sizes: list[int] = []
    for i, (n, k) in enumerate(zip(input.shape[2:], weight.shape[2:], strict=True)):
        span = d[i] * (k - 1) + 1
        size = (
            (n - 1) * s[i] - 2 * p[i] + span + extra[i] if transposed else (n + 2 * p[i] - span) // s[i] + 1
        )
        if size <= 0 or (not transposed and n + 2 * p[i] < span):
            raise ShapeError(
                f"Calculated padded input size per channel: ({n + 2 * p[i]}). Kernel size: ({span}). Kernel "
                "size can't be greater than actual input size"
            )
        sizes.append(size)
    spec = TensorSpec((input.shape[0], out_channels if channels else 0, *sizes), input.dtype)
    if input.dtype is dtypes.BOOL and spec.size:
        refuse_bools("convolution", input.dtype)
    return spec


def _require_sizes(input: TensorSpec, weight: TensorSpec, groups: int) -> None:
    """Of an input without elements, the batch or the channels are what is missing.

    Source: PyTorch aten/src/ATen/native/Convolution.cpp, ``check_shape_forward``, ``_select_conv_backend``.
    """
    if weight.shape[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight "
            f"of size {list(weight.shape)} instead"
        )
    if certainly_empty(input.shape) and not certainly_empty(input.shape[:2]):
        raise ShapeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(input.shape)}"
        )


def _convolution_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = arguments
    spec = _convolution_infer(
        x.spec, weight.spec, None, stride, padding, dilation, transposed, output_padding, groups
    )
    if not spec.size:
        return kernel.full(spec, 0)
    spatial = spec.ndim - 2
    s, p, d = (pair(v, spatial) for v in (stride, padding, dilation))
    wide = computation_dtype(spec.dtype)
    geometry = [(s[i], d[i]) for i in range(spatial)]
    padded = x if transposed else kernel.pad(x, [0, 0, *p], [0, 0, *p])
    if transposed:
        extents = (x.spec.shape[2:], weight.spec.shape[2:], spec.shape[2:], s, p, d)
        axes = [Axis.of(*numbers) for numbers in zip(*extents, strict=True)]
        product = transposed_convolution(kernel, x, weight, spec, wide, axes, groups)
    elif groups == 1:
        product = _dense_convolution(kernel, padded, weight, spec, wide, geometry)
    elif groups == x.spec.shape[1] == spec.shape[1]:
        product = _depthwise_convolution(kernel, padded, weight, spec, wide, geometry)
    else:
        product = _grouped_convolution(kernel, padded, weight, spec, wide, geometry, groups)
    product = kernel.convert(product, spec.dtype)
    if bias is None:
        return product
    column = bias.view((spec.shape[1], *([1] * spatial)), [dim(0)])
    return kernel.elementwise([product, column], spec, lambda a, b: a + b, "bias")


Geometry = Sequence[tuple[int, int]]


def _windows(first_output: int, first_kernel: int, geometry: Geometry) -> list[Any]:
    """``oh * stride + kh * dilation`` for each spatial dim."""
    return [dim(first_output + i) * s + dim(first_kernel + i) * d for i, (s, d) in enumerate(geometry)]


def _dense_convolution(
    kernel: KernelBuilder,
    x: KernelValue,
    weight: KernelValue,
    spec: TensorSpec,
    wide: DType,
    geometry: Geometry,
) -> KernelValue:
    """Iterators ``(n, oc, oh, ow | ic, kh, kw)``."""
    spatial = len(geometry)
    ic, first = 2 + spatial, 3 + spatial
    rank = first + spatial
    taps = [dim(first + i) for i in range(spatial)]
    data = affine(rank, [dim(0), dim(ic), *_windows(2, first, geometry)])
    weights = affine(rank, [dim(1), dim(ic), *taps])
    output = Output(TensorSpec(spec.shape, wide), affine(rank, [dim(i) for i in range(ic)]), 0)
    iterators = "p" * ic + "r" * (1 + spatial)
    return kernel.generic(
        [(x, data), (weight, weights)], [output], iterators, multiply_add(wide), "aten::convolution"
    )[0]


def _depthwise_convolution(
    kernel: KernelBuilder,
    x: KernelValue,
    weight: KernelValue,
    spec: TensorSpec,
    wide: DType,
    geometry: Geometry,
) -> KernelValue:
    """Iterators ``(n, c, oh, ow | kh, kw)``: each channel by itself."""
    spatial = len(geometry)
    first = 2 + spatial
    rank = first + spatial
    taps = [dim(first + i) for i in range(spatial)]
    data = affine(rank, [dim(0), dim(1), *_windows(2, first, geometry)])
    weights = affine(rank, [dim(1), 0, *taps])
    output = Output(TensorSpec(spec.shape, wide), affine(rank, [dim(i) for i in range(first)]), 0)
    pairs = [(x, data), (weight, weights)]
    return kernel.generic(
        pairs, [output], "p" * first + "r" * spatial, multiply_add(wide), "aten::convolution"
    )[0]


def _grouped_convolution(
    kernel: KernelBuilder,
    x: KernelValue,
    weight: KernelValue,
    spec: TensorSpec,
    wide: DType,
    geometry: Geometry,
    groups: int,
) -> KernelValue:
    """Iterators ``(n, g, oc, oh, ow | ic, kh, kw)`` over channels split into groups."""
    spatial = len(geometry)
    per_group = spec.shape[1] // groups
    split_x = kernel.reshape(x, (x.spec.shape[0], groups, x.spec.shape[1] // groups, *x.spec.shape[2:]))
    split_w = kernel.reshape(weight, (groups, per_group, *weight.spec.shape[1:]))
    shape = (spec.shape[0], groups, per_group, *spec.shape[2:])
    ic, first = 3 + spatial, 4 + spatial
    rank = first + spatial
    taps = [dim(first + i) for i in range(spatial)]
    data = affine(rank, [dim(0), dim(1), dim(ic), *_windows(3, first, geometry)])
    weights = affine(rank, [dim(1), dim(2), dim(ic), *taps])
    output = Output(TensorSpec(shape, wide), affine(rank, [dim(i) for i in range(ic)]), 0)
    iterators = "p" * ic + "r" * (1 + spatial)
    pairs = [(split_x, data), (split_w, weights)]
    product = kernel.generic(pairs, [output], iterators, multiply_add(wide), "aten::convolution")[0]
    return kernel.reshape(product, spec.shape)


@FAMILY.op(
    "aten::convolution", infer=_convolution_infer, lower=_convolution_lower, kind="contraction",
    layout=ResultLayout.FOLLOWING,
)  # fmt: skip
def convolution(
    input: Array, weight: Array, bias: Array | None, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool, output_padding: Sequence[int], groups: int,
) -> Array:  # fmt: skip
    """N-dim convolution (cross-correlation), grouped, strided, dilated, zero-padded; or its transpose."""
    spec = _convolution_infer(
        spec_of(input),
        spec_of(weight),
        None if bias is None else spec_of(bias),
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
    )
    if not spec.size:
        return np.empty(spec.shape, input.dtype)
    is_lengthened = transposed and any(n >= step for n, step in zip(output_padding, stride, strict=False))
    spatial = weight.ndim - 2
    s, p, d = (pair(v, spatial) for v in (stride, padding, dilation))
    x, w = computed_wide(input), computed_wide(weight)
    if transposed:
        x, w, s, p = _as_direct(x, w, spec, s, p, d, groups)
    widths = [(0, 0), (0, 0), *p] if isinstance(p[0], tuple) else [(0, 0), (0, 0), *((n, n) for n in p)]
    result = _direct(np.pad(x, widths), w, spec, s, d, groups)
    if bias is not None:
        result = result + computed_wide(bias).reshape(-1, *([1] * spatial))
    return convolved(
        result.astype(input.dtype, copy=False), input, weight, groups, is_lengthened=is_lengthened
    )


def _direct(x: Array, w: Array, spec: TensorSpec, s: Sequence[int], d: Sequence[int], groups: int) -> Array:
    """Sum over kernel positions of (a strided slice of `x`) times (one tap of `w`)."""
    n, outputs = spec.shape[:2]
    sizes = spec.shape[2:]
    x = x.reshape(n, groups, x.shape[1] // groups, *x.shape[2:])
    w = w.reshape(groups, outputs // groups, *w.shape[1:])
    total = np.zeros((n, groups, outputs // groups, *sizes), x.dtype)
    for tap in np.ndindex(*w.shape[3:]):
        window = tuple(slice(t * d[i], t * d[i] + (sizes[i] - 1) * s[i] + 1, s[i]) for i, t in enumerate(tap))
        piece = x[(slice(None), slice(None), slice(None), *window)]
        total += np.einsum(
            "ngc...,goc->ngo...", piece, w[(slice(None), slice(None), slice(None), *tap)], optimize=True
        )
    return total.reshape(spec.shape)


def _as_direct(
    x: Array, w: Array, spec: TensorSpec, s: Sequence[int], p: Sequence[int], d: Sequence[int], groups: int
) -> tuple[Array, Array, Sequence[int], Any]:
    """A transposed convolution as a direct one: inputs spread, the kernel flipped, channels exchanged."""
    spatial = w.ndim - 2
    spread = np.zeros((*x.shape[:2], *((n - 1) * s[i] + 1 for i, n in enumerate(x.shape[2:]))), x.dtype)
    spread[(slice(None), slice(None), *(slice(None, None, step) for step in s))] = x
    flipped = w[(slice(None), slice(None), *([slice(None, None, -1)] * spatial))]
    grouped = flipped.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    kernel = grouped.reshape(w.shape[1] * groups, w.shape[0] // groups, *w.shape[2:])
    widths: list[tuple[int, int]] = []
    for i in range(spatial):
        span = d[i] * (w.shape[2 + i] - 1)
        low = span - p[i]
        widths.append((low, spec.shape[2 + i] + span - spread.shape[2 + i] - low))
    for i, (low, high) in enumerate(widths):
        crop = slice(max(-low, 0), spread.shape[2 + i] - max(-high, 0))
        spread = spread[(slice(None),) * (2 + i) + (crop,)]
    return spread, kernel, (1,) * spatial, [(max(a, 0), max(b, 0)) for a, b in widths]


def _transposed(
    aten: Aten, input: AnyTensor, weight: AnyTensor, bias: AnyTensor | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int],
    output_padding: Sequence[int], groups: int,
) -> AnyTensor:  # fmt: skip
    """A transposed convolution of a kernel that strides divide, which is what is lowered. Zeros after the
    kernel lengthen the result: that much less is added to it, perhaps less than nothing.
    """

    def spec(x: AnyTensor) -> TensorSpec:
        return TensorSpec(aten.shape(x), aten.dtype(x))

    added = None if bias is None else spec(bias)
    _convolution_infer(
        spec(input), spec(weight), added, stride, padding, dilation, True, output_padding, groups
    )
    if is_array(weight):  # NumPy needs no other kernel, and how the result lies goes by this one
        return aten(
            "convolution", input, weight, bias, stride, padding, dilation, True, output_padding, groups
        )
    spatial = len(aten.shape(weight)) - 2
    s, d, extra = (pair(v, spatial) for v in (stride, dilation, output_padding))
    divided = strided_kernel(aten, weight, s, d)
    kept = [n if step == 1 else 1 for n, step in zip(d, s, strict=True)]
    before, after = _spans(aten.shape(weight), d), _spans(aten.shape(divided), kept)
    extra = [n + a - b for n, a, b in zip(extra, before, after, strict=True)]
    return aten("convolution", input, divided, bias, s, padding, kept, True, extra, groups)


def _spans(weight: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """How many elements a kernel reaches along each spatial dim, from the first to the last."""
    return [d * (k - 1) + 1 for k, d in zip(weight[2:], dilation, strict=True)]


def _conv(spatial: int) -> None:
    def lifted(aten: Aten, x: AnyTensor) -> tuple[Any, bool]:
        batched = len(aten.shape(x)) == spatial + 2
        return (x, True) if batched else (aten("unsqueeze", x, 0), False)

    @composite(FAMILY, f"aten::conv{spatial}d", layout=ResultLayout.FOLLOWING)
    def conv(
        aten: Aten,
        input: AnyTensor,
        weight: AnyTensor,
        bias: AnyTensor | None,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> AnyTensor:
        x, batched = lifted(aten, input)
        result = aten("convolution", x, weight, bias, stride, padding, dilation, False, [0] * spatial, groups)
        return result if batched else aten("squeeze.dim", result, 0)

    @composite(FAMILY, f"aten::conv{spatial}d.padding", layout=ResultLayout.FOLLOWING)
    def conv_padding(
        aten: Aten,
        input: AnyTensor,
        weight: AnyTensor,
        bias: AnyTensor | None,
        stride: Sequence[int],
        padding: str,
        dilation: Sequence[int],
        groups: int,
    ) -> AnyTensor:
        if padding == "valid":
            return aten(f"conv{spatial}d", input, weight, bias, stride, [0] * spatial, dilation, groups)
        if padding != "same":
            raise ShapeError(f"Invalid padding string: '{padding}'")
        if any(n != 1 for n in pair(stride, spatial)):
            raise ShapeError("padding='same' is not supported for strided convolutions")
        d = pair(dilation, spatial)
        totals = [d[i] * (k - 1) for i, k in enumerate(aten.shape(weight)[2:])]
        widths = [w for total in reversed(totals) for w in (total // 2, total - total // 2)]
        if all(total % 2 == 0 for total in totals):
            halves = [total // 2 for total in totals]
            return aten(f"conv{spatial}d", input, weight, bias, stride, halves, dilation, groups)
        padded = aten("constant_pad_nd", input, widths)
        return aten(f"conv{spatial}d", padded, weight, bias, stride, [0] * spatial, dilation, groups)

    overload = "" if spatial == 1 else ".input"

    @composite(FAMILY, f"aten::conv_transpose{spatial}d{overload}", layout=ResultLayout.FOLLOWING)
    def conv_transpose(
        aten: Aten, input: AnyTensor, weight: AnyTensor, bias: AnyTensor | None, stride: Sequence[int],
        padding: Sequence[int], output_padding: Sequence[int],
        groups: int, dilation: Sequence[int],
    ) -> AnyTensor:  # fmt: skip
        x, batched = lifted(aten, input)
        result = _transposed(aten, x, weight, bias, stride, padding, dilation, output_padding, groups)
        return result if batched else aten("squeeze.dim", result, 0)


for _spatial in (1, 2, 3):
    _conv(_spatial)


@composite(FAMILY, "aten::conv_tbc")
def conv_tbc(aten: Aten, self: AnyTensor, weight: AnyTensor, bias: AnyTensor, pad: int) -> AnyTensor:
    """Convolution of ``[time, batch, channels]`` by ``[window, channels in, channels out]``."""
    if len(aten.shape(self)) != 3 or len(aten.shape(weight)) != 3:
        raise ShapeError("conv_tbc: Input and weight must have 3 dims: time, batch, in_channel")
    turned = aten("permute", self, [1, 2, 0]), aten("permute", weight, [2, 1, 0])
    return aten(
        "contiguous", aten("permute", aten("conv1d", *turned, bias, [1], [pad], [1], 1), [2, 0, 1]), 0
    )


@composite(FAMILY, "aten::_convolution", "aten::_convolution.deprecated", layout=ResultLayout.FOLLOWING)
def underscore_convolution(aten: Aten, *arguments: Any) -> AnyTensor:
    """`convolution` with flags for vendor libraries, which mean nothing here."""
    input, weight, bias, stride, padding, dilation, transposed, output_padding, groups = arguments[:9]
    if transposed:
        return _transposed(aten, input, weight, bias, stride, padding, dilation, output_padding, groups)
    return aten("convolution", *arguments[:9])
