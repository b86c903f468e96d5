"""Derivatives of reductions and running sums.

Source: PyTorch tools/autograd/derivatives.yaml and FunctionsManual.cpp, for ties and zeros.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsc.errors import UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import (
    Call,
    Flow,
    Place,
    conjugate,
    derivative,
    expanded_back,
    kept,
    scaled,
    zeros,
)
from tsc.ops.shapes import wrap_dims

Flows = Mapping[Place, Flow]


def dims_of(aten: Aten, x: AnyTensor, dim: Any) -> list[int]:
    """The dims that are reduced over; all where none is named."""
    return list(wrap_dims(dim, len(aten.shape(x))))


@derivative("sum.dim_IntList")
def _sum(call: Call, self: AnyTensor, dim: Any, keepdim: bool, dtype: Any) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)
    return {0: lambda: expanded_back(aten, call.gradient, aten.shape(self), dims, keepdim)}


@derivative("nansum")
def _nansum(call: Call, self: AnyTensor, dim: Any, keepdim: bool, dtype: Any) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)

    def to_self() -> AnyTensor:
        spread = expanded_back(aten, call.gradient, aten.shape(self), dims, keepdim)
        return aten("where.ScalarSelf", aten("isnan", self), 0.0, spread)

    return {0: to_self}


def _amount(aten: Aten, x: AnyTensor, y: AnyTensor, gradient: AnyTensor, dims: Sequence[int]) -> AnyTensor:
    """The gradient of extremes, divided among the equal ones."""
    is_one = aten("eq.Tensor", x, y)
    count = aten(
        "sum.dim_IntList", aten("to.dtype", is_one, aten.dtype(x).code), list(dims), True, dtype=None
    )
    return aten("where.ScalarOther", is_one, aten("div.Tensor", gradient, count), 0.0)


@derivative("amax", "amin")
def _amax(call: Call, self: AnyTensor, dim: Sequence[int], keepdim: bool) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)

    def to_self() -> AnyTensor:
        y, gradient = (kept(aten, t, dims, keepdim) for t in (call.result, call.gradient))
        return _amount(aten, self, y, gradient, dims)

    return {0: to_self}


@derivative("max", "min")
def _max(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: _amount(aten, self, call.result, call.gradient, dims_of(aten, self, None))}


@derivative("median", "nanmedian")
def _median(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        y = call.result
        is_one = aten(
            "logical_or", aten("eq.Tensor", self, y), aten("logical_and", aten.isnan(self), aten.isnan(y))
        )
        count = aten("sum", aten("to.dtype", is_one, aten.dtype(self).code))
        return aten("where.ScalarOther", is_one, aten("div.Tensor", call.gradient, count), 0.0)

    return {0: to_self}


@derivative("aminmax")
def _aminmax(call: Call, self: AnyTensor, dim: int | None, keepdim: bool) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)

    def to_self() -> AnyTensor:
        parts = [
            _amount(
                aten, self, kept(aten, y, dims, keepdim), kept(aten, call.gradient_of(i), dims, keepdim), dims
            )
            for i, y in enumerate(call.results)
            if call.gradients[i] is not None
        ]
        return parts[0] if len(parts) == 1 else aten("add.Tensor", *parts)

    return {0: to_self}


def _others(aten: Aten, x: AnyTensor, dim: int) -> AnyTensor:
    """For each element the product of the others along `dim`; right also where some are zero."""
    size = aten.shape(x)[dim]
    shape = list(aten.shape(x))
    shape[dim] = 1
    one = aten("ones", shape, dtype=aten.dtype(x).code)

    def before(x: AnyTensor) -> AnyTensor:
        shifted = aten("cat", [one, aten("slice.Tensor", x, dim, 0, size - 1, 1)], dim)
        return aten("cumprod", shifted, dim, dtype=None)

    after = aten.flip(before(aten.flip(x, [dim])), [dim])
    return aten("mul.Tensor", before(x), after)


@derivative("prod.dim_int")
def _prod(call: Call, self: AnyTensor, dim: int, keepdim: bool, dtype: Any) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)

    def to_self() -> AnyTensor:
        x = aten("to.dtype", self, aten.dtype(call.result).code)
        if not aten.shape(self):
            return call.gradient
        if 0 in aten.shape(self):
            return aten("zeros_like", x)
        gradient = kept(aten, call.gradient, dims, keepdim)
        return scaled(aten, gradient, _others(aten, x, dims[0]))

    return {0: to_self}


@derivative("std.correction")
def _std(call: Call, self: AnyTensor, dim: Any, correction: Any, keepdim: bool) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)
    return {0: lambda: _through_deviation(aten, self, call.result, call.gradient, dims, correction, keepdim)}


@derivative("std")
def _std_of_all(call: Call, self: AnyTensor, unbiased: bool) -> Flows:
    aten = call.aten
    dims, correction = dims_of(aten, self, None), int(unbiased)
    return {
        0: lambda: _through_deviation(aten, self, call.result, call.gradient, dims, correction, keepdim=False)
    }


@derivative("std.dim")
def _std_of_dims(call: Call, self: AnyTensor, dim: Any, unbiased: bool, keepdim: bool) -> Flows:
    aten = call.aten
    dims, correction = dims_of(aten, self, dim), int(unbiased)
    return {0: lambda: _through_deviation(aten, self, call.result, call.gradient, dims, correction, keepdim)}


def _through_deviation(
    aten: Aten,
    x: AnyTensor,
    y: AnyTensor,
    gradient: AnyTensor,
    dims: list[int],
    correction: Any,
    keepdim: bool,
) -> AnyTensor:
    """Where a standard deviation is zero, nothing passes."""
    y, gradient = (kept(aten, t, dims, keepdim) for t in (y, gradient))
    count = math.prod(aten.shape(x)[d] for d in dims)
    freedom = count - (1 if correction is None else correction)
    scale = aten("div.Tensor", gradient, aten("mul.Scalar", y, freedom))
    scale = aten("where.ScalarSelf", aten("eq.Scalar", y, 0), 0.0, scale)
    deviation = aten("sub.Tensor", x, aten("mean.dim", x, dims, True))
    return aten("mul.Tensor", deviation, scale)


@derivative("logsumexp", "special_logsumexp")
def _logsumexp(call: Call, self: AnyTensor, dim: Any, keepdim: bool) -> Flows:
    aten = call.aten
    dims = dims_of(aten, self, dim)

    def to_self() -> AnyTensor:
        y, gradient = (kept(aten, t, dims, keepdim) for t in (call.result, call.gradient))
        if not aten.dtype(y).is_complex:
            y = aten("where.ScalarSelf", aten("isinf", y), 0.0, y)
        return scaled(aten, gradient, aten.exp(aten("sub.Tensor", self, y)))

    return {0: to_self}


def _cumulated_back(aten: Aten, gradient: AnyTensor, dim: int) -> AnyTensor:
    return aten.flip(aten("cumsum", aten.flip(gradient, [dim]), dim, dtype=None), [dim])


@derivative("cumsum")
def _cumsum(call: Call, self: AnyTensor, dim: int, dtype: Any) -> Flows:
    if not call.aten.shape(self):
        return {0: lambda: call.gradient}
    return {0: lambda: _cumulated_back(call.aten, call.gradient, dim)}


@derivative("cumprod")
def _cumprod(call: Call, self: AnyTensor, dim: int, dtype: Any) -> Flows:
    """``before[k] * (g[k] + x[k + 1] * (g[k + 1] + x[k + 2] * ...))``, which is right at zeros too."""
    aten = call.aten

    def to_self() -> AnyTensor:
        shape = list(aten.shape(self))
        if not shape or 0 in shape:
            return call.gradient
        along = dim % len(shape)
        count = shape[along]
        x = conjugate(aten, aten("to.dtype", self, aten.dtype(call.result).code))
        one_shape = [*shape]
        one_shape[along] = 1
        one = aten("ones", one_shape, dtype=aten.dtype(x).code)
        earlier = conjugate(aten, aten("slice.Tensor", call.result, along, 0, count - 1, 1))
        before = aten("cat", [one, earlier], along)
        factors = aten("cat", [one, aten.flip(aten("slice.Tensor", x, along, 1, count, 1), [along])], along)
        gradients = aten.flip(call.gradient, [along])
        start = zeros(aten, aten("select.int", x, along, 0))

        def step(aten: Aten, number: Any, given: Sequence[Any]) -> tuple[Sequence[Any], Any]:
            factor = aten("select.int", factors, along, number)
            gradient = aten("select.int", gradients, along, number)
            total = aten("add.Tensor", gradient, aten("mul.Tensor", factor, given[0]))
            return [total], total

        _, totals = aten.scan(count, [start], step)
        return aten("mul.Tensor", before, aten.flip(aten("movedim.int", totals, 0, along), [along]))

    return {0: to_self}


@derivative("logcumsumexp")
def _logcumsumexp(call: Call, self: AnyTensor, dim: int) -> Flows:
    """``exp(x - max) * sum of later g * exp(max - y)``, for gradients of both signs."""
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.shape(self):
            return call.gradient
        if aten.dtype(self).is_complex:
            raise UnsupportedOperatorError(
                "aten::logcumsumexp: gradients of complex numbers are not computed in this version of tsc"
            )
        top = aten.amax(self, [dim], True)
        scaled = aten("mul.Tensor", call.gradient, aten.exp(aten("sub.Tensor", top, call.result)))
        later = _cumulated_back(aten, scaled, dim)
        return aten("mul.Tensor", aten.exp(aten("sub.Tensor", self, top)), later)

    return {0: to_self}
