"""Pass `fold-conv-arithmetic`: a constant added to or multiplied with a convolution joins its weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import UNKNOWN, constant_of
from tsc.analysis.weights import constant_array, convolution_of, only_user
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.walking import walk
from tsc.passes.fold_conv_batchnorm import Array, apply_scale_and_shift

OPERATORS = {
    f"aten::{name}.{overload}": name
    for name in ("add", "sub", "mul", "div")
    for overload in ("Tensor", "Scalar")
}


@dataclass(frozen=True)
class FoldConvArithmetic(ModulePass):
    """``conv(x, w, b) * c`` -> ``conv(x, w * c, b * c)``, and the same for division, addition and
    subtraction.

    Requires: `freeze`; the constant is a number or has one value per channel.
    Leaves: constants that vary over space.

    ```mlir
    %2 = torch.aten.mul.Tensor %conv, %c : ...   // uses of %2 become uses of the convolution with folded
    weights
    ```
    """

    name = "fold-conv-arithmetic"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fold everywhere in the module."""
        for candidate in list(walk(op)):
            if isinstance(candidate, AtenOp) and candidate.schema.full_name in OPERATORS:
                _fold(candidate, pool_of(ctx))


def _fold(op: AtenOp, pool: ConstantPool) -> bool:
    layer = convolution_of(op.operands[0])
    if layer is None or not only_user(op.operands[0], op):
        return False
    weight = constant_array(layer.weight, pool)
    if weight is None:
        return False
    rank = weight.ndim if layer.has_channels_at_one else weight.ndim - 1
    constant = _per_channel(op.operands[1], pool, weight, rank)
    if constant is None:
        return False
    name = OPERATORS[op.schema.full_name]
    if name in ("add", "sub"):
        alpha = constant_of(op.operands[2])
        if alpha is UNKNOWN:
            return False
        return apply_scale_and_shift(
            layer, op, pool, np.ones(weight.shape[0]), constant * (alpha if name == "add" else -alpha)
        )
    if name == "div" and not constant.all():
        return False
    scale = constant if name == "mul" else 1.0 / constant
    return apply_scale_and_shift(layer, op, pool, scale, np.zeros(weight.shape[0]))


def _per_channel(value: SSAValue, pool: ConstantPool, weight: Array, rank: int) -> Array | None:
    """One float64 per output channel, or None when the operand is no such constant. `rank` is that of the
    result: a constant of more dims would add some.
    """
    channels = weight.shape[0]
    number = constant_of(value)
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        return np.full(channels, float(number))
    array = constant_array(value, pool)
    if array is None or array.dtype != weight.dtype or array.ndim > rank:
        return None
    if array.size == 1:
        return np.full(channels, float(array.reshape(-1)[0]))
    shape = (1,) * (weight.ndim - array.ndim) + array.shape
    fits = shape[0] == 1 and shape[1] == channels and all(n == 1 for n in shape[2:])
    return array.reshape(-1).astype(np.float64) if fits else None
