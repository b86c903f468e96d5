"""The windows of a pooling: where they lie, and reductions over each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tsc import dtypes
from tsc.dims import Dim, certainly_natural, is_known, minimum
from tsc.dtypes import Array, DType, Number
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder
from tsc.ops.kernel_values import KernelValue, Output, affine, constant, dim
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import pair, window_size

LARGE = 16
"""Places of a window beyond which it may be larger than an image of unknown size."""


class Windows:
    """The geometry of a pooling over the last `spatial` dims."""

    def __init__(
        self,
        shape: Sequence[int],
        spatial: int,
        kernel: int | Sequence[int],
        stride: int | Sequence[int] | None,
        padding: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        ceil: bool = False,
    ) -> None:
        if len(shape) not in (spatial + 1, spatial + 2):
            raise ShapeError(f"pooling: requires {spatial + 1} or {spatial + 2} dims; got {list(shape)}")
        self.shape = tuple(shape)
        self.spatial = spatial
        self.kernel = pair(kernel, spatial)
        self.stride = pair(stride, spatial) if stride not in ([], (), None) else self.kernel
        self.padding = pair(padding, spatial)
        self.dilation = pair(dilation, spatial)
        self.ceil = ceil
        for name, values in (
            ("stride", self.stride),
            ("dilation", self.dilation),
            ("kernel size", self.kernel),
        ):
            if any(v <= 0 for v in values):
                raise ShapeError(f"pooling: {name} must be greater than zero, but got {list(values)}")
        extents = self.shape[-spatial:]
        self.sizes = tuple(
            window_size(n, k, s, p, d, ceil)
            for n, k, s, p, d in zip(
                extents, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ShapeError(
                f"pad should be at most half of effective kernel size, but got pad={self.padding[0]}, "
                f"kernel_size={self.kernel[0]} and dilation={self.dilation[0]}"
            )
        if any(n == 0 for n in self.shape[1:]) or (len(shape) == spatial + 1 and not self.shape[0]):
            raise ShapeError(f"pooling: requires non-batch dims of positive length; got {list(shape)}")
        if any(n <= 0 for n in self.sizes):
            raise ShapeError(
                f"Given input size: {list(shape)}. Calculated output size: {list(self.sizes)}. Output size "
                "is too small"
            )

    @property
    def result(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.shape[: -self.spatial] + self.sizes

    @property
    def taps(self) -> tuple[int, ...]:
        """How many places of a window there are in each dim, without those that lie behind the data in all
        windows: networks pool over all there is by windows that are much larger.
        """
        extents = zip(self.shape[-self.spatial :], self.kernel, self.padding, self.dilation, strict=True)
        return tuple(
            minimum(k, (n - 1 + p) // d + 1) if is_known(n) or k > LARGE else k for n, k, p, d in extents
        )

    def widths(self) -> tuple[list[int], list[int]]:
        """Padding before and after each dim, enough that every place of a window lies inside."""
        lead, taps = len(self.shape) - self.spatial, self.taps
        low, high = [0] * lead, [0] * lead
        for i in range(self.spatial):
            span = (self.sizes[i] - 1) * self.stride[i] + self.dilation[i] * (taps[i] - 1) + 1
            low.append(self.padding[i])
            needed = span - self.padding[i] - self.shape[lead + i]
            is_enough = isinstance(needed, Dim) and certainly_natural(self.padding[i] - needed)
            high.append(self.padding[i] if is_enough else max(needed, 0))
        return low, high

    def counts(self, include_pad: bool, divisor: int | None) -> Array:
        """How many elements the mean of each window is divided by."""
        if divisor == 0:
            raise ShapeError("divisor must be not zero")
        if divisor is not None:
            return np.full(self.sizes, divisor)
        total = np.ones(self.sizes, np.int64)
        for i in range(self.spatial):
            n, p = self.shape[-self.spatial + i], self.padding[i]
            start = np.arange(self.sizes[i]) * self.stride[i] - p
            end = np.minimum(start + self.kernel[i], n + p)
            if not include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, n)
            total = total * (end - start).reshape([-1 if j == i else 1 for j in range(self.spatial)])
        return total

    def count(self, include_pad: bool, divisor: int | None) -> float | None:
        """How many elements the mean of every window is divided by; None where windows differ."""
        if not all(map(is_known, self.shape[-self.spatial :])):
            inside = include_pad or not any(self.padding)
            is_same = divisor is not None or (inside and not self.ceil)
            return float(divisor or math.prod(self.kernel)) if is_same else None
        counts = self.counts(include_pad, divisor)
        return float(counts.min()) if counts.min() == counts.max() else None

    def counted(self, builder: BodyBuilder, include_pad: bool) -> Scalar:
        """How many elements the mean of the window that is being computed is divided by."""
        lead = len(self.shape) - self.spatial
        total = builder.scalar(1, dtypes.I32)
        for i in range(self.spatial):
            extent = builder.size_scalar(self.shape[lead + i], dtypes.I32)
            start = builder.index_scalar(lead + i, dtypes.I32) * self.stride[i] - self.padding[i]
            end = (start + self.kernel[i]).minimum(extent + self.padding[i])
            if not include_pad:
                start, end = start.maximum(0), end.minimum(extent)
            total = total * (end - start)
        return total

    def views(self, x: Array, fill: Number) -> list[Array]:
        """One strided view per position in the window, of the padded `x`."""
        low, high = self.widths()
        padded = np.pad(x, list(zip(low, high, strict=True)), constant_values=fill)
        views: list[Array] = []
        for tap in np.ndindex(*self.taps):
            cuts = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, self.dilation, self.sizes, self.stride, strict=True)
            )
            views.append(padded[(..., *cuts)])
        return views

    def parts(self, aten: Aten, x: AnyTensor, fill: Number) -> list[AnyTensor]:
        """The same in operators, of a tensor whose last dims are those of the windows."""
        ndim, (low, high) = len(aten.shape(x)), self.widths()
        ends = zip(reversed(low[-self.spatial :]), reversed(high[-self.spatial :]), strict=True)
        padded = aten("constant_pad_nd", x, [n for pair in ends for n in pair], fill)
        found: list[AnyTensor] = []
        for tap in np.ndindex(*self.taps):
            part = padded
            for i in range(self.spatial):
                start = tap[i] * self.dilation[i]
                end = start + (self.sizes[i] - 1) * self.stride[i] + 1
                part = aten("slice.Tensor", part, ndim - self.spatial + i, start, end, self.stride[i])
            found.append(part)
        return found

    def lower(
        self,
        kernel: KernelBuilder,
        x: KernelValue,
        dtype: DType,
        fill: Number,
        combine: Callable[[Scalar, Scalar], Scalar],
        doc: str,
    ) -> KernelValue:
        """The reduction over each window, as one generic."""
        low, high = self.widths()
        padded = kernel.pad(x, low, high, fill)
        lead = len(self.shape) - self.spatial
        rank = len(self.shape) + self.spatial
        rows = [
            dim(lead + i) * constant(self.stride[i]) + dim(len(self.shape) + i) * self.dilation[i]
            for i in range(self.spatial)
        ]
        data = affine(rank, [*(dim(i) for i in range(lead)), *rows])
        output = Output(
            TensorSpec(self.result, dtype), affine(rank, [dim(i) for i in range(len(self.shape))]), fill
        )
        # The window's extent is known by no operand, so an empty tensor of the window's shape says it, as
        # MLIR's pooling does.
        places = TensorSpec(self.taps, dtype)
        window = KernelValue(kernel.empty(places), places)
        extent = affine(rank, [dim(len(self.shape) + i) for i in range(self.spatial)])

        def body(_: BodyBuilder, inputs: list[Scalar], accumulators: list[Scalar]) -> list[Scalar]:
            return [combine(accumulators[0], inputs[0].to(dtype))]

        iterators = "p" * len(self.shape) + "r" * self.spatial
        return kernel.generic([(padded, data), (window, extent)], [output], iterators, body, doc)[0]
