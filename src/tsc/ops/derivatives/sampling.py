"""Derivatives of sampling at computed places, of affine grids, and of unpooling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, formula
from tsc.ops.grid_formulas import affine_places, grid_sampled

Flows = Mapping[Place, Flow]

formula("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")(grid_sampled)
formula("affine_grid_generator")(affine_places)


def _unpool(spatial: int) -> None:
    @derivative(f"max_unpool{spatial}d")
    def rule(call: Call, self: AnyTensor, indices: AnyTensor, *_: Any) -> Flows:
        """What was put somewhere takes the gradient from there."""
        aten = call.aten

        def to_self() -> AnyTensor:
            shape = list(aten.shape(self))
            lead = shape[: len(shape) - spatial]
            places = aten("reshape", indices, [*lead, math.prod(shape[len(lead) :])])
            flat = aten("reshape", call.gradient, [*lead, math.prod(aten.shape(call.gradient)[len(lead) :])])
            return aten("reshape", aten("gather", flat, len(lead), places), shape)

        return {0: to_self}


for _spatial in (2, 3):
    _unpool(_spatial)
