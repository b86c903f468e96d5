"""Derivatives of gathers and scatters: each is the other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tsc.dtypes import I64
from tsc.errors import UnsupportedOperatorError
from tsc.ops.composite import AnyTensor
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, sum_to, zeros
from tsc.ops.elementwise import is_tensor

Flows = Mapping[Place, Flow]


@derivative("embedding")
def _embedding(
    call: Call, weight: AnyTensor, indices: Any, padding_idx: int, scale_grad_by_freq: bool, sparse: bool
) -> Flows:
    """The row that pads has no gradient."""
    if scale_grad_by_freq:
        raise UnsupportedOperatorError("aten::embedding: gradients scaled by frequency are not computed")
    aten = call.aten

    def to_weight() -> AnyTensor:
        places = aten("reshape", indices, [-1])
        rows = aten("reshape", call.gradient, [aten.numel_of(indices), *aten.shape(weight)[1:]])
        if padding_idx >= 0:
            is_padding = aten("unsqueeze", aten("eq.Scalar", places, padding_idx), -1)
            rows = aten("where.ScalarSelf", is_padding, 0.0, rows)
        return aten("index_add", zeros(aten, weight), 0, places, rows)

    return {0: to_weight}


@derivative("index_select")
def _index_select(call: Call, self: AnyTensor, dim: int, index: Any) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.shape(self):
            return aten("reshape", call.gradient, [])
        places = aten("reshape", index, [-1])
        return aten("index_add", zeros(aten, self), dim, places, call.gradient)

    return {0: to_self}


@derivative("gather")
def _gather(call: Call, self: AnyTensor, dim: int, index: Any, sparse_grad: bool) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        places = aten("to.dtype", index, I64.code)
        return aten("scatter_add", zeros(aten, self), dim, places, call.gradient)

    return {0: to_self}


@derivative(
    "index.Tensor", "index.Tensor_hacked_twin", "_unsafe_index.Tensor", "_unsafe_index.Tensor_hacked_twin"
)
def _index(call: Call, self: AnyTensor, indices: Sequence[Any]) -> Flows:
    aten = call.aten
    return {0: lambda: aten("index_put", zeros(aten, self), list(indices), call.gradient, True)}


@derivative("index_put", "index_put.hacked_twin")
def _index_put(call: Call, self: AnyTensor, indices: Sequence[Any], values: Any, accumulate: bool) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        if accumulate:
            return call.gradient
        return aten("index_put", call.gradient, list(indices), zeros(aten, values), False)

    def to_values() -> AnyTensor:
        return sum_to(aten, aten("index.Tensor", call.gradient, list(indices)), aten.shape(values))

    return {0: to_self, 2: to_values}


@derivative("take")
def _take(call: Call, self: AnyTensor, index: Any) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        count = aten.numel_of(self)
        empty = aten("zeros", [count], dtype=aten.dtype(self).code)
        places = aten("remainder.Scalar", aten("reshape", index, [-1]), count)
        flat = aten("index_add", empty, 0, places, aten("reshape", call.gradient, [-1]))
        return aten("reshape", flat, list(aten.shape(self)))

    return {0: to_self}


@derivative("masked_select")
def _masked_select(call: Call, self: AnyTensor, mask: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        shape = aten.shape(aten("logical_or", mask, aten("isnan", self)))
        empty = aten("zeros", list(shape), dtype=aten.dtype(self).code)
        whole = aten("expand", mask, list(shape), implicit=False)
        return aten("masked_scatter", empty, whole, call.gradient)

    return {0: to_self}


@derivative("masked_scatter")
def _masked_scatter(call: Call, self: AnyTensor, mask: AnyTensor, source: AnyTensor) -> Flows:
    aten = call.aten

    def to_source() -> AnyTensor:
        picked = aten("masked_select", call.gradient, mask)
        count, taken = aten.numel_of(source), aten.shape(picked)[0]
        whole = aten("constant_pad_nd", picked, [0, count - taken], 0)
        return aten("reshape", whole, list(aten.shape(source)))

    return {0: lambda: aten("masked_fill.Scalar", call.gradient, mask, 0), 2: to_source}


@derivative("scatter.src", "scatter.value")
def _scatter(call: Call, self: AnyTensor, dim: int, index: Any, src: AnyTensor) -> Flows:
    aten = call.aten
    return {
        0: lambda: aten("scatter.value", call.gradient, dim, index, 0),
        3: lambda: _picked(call, dim, index, src),
    }


@derivative("scatter_add")
def _scatter_add(call: Call, self: AnyTensor, dim: int, index: Any, src: AnyTensor) -> Flows:
    return {0: lambda: call.gradient, 3: lambda: _picked(call, dim, index, src)}


def _picked(call: Call, dim: int, index: Any, src: AnyTensor) -> AnyTensor:
    """What is taken of a source lies at its beginning, in every dim."""
    aten = call.aten
    found = aten("gather", call.gradient, dim, index, sparse_grad=False)
    have, want = aten.shape(found), aten.shape(src)
    if have == want:
        return found
    widths = [w for a, b in zip(reversed(have), reversed(want), strict=True) for w in (0, b - a)]
    return aten("constant_pad_nd", found, widths, 0)


@derivative("scatter_reduce.two", "scatter.reduce")
def _scatter_reduce(
    call: Call, self: AnyTensor, dim: int, index: Any, src: AnyTensor, reduce: str, include_self: bool = True
) -> Flows:
    aten = call.aten
    if reduce in ("sum", "add"):

        def to_self() -> AnyTensor:
            if include_self:
                return call.gradient
            return aten("scatter.value", call.gradient, dim, index, 0)

        return {0: to_self, 3: lambda: _picked(call, dim, index, src)}
    if reduce == "mean":
        return _scatter_mean(call, self, dim, index, src, include_self)
    if reduce in ("amax", "amin"):
        return _scatter_extreme(call, self, dim, index, src, include_self)
    raise UnsupportedOperatorError(
        f"{call.operator.name}: its derivative has no definition for reduce={reduce!r} in this version of tsc"
    )


def _scatter_mean(
    call: Call, self: AnyTensor, dim: int, index: Any, src: AnyTensor, include_self: bool
) -> Flows:
    aten = call.aten

    def counts() -> AnyTensor:
        start = aten("ones_like" if include_self else "zeros_like", call.gradient)
        ones = aten("ones", list(aten.shape(index)), dtype=aten.dtype(self).code)
        return aten.clamp_min(aten("scatter_add", start, dim, index, ones), 1)

    def to_self() -> AnyTensor:
        gradient = aten("div.Tensor", call.gradient, counts())
        return gradient if include_self else aten("scatter.value", gradient, dim, index, 0)

    def to_src() -> AnyTensor:
        shared = aten("div.Tensor", call.gradient, counts())
        found = aten("gather", shared, dim, index, sparse_grad=False)
        return _padded(call, found, src)

    return {0: to_self, 3: to_src}


def _padded(call: Call, found: AnyTensor, src: AnyTensor) -> AnyTensor:
    have, want = call.aten.shape(found), call.aten.shape(src)
    if have == want:
        return found
    widths = [w for a, b in zip(reversed(have), reversed(want), strict=True) for w in (0, b - a)]
    return call.aten("constant_pad_nd", found, widths, 0)


def _scatter_extreme(
    call: Call, self: AnyTensor, dim: int, index: Any, src: AnyTensor, include_self: bool
) -> Flows:
    """Equal ones share the gradient."""
    aten, y = call.aten, call.result
    code = aten.dtype(self).code

    def parts() -> tuple[AnyTensor, AnyTensor, AnyTensor]:
        self_is = aten("to.dtype", aten("eq.Tensor", self, y), code)
        value = aten("gather", y, dim, index, sparse_grad=False)
        used = src
        for i, extent in enumerate(aten.shape(index)):
            if aten.shape(src)[i] != extent:
                used = aten("slice.Tensor", used, i, 0, extent, 1)
        src_is = aten("to.dtype", aten("eq.Tensor", used, value), code)
        if not include_self:
            self_is = aten("scatter.value", self_is, dim, index, 0)
        count = aten("scatter_add", self_is, dim, index, src_is)
        return self_is, src_is, aten("div.Tensor", call.gradient, count)

    def to_self() -> AnyTensor:
        self_is, _, shared = parts()
        return aten("mul.Tensor", self_is, shared)

    def to_src() -> AnyTensor:
        _, src_is, shared = parts()
        found = aten("mul.Tensor", src_is, aten("gather", shared, dim, index, sparse_grad=False))
        return _padded(call, found, src)

    return {0: to_self, 3: to_src}


@derivative("index_add")
def _index_add(call: Call, self: AnyTensor, dim: int, index: Any, source: AnyTensor, alpha: Any) -> Flows:
    aten = call.aten

    def to_source() -> AnyTensor:
        if not aten.shape(self):
            found = aten("expand", call.gradient, list(aten.shape(source)), implicit=False)
        else:
            found = aten("index_select", call.gradient, dim, aten("reshape", index, [-1]))
            found = aten("reshape", found, list(aten.shape(source)))
        return found if alpha == 1 else aten("mul.Scalar", found, alpha)

    return {0: lambda: call.gradient, 3: to_source}


@derivative("index_copy")
def _index_copy(call: Call, self: AnyTensor, dim: int, index: Any, source: AnyTensor) -> Flows:
    aten = call.aten

    def to_source() -> AnyTensor:
        if not aten.shape(self):
            return aten("expand", call.gradient, list(aten.shape(source)), implicit=False)
        found = aten("index_select", call.gradient, dim, aten("reshape", index, [-1]))
        return aten("reshape", found, list(aten.shape(source)))

    return {0: lambda: aten("index_fill.int_Scalar", call.gradient, dim, index, 0), 3: to_source}


@derivative("index_fill.int_Scalar", "index_fill.int_Tensor")
def _index_fill(call: Call, self: AnyTensor, dim: int, index: Any, value: Any) -> Flows:
    aten = call.aten

    def to_value() -> AnyTensor:
        if not aten.shape(self):
            return call.gradient
        filled = aten("index_fill.int_Scalar", aten("zeros_like", call.gradient), dim, index, 1)
        return aten("sum", aten("mul.Tensor", call.gradient, filled))  # of a place named twice once

    flows: dict[Place, Flow] = {0: lambda: aten("index_fill.int_Scalar", call.gradient, dim, index, 0)}
    return {**flows, 3: to_value} if is_tensor(value) else flows


@derivative("put")
def _put(call: Call, self: AnyTensor, index: Any, source: AnyTensor, accumulate: bool) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        if accumulate:
            return call.gradient
        return aten("put", call.gradient, index, zeros(aten, source), False)

    def to_source() -> AnyTensor:
        return aten("reshape", aten("take", call.gradient, index), list(aten.shape(source)))

    return {0: to_self, 2: to_source}
