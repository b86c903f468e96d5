"""Resizing images: nearest, linear and cubic interpolation, with and without antialiasing, in 1 to 3 dims.

Every kind is the same thing: each output place reads a few input places ("taps") with weights, one dim after
the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeVar

import numpy as np

from tsc import dtypes
from tsc.dims import Dim, floordiv, is_known
from tsc.dtypes import Array, DType
from tsc.errors import ShapeError
from tsc.narrowing import is_array
from tsc.ops.composite import AnyTensor, Aten, composite, eager_aten
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.promotion import computation_dtype

FAMILY = Family()
MOST_RATIO = 1 << 20
"""Above and below the line in a factor that sizes are multiplied with as they are."""
T = TypeVar("T", int, float)
Taps = list[tuple[AnyTensor, AnyTensor | None]]
"""The index of each tap for every output place, and its weight where that is not 1."""


@dataclass(frozen=True)
class Line:
    """A dim that is resized, and what coordinates along it are computed with: arrays where the sizes are
    known, else values of the program.
    """

    aten: Aten
    size: int
    outputs: int
    align_corners: bool
    scale: float | None
    dtype: DType
    """The dtype PyTorch computes coordinates in."""

    def number(self, value: float) -> AnyTensor:
        """A number in that dtype."""
        return self.aten("full", [], value, self.dtype.code)

    def ratio(self) -> AnyTensor:
        """Input places per output place."""
        if self.align_corners:
            if self.outputs <= 1:
                return self.number(0)
            return self.aten("div.Tensor", self.number(self.size - 1), self.number(self.outputs - 1))
        if self.scale is not None and self.scale > 0:
            return self.number(1.0 / self.scale)
        return self.aten("div.Tensor", self.number(self.size), self.number(self.outputs))

    def places(self) -> AnyTensor:
        """The output places."""
        return self.aten("to.dtype", self.aten("arange", self.outputs), self.dtype.code)

    def centers(self) -> AnyTensor:
        """The input coordinate of each output place."""
        if self.align_corners:
            return self.aten("mul.Tensor", self.places(), self.ratio())
        middles, ratio = self.aten("add.Scalar", self.places(), 0.5), self.ratio()
        wide = [self.aten("to.dtype", factor, dtypes.F64.code) for factor in (middles, ratio)]
        product = self.aten("to.dtype", self.aten("mul.Tensor", *wide), self.dtype.code)
        return self.aten("sub.Scalar", product, 0.5)  # of a product that was rounded first, as PyTorch's

    def inside(self, places: AnyTensor) -> AnyTensor:
        """Coordinates rounded toward zero as indices, those outside at the edge."""
        return self.aten("clamp", self.aten("to.dtype", places, dtypes.I64.code), 0, self.size - 1)


def nearest_taps(line: Line, exact: bool) -> Taps:
    """The one input place each output place copies."""
    aten, place = line.aten, line.places()
    at = aten("mul.Tensor", aten("add.Scalar", place, 0.5) if exact else place, line.ratio())
    return [(line.inside(aten("floor", at)), None)]


def linear_taps(line: Line) -> Taps:
    """The two neighbours of each coordinate."""
    aten = line.aten
    at = aten("clamp", line.centers(), 0)
    low = line.inside(at)
    high = aten("clamp", aten("add.Scalar", low, 1), 0, line.size - 1)
    weight = aten("clamp", aten("sub.Tensor", at, aten("to.dtype", low, line.dtype.code)), 0, 1)
    return [(low, aten("rsub.Scalar", weight, 1)), (high, weight)]


def cubic_kernel(aten: Aten, x: AnyTensor, a: float) -> AnyTensor:
    """Keys' cubic convolution kernel. Source: Keys, 1981."""

    def polynomial(x: AnyTensor, *factors: float) -> AnyTensor:
        """Of falling powers."""
        total = aten("mul.Scalar", x, factors[0])
        for factor in factors[1:-1]:
            total = aten("mul.Tensor", aten("add.Scalar", total, factor), x)
        return aten("add.Scalar", total, factors[-1])

    x = aten("abs", x)
    near, far = polynomial(x, a + 2, -(a + 3), 0, 1), polynomial(x, a, -5 * a, 8 * a, -4 * a)
    beyond = aten("where.ScalarOther", aten("lt.Scalar", x, 2), far, 0.0)
    return aten("where.self", aten("le.Scalar", x, 1), near, beyond)


def cubic_taps(line: Line) -> Taps:
    """The four neighbours of each coordinate, the edge repeated."""
    aten, at = line.aten, line.centers()
    base = aten("floor", at)
    rest = aten("sub.Tensor", at, base)
    return [
        (
            line.inside(aten("add.Scalar", base, offset)),
            cubic_kernel(aten, aten("sub.Scalar", rest, offset), -0.75),
        )
        for offset in range(-1, 3)
    ]


def _triangle(x: Array) -> Array:
    return np.maximum(1 - np.abs(x), 0)


def _lanczos(x: Array) -> Array:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_FILTERS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, lambda x: np.asarray(cubic_kernel(eager_aten(), x, -0.5))),
    "lanczos": (3.0, _lanczos),
}


