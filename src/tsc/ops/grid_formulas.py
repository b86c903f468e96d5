"""Sampling at computed places, and affine grids, in terms of other operators.

Source: PyTorch aten/src/ATen/native/GridSamplerUtils.h, for what passes at the edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product as pairs_of
from typing import Any

from tsc.dtypes import I64
from tsc.ops.composite import AnyTensor, Aten

BILINEAR, NEAREST, BICUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2
CUBIC = -0.75
"""The parameter of PyTorch's cubic kernel."""


def _unnormalized(aten: Aten, x: AnyTensor, size: int, align_corners: bool) -> AnyTensor:
    """From ``[-1, 1]`` to places."""
    if align_corners:
        return aten("mul.Scalar", aten("add.Scalar", x, 1), (size - 1) / 2)
    return aten("div.Scalar", aten("sub.Scalar", aten("mul.Scalar", aten("add.Scalar", x, 1), size), 1), 2)


def _clipped(aten: Aten, x: AnyTensor, size: int, lost: int) -> AnyTensor:
    """Within ``[0, size - 1]``; at the ends nothing passes. What is no number is at `lost`."""
    x = aten("where.ScalarSelf", aten("isnan", x), float(lost), x)
    x = aten("where.ScalarSelf", aten("le.Scalar", x, 0), 0.0, x)
    return aten("where.ScalarSelf", aten("ge.Scalar", x, size - 1), float(size - 1), x)


def _reflected(aten: Aten, x: AnyTensor, low: float, high: float) -> AnyTensor:
    """Folded back at the ends of ``[low, high]``."""
    if low == high:
        return aten("mul.Scalar", x, 0.0)
    span = high - low
    distance = aten.abs(aten("sub.Scalar", x, low))
    extra = aten("fmod.Scalar", distance, span)
    flips = aten("fmod.Scalar", aten.floor(aten("div.Scalar", distance, span)), 2)
    there, back = aten("add.Scalar", extra, low), aten("rsub.Scalar", extra, span + low)
    return aten("where.self", aten("eq.Scalar", flips, 0), there, back)


def _padded(aten: Aten, x: AnyTensor, size: int, padding: int, align_corners: bool, lost: int) -> AnyTensor:
    if padding == ZEROS:
        return x
    if padding == REFLECTION:
        ends = (0, size - 1) if align_corners else (-0.5, size - 0.5)
        x = _reflected(aten, x, *ends)
    return _clipped(aten, x, size, lost)


def _read(aten: Aten, image: AnyTensor, places: Sequence[AnyTensor]) -> AnyTensor:
    """The channels of an image at whole places; zero outside."""
    samples, channels, *sizes = aten.shape(image)
    inside: Any = None
    flat: Any = None
    for place, size in zip(places, sizes, strict=True):
        is_here = aten("logical_and", aten("ge.Scalar", place, 0), aten("lt.Scalar", place, size))
        whole = aten("to.dtype", aten("where.ScalarOther", is_here, place, 0.0), I64.code)
        inside = is_here if inside is None else aten("logical_and", inside, is_here)
        flat = whole if flat is None else aten("add.Tensor", aten("mul.Scalar", flat, size), whole)
    out = list(aten.shape(flat))[1:]
    count = math.prod(out)
    lines = aten("reshape", image, [samples, channels, math.prod(sizes)])
    index = aten("expand", aten("reshape", flat, [samples, 1, count]), [samples, channels, count],
                 implicit=False)  # fmt: skip
    found = aten("gather", lines, 2, index)
    kept = aten("where.ScalarOther", aten("reshape", inside, [samples, 1, count]), found, 0.0)
    return aten("reshape", kept, [samples, channels, *out])


def _weighted(
    aten: Aten, image: AnyTensor, taps: Sequence[Sequence[tuple[AnyTensor, AnyTensor]]], is_volume: bool
) -> AnyTensor:
    """The sum over all choices of a place along each dim, times the weights of those."""
    total: Any = None
    for chosen in pairs_of(*taps):
        weight: Any = None
        for _, share in chosen:
            weight = share if weight is None else aten("mul.Tensor", weight, share)
        if is_volume:  # where nothing is read, the weight is not either
            weight = aten("where.ScalarSelf", aten("isnan", weight), 0.0, weight)
        values = _read(aten, image, [place for place, _ in chosen])
        term = aten("mul.Tensor", values, aten("unsqueeze", weight, 1))
        total = term if total is None else aten("add.Tensor", total, term)
    return total


