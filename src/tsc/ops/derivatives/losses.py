"""Derivatives of losses that pick elements by classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, zeros

Flows = Mapping[Place, Flow]
MEAN = 1
"""How a loss is reduced: 0 not at all, 1 to the mean, 2 to the sum."""


@derivative("nll_loss", "nll_loss2d", "nll_loss_nd", "nll_loss_forward")
def _nll(
    call: Call, self: AnyTensor, target: Any, weight: AnyTensor | None, reduction: int, ignore_index: int
) -> Flows:
    """Each sample's class takes minus the weight of the class; what is ignored has none."""
    aten = call.aten

    def to_self() -> AnyTensor:
        shape = aten.shape(self)
        along = 0 if len(shape) == 1 else 1
        is_ignored = aten("eq.Scalar", target, ignore_index)
        classes = aten("where.ScalarSelf", is_ignored, 0, target)
        if weight is None:
            weights = aten("ones", list(aten.shape(target)), dtype=aten.dtype(self).code)
        else:
            flat = aten("index_select", weight, 0, aten("reshape", classes, [-1]))
            weights = aten("reshape", flat, list(aten.shape(target)))
        weights = aten("where.ScalarSelf", is_ignored, 0.0, weights)
        gradient = call.gradient
        if reduction == MEAN:
            gradient = aten("div.Tensor", gradient, aten("sum", weights))
        taken = aten.neg(aten("mul.Tensor", weights, gradient))
        places = aten("unsqueeze", classes, along)
        return aten("scatter_add", zeros(aten, self), along, places, aten("unsqueeze", taken, along))

    return {0: to_self}
