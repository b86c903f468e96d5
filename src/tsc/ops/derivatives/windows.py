"""Derivatives of pooling and of sampling from images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsc.dtypes import I64
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative
from tsc.ops.shapes import pair

Flows = Mapping[Place, Flow]


def _put_at(aten: Aten, like: AnyTensor, places: AnyTensor, gradient: AnyTensor, spatial: int) -> AnyTensor:
    """Zeros like an image, to which gradients are added at places counted within each plane."""
    shape = list(aten.shape(like))
    lead = shape[: len(shape) - spatial]
    count = math.prod(shape[len(lead) :])
    out = math.prod(aten.shape(gradient)[len(lead) :])
    flat = [aten("reshape", t, [*lead, out]) for t in (places, gradient)]
    empty = aten("zeros", [*lead, count], dtype=aten.dtype(gradient).code)
    return aten("reshape", aten("scatter_add", empty, len(lead), *flat), shape)


def _max_pool(spatial: int) -> None:
    @derivative(f"max_pool{spatial}d")
    def pool(call: Call, self: AnyTensor, *window: Any) -> Flows:
        aten = call.aten

        def to_self() -> AnyTensor:
            _, places = aten(f"max_pool{spatial}d_with_indices", self, *window)
            return _put_at(aten, self, places, call.gradient, spatial)

        return {0: to_self}

    @derivative(f"max_pool{spatial}d_with_indices", f"adaptive_max_pool{spatial}d")
    def with_places(call: Call, self: AnyTensor, *window: Any) -> Flows:
        return {0: lambda: _put_at(call.aten, self, call.results[1], call.gradient, spatial)}


for _spatial in (1, 2, 3):
    _max_pool(_spatial)


def _counted(
    aten: Aten, windows: int, kernel: int, step: int, pad: int, size: int, counts_padding: bool
) -> AnyTensor:
    """How many places each window covers along a dim."""
    numbers = aten("arange", windows, I64.code, None, None, None)
    start = aten("sub.Scalar", aten("mul.Scalar", numbers, step), pad)
    end = aten("clamp_max", aten("add.Scalar", start, kernel), size + pad)
    if not counts_padding:
        start, end = aten("clamp_min", start, 0), aten("clamp_max", end, size)
    return aten("sub.Tensor", end, start)


def _avg_pool(spatial: int) -> None:
    @derivative(f"avg_pool{spatial}d")
    def rule(
        call: Call, self: AnyTensor, kernel: Any, stride: Any, padding: Any, ceil_mode: bool,
        counts_padding: bool, divisor: int | None = None,
    ) -> Flows:  # fmt: skip
        """The gradient, divided as the sums were, convolved with ones, each plane alone."""
        aten = call.aten
        kernel = pair(kernel, spatial)
        steps = pair(stride, spatial) if stride else kernel
        pads = pair(padding, spatial)

        def to_self() -> AnyTensor:
            shape = list(aten.shape(self))
            size, out = shape[-spatial:], list(aten.shape(call.result)[-spatial:])
            code = aten.dtype(self).code
            planes = aten("reshape", call.gradient, [math.prod(shape[:-spatial]), 1, *out])
            planes = divided(planes, size, out, code)
            ones = aten("ones", [1, 1, *kernel], dtype=code)
            made = aten(
                "convolution", planes, ones, None, steps, [0] * spatial, [1] * spatial, True, [0] * spatial, 1
            )
            for i in range(spatial):
                have, want = aten.shape(made)[2 + i], size[i] + pads[i]
                if have < want:  # what no window reaches
                    widths = [0, 0] * (spatial - 1 - i) + [0, want - have]
                    made = aten("constant_pad_nd", made, widths, 0)
                made = aten("slice.Tensor", made, 2 + i, pads[i], want, 1)
            return aten("reshape", made, shape)

        def divided(planes: AnyTensor, size: Sequence[int], out: Sequence[int], code: int) -> AnyTensor:
            if divisor is not None:
                return aten("div.Scalar", planes, divisor)
            for i in range(spatial):
                count = _counted(aten, out[i], kernel[i], steps[i], pads[i], size[i], counts_padding)
                line = aten(
                    "reshape", aten("to.dtype", count, code), [-1, *(1 for _ in range(spatial - 1 - i))]
                )
                planes = aten("div.Tensor", planes, line)
            return planes

        return {0: to_self}


for _spatial in (1, 2, 3):
    _avg_pool(_spatial)


def _averaging(aten: Aten, windows: int, size: int, code: int) -> AnyTensor:
    """The matrix that averages a line of some size to `windows` numbers."""
    numbers = aten("arange", windows, I64.code, None, None, None)
    start = aten("floor_divide.Scalar", aten("mul.Scalar", numbers, size), windows)
    ends = aten("mul.Scalar", aten("add.Scalar", numbers, 1), size)
    end = aten("floor_divide.Scalar", aten("add.Scalar", ends, windows - 1), windows)
    places = aten("arange", size, I64.code, None, None, None)
    start, end = aten("unsqueeze", start, 1), aten("unsqueeze", end, 1)
    inside = aten("logical_and", aten("ge.Tensor", places, start), aten("lt.Tensor", places, end))
    return aten("div.Tensor", aten("to.dtype", inside, code), aten("sub.Tensor", end, start))


def _adaptive(spatial: int) -> None:
    own = [] if spatial == 1 else [f"_adaptive_avg_pool{spatial}d"]

    @derivative(*own, f"adaptive_avg_pool{spatial}d")
    def rule(call: Call, self: AnyTensor, sizes: Sequence[int]) -> Flows:
        """Along each dim a product with the matrix that averages."""
        aten = call.aten

        def to_self() -> AnyTensor:
            gradient = call.gradient
            for i in range(-spatial, 0):
                windows, size = aten.shape(call.result)[i], aten.shape(self)[i]
                matrix = _averaging(aten, windows, size, aten.dtype(gradient).code)
                line = aten("movedim.int", gradient, i, -1)
                gradient = aten("movedim.int", aten("matmul", line, matrix), -1, i)
            return gradient

        return {0: to_self}


for _spatial in (1, 2, 3):
    _adaptive(_spatial)