def _two(aten: Aten, x: AnyTensor) -> list[tuple[AnyTensor, AnyTensor]]:
    base = aten.floor(x)
    share = aten("sub.Tensor", x, base)
    return [(base, aten("rsub.Scalar", share, 1)), (aten("add.Scalar", base, 1), share)]


def _four(
    aten: Aten, x: AnyTensor, size: int, padding: int, align_corners: bool
) -> list[tuple[AnyTensor, AnyTensor]]:
    base = aten.floor(x)
    share = aten("sub.Tensor", x, base)
    return [
        (
            _padded(aten, aten("add.Scalar", base, k), size, padding, align_corners, lost=0),
            _cubic_weight(aten, aten("add.Scalar", share, -k), is_near=k in (0, 1), is_before=k <= 0),
        )
        for k in range(-1, 3)
    ]


def _cubic_weight(aten: Aten, distance: AnyTensor, is_near: bool, is_before: bool) -> AnyTensor:
    """Keys' cubic kernel, of a signed distance whose range is known."""
    d = distance if is_before else aten.neg(distance)

    def power(coefficients: Sequence[float]) -> AnyTensor:
        made: Any = aten("add.Scalar", aten("mul.Scalar", d, coefficients[0]), coefficients[1])
        for c in coefficients[2:]:
            made = aten("add.Scalar", aten("mul.Tensor", made, d), c)
        return made

    if is_near:
        return power((CUBIC + 2, -(CUBIC + 3), 0, 1))
    return power((CUBIC, -5 * CUBIC, 8 * CUBIC, -4 * CUBIC))


def grid_sampled(
    aten: Aten, image: AnyTensor, grid: AnyTensor, mode: int, padding: int, align_corners: bool
) -> AnyTensor:
    """``grid_sampler``."""
    sizes = list(aten.shape(image))[2:]
    is_volume = len(sizes) == 3
    at = [
        _unnormalized(aten, aten("select.int", grid, -1, len(sizes) - 1 - i), size, align_corners)
        for i, size in enumerate(sizes)
    ]
    if mode == BICUBIC:
        taps = [_four(aten, x, n, padding, align_corners) for x, n in zip(at, sizes, strict=True)]
        return _weighted(aten, image, taps, is_volume)
    at = [
        _padded(aten, x, size, padding, align_corners, lost=size - 1 if is_volume else 0)
        for x, size in zip(at, sizes, strict=True)
    ]
    if mode == NEAREST:
        return _read(aten, image, [aten.round(x) for x in at])
    return _weighted(aten, image, [_two(aten, x) for x in at], is_volume)


def affine_places(aten: Aten, theta: AnyTensor, size: Sequence[int], align_corners: bool) -> AnyTensor:
    """``affine_grid_generator``."""
    spatial, code = list(size)[2:], aten.dtype(theta).code
    lines: list[AnyTensor] = []
    for i, n in enumerate(spatial):
        step = 2 / max(n - 1, 1)
        ends = 1.0 if align_corners else (n - 1) / n
        counted = aten("arange", n, code, None, None, None)
        line = aten("mul.Scalar", aten("sub.Scalar", aten("mul.Scalar", counted, step), 1), ends)
        line = line if n > 1 else aten("zeros_like", counted)
        shape = [1] * i + [n] + [1] * (len(spatial) - 1 - i)
        lines.append(aten("expand", aten("reshape", line, shape), spatial, implicit=False))
    one = aten("ones", spatial, dtype=code)
    points = aten("reshape", aten("stack", [*lines[::-1], one], -1), [math.prod(spatial), len(spatial) + 1])
    places = aten("matmul", points, aten("transpose.int", theta, -2, -1))
    return aten("reshape", places, [size[0], *spatial, len(spatial)])
