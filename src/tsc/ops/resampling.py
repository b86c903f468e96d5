"""Resizing images: nearest, linear and cubic interpolation, with and without antialiasing, in 1 to 3 dims.

Every kind is the same thing: each output place reads a few input places ("taps") with weights, one dim after
the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.promotion import computation_dtype

FAMILY = Family()
T = TypeVar("T", int, float)
Taps = tuple[Array, Array]
"""Indices and weights, each ``(taps, outputs)``."""


def _ratio(
    n: int, outputs: int, align_corners: bool, scale: float | None, kind: type[np.floating[Any]]
) -> np.floating[Any]:
    """Input places per output place, in the precision PyTorch computes it in."""
    if align_corners:
        return kind(n - 1) / kind(outputs - 1) if outputs > 1 else kind(0)
    return kind(1.0 / scale) if scale is not None and scale > 0 else kind(n) / kind(outputs)


def _centers(
    n: int, outputs: int, align_corners: bool, scale: float | None, kind: type[np.floating[Any]]
) -> Array:
    """The input coordinate of each output place."""
    ratio = _ratio(n, outputs, align_corners, scale, kind)
    place = np.arange(outputs).astype(kind)
    return ratio * place if align_corners else ratio * (place + kind(0.5)) - kind(0.5)


def nearest_taps(n: int, outputs: int, scale: float | None, exact: bool) -> Taps:
    """The one input place each output place copies."""
    ratio = _ratio(n, outputs, False, scale, np.float32)
    place = np.arange(outputs).astype(np.float32)
    found = np.floor((place + np.float32(0.5)) * ratio if exact else place * ratio).astype(np.int64)
    return np.minimum(found, n - 1)[None], np.ones((1, outputs))


def linear_taps(
    n: int, outputs: int, align_corners: bool, scale: float | None, kind: type[np.floating[Any]]
) -> Taps:
    """The two neighbours of each coordinate."""
    at = np.maximum(_centers(n, outputs, align_corners, scale, kind), 0)
    low = np.minimum(at.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    weight = np.clip(at - low.astype(kind), 0, 1)
    return np.stack([low, high]), np.stack([1 - weight, weight])


def cubic_kernel(x: Array, a: float) -> Array:
    """Keys' cubic convolution kernel. Source: Keys, 1981."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def cubic_taps(
    n: int, outputs: int, align_corners: bool, scale: float | None, kind: type[np.floating[Any]]
) -> Taps:
    """The four neighbours of each coordinate, the edge repeated."""
    at = _centers(n, outputs, align_corners, scale, kind)
    base = np.floor(at)
    offsets = np.arange(-1, 3)[:, None]
    weights = cubic_kernel((at - base)[None] - offsets, -0.75)
    return np.clip(base.astype(np.int64)[None] + offsets, 0, n - 1), weights


def _triangle(x: Array) -> Array:
    return np.maximum(1 - np.abs(x), 0)


def _lanczos(x: Array) -> Array:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_FILTERS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "bilinear": (1.0, _triangle), "bicubic": (2.0, lambda x: cubic_kernel(x, -0.5)),
    "lanczos": (3.0, _lanczos),
}  # fmt: skip


