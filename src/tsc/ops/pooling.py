"""Pooling: maxima and means over windows, fixed and adaptive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from xdsl.ir.affine import AffineMap

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output
from tsc.ops.pooling_windows import Windows
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import pair

FAMILY = Family()


def _lowest(dtype: DType) -> float:
    return -math.inf if dtype.is_floating else int(np.iinfo(dtype.numpy).min)


def _place_in_windows(values: Array, is_inside: Array | np.bool_) -> Array:
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
        best = _place_in_windows(values, places >= 0)[None]
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


def _adaptive_bounds(n: int, outputs: int) -> list[tuple[int, int]]:
    return [(i * n // outputs, -(-(i + 1) * n // outputs)) for i in range(outputs)]


def _adaptive_sizes(shape: Sequence[int], output_size: Sequence[int | None], spatial: int) -> list[int]:
    """The sizes asked for; None keeps the size of the input."""
    wanted: list[Any] = [*pair(output_size, spatial)]
    if len(wanted) != spatial:
        raise ShapeError(f"adaptive pooling: output_size must be {spatial}; got {wanted}")
    if any(n is not None and n < 0 for n in wanted):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(wanted)}: {wanted}")
    return [shape[-spatial + i] if n is None else n for i, n in enumerate(wanted)]


def _require_image(name: str, shape: Sequence[int], spatial: int) -> None:
    """What is pooled has one dim or two before the image, and elements; of means in one or two dims there may
    be no channels.

    Raises:
        ShapeError: it is another shape.
    """
    if len(shape) not in (spatial + 1, spatial + 2):
        raise ShapeError(f"{name}(): Expected {spatial + 1}D or {spatial + 2}D tensor, but got {list(shape)}")
    first = len(shape) - spatial if name in ("adaptive_avg_pool1d", "adaptive_avg_pool2d") else 1
    empty = next((i for i, n in enumerate(shape) if i >= first and not n), None)
    if empty is not None:
        raise ShapeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(shape)} with dimension {empty} being empty"
        )


def _adaptive_infer(
    name: str, self: TensorSpec, output_size: Sequence[int | None], spatial: int
) -> TensorSpec:
    _require_image(name, self.shape, spatial)
    sizes = _adaptive_sizes(self.shape, output_size, spatial)
    return TensorSpec((*self.shape[:-spatial], *sizes), self.dtype)


def _adaptive_mean(aten: Aten, x: AnyTensor, output_size: Sequence[int | None], spatial: int) -> AnyTensor:
    """A mean, an ordinary pooling, or windows of different sizes: the first that does it."""
    shape = aten.shape(x)
    wanted = _adaptive_sizes(shape, output_size, spatial)
    if all(n == 1 for n in wanted) and (spatial > 1 or len(shape) in (2, 3)):
        return aten("mean.dim", x, list(range(-spatial, 0)), True)
    _require_image(f"adaptive_avg_pool{spatial}d", shape, spatial)
    if math.prod(shape) and all(n and shape[-spatial + i] % n == 0 for i, n in enumerate(wanted)):
        kernel = [shape[-spatial + i] // n for i, n in enumerate(wanted)]
        return aten(f"avg_pool{spatial}d", x, kernel)
    if spatial == 1:
        wide = aten("_adaptive_avg_pool2d", aten("unsqueeze", x, -2), [1, *wanted])
        return aten("squeeze.dim", wide, -2)
    return aten(f"_adaptive_avg_pool{spatial}d", x, wanted)


def _adaptive_avg_pool(spatial: int) -> None:
    @composite(FAMILY, f"aten::adaptive_avg_pool{spatial}d", layout=ResultLayout.of_images(spatial))
    def adaptive_avg_pool(aten: Aten, self: AnyTensor, output_size: Sequence[int]) -> AnyTensor:
        return _adaptive_mean(aten, self, output_size, spatial)


def _uneven_adaptive_avg_pool(spatial: int) -> None:
    name = f"adaptive_avg_pool{spatial}d"

    def infer(self: TensorSpec, output_size: Sequence[int]) -> TensorSpec:
        return _adaptive_infer(name, self, output_size, spatial)

    @FAMILY.op(f"aten::_{name}", infer=infer, layout=ResultLayout.of_images(spatial))
    def uneven_adaptive_avg_pool(self: Array, output_size: Sequence[int]) -> Array:
        wide = self.astype(computation_dtype(dtypes.by_numpy(self.dtype)).numpy, copy=False)
        _require_image(name, self.shape, spatial)
        sizes = _adaptive_sizes(self.shape, output_size, spatial)
        if not all(sizes):
            return np.zeros((*self.shape[:-spatial], *sizes), self.dtype)
        for i, n in enumerate(sizes):
            axis = self.ndim - spatial + i
            bounds = _adaptive_bounds(self.shape[axis], n)
            wide = np.stack([wide.take(range(a, b), axis).mean(axis) for a, b in bounds], axis)
        return wide.astype(self.dtype)


def _adaptive_max_pool(spatial: int) -> None:
    name = f"adaptive_max_pool{spatial}d"

    def infer(self: TensorSpec, output_size: Sequence[int]) -> tuple[TensorSpec, TensorSpec]:
        spec = _adaptive_infer(name, self, output_size, spatial)
        return spec, TensorSpec(spec.shape, dtypes.I64)

    @FAMILY.op(f"aten::{name}", infer=infer, layout=ResultLayout.of_images(spatial))
    def adaptive_max_pool(self: Array, output_size: Sequence[int]) -> tuple[Array, Array]:
        _require_image(name, self.shape, spatial)
        wanted = _adaptive_sizes(self.shape, output_size, spatial)
        extents = spec_of(self).shape[-spatial:]
        bounds = [_adaptive_bounds(n, m) for n, m in zip(extents, wanted, strict=True)]
        values = np.empty((*self.shape[:-spatial], *wanted), self.dtype)
        places = np.empty(values.shape, np.int64)
        numbers = np.arange(math.prod(extents)).reshape(extents)
        for at in np.ndindex(*wanted):
            cut = tuple(slice(*bounds[i][int(j)]) for i, j in enumerate(at))
            window = self[(..., *cut)]
            window = window.reshape(*self.shape[:-spatial], math.prod(window.shape[-spatial:]))
            best = _place_in_windows(np.moveaxis(window, -1, 0), np.True_)
            values[(..., *at)] = np.take_along_axis(window, best[..., None], -1)[..., 0]
            places[(..., *at)] = numbers[cut].reshape(-1)[best]
        return values, places


for _spatial in (1, 2, 3):
    _max_pool(_spatial)
    _avg_pool(_spatial)
    _adaptive_avg_pool(_spatial)
    _adaptive_max_pool(_spatial)
for _spatial in (2, 3):
    _uneven_adaptive_avg_pool(_spatial)
