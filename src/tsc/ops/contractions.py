"""Contractions: matrix products, linear layers, convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import Aten, composite
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.promotion import computation_dtype
from tsc.ops.registry import Family, TensorSpec
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, pair

FAMILY = Family()
Array = np.ndarray[Any, Any]


def _multiply_add(dtype: DType) -> Any:
    def body(_: BodyBuilder, inputs: list[Scalar], accumulators: list[Scalar]) -> list[Scalar]:
        return [accumulators[0] + inputs[0].to(dtype) * inputs[1].to(dtype)]

    return body


def _narrowed(kernel: KernelBuilder, x: KernelValue, dtype: DType) -> KernelValue:
    if x.spec.dtype is dtype:
        return x
    return kernel.elementwise([x], TensorSpec(x.spec.shape, dtype), lambda s: s.to(dtype), "convert")


def _same_dtype(name: str, a: TensorSpec, b: TensorSpec) -> DType:
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"{name}: expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}"
        )
    return a.dtype


def _matmul_infer(self: TensorSpec, other: TensorSpec) -> TensorSpec:
    dtype = _same_dtype("matmul", self, other)
    if not self.ndim or not other.ndim:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {self.ndim}D and {other.ndim}D"
        )
    a = self.shape if self.ndim > 1 else (1, *self.shape)
    b = other.shape if other.ndim > 1 else (*other.shape, 1)
    if a[-1] != b[-2]:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a[-2:]))} and "
            f"{'x'.join(map(str, b[-2:]))})"
        )
    rows = a[-2:-1] if self.ndim > 1 else ()
    columns = b[-1:] if other.ndim > 1 else ()
    return TensorSpec((*broadcast(a[:-2], b[:-2]), *rows, *columns), dtype)


def _matmul_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    a, b = arguments
    spec = _matmul_infer(a.spec, b.spec)
    batch = spec.shape[: spec.ndim - (a.spec.ndim > 1) - (b.spec.ndim > 1)]
    rank = spec.ndim + 1
    m, n, k = len(batch), rank - 2, rank - 1
    left = _batch_results(a.spec.shape[:-2], batch) + ([dim(m)] if a.spec.ndim > 1 else []) + [dim(k)]
    right = _batch_results(b.spec.shape[:-2], batch) + [dim(k)] + ([dim(n)] if b.spec.ndim > 1 else [])
    wide = computation_dtype(spec.dtype)
    output = Output(TensorSpec(spec.shape, wide), affine(rank, [dim(i) for i in range(rank - 1)]), 0)
    pairs = [(a, affine(rank, left)), (b, affine(rank, right))]
    product = kernel.generic(pairs, [output], "p" * (rank - 1) + "r", _multiply_add(wide), "aten::matmul")[0]
    return _narrowed(kernel, product, spec.dtype)


def _batch_results(shape: Sequence[int], batch: Sequence[int]) -> list[Any]:
    lead = len(batch) - len(shape)
    return [0 if n == 1 and batch[lead + i] != 1 else dim(lead + i) for i, n in enumerate(shape)]


def _wide(x: Array) -> Array:
    return x.astype(computation_dtype(dtypes.by_numpy(x.dtype)).numpy, copy=False)


@FAMILY.op("aten::matmul", infer=_matmul_infer, lower=_matmul_lower, kind="contraction")
def matmul(self: Array, other: Array) -> Array:
    """The matrix product; leading dims broadcast; 1-dim arguments are a row or a column."""
    _matmul_infer(spec_of(self), spec_of(other))
    return np.asarray(np.matmul(_wide(self), _wide(other))).astype(self.dtype, copy=False)


def _fixed_rank(name: str, rank: int) -> None:
    def infer(self: TensorSpec, mat2: TensorSpec) -> TensorSpec:
        if self.ndim != rank or mat2.ndim != rank:
            raise ShapeError(f"{name}: requires {rank}-dim tensors; got {self.ndim} and {mat2.ndim} dims")
        if self.shape[:-2] != mat2.shape[:-2]:
            raise ShapeError(
                f"{name}: requires equal batch sizes; got {list(self.shape)} and {list(mat2.shape)}"
            )
        return _matmul_infer(self, mat2)

    @FAMILY.op(f"aten::{name}", infer=infer, lower=_matmul_lower, kind="contraction")
    def product(self: Array, mat2: Array) -> Array:
        infer(spec_of(self), spec_of(mat2))
        return matmul(self, mat2)


_fixed_rank("mm", 2)
_fixed_rank("bmm", 3)


@composite(FAMILY, "aten::mv")
def mv(aten: Aten, self: Any, vec: Any) -> Any:
    """The product of a matrix and a vector."""
    _require_ranks(aten, "mv", (self, 2), (vec, 1))
    return aten("matmul", self, vec)


@composite(FAMILY, "aten::dot")
def dot(aten: Aten, self: Any, tensor: Any) -> Any:
    """The product of two vectors."""
    _require_ranks(aten, "dot", (self, 1), (tensor, 1))
    return aten("matmul", self, tensor)


@composite(FAMILY, "aten::inner")
def inner(aten: Aten, self: Any, other: Any) -> Any:
    """Sums of products over the last dims."""
    if not aten.shape(self) or not aten.shape(other):
        return aten("mul.Tensor", self, other)
    a, b = list(aten.shape(self)), list(aten.shape(other))
    if a[-1] != b[-1]:
        raise ShapeError(
            f"inner() the last dimension must match on both input tensors but got shapes {a} and {b}"
        )
    columns = aten("reshape", other, [int(np.prod(b[:-1])), b[-1]])
    return aten("reshape", aten("linear", self, columns), [*a[:-1], *b[:-1]])


def _require_ranks(aten: Aten, name: str, *pairs: tuple[Any, int]) -> None:
    if any(len(aten.shape(x)) != rank for x, rank in pairs):
        raise ShapeError(
            f"{name}: requires tensors of {[rank for _, rank in pairs]} dims; got "
            f"{[len(aten.shape(x)) for x, _ in pairs]}"
        )


def _plus_product(aten: Aten, self: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    product = aten("matmul", a, b)
    if aten.dtype(product).is_integral:
        alpha, beta = int(alpha), int(beta)
    scaled = product if alpha == 1 else aten("mul.Scalar", product, alpha)
    if beta == 0:
        return scaled
    return aten("add.Tensor", scaled, self if beta == 1 else aten("mul.Scalar", self, beta))


@composite(FAMILY, "aten::addmm", "aten::baddbmm", "aten::addmv")
def addmm(aten: Aten, self: Any, mat1: Any, mat2: Any, beta: Any, alpha: Any) -> Any:
    """``beta * self + alpha * (mat1 @ mat2)``."""
    return _plus_product(aten, self, mat1, mat2, beta, alpha)


def _linear_infer(input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> TensorSpec:
    if weight.ndim > 2:
        raise ShapeError(f"linear: requires a weight of 1 or 2 dims; got {weight.ndim}")
    transposed = TensorSpec(weight.shape[::-1], weight.dtype)
    spec = _matmul_infer(input, transposed)
    if bias is not None:
        _same_dtype("linear", input, bias)
        return TensorSpec(broadcast(spec.shape, bias.shape), spec.dtype)
    return spec


def _linear_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, weight, bias = arguments
    transposed = weight.view(
        weight.spec.shape[::-1], [dim(weight.spec.ndim - 1 - i) for i in range(weight.spec.ndim)]
    )
    product = _matmul_lower(kernel, [x, transposed])
    if bias is None:
        return product
    spec = _linear_infer(x.spec, weight.spec, bias.spec)
    return kernel.elementwise([product, bias], spec, lambda a, b: a + b, "bias")


@FAMILY.op("aten::linear", infer=_linear_infer, lower=_linear_lower, kind="contraction")
def linear(input: Array, weight: Array, bias: Array | None) -> Array:
    """``input @ weight.T + bias``."""
    _linear_infer(spec_of(input), spec_of(weight), None if bias is None else spec_of(bias))
    product = np.matmul(_wide(input), _wide(weight.T))
    return np.asarray(product if bias is None else product + _wide(bias)).astype(input.dtype, copy=False)


# --- convolution ---


def _convolution_infer(
    input: TensorSpec, weight: TensorSpec, bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
) -> TensorSpec:  # fmt: skip
    spatial = weight.ndim - 2
    if input.ndim != weight.ndim:
        raise ShapeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to conv{spatial}d, but "
            f"got input of size: {list(input.shape)}"
        )
    _same_dtype("convolution", input, weight)
    if isinstance(bias, TensorSpec):
        _same_dtype("convolution", input, bias)
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    if input.shape[1] != channels:
        raise ShapeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} "
            f"to have {channels} channels, but got {input.shape[1]} channels instead"
        )
    s, p, d, extra = (pair(v, spatial) for v in (stride, padding, dilation, output_padding))
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
    out_channels = weight.shape[1] * groups if transposed else weight.shape[0]
    return TensorSpec((input.shape[0], out_channels, *sizes), input.dtype)


def _convolution_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = arguments
    if transposed:
        from tsc.errors import CodegenError

        raise CodegenError("convolution: a transposed convolution has no native form yet")
    spec = _convolution_infer(
        x.spec, weight.spec, None, stride, padding, dilation, transposed, output_padding, groups
    )
    spatial = spec.ndim - 2
    s, p, d = (pair(v, spatial) for v in (stride, padding, dilation))
    padded = kernel.pad(x, [0, 0, *p], [0, 0, *p])
    wide = computation_dtype(spec.dtype)
    geometry = [(s[i], d[i]) for i in range(spatial)]
    if groups == 1:
        product = _dense_convolution(kernel, padded, weight, spec, wide, geometry)
    elif groups == x.spec.shape[1] == spec.shape[1]:
        product = _depthwise_convolution(kernel, padded, weight, spec, wide, geometry)
    else:
        product = _grouped_convolution(kernel, padded, weight, spec, wide, geometry, groups)
    product = _narrowed(kernel, product, spec.dtype)
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
        [(x, data), (weight, weights)], [output], iterators, _multiply_add(wide), "aten::convolution"
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
        pairs, [output], "p" * first + "r" * spatial, _multiply_add(wide), "aten::convolution"
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
    product = kernel.generic(pairs, [output], iterators, _multiply_add(wide), "aten::convolution")[0]
    return kernel.reshape(product, spec.shape)


@FAMILY.op("aten::convolution", infer=_convolution_infer, lower=_convolution_lower, kind="contraction")
def convolution(
    input: Array, weight: Array, bias: Array | None, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
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
    spatial = weight.ndim - 2
    s, p, d = (pair(v, spatial) for v in (stride, padding, dilation))
    x, w = _wide(input), _wide(weight)
    if transposed:
        x, w, s, p = _as_direct(x, w, spec, s, p, d, groups)
    widths = [(0, 0), (0, 0), *p] if isinstance(p[0], tuple) else [(0, 0), (0, 0), *((n, n) for n in p)]
    result = _direct(np.pad(x, widths), w, spec, s, d, groups)
    if bias is not None:
        result = result + _wide(bias).reshape(-1, *([1] * spatial))
    return result.astype(input.dtype, copy=False)


def _direct(x: Array, w: Array, spec: TensorSpec, s: Sequence[int], d: Sequence[int], groups: int) -> Array:
    """Sum over kernel positions of (a strided slice of `x`) times (one tap of `w`)."""
    n, outputs = spec.shape[:2]
    sizes = spec.shape[2:]
    x = x.reshape(n, groups, -1, *x.shape[2:])
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


def _conv(spatial: int) -> None:
    def lifted(aten: Aten, x: Any) -> tuple[Any, bool]:
        batched = len(aten.shape(x)) == spatial + 2
        return (x, True) if batched else (aten("unsqueeze", x, 0), False)

    @composite(FAMILY, f"aten::conv{spatial}d")
    def conv(
        aten: Aten, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        x, batched = lifted(aten, input)
        result = aten("convolution", x, weight, bias, stride, padding, dilation, False, [0] * spatial, groups)
        return result if batched else aten("squeeze.dim", result, 0)

    @composite(FAMILY, f"aten::conv{spatial}d.padding")
    def conv_padding(
        aten: Aten, input: Any, weight: Any, bias: Any, stride: Any, padding: str, dilation: Any, groups: int
    ) -> Any:
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

    @composite(FAMILY, f"aten::conv_transpose{spatial}d{overload}")
    def conv_transpose(
        aten: Aten, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
        groups: int, dilation: Any,
    ) -> Any:  # fmt: skip
        x, batched = lifted(aten, input)
        result = aten("convolution", x, weight, bias, stride, padding, dilation, True, output_padding, groups)
        return result if batched else aten("squeeze.dim", result, 0)


for _spatial in (1, 2, 3):
    _conv(_spatial)


@composite(FAMILY, "aten::_convolution", "aten::_convolution.deprecated")
def underscore_convolution(aten: Aten, *arguments: Any) -> Any:
    """`convolution` with flags for vendor libraries, which mean nothing here."""
    return aten("convolution", *arguments[:9])