def antialiased_taps(n: int, outputs: int, align_corners: bool, scale: float | None, filter_: str) -> Taps:
    """All places under a filter as wide as the reduction, the weights normalized.

    Source: PyTorch UpSampleKernel.cpp.
    """
    support, function = _FILTERS[filter_]
    ratio = float(_ratio(n, outputs, align_corners, scale, np.float64))
    stretch = max(ratio, 1.0)
    center = ratio * (np.arange(outputs) + 0.5)
    first = np.maximum((center - support * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((center + support * stretch + 0.5).astype(np.int64), n)
    taps = np.arange(max(int((last - first).max()), 1))[:, None]
    weights = function((taps + first - center + 0.5) / stretch)
    weights = np.where(taps < last - first, weights, 0)
    total = weights.sum(0)
    return np.minimum(first + taps, n - 1), weights / np.where(total == 0, 1, total)


def _apply(aten: Aten, x: AnyTensor, axis: int, taps: Taps) -> AnyTensor:
    """The weighted sum of the slices each output place reads along `axis`."""
    indices, weights = taps
    ndim = len(aten.shape(x))
    identity = list(range(aten.shape(x)[axis]))
    if len(indices) == 1 and (weights == 1).all():
        return (
            x
            if indices[0].tolist() == identity
            else aten("index_select", x, axis, aten("tensor", indices[0].tolist()))
        )
    total = None
    for index, weight in zip(indices, weights, strict=True):
        column = aten("tensor", weight.tolist(), dtype=aten.dtype(x).code)
        factor = aten("reshape", column, [-1, *([1] * (ndim - 1 - axis))])
        part = aten("mul.Tensor", aten("index_select", x, axis, aten("tensor", index.tolist())), factor)
        total = part if total is None else aten("add.Tensor", total, part)
    assert total is not None
    return total


TapsOf = Callable[[int, int, float | None, Any], Taps]
"""``taps(n, outputs, scale, kind)``, `kind` the NumPy type coordinates are computed in."""


def _resampled(
    aten: Aten, x: AnyTensor, sizes: Sequence[int], scales: Sequence[float | None], taps: TapsOf
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
    y = x if wide is result else aten("to.dtype", x, wide.code)
    kind = np.float64 if wide is dtypes.F64 else np.float32
    for i, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        y = _apply(aten, y, 2 + i, taps(shape[2 + i], size, scale, kind))
    return y if wide is result else aten("to.dtype", y, result.code)


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
    return [math.floor(n * f) for n, f in zip(shape[2:], factors, strict=True)], list(factors)


def _define_nearest(name: str, exact: bool) -> None:
    def taps(n: int, outputs: int, scale: float | None, _: object) -> Taps:
        return nearest_taps(n, outputs, scale, exact)

    @composite(FAMILY, f"aten::{name}", layout=ResultLayout.SUGGESTED)
    def nearest(aten: Aten, self: AnyTensor, output_size: Sequence[int], *scales: float | None) -> AnyTensor:
        return _resampled(aten, self, output_size, scales, taps)

    @composite(FAMILY, f"aten::{name}.vec", layout=ResultLayout.SUGGESTED)
    def nearest_vec(
        aten: Aten, input: AnyTensor, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None
    ) -> AnyTensor:
        sizes, scales = sizes_and_scales(aten.shape(input), output_size, scale_factors)
        return _resampled(aten, input, sizes, scales, taps)


def _define_smooth(name: str, taps_of: Callable[[int, int, bool, float | None, Any], Taps]) -> None:
    def taps(align_corners: bool) -> TapsOf:
        return lambda n, outputs, scale, kind: taps_of(n, outputs, align_corners, scale, kind)

    @composite(FAMILY, f"aten::{name}", layout=ResultLayout.SUGGESTED)
    def smooth(
        aten: Aten, self: AnyTensor, output_size: Sequence[int], align_corners: bool, *scales: float | None
    ) -> AnyTensor:
        return _resampled(aten, self, output_size, scales, taps(align_corners))

    @composite(FAMILY, f"aten::{name}.vec", layout=ResultLayout.SUGGESTED)
    def smooth_vec(
        aten: Aten,
        input: AnyTensor,
        output_size: Sequence[int] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None,
    ) -> AnyTensor:
        sizes, scales = sizes_and_scales(aten.shape(input), output_size, scale_factors)
        return _resampled(aten, input, sizes, scales, taps(align_corners))


for _spatial in (1, 2, 3):
    _define_nearest(f"upsample_nearest{_spatial}d", False)
    _define_nearest(f"_upsample_nearest_exact{_spatial}d", True)
for _name in ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"):
    _define_smooth(_name, linear_taps)
_define_smooth("upsample_bicubic2d", cubic_taps)


def _define_antialiased(filter_: str) -> None:
    _define_smooth(f"_upsample_{filter_}2d_aa", lambda n, m, a, s, _: antialiased_taps(n, m, a, s, filter_))


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
