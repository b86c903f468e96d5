"""Derivatives of sequences of different lengths, and of reductions by index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsc.dtypes import I64
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, zeros

Flows = Mapping[Place, Flow]


def _numbered(aten: Aten, x: AnyTensor) -> AnyTensor:
    """The numbers of the elements of a tensor, in its shape."""
    counted = aten("arange", aten.numel_of(x), I64.code, None, None, None)
    return aten("reshape", counted, list(aten.shape(x)))


def _sent_back(aten: Aten, origins: AnyTensor, gradient: AnyTensor, to: AnyTensor) -> AnyTensor:
    """The gradient of `to`, when elements of the result have come from places of it; below 0 from none."""
    origins, flat = aten("reshape", origins, [-1]), aten("reshape", gradient, [-1])
    is_nowhere = aten("lt.Scalar", origins, 0)
    flat = aten("where.ScalarSelf", is_nowhere, 0.0, flat)
    places = aten("clamp_min", origins, 0)
    empty = aten("zeros", [aten.numel_of(to)], dtype=aten.dtype(gradient).code)
    return aten("reshape", aten("index_add", empty, 0, places, flat), list(aten.shape(to)))


@derivative("_pack_padded_sequence")
def _pack(call: Call, self: AnyTensor, lengths: AnyTensor, batch_first: bool) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        origins, _ = aten("_pack_padded_sequence", _numbered(aten, self), lengths, batch_first)
        return _sent_back(aten, origins, call.gradient, self)

    return {0: to_self}


@derivative("_pad_packed_sequence")
def _pad(
    call: Call, data: AnyTensor, batch_sizes: AnyTensor, batch_first: bool, padding: Any, total: int
) -> Flows:
    aten = call.aten

    def to_data() -> AnyTensor:
        numbers = _numbered(aten, data)
        origins, _ = aten("_pad_packed_sequence", numbers, batch_sizes, batch_first, -1, total)
        return _sent_back(aten, origins, call.gradient, data)

    return {0: to_data}


def _segment_of(aten: Aten, data: AnyTensor, lengths: Any, offsets: Any, dim: int) -> tuple[AnyTensor, int]:
    """The segment that each element of `data` along `dim` is in, in its shape; one behind the last for those
    in none.
    """
    size = aten.shape(data)[dim]
    if offsets is None:
        ends = aten("cumsum", lengths, -1, dtype=None)
    else:
        ends = aten("slice.Tensor", offsets, -1, 1, aten.shape(offsets)[-1], 1)
    count = aten.shape(ends)[-1]
    numbers = aten("arange", size, I64.code, None, None, None)
    passed = aten("le.Tensor", aten("unsqueeze", ends, -2), aten("unsqueeze", numbers, -1))
    found = aten("sum.dim_IntList", passed, [-1], False, dtype=None)
    shape = list(aten.shape(data))
    found = aten("reshape", found, [*shape[: dim + 1], *(1 for _ in shape[dim + 1 :])])
    return aten("expand", found, shape, implicit=False), count


@derivative("segment_reduce")
def _segment_reduce(
    call: Call, data: AnyTensor, reduce: str, lengths: Any, indices: Any, offsets: Any, axis: int,
    unsafe: bool, initial: Any,
) -> Flows:  # fmt: skip
    aten = call.aten
    dim = axis % len(aten.shape(data))

    def to_data() -> AnyTensor:
        segment, count = _segment_of(aten, data, lengths, offsets, dim)
        is_outside = aten("ge.Scalar", segment, count)
        places = aten("clamp_max", segment, count - 1)

        def spread(of_segments: AnyTensor) -> AnyTensor:
            return aten("gather", of_segments, dim, places)

        def summed(of_elements: AnyTensor) -> AnyTensor:
            kept = aten("where.ScalarSelf", is_outside, 0.0, of_elements)
            return aten("scatter_add", zeros(aten, call.result), dim, places, kept)

        made = _of_segments(aten, data, reduce, call, spread, summed)
        return aten("where.ScalarSelf", is_outside, 0.0, made)

    return {0: to_data}


def _of_segments(aten: Aten, x: AnyTensor, reduce: str, call: Call, spread: Any, summed: Any) -> AnyTensor:
    code = aten.dtype(x).code
    gradient = spread(call.gradient)
    if reduce == "sum":
        return gradient
    if reduce == "mean":
        return aten("div.Tensor", gradient, spread(summed(aten("ones_like", x))))
    if reduce == "prod":
        is_zero = aten("eq.Scalar", x, 0)
        others = aten("div.Tensor", spread(call.result), x)
        return aten("mul.Tensor", gradient, aten("where.ScalarSelf", is_zero, 0.0, others))
    is_extreme = aten("eq.Tensor", x, spread(call.result))
    sharing = spread(summed(aten("to.dtype", is_extreme, code)))
    return aten("where.ScalarOther", is_extreme, aten("div.Tensor", gradient, sharing), 0.0)


@dataclass(frozen=True)
class _IndexReduction:
    """A call of ``index_reduce``."""

    call: Call
    self: AnyTensor
    dim: int
    places: AnyTensor
    source: AnyTensor
    with_self: bool

    @property
    def aten(self) -> Aten:
        """What its gradient is written in."""
        return self.call.aten

    def at(self, x: AnyTensor) -> AnyTensor:
        """What is read where each part of the source is put."""
        return self.aten("index_select", x, self.dim, self.places)

    def summed(self, start: AnyTensor, of_source: AnyTensor) -> AnyTensor:
        """What parts like those of the source sum up to."""
        return self.aten("index_add", start, self.dim, self.places, of_source)

    def kept(self, x: AnyTensor) -> AnyTensor:
        """What takes part of what is like `self`."""
        if self.with_self:
            return x
        return self.aten("index_fill.int_Scalar", x, self.dim, self.places, 0)

    def extreme(self) -> tuple[Flow, Flow]:
        """Equal elements share the gradient."""
        aten, call, code = self.aten, self.call, self.aten.dtype(self.self).code

        def of_self() -> AnyTensor:
            return self.kept(aten("to.dtype", aten("eq.Tensor", self.self, call.result), code))

        def of_source() -> AnyTensor:
            return aten("to.dtype", aten("eq.Tensor", self.source, self.at(call.result)), code)

        def share() -> AnyTensor:
            return aten("div.Tensor", call.gradient, self.summed(of_self(), of_source()))

        return (
            lambda: aten("mul.Tensor", of_self(), share()),
            lambda: aten("mul.Tensor", of_source(), self.at(share())),
        )

    def mean(self) -> tuple[Flow, Flow]:
        """The gradient by the count of what is averaged."""
        aten = self.aten

        def shared() -> AnyTensor:
            start = self.kept(aten("ones_like", self.self))
            count = self.summed(start, aten("ones_like", self.source))
            count = aten("where.ScalarSelf", aten("eq.Scalar", count, 0), 1.0, count)
            return aten("div.Tensor", self.call.gradient, count)

        return lambda: self.kept(shared()), lambda: self.at(shared())

    def product(self) -> tuple[Flow, Flow]:
        """The gradient times the product of the others, also where some are zero."""
        aten, call = self.aten, self.call

        def products(of_self: AnyTensor, of_source: AnyTensor) -> AnyTensor:
            return aten(
                "index_reduce", of_self, self.dim, self.places, of_source, "prod", include_self=self.with_self
            )

        def to_self() -> AnyTensor:
            whole = aten("where.ScalarSelf", aten("eq.Scalar", self.self, 0), 1.0, self.self)
            others = aten("div.Tensor", products(whole, self.source), whole)
            return self.kept(aten("mul.Tensor", call.gradient, others))

        def to_source() -> AnyTensor:
            is_zero = aten("eq.Scalar", self.source, 0)
            ones = aten("to.dtype", is_zero, aten.dtype(self.self).code)
            zeros_there = self.at(self.summed(aten("zeros_like", self.self), ones))
            is_alone = aten("logical_and", is_zero, aten("eq.Scalar", zeros_there, 1))
            without = products(self.self, aten("where.ScalarSelf", is_alone, 1.0, self.source))
            alone = self.at(aten("mul.Tensor", call.gradient, without))
            safe = aten("where.ScalarSelf", is_zero, 1.0, self.source)
            usual = aten("div.Tensor", self.at(aten("mul.Tensor", call.gradient, call.result)), safe)
            return aten("where.self", is_alone, alone, usual)

        return to_self, to_source


@derivative("index_reduce")
def _index_reduce(
    call: Call, self: AnyTensor, dim: int, index: AnyTensor, source: AnyTensor, reduce: str, with_self: bool
) -> Flows:
    places = call.aten("reshape", index, [-1])
    found = _IndexReduction(call, self, dim, places, source, with_self)
    kinds = {"prod": found.product, "mean": found.mean}
    to_self, to_source = kinds.get(reduce, found.extreme)()
    return {0: to_self, 3: to_source}
