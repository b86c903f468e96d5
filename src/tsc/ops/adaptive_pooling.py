"""Adaptive pooling: maxima and means over as many windows as are asked for, whose sizes may differ by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import is_known
from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.pooling import place_in_windows
from tsc.ops.promotion import computation_dtype
from tsc.ops.shapes import pair

FAMILY = Family()


def _bounds(n: int, outputs: int) -> list[tuple[int, int]]:
    return [(i * n // outputs, -(-(i + 1) * n // outputs)) for i in range(outputs)]


def _has_nothing(sizes: Sequence[int]) -> bool:
    return any(is_known(n) and n == 0 for n in sizes)


def _gathered(
    aten: Aten, x: AnyTensor, axis: int, outputs: int
) -> tuple[AnyTensor, AnyTensor, tuple[AnyTensor, AnyTensor]]:
    """The windows along a dim, which becomes two: windows, and places in them. As many of these as the
    longest window has, where the last of a shorter one stand for the rest. Beside that, where each place is,
    and where windows begin and end.
    """
    n, shape = aten.shape(x)[axis], list(aten.shape(x))
    is_known_now = is_known(n) and is_known(outputs)
    bounds = _bounds(n, outputs) if is_known_now else []
    longest = max(b - a for a, b in bounds) if is_known_now else -(-n // outputs) + 1
    numbers = aten("arange", outputs, dtypes.I64.code, None, None, None)
    start = aten("div.Scalar_mode", aten("mul.Scalar", numbers, n), outputs, "floor")
    behind = aten("add.Scalar", aten("mul.Scalar", numbers, n), n + outputs - 1, 1)
    end = aten("div.Scalar_mode", behind, outputs, "floor")
    steps = aten("arange", longest, dtypes.I64.code, None, None, None)
    at = aten("add.Tensor", aten("unsqueeze", start, 1), steps, 1)
    at = aten("minimum", at, aten("sub.Scalar", aten("unsqueeze", end, 1), 1, 1))
    wide = aten("index_select", x, axis, aten("reshape", at, [outputs * longest]))
    return aten("reshape", wide, [*shape[:axis], outputs, longest, *shape[axis + 1 :]]), at, (start, end)


def _uneven_mean(spatial: int, aten: Aten, self: AnyTensor, output_size: Sequence[int]) -> AnyTensor:
    """One dim after the other."""
    spec = aten.spec(self)
    sizes = _infer(f"adaptive_avg_pool{spatial}d", spec, output_size, spatial).shape[-spatial:]
    if _has_nothing([*spec.shape, *sizes]):
        return aten("zeros", [*spec.shape[:-spatial], *sizes], dtype=spec.dtype.code)
    wanted = computation_dtype(spec.dtype)
    x = aten.in_dtype(self, wanted)
    first = len(spec.shape) - spatial
    for axis, n in enumerate(sizes, first):
        parts, at, (start, end) = _gathered(aten, x, axis, n)
        after, longest = [1] * (len(spec.shape) - axis - 1), aten.shape(at)[1]
        length = aten("sub.Tensor", end, start, 1)
        steps = aten("arange", longest, dtypes.I64.code, None, None, None)
        is_inside = aten("lt.Tensor", steps, aten("unsqueeze", length, 1))
        is_inside = aten("reshape", is_inside, [n, longest, *after])
        parts = aten("where.ScalarOther", is_inside, parts, 0.0)
        total = aten("sum.dim_IntList", parts, [axis + 1], False, None)
        x = aten("div.Tensor", total, aten("reshape", aten.in_dtype(length, wanted), [n, *after]))
    return aten.in_dtype(x, spec.dtype)


def _adaptive_maxima(
    spatial: int, aten: Aten, self: AnyTensor, output_size: Sequence[int]
) -> tuple[AnyTensor, AnyTensor]:
    """The maxima, and the place of each: the first of a window that has it, or the last NaN."""
    spec = aten.spec(self)
    sizes = _infer(f"adaptive_max_pool{spatial}d", spec, output_size, spatial).shape[-spatial:]
    lead = list(spec.shape[:-spatial])
    if _has_nothing([*spec.shape, *sizes]):
        empty = [*lead, *sizes]
        return aten("zeros", empty, dtype=spec.dtype.code), aten("zeros", empty, dtype=dtypes.I64.code)
    first = len(lead)
    parts, places, count = self, None, 1
    for number, n in enumerate(sizes):
        axis = first + 2 * number
        extent = aten.shape(parts)[axis]
        parts, at, _ = _gathered(aten, parts, axis, n)
        rest = [1, 1] * (spatial - number - 1)
        at = aten("reshape", at, [*[1, 1] * number, *aten.shape(at), *rest])
        places = at if places is None else aten("add.Tensor", aten("mul.Scalar", places, extent), at, 1)
        count *= aten.shape(parts)[axis + 1]
    outer, inner = range(0, 2 * spatial, 2), range(1, 2 * spatial, 2)
    parts = aten("permute", parts, [*range(first), *(first + d for d in (*outer, *inner))])
    parts = aten("reshape", parts, [*lead, *sizes, count])
    places = aten("reshape", aten("permute", places, [*outer, *inner]), [*sizes, count])
    values = aten("amax", parts, [-1], False)
    best = aten("argmax", parts, -1, False)
    if spec.dtype.is_floating:
        is_nan = aten.in_dtype(aten("isnan", parts), dtypes.I64)
        from_end = aten("argmax", aten("flip", is_nan, [-1]), -1, False)
        best = aten("where.self", aten("isnan", values), aten("rsub.Scalar", from_end, count - 1, 1), best)
    places = aten("expand", places, [*lead, *sizes, count])
    return values, aten("squeeze.dim", aten("gather", places, -1, aten("unsqueeze", best, -1), False), -1)


def _sizes(shape: Sequence[int], output_size: Sequence[int | None], spatial: int) -> list[int]:
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


def _infer(name: str, self: TensorSpec, output_size: Sequence[int | None], spatial: int) -> TensorSpec:
    _require_image(name, self.shape, spatial)
    sizes = _sizes(self.shape, output_size, spatial)
    return TensorSpec((*self.shape[:-spatial], *sizes), self.dtype)


def _adaptive_mean(aten: Aten, x: AnyTensor, output_size: Sequence[int | None], spatial: int) -> AnyTensor:
    """A mean, an ordinary pooling, or windows of different sizes: the first that does it."""
    shape = aten.shape(x)
    wanted = _sizes(shape, output_size, spatial)
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
        return _infer(name, self, output_size, spatial)

    @FAMILY.op(
        f"aten::_{name}", infer=infer, kind="composite", composite=partial(_uneven_mean, spatial),
        layout=ResultLayout.of_images(spatial),
    )  # fmt: skip
    def uneven_adaptive_avg_pool(self: Array, output_size: Sequence[int]) -> Array:
        wide = self.astype(computation_dtype(dtypes.by_numpy(self.dtype)).numpy, copy=False)
        _require_image(name, self.shape, spatial)
        sizes = _sizes(self.shape, output_size, spatial)
        if not all(sizes):
            return np.zeros((*self.shape[:-spatial], *sizes), self.dtype)
        for i, n in enumerate(sizes):
            axis = self.ndim - spatial + i
            bounds = _bounds(self.shape[axis], n)
            wide = np.stack([wide.take(range(a, b), axis).mean(axis) for a, b in bounds], axis)
        return wide.astype(self.dtype)


def _adaptive_max_pool(spatial: int) -> None:
    name = f"adaptive_max_pool{spatial}d"

    def infer(self: TensorSpec, output_size: Sequence[int]) -> tuple[TensorSpec, TensorSpec]:
        spec = _infer(name, self, output_size, spatial)
        return spec, TensorSpec(spec.shape, dtypes.I64)

    @FAMILY.op(
        f"aten::{name}", infer=infer, kind="composite", composite=partial(_adaptive_maxima, spatial),
        layout=ResultLayout.of_images(spatial),
    )  # fmt: skip
    def adaptive_max_pool(self: Array, output_size: Sequence[int]) -> tuple[Array, Array]:
        _require_image(name, self.shape, spatial)
        wanted = _sizes(self.shape, output_size, spatial)
        extents = spec_of(self).shape[-spatial:]
        bounds = [_bounds(n, m) for n, m in zip(extents, wanted, strict=True)]
        values = np.empty((*self.shape[:-spatial], *wanted), self.dtype)
        places = np.empty(values.shape, np.int64)
        numbers = np.arange(math.prod(extents)).reshape(extents)
        for at in np.ndindex(*wanted):
            cut = tuple(slice(*bounds[i][int(j)]) for i, j in enumerate(at))
            window = self[(..., *cut)]
            window = window.reshape(*self.shape[:-spatial], math.prod(window.shape[-spatial:]))
            best = place_in_windows(np.moveaxis(window, -1, 0), np.True_)
            values[(..., *at)] = np.take_along_axis(window, best[..., None], -1)[..., 0]
            places[(..., *at)] = numbers[cut].reshape(-1)[best]
        return values, places


for _spatial in (1, 2, 3):
    _adaptive_avg_pool(_spatial)
    _adaptive_max_pool(_spatial)
for _spatial in (2, 3):
    _uneven_adaptive_avg_pool(_spatial)
