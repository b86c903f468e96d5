"""Pooling over windows whose places are drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import BoundsError, ShapeError
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.shapes import pair

FAMILY = Family()


def _starts(sample: float, size: int, count: int, window: int) -> list[int]:
    """Where the `count` windows along one dim start. Source: PyTorch, ATen/native/FractionalMaxPooling.h."""
    last = size - window
    if count == 1:
        return [last]
    number = cast("Any", type(sample))
    step = number(last) / number(count - 1)
    return [*(int((number(i) + sample) * step) - int(sample * step) for i in range(count - 1)), last]


def _fractional_max_pool(spatial: int) -> None:
    def infer(
        self: TensorSpec, kernel_size: Sequence[int], output_size: Sequence[int], random_samples: TensorSpec
    ) -> tuple[TensorSpec, TensorSpec]:
        shape = (*self.shape[:-spatial], *pair(output_size, spatial))
        return TensorSpec(shape, self.dtype), TensorSpec(shape, dtypes.I64)

    @FAMILY.op(f"aten::fractional_max_pool{spatial}d", infer=infer)
    def fractional_max_pool(
        self: Array, kernel_size: Sequence[int], output_size: Sequence[int], random_samples: Array
    ) -> tuple[Array, Array]:
        """The maximum of each window, and its place in its plane; NaN wins.

        Raises:
            ShapeError: a window is larger than its dim.
            BoundsError: a sample is not finite.
        """
        windows, counts = pair(kernel_size, spatial), pair(output_size, spatial)
        extents = self.shape[-spatial:]
        if any(n + k - 1 > size for n, k, size in zip(counts, windows, extents, strict=True)):
            raise ShapeError(
                f"fractional_max_pool{spatial}d: requires output {list(counts)} + kernel {list(windows)} - 1 "
                f"<= input; got {list(extents)}"
            )
        if not np.isfinite(random_samples).all():
            raise BoundsError(f"fractional_max_pool{spatial}d: requires finite samples; got {random_samples}")
        planes = self.reshape(-1, *extents)
        samples = random_samples.reshape(-1, spatial)
        parts = [_pooled_plane(p, s, windows, counts) for p, s in zip(planes, samples, strict=True)]
        shape = (*self.shape[:-spatial], *counts)
        values, places = (np.stack([part[i] for part in parts]).reshape(shape) for i in (0, 1))
        return values, places


def _pooled_plane(
    plane: Array, samples: Array, windows: Sequence[int], counts: Sequence[int]
) -> tuple[Array, Array]:
    order = samples[::-1] if plane.ndim == 2 else samples  # in two dims the first sample is for the width
    starts = [
        _starts(sample, size, count, window)
        for sample, size, count, window in zip(order, plane.shape, counts, windows, strict=True)
    ]
    values, places = np.empty(counts, plane.dtype), np.empty(counts, np.int64)
    for at in np.ndindex(*counts):
        cut = tuple(slice(s[int(i)], s[int(i)] + k) for s, i, k in zip(starts, at, windows, strict=True))
        within = np.unravel_index(int(plane[cut].argmax()), windows)
        found = tuple(part.start + int(offset) for part, offset in zip(cut, within, strict=True))
        values[at], places[at] = plane[found], np.ravel_multi_index(found, plane.shape)
    return values, places


for _spatial in (2, 3):
    _fractional_max_pool(_spatial)
