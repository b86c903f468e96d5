"""Pooling: maxima and means over windows of one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from xdsl.ir.affine import AffineMap

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output
from tsc.ops.pooling_windows import Windows
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar

FAMILY = Family()


def _lowest(dtype: DType) -> float:
    return -math.inf if dtype.is_floating else int(np.iinfo(dtype.numpy).min)


def place_in_windows(values: Array, is_inside: Array | np.bool_) -> Array:
    """Which of the elements along the first dim is the maximum: the last NaN, or the first of equal ones that
    is no padding, whose value data may have as well.
    """
    greatest: Array = values.max(axis=0)
    last_nan = len(values) - 1 - np.argmax(np.isnan(values)[::-1], axis=0)
    places: Array = np.argmax(is_inside & (values == greatest), axis=0)
    np.copyto(places, last_nan, where=np.isnan(greatest))
    return places


def _with_places(
    spatial: int, aten: Aten, self: AnyTensor, k: Sequence[int], s: Sequence[int], p: Sequence[int],
    d: Sequence[int], ceil: bool,
) -> tuple[AnyTensor, AnyTensor]:  # fmt: skip
    """The maxima, and the place of each: of all places in a window, the first that has it, or the last
    NaN.
    """
    spec = aten.spec(self)
    shape, extents = Windows(spec.shape, spatial, k, s, p, d, ceil), list(spec.shape[-spatial:])
    values = aten(f"max_pool{spatial}d", self, k, s, p, d, ceil)
    numbers = aten("arange", math.prod(extents), dtypes.I64.code, None, None, None)
    numbers = aten("reshape", numbers, extents)
    given = shape.parts(aten, self, _lowest(spec.dtype))
    parts = list(zip(given, shape.parts(aten, numbers, -1), strict=True))
    places = aten("zeros", list(aten.shape(values)), dtype=dtypes.I64.code)
    for part, at in reversed(parts):
        is_there = aten("logical_and", aten("eq.Tensor", part, values), aten("ge.Scalar", at, 0))
        places = aten("where.self", is_there, at, places)
    if spec.dtype.is_floating:
        for part, at in parts:
            places = aten("where.self", aten("isnan", part), at, places)
    return values, places


def _max_pool(spatial: int) -> None:
    def windows(
        self: TensorSpec, k: Sequence[int], s: Sequence[int], p: Sequence[int], d: Sequence[int], ceil: bool
    ) -> Windows:
        return Windows(self.shape, spatial, k, s, p, d, ceil)

    def infer(
        self: TensorSpec, k: Sequence[int], s: Sequence[int], p: Sequence[int], d: Sequence[int], ceil: bool
    ) -> TensorSpec:
        return TensorSpec(windows(self, k, s, p, d, ceil).result, self.dtype)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, *geometry = arguments
        shape = windows(x.spec, *geometry)
        return shape.lower(
            kernel,
            x,
            x.spec.dtype,
            _lowest(x.spec.dtype),
            Scalar.maximum,
            f"aten::max_pool{spatial}d",
        )

    @FAMILY.op(
        f"aten::max_pool{spatial}d", infer=infer, lower=lower, kind="window", layout=ResultLayout.SUGGESTED
    )
    def max_pool(
        self: Array, k: Sequence[int], s: Sequence[int], p: Sequence[int], d: Sequence[int], ceil: bool
    ) -> Array:
        views = windows(spec_of(self), k, s, p, d, ceil).views(self, _lowest(dtypes.by_numpy(self.dtype)))
        result = views[0].copy()
        for view in views[1:]:
            np.maximum(result, view, out=result)
        return result

    def infer_with_indices(self: TensorSpec, *geometry: Any) -> tuple[TensorSpec, TensorSpec]:
        spec = infer(self, *geometry)
        return spec, TensorSpec(spec.shape, dtypes.I64)

    @FAMILY.op(
        f"aten::max_pool{spatial}d_with_indices", infer=infer_with_indices,
        kind="composite", composite=partial(_with_places, spatial),
        layout=ResultLayout.ELEMENTWISE if spatial == 1 else ResultLayout.SUGGESTED,
    )  # fmt: skip
    def max_pool_with_indices(
        self: Array, k: Sequence[int], s: Sequence[int], p: Sequence[int], d: Sequence[int], ceil: bool
    ) -> tuple[Array, Array]:
        shape = windows(spec_of(self), k, s, p, d, ceil)
        extents = spec_of(self).shape[-spatial:]
        numbers = np.broadcast_to(np.arange(math.prod(extents)).reshape(extents), self.shape)
        places = np.stack(shape.views(numbers, -1))
        values = np.stack(shape.views(self, _lowest(dtypes.by_numpy(self.dtype))))
        best = place_in_windows(values, places >= 0)[None]
        return np.take_along_axis(values, best, 0)[0], np.take_along_axis(places, best, 0)[0]


def _avg_pool(spatial: int) -> None:
    has_divisor = spatial > 1

    def windows(
        self: TensorSpec, k: Sequence[int], s: Sequence[int], p: Sequence[int], ceil: bool
    ) -> Windows:
        return Windows(self.shape, spatial, k, s, p, 1, ceil)

    def infer(
        self: TensorSpec,
        k: Sequence[int],
        s: Sequence[int],
        p: Sequence[int],
        ceil: bool,
        include_pad: bool,
        divisor: int | None = None,
    ) -> TensorSpec:
        return TensorSpec(windows(self, k, s, p, ceil).result, self.dtype)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, k, s, p, ceil, include_pad, *rest = arguments
        shape = windows(x.spec, k, s, p, ceil)
        count = shape.count(include_pad, rest[0] if rest else None)
        wide = computation_dtype(x.spec.dtype)
        total = shape.lower(kernel, x, wide, 0, Scalar.__add__, f"aten::avg_pool{spatial}d")
        spec = TensorSpec(shape.result, x.spec.dtype)

        def mean(builder: BodyBuilder, sums: list[Scalar], _: list[Scalar]) -> list[Scalar]:
            counted = shape.counted(builder, include_pad).to(wide) if count is None else count
            return [(sums[0] / counted).to(x.spec.dtype)]

        everywhere = AffineMap.identity(spec.ndim)
        return kernel.generic([(total, everywhere)], [Output(spec)], "p" * spec.ndim, mean, "divide")[0]

    @FAMILY.op(
        f"aten::avg_pool{spatial}d", infer=infer, lower=lower, kind="window",
        layout=ResultLayout.ELEMENTWISE if spatial == 1 else ResultLayout.of_images(spatial),
    )  # fmt: skip
    def avg_pool(
        self: Array,
        k: Sequence[int],
        s: Sequence[int],
        p: Sequence[int],
        ceil: bool,
        include_pad: bool,
        divisor: int | None = None,
    ) -> Array:
        shape = windows(spec_of(self), k, s, p, ceil)
        wide = self.astype(computation_dtype(dtypes.by_numpy(self.dtype)).numpy, copy=False)
        total = sum(shape.views(wide, 0)) / shape.counts(include_pad, divisor if has_divisor else None)
        return np.asarray(total).astype(self.dtype)


for _spatial in (1, 2, 3):
    _max_pool(_spatial)
    _avg_pool(_spatial)
