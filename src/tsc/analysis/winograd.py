"""Convolutions by minimal filtering: the matrices of an algorithm, and for which convolutions it pays.

``F(m x m, r x r)`` computes a tile of ``m x m`` outputs of an ``r x r`` filter `g` from ``t x t`` inputs `d`,
``t = m + r - 1``, as ``A^T [(G g G^T) * (B^T d B)] A``: ``t * t`` products instead of ``m * m * r * r``.

Source: Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", 2016. The matrices are Toom and Cook's: those of interpolation at `POINTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np

from tsc.analysis.target import Target
from tsc.dims import hint_of
from tsc.dtypes import Array

INPUT, OUTPUT = "winograd-input", "winograd-output"
"""The forms of kernels that transform tiles of images, and tiles of sums back into images."""
POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 0.625, -0.625, 1.5, -1.5)}
"""For tiles of so many outputs: the points of interpolation (and infinity). Those of 4 were chosen by the
error of float32 sums over random data: half of that with 1, -1, 2, -2; twice that of the sums themselves.
"""
TAPS = 3
"""The side of the filters."""
LEAST_GAIN = 1.25
"""How many times faster it must look than the direct sum."""
TRANSFORM_CYCLES = {2: 90, 4: 250}
"""About the cycles of bringing a tile of one vector of channels into the form that is multiplied, or back."""
CACHED, STREAMED = 0.25, 0.125
"""Numbers that come from caches, and from memory, in the time of one multiply-add of numbers."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """Of one algorithm, in float64: `data` is ``B^T`` ``(t, t)``, `filters` is ``G`` ``(t, r)``, and
    `outputs` is ``A^T`` ``(m, t)``.
    """

    data: Array
    filters: Array
    outputs: Array


@cache
def matrices(outputs: int) -> Matrices:
    """The matrices of ``F(outputs, 3)``. Each row of ``B^T`` is a monic polynomial, so that most of its
    entries cost no product.
    """
    points = POINTS[outputs]
    count = len(points) + 1
    data, filters = np.zeros((count, count)), np.zeros((count, TAPS))
    for number, point in enumerate(points):
        others = [p for p in points if p != point]
        polynomial = np.poly(others)[::-1]
        data[number, : len(polynomial)] = polynomial
        filters[number] = point ** np.arange(TAPS) / prod(point - p for p in others)
    data[-1] = np.poly(points)[::-1]
    filters[-1, -1] = 1.0
    evaluated = np.vander(points, outputs, increasing=True).T
    infinite = np.zeros((outputs, 1))
    infinite[-1] = 1.0
    return Matrices(data, filters, np.concatenate([evaluated, infinite], axis=1))


def transformed_filters(weight: Array, outputs: int) -> Array:
    """``G g G^T`` of every filter of ``(out, in, 3, 3)``, as ``(t, t, in, out)``."""
    g = matrices(outputs).filters
    taps = weight.transpose(2, 3, 1, 0).reshape(TAPS * TAPS, -1)
    made = (np.kron(g, g) @ taps.astype(np.float64)).astype(weight.dtype)
    return made.reshape(len(g), len(g), weight.shape[1], weight.shape[0])


@dataclass(frozen=True)
class ConvolutionSize:
    """A convolution of stride 1: images, channels in and out, and the height and width of its result."""

    images: int
    inputs: int
    outputs: int
    height: int
    width: int

    def tiles(self, side: int) -> tuple[int, int]:
        """Rows and columns of tiles of so many outputs."""
        return -(-self.height // side), -(-self.width // side)


def best_tile(size: ConvolutionSize, target: Target) -> int | None:
    """The side of the tiles that look fastest, or None where the direct sum does; symbolic sizes count as
    those of the first call. Times are in those of a multiply-add of vectors.
    """
    lanes = target.lanes(32)
    size = ConvolutionSize(*map(hint_of, (size.images, size.inputs, size.outputs, size.height, size.width)))
    if min(size.inputs, size.outputs) < lanes or not target.has_fma:
        return None
    costs = {side: _cycles(size, side, lanes, target) for side in POINTS}
    best = min(costs, key=lambda side: costs[side])
    return best if costs[best] * LEAST_GAIN < _direct_cycles(size, lanes) else None


def _direct_cycles(size: ConvolutionSize, lanes: int) -> float:
    filters = size.inputs * size.outputs * TAPS**2
    return size.images * size.height * size.width * filters / lanes + filters / STREAMED / lanes


def _cycles(size: ConvolutionSize, side: int, lanes: int, target: Target) -> float:
    """Products, both transforms, what lies between them in memory, and the filters, which are larger."""
    points = (side + TAPS - 1) ** 2
    tiles = size.images * prod(size.tiles(side))
    channels = size.inputs + size.outputs
    between = points * tiles * channels
    filters = points * size.inputs * size.outputs
    rate = CACHED if 4 * between <= 16 * target.l2_bytes else STREAMED
    return (
        tiles * filters / lanes
        + tiles * channels / lanes * TRANSFORM_CYCLES[side]
        + 2 * between / rate / lanes
        + filters / STREAMED / lanes
    )
