"""Derivatives of what selects elements by their order: the gradient goes to the place that was selected."""

from __future__ import annotations

from collections.abc import Mapping

from tsc.ops.composite import AnyTensor
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, zeros

Flows = Mapping[Place, Flow]


def _selected(call: Call, self: AnyTensor, dim: int) -> Flows:
    """Of values, of the places that come with them."""
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.shape(self):
            return aten("reshape", call.gradient, [])
        return aten("scatter_add", zeros(aten, self), dim, call.results[1], call.gradient)

    return {0: to_self}


def _reduced(call: Call, self: AnyTensor, dim: int, keepdim: bool) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.shape(self):
            return aten("reshape", call.gradient, [])
        places, gradient = call.results[1], call.gradient
        if not keepdim:
            places, gradient = (aten("unsqueeze", t, dim) for t in (places, gradient))
        return aten("scatter_add", zeros(aten, self), dim, places, gradient)

    return {0: to_self}


@derivative("sort")
def _sort(call: Call, self: AnyTensor, dim: int, descending: bool) -> Flows:
    return _selected(call, self, dim)


@derivative("sort.stable")
def _sort_stable(call: Call, self: AnyTensor, stable: bool | None, dim: int, descending: bool) -> Flows:
    return _selected(call, self, dim)


@derivative("msort")
def _msort(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.shape(self):
            return call.gradient
        _, places = aten("sort.stable", self, stable=True, dim=0, descending=False)
        return aten("scatter_add", zeros(aten, self), 0, places, call.gradient)

    return {0: to_self}


@derivative("topk")
def _topk(call: Call, self: AnyTensor, k: int, dim: int, largest: bool, is_sorted: bool) -> Flows:
    return _selected(call, self, dim)


@derivative("kthvalue")
def _kthvalue(call: Call, self: AnyTensor, k: int, dim: int, keepdim: bool) -> Flows:
    return _reduced(call, self, dim, keepdim)


@derivative("max.dim", "min.dim", "median.dim", "nanmedian.dim", "mode")
def _extreme(call: Call, self: AnyTensor, dim: int, keepdim: bool) -> Flows:
    return _reduced(call, self, dim, keepdim)


@derivative("cummax", "cummin")
def _running(call: Call, self: AnyTensor, dim: int) -> Flows:
    return _selected(call, self, dim)
