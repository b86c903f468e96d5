"""Derivatives of norms, distances and softmax.

Source: PyTorch tools/autograd/FunctionsManual.cpp, for what is taken where a norm has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.reductions import dims_of
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, kept, sum_to

Flows = Mapping[Place, Flow]


def _unless_zero(aten: Aten, condition_of: AnyTensor, x: AnyTensor) -> AnyTensor:
    return aten("where.ScalarSelf", aten("eq.Scalar", condition_of, 0), 0.0, x)


def of_norm(
    aten: Aten, x: AnyTensor, y: AnyTensor, gradient: AnyTensor, order: float, dims: Any
) -> AnyTensor:
    """The gradient of a norm over `dims`, which `y` and its gradient keep; zero where it is zero."""
    if order == 0:
        return aten("zeros_like", x)
    if order == 1:
        return aten("mul.Tensor", aten.sgn(x), gradient)
    if order == 2:
        return aten("mul.Tensor", x, _unless_zero(aten, y, aten("div.Tensor", gradient, y)))
    size = aten.abs(x)
    if math.isinf(order):
        is_one = aten("to.dtype", aten("eq.Tensor", size, y), aten.dtype(x).code)
        count = aten("sum.dim_IntList", is_one, dims, True, dtype=None)
        share = aten("div.Tensor", gradient, count)
        return aten("mul.Tensor", aten("mul.Tensor", aten.sgn(x), is_one), share)
    power = aten("pow.Tensor_Scalar", size, order - 1)
    if order < 1:
        power = _unless_zero(aten, x, power)
    scale = aten("div.Tensor", gradient, aten("pow.Tensor_Scalar", y, order - 1))
    return aten("mul.Tensor", aten("mul.Tensor", aten.sgn(x), power), _unless_zero(aten, y, scale))


@derivative("linalg_vector_norm")
def _vector_norm(call: Call, self: AnyTensor, order: float, dim: Any, keepdim: bool, dtype: Any) -> Flows:
    return {0: lambda: _of_call(call, self, order, dims_of(call.aten, self, dim), keepdim)}


@derivative("norm.ScalarOpt_dim")
def _norm(call: Call, self: AnyTensor, order: float | None, dim: Any, keepdim: bool) -> Flows:
    order = 2.0 if order is None else order
    return {0: lambda: _of_call(call, self, order, dims_of(call.aten, self, dim), keepdim)}


@derivative("norm.Scalar")
def _norm_of_all(call: Call, self: AnyTensor, order: float) -> Flows:
    return {0: lambda: _of_call(call, self, order, dims_of(call.aten, self, None), keepdim=False)}


def _of_call(call: Call, self: AnyTensor, order: float, dims: list[int], keepdim: bool) -> AnyTensor:
    aten = call.aten
    y, gradient = (kept(aten, t, dims, keepdim) for t in (call.result, call.gradient))
    return of_norm(aten, self, y, gradient, order, dims)


@derivative("cdist")
def _cdist(call: Call, x1: AnyTensor, x2: AnyTensor, order: float, compute_mode: int | None) -> Flows:
    """Through the differences of all pairs."""
    aten = call.aten

    def to_difference() -> AnyTensor:
        difference = aten("sub.Tensor", aten("unsqueeze", x1, -2), aten("unsqueeze", x2, -3))
        y, gradient = (aten("unsqueeze", t, -1) for t in (call.result, call.gradient))
        return of_norm(aten, difference, y, gradient, order, [-1])

    def to_first() -> AnyTensor:
        total = aten("sum.dim_IntList", to_difference(), [-2], False, dtype=None)
        return sum_to(aten, total, aten.shape(x1))

    def to_second() -> AnyTensor:
        total = aten("sum.dim_IntList", aten.neg(to_difference()), [-3], False, dtype=None)
        return sum_to(aten, total, aten.shape(x2))

    return {0: to_first, 1: to_second}


@derivative("pdist")
def _pdist(call: Call, self: AnyTensor, order: float) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        count = aten.shape(self)[0]
        firsts, seconds = aten("unbind.int", aten("triu_indices", count, count, 1), 0)
        rows = [aten("index_select", self, 0, places) for places in (firsts, seconds)]
        y, gradient = (aten("unsqueeze", t, -1) for t in (call.result, call.gradient))
        pairs = of_norm(aten, aten("sub.Tensor", *rows), y, gradient, order, [-1])
        given = aten("index_add", aten("zeros_like", self), 0, firsts, pairs)
        return aten("index_add", given, 0, seconds, pairs, alpha=-1)

    return {0: to_self}


@derivative("softmax.int", "_softmax", "special_softmax", "_safe_softmax")
def _softmax(call: Call, self: AnyTensor, dim: int, *_: Any) -> Flows:
    aten, y = call.aten, call.result

    def to_self() -> AnyTensor:
        weighted = aten("mul.Tensor", call.gradient, y)
        total = aten("sum.dim_IntList", weighted, [dim], True, dtype=None)
        return aten("sub.Tensor", weighted, aten("mul.Tensor", y, total))

    return {0: to_self}


@derivative("log_softmax.int", "_log_softmax", "special_log_softmax")
def _log_softmax(call: Call, self: AnyTensor, dim: int, *_: Any) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        total = aten("sum.dim_IntList", call.gradient, [dim], True, dtype=None)
        return aten("sub.Tensor", call.gradient, aten("mul.Tensor", aten.exp(call.result), total))

    return {0: to_self}
