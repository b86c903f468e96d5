"""Derivatives of products of matrices and of convolutions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.contractions import bias_shape
from tsc.ops.derivatives.rules import Call, Flow, Place, conjugate, derivative, scaled, sum_to, zeros
from tsc.ops.shapes import pair

Flows = Mapping[Place, Flow]


def turned(aten: Aten, x: AnyTensor) -> AnyTensor:
    """The matrices of a tensor, transposed; of complex numbers the conjugates."""
    return conjugate(aten, aten("transpose.int", x, -2, -1))


@derivative("mm", "bmm")
def _product(call: Call, self: AnyTensor, other: Any, *_: Any) -> Flows:
    aten, name = call.aten, call.operator.name.removeprefix("aten::")
    return {
        0: lambda: aten(name, call.gradient, turned(aten, other)),
        1: lambda: aten(name, turned(aten, self), call.gradient),
    }


@derivative("matmul", "linalg_matmul")
def _matmul(call: Call, self: AnyTensor, other: Any) -> Flows:
    """Vectors are matrices of one row or one column."""
    aten = call.aten
    ranks = len(aten.shape(self)), len(aten.shape(other))
    a = aten("unsqueeze", self, 0) if ranks[0] == 1 else self
    b = aten("unsqueeze", other, 1) if ranks[1] == 1 else other

    def gradient() -> AnyTensor:
        g = call.gradient
        if ranks[1] == 1:
            g = aten("unsqueeze", g, -1)
        return aten("unsqueeze", g, -2) if ranks[0] == 1 else g

    def to_self() -> AnyTensor:
        found = sum_to(aten, aten("matmul", gradient(), turned(aten, b)), aten.shape(a))
        return aten("squeeze.dim", found, 0) if ranks[0] == 1 else found

    def to_other() -> AnyTensor:
        found = _of_weights(aten, a, gradient(), aten.shape(b))
        return aten("squeeze.dim", found, 1) if ranks[1] == 1 else found

    return {0: to_self, 1: to_other}


def _of_weights(aten: Aten, a: AnyTensor, gradient: AnyTensor, shape: Sequence[int]) -> AnyTensor:
    """The gradient of the right factor: one product where that is one matrix."""
    if len(shape) == 2 and len(aten.shape(a)) > 2:
        a, gradient = _rows(aten, a), _rows(aten, gradient)
    return sum_to(aten, aten("matmul", turned(aten, a), gradient), shape)


def _rows(aten: Aten, x: AnyTensor) -> AnyTensor:
    """All rows of a tensor, as one matrix."""
    *lead, width = aten.shape(x)
    return aten("reshape", x, [math.prod(lead), width])


@derivative("linear")
def _linear(call: Call, input: AnyTensor, weight: AnyTensor, bias: Any) -> Flows:
    aten = call.aten
    is_vector = len(aten.shape(weight)) == 1

    def to_input() -> AnyTensor:
        if is_vector:
            return scaled(aten, aten("unsqueeze", call.gradient, -1), weight)
        return aten("matmul", call.gradient, conjugate(aten, weight))

    def to_weight() -> AnyTensor:
        if is_vector:
            weighted = scaled(aten, aten("unsqueeze", call.gradient, -1), input)
            return sum_to(aten, weighted, aten.shape(weight))
        return aten("mm", aten("t", _rows(aten, call.gradient)), conjugate(aten, _rows(aten, input)))

    def to_bias() -> AnyTensor:
        shape = list(aten.shape(bias))
        added = list(bias_shape(aten.shape(input), shape))
        total = sum_to(aten, call.gradient, added)
        return total if added == shape else aten("reshape", total, shape)

    return {0: to_input, 1: to_weight, 2: to_bias}


@derivative("convolution")
def _convolution(
    call: Call, input: AnyTensor, weight: AnyTensor, bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
) -> Flows:  # fmt: skip
    aten = call.aten
    spatial = len(aten.shape(weight)) - 2

    stride, padding, dilation = (pair(v, spatial) for v in (stride, padding, dilation))
    filters, image = conjugate(aten, weight), conjugate(aten, input)

    if 0 in aten.shape(input) or 0 in aten.shape(weight):
        given = ((0, input), (1, weight), *(() if bias is None else ((2, bias),)))
        return {i: partial(zeros, aten, x) for i, x in given}

    def to_input() -> AnyTensor:
        if transposed:
            rest = [0] * spatial
            made = aten(
                "convolution", call.gradient, filters, None, stride, padding, dilation, False, rest, groups
            )
            return _cut(aten, made, aten.shape(input)[2:])
        rest = [
            size - ((out - 1) * s - 2 * p + d * (k - 1) + 1)
            for size, out, s, p, d, k in zip(
                aten.shape(input)[2:], aten.shape(call.gradient)[2:], stride, padding, dilation,
                aten.shape(weight)[2:], strict=True,
            )
        ]  # fmt: skip
        name = f"conv_transpose{spatial}d{'' if spatial == 1 else '.input'}"
        return aten(name, call.gradient, filters, None, stride, padding, rest, groups, dilation)

    def to_weight() -> AnyTensor:
        pair_of = (call.gradient, image) if transposed else (image, call.gradient)
        return _of_kernel(aten, *pair_of, aten.shape(weight), stride, padding, dilation, groups)

    def to_bias() -> AnyTensor:
        dims = [0, *range(2, 2 + spatial)]
        return aten("sum.dim_IntList", call.gradient, dims, False, dtype=None)

    return {0: to_input, 1: to_weight, 2: to_bias}


def _of_kernel(
    aten: Aten, image: AnyTensor, gradient: AnyTensor, shape: Sequence[int],
    stride: Any, padding: Any, dilation: Any, groups: int,
) -> AnyTensor:  # fmt: skip
    """The gradient of a convolution's weights: the image convolved with the gradient, where samples are
    channels, strides are dilations and dilations strides.
    """
    _, in_channels, *kernel = shape
    samples, spatial = aten.shape(image)[0], len(kernel)
    size = list(aten.shape(image)[2:])
    rest = list(range(2, 2 + spatial))
    channels = aten("reshape", image, [samples, groups, in_channels, *size])
    channels = aten("permute", channels, [2, 1, 0, *(d + 1 for d in rest)])
    channels = aten("reshape", channels, [in_channels, groups * samples, *size])
    weights = aten("permute", gradient, [1, 0, *rest])
    made = aten(
        "convolution", channels, weights, None, dilation, padding, stride, False, [0] * spatial, groups
    )  # in_channels x out_channels x kernel, and some more where strides do not divide
    return aten("permute", _cut(aten, made, kernel), [1, 0, *rest])


def _cut(aten: Aten, image: AnyTensor, sizes: Sequence[int]) -> AnyTensor:
    """An image without what is beyond some sizes."""
    for i, extent in enumerate(sizes):
        if aten.shape(image)[2 + i] != extent:
            image = aten("slice.Tensor", image, 2 + i, 0, extent, 1)
    return image
