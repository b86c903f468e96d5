"""Derivatives of statistics: quantiles, covariances; and of some functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsc.dtypes import I64
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.products import turned
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, formula
from tsc.ops.elementwise import is_tensor

Flows = Mapping[Place, Flow]

# --- quantiles ---


def _ranks(aten: Aten, lines: AnyTensor, levels: AnyTensor, ignores_nan: bool) -> AnyTensor:
    """Which places among the sorted elements of each line are asked for: numbers that need not be whole."""
    code, count = aten.dtype(lines).code, aten.shape(lines)[-1]
    is_nan = aten("isnan", lines)
    if ignores_nan:
        there = aten("sum.dim_IntList", aten("logical_not", is_nan), [-1], True, dtype=None)
        last = aten("clamp_min", aten("sub.Scalar", aten("to.dtype", there, code), 1), 0)
        return aten("mul.Tensor", last, levels)
    some = aten("any.dim", is_nan, -1, True)
    return aten("where.ScalarSelf", some, float(count - 1), aten("mul.Scalar", levels, count - 1))


def _at_ranks(aten: Aten, ordered: AnyTensor, ranks: AnyTensor, interpolation: str) -> AnyTensor:
    def at(whole: AnyTensor) -> AnyTensor:
        return aten("gather", ordered, -1, aten("to.dtype", whole, I64.code))

    if interpolation in ("lower", "higher", "nearest"):
        return at(aten({"lower": "floor", "higher": "ceil", "nearest": "round"}[interpolation], ranks))
    below = aten.floor(ranks)
    share = aten("sub.Tensor", ranks, below)
    if interpolation == "midpoint":
        share = aten("full_like", share, 0.5)
    return aten("lerp.Tensor", at(below), at(aten.ceil(ranks)), share)


def _quantile(
    aten: Aten, x: AnyTensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignores_nan: bool
) -> AnyTensor:
    rank, code = len(aten.shape(x)), aten.dtype(x).code
    along = None if dim is None or not rank else dim % rank
    lines = aten("reshape", x, [-1]) if along is None else aten("movedim.int", x, along, -1)
    ordered = aten("sort", lines, -1, False)[0]
    levels = aten("reshape", q, [-1]) if is_tensor(q) else aten("full", [1], q, dtype=code)
    lead = list(aten.shape(lines))[:-1]
    ranks = _ranks(aten, lines, levels, ignores_nan)
    ranks = aten("expand", ranks, [*lead, aten.shape(levels)[0]], implicit=False)
    found = aten("movedim.int", _at_ranks(aten, ordered, ranks, interpolation), -1, 0)
    if keepdim:
        shape = [1 if along in (None, i) else n for i, n in enumerate(aten.shape(x))]
        found = aten("reshape", found, [aten.shape(levels)[0], *shape])
    is_one = not (is_tensor(q) and len(aten.shape(q)))
    return aten("squeeze.dim", found, 0) if is_one else found


@formula("quantile", "quantile.scalar")
def _quantile_of_all(
    aten: Aten, x: AnyTensor, q: Any, dim: int | None, keepdim: bool, interpolation: str
) -> AnyTensor:
    return _quantile(aten, x, q, dim, keepdim, interpolation, ignores_nan=False)


@formula("nanquantile", "nanquantile.scalar")
def _quantile_of_numbers(
    aten: Aten, x: AnyTensor, q: Any, dim: int | None, keepdim: bool, interpolation: str
) -> AnyTensor:
    return _quantile(aten, x, q, dim, keepdim, interpolation, ignores_nan=True)


# --- covariances ---


@formula("cov")
def _covariance(aten: Aten, x: AnyTensor, correction: int, fweights: Any, aweights: Any) -> AnyTensor:
    """Of the rows of `x`, whose columns are observations, which may count more than once."""
    rows = x if len(aten.shape(x)) == 2 else aten("reshape", x, [1, -1])
    code = aten.dtype(rows).code
    weights = [aten("to.dtype", w, code) for w in (fweights, aweights) if w is not None]
    if not weights:
        count = aten.shape(rows)[1]
        centred = aten("sub.Tensor", rows, aten("mean.dim", rows, [1], True))
        made = aten("matmul", centred, turned(aten, centred))
        return aten("squeeze", aten("div.Scalar", made, float(max(count - correction, 0))))
    weight = weights[0] if len(weights) == 1 else aten("mul.Tensor", *weights)
    total = aten("sum", weight)
    mean = aten("div.Tensor", aten("sum.dim_IntList", aten("mul.Tensor", rows, weight), [1], True), total)
    freedom = total
    if correction and aweights is not None:
        squares = aten("sum", aten("mul.Tensor", weight, aten("to.dtype", aweights, code)))
        freedom = aten(
            "sub.Tensor", total, aten("mul.Scalar", aten("div.Tensor", squares, total), correction)
        )
    elif correction:
        freedom = aten("sub.Scalar", total, correction)
    centred = aten("sub.Tensor", rows, mean)
    made = aten("matmul", aten("mul.Tensor", centred, weight), turned(aten, centred))
    return aten("squeeze", aten("div.Tensor", made, freedom))


@formula("corrcoef")
def _correlation(aten: Aten, x: AnyTensor) -> AnyTensor:
    made = _covariance(aten, x, 1, None, None)
    if not aten.shape(made):
        return aten("div.Tensor", made, made)
    deviation = aten.sqrt(aten("diagonal", made, 0, 0, 1))
    made = aten("div.Tensor", made, aten("unsqueeze", deviation, 1))
    return aten("div.Tensor", made, aten("unsqueeze", deviation, 0))


# --- others ---


@formula("cartesian_prod")
def _cartesian_product(aten: Aten, tensors: Sequence[Any]) -> AnyTensor:
    if len(tensors) == 1:
        return aten("clone", tensors[0])
    sizes = [aten.shape(t)[0] for t in tensors]
    columns: list[AnyTensor] = []
    for i, tensor in enumerate(tensors):
        line = aten("reshape", tensor, [1] * i + [-1] + [1] * (len(sizes) - 1 - i))
        columns.append(aten("reshape", aten("expand", line, sizes, implicit=False), [math.prod(sizes)]))
    return aten("stack", columns, 1)


@derivative("frexp.Tensor")
def _frexp(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        power = aten("exp2", aten("to.dtype", call.results[1], aten.dtype(self).code))
        return aten("div.Tensor", call.gradient, power)

    return {0: to_self}


@derivative("special_zeta.self_scalar", "special_zeta")
def _zeta(call: Call, self: Any, other: AnyTensor) -> Flows:
    """By the second argument; by the exponent there is no derivative."""
    aten = call.aten

    def to_other() -> AnyTensor:
        if is_tensor(self):
            slope = aten("mul.Tensor", aten("special_zeta", aten("add.Scalar", self, 1), other), self)
        else:
            slope = aten("mul.Scalar", aten("special_zeta.self_scalar", self + 1, other), self)
        return aten.neg(aten("mul.Tensor", call.gradient, slope))

    return {1: to_other}


@derivative("nextafter")
def _next_after(call: Call, self: AnyTensor, other: AnyTensor) -> Flows:
    """Where both are equal it is the other."""
    aten = call.aten
    is_same = aten("eq.Tensor", self, other)
    return {
        0: lambda: aten("where.ScalarSelf", is_same, 0.0, call.gradient),
        1: lambda: aten("where.ScalarOther", is_same, call.gradient, 0.0),
    }