def antialiased_taps(line: Line, filter_: str) -> Taps:
    """All places under a filter as wide as the reduction, the weights normalized. Sizes are taken as numbers:
    they say how many taps there are.

    Source: PyTorch UpSampleKernel.cpp.
    """
    support, function = _FILTERS[filter_]
    n, outputs = int(line.size), int(line.outputs)
    ratio = float(np.asarray(replace(line, aten=eager_aten(), dtype=dtypes.F64).ratio()))
    stretch = max(ratio, 1.0)
    center = ratio * (np.arange(outputs) + 0.5)
    first = np.maximum((center - support * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((center + support * stretch + 0.5).astype(np.int64), n)
    taps = np.arange(max(int((last - first).max()), 1))[:, None]
    weights = function((taps + first - center + 0.5) / stretch)
    weights = np.where(taps < last - first, weights, 0)
    total = weights.sum(0)
    indices, weights = np.minimum(first + taps, n - 1), weights / np.where(total == 0, 1, total)
    return list(zip(indices, weights, strict=True))


def _apply(aten: Aten, x: AnyTensor, axis: int, taps: Taps) -> AnyTensor:
    """The weighted sum of the slices each output place reads along `axis`."""
    behind = [1] * (len(aten.shape(x)) - 1 - axis)
    parts: list[AnyTensor] = []
    for index, weight in taps:
        if weight is None and is_array(index) and index.tolist() == list(range(aten.shape(x)[axis])):
            part = x
        else:
            part = aten("index_select", x, axis, _told(aten, index, dtypes.I64))
        if weight is not None:
            factor = aten("reshape", _told(aten, weight, aten.dtype(x)), [-1, *behind])
            part = aten("mul.Tensor", part, factor)
        parts.append(part)
    return reduce(lambda a, b: aten("add.Tensor", a, b), parts)


def _told(aten: Aten, values: AnyTensor, dtype: DType) -> AnyTensor:
    """A line of numbers as a tensor of `aten`."""
    return aten("tensor", values.tolist(), dtype=dtype.code) if is_array(values) else values


TapsOf = Callable[[Line], Taps]


def _resampled(
    aten: Aten,
    x: AnyTensor,
    sizes: Sequence[int],
    scales: Sequence[float | None],
    taps_of: TapsOf,
    *,
    align_corners: bool = False,
) -> AnyTensor:
    shape = aten.shape(x)
    spatial = len(sizes)
    if len(shape) != spatial + 2:
        raise ShapeError(f"upsample: requires an input of {spatial + 2} dims; got {list(shape)}")
    if any(n <= 0 for n in (*shape[1:], *sizes)):
        raise ShapeError(
            f"Input and output sizes should be greater than 0, but got input {list(shape[2:])} output "
            f"{list(sizes)}"
        )
    result = aten.dtype(x)
    wide = computation_dtype(result) if result.is_floating else result
    y = aten.in_dtype(x, wide)
    dtype = dtypes.F64 if wide is dtypes.F64 else dtypes.F32
    for i, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        n = shape[2 + i]
        where = eager_aten() if is_known(n) and is_known(size) else aten
        y = _apply(aten, y, 2 + i, taps_of(Line(where, n, size, align_corners, scale, dtype)))
    return aten.in_dtype(y, result)


def sizes_and_scales(
    shape: Sequence[int], output_size: Sequence[int] | None, factors: Sequence[float] | None
) -> tuple[list[int], list[float | None]]:
    """Output sizes and scales from the ``.vec`` arguments, of which exactly one is given."""
    spatial = len(shape) - 2
    if (output_size is None) == (factors is None):
        raise ShapeError("Must specify exactly one of output_size and scale_factors")
    if output_size is not None:
        if len(output_size) != spatial:
            raise ShapeError(
                f"It is expected output_size equals to {spatial}, but got size {len(output_size)}"
            )
        return list(output_size), [None] * spatial
    assert factors is not None
    if len(factors) != spatial:
        raise ShapeError(f"It is expected scale_factors equals to {spatial}, but got size {len(factors)}")
    return [_scaled(n, f) for n, f in zip(shape[2:], factors, strict=True)], list(factors)


def _scaled(size: int, factor: float) -> int:
    """``floor(size * factor)``, without asking what the size is where numbers times sizes say it."""
    if isinstance(size, Dim):
        top, bottom = float(factor).as_integer_ratio()
        if top * bottom < MOST_RATIO:
            return floordiv(size * top, bottom)
    return math.floor(size * factor)


def _define_nearest(name: str, exact: bool) -> None:
    def taps(line: Line) -> Taps:
        return nearest_taps(line, exact)

    @composite(FAMILY, f"aten::{name}", layout=ResultLayout.SUGGESTED)
    def nearest(aten: Aten, self: AnyTensor, output_size: Sequence[int], *scales: float | None) -> AnyTensor:
        return _resampled(aten, self, output_size, scales, taps)

    @composite(FAMILY, f"aten::{name}.vec", layout=ResultLayout.SUGGESTED)
    def nearest_vec(
        aten: Aten, input: AnyTensor, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None
    ) -> AnyTensor:
        sizes, scales = sizes_and_scales(aten.shape(input), output_size, scale_factors)
        return _resampled(aten, input, sizes, scales, taps)


def _define_smooth(name: str, taps: TapsOf) -> None:
    @composite(FAMILY, f"aten::{name}", layout=ResultLayout.SUGGESTED)
    def smooth(
        aten: Aten, self: AnyTensor, output_size: Sequence[int], align_corners: bool, *scales: float | None
    ) -> AnyTensor:
        return _resampled(aten, self, output_size, scales, taps, align_corners=align_corners)

    @composite(FAMILY, f"aten::{name}.vec", layout=ResultLayout.SUGGESTED)
    def smooth_vec(
        aten: Aten,
        input: AnyTensor,
        output_size: Sequence[int] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None,
    ) -> AnyTensor:
        sizes, scales = sizes_and_scales(aten.shape(input), output_size, scale_factors)
        return _resampled(aten, input, sizes, scales, taps, align_corners=align_corners)


for _spatial in (1, 2, 3):
    _define_nearest(f"upsample_nearest{_spatial}d", False)
    _define_nearest(f"_upsample_nearest_exact{_spatial}d", True)
for _name in ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"):
    _define_smooth(_name, linear_taps)
_define_smooth("upsample_bicubic2d", cubic_taps)


def _define_antialiased(filter_: str) -> None:
    _define_smooth(f"_upsample_{filter_}2d_aa", lambda line: antialiased_taps(line, filter_))


for _name in _FILTERS:
    _define_antialiased(_name)


# --- the operators behind F.interpolate in old archives ---

_BY_MODE = {
    ("nearest", 1): "upsample_nearest1d", ("nearest", 2): "upsample_nearest2d",
    ("nearest", 3): "upsample_nearest3d", ("nearest-exact", 1): "_upsample_nearest_exact1d",
    ("nearest-exact", 2): "_upsample_nearest_exact2d", ("nearest-exact", 3): "_upsample_nearest_exact3d",
    ("linear", 1): "upsample_linear1d", ("bilinear", 2): "upsample_bilinear2d",
    ("trilinear", 3): "upsample_trilinear3d", ("bicubic", 2): "upsample_bicubic2d",
}  # fmt: skip


def _repeated(value: T | Sequence[T] | None, spatial: int) -> list[T] | None:
    if value is None:
        return None
    return list(value) if isinstance(value, Sequence) else [value] * spatial


def _interpolated(
    aten: Aten,
    x: AnyTensor,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    mode: str,
    align_corners: bool | None,
    *rest: object,
) -> AnyTensor:
    recompute, antialias = (*rest, None, False)[:2]
    shape = aten.shape(x)
    spatial = len(shape) - 2
    if mode == "area":
        sizes, _ = sizes_and_scales(shape, _repeated(size, spatial), _repeated(scale_factor, spatial))
        return aten(f"adaptive_avg_pool{spatial}d", x, sizes)
    name = _BY_MODE.get((mode, spatial))
    if name is None:
        raise ShapeError(f"interpolate: mode {mode} does not fit an input of {len(shape)} dims")
    if antialias:
        raise ShapeError("Antialias is not yet supported")
    factors = _repeated(scale_factor, spatial)
    sizes = _repeated(size, spatial)
    if factors is not None and recompute:
        sizes, factors = sizes_and_scales(shape, None, [float(f) for f in factors])[0], None
    aligned = [] if mode.startswith("nearest") else [bool(align_corners)]
    return aten(f"{name}.vec", x, sizes, *aligned, factors)


@composite(
    FAMILY, "aten::__interpolate", "aten::__interpolate.size_list", "aten::__interpolate.scale_list",
    "aten::__interpolate.size_list_scale_list", "aten::__upsample", "aten::__upsample.size_list",
    layout=ResultLayout.SUGGESTED,
)  # fmt: skip
def interpolate(aten: Aten, *arguments: Any) -> AnyTensor:
    """Resized to `size` or by `scale_factor`."""
    return _interpolated(aten, *arguments)


@composite(
    FAMILY, "aten::__upsample_nearest", "aten::__upsample_nearest.size_list", layout=ResultLayout.SUGGESTED
)
def upsample_nearest(
    aten: Aten, input: AnyTensor, size: int | Sequence[int] | None, scale_factor: int | None
) -> AnyTensor:
    """Resized by copying the nearest element."""
    return _interpolated(aten, input, size, scale_factor, "nearest", None)


@composite(
    FAMILY, "aten::__upsample_bilinear", "aten::__upsample_bilinear.size_list",
    "aten::__upsample_bilinear.scale_list", "aten::__upsample_bilinear.size_list_scale_list",
    layout=ResultLayout.SUGGESTED,
)  # fmt: skip
def upsample_bilinear(
    aten: Aten, input: AnyTensor, size: int | Sequence[int] | None, scale_factor: int | Sequence[int] | None
) -> AnyTensor:
    """Resized by linear interpolation, the corners aligned."""
    return _interpolated(aten, input, size, scale_factor, "bilinear", True)
