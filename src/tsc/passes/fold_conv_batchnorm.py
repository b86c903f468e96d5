"""Pass `fold-conv-batchnorm`: batch norm after a convolution or a linear layer goes into its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of
from tsc.analysis.weights import Layer, constant_array, convolution_of, only_user, replace_weights
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.walking import walk

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class FoldConvBatchnorm(ModulePass):
    """``batch_norm(conv(x, w, b))`` -> ``conv(x, w * s, (b - mean) * s + beta)`` with ``s = gamma /
    sqrt(var + eps)``.

    Requires: `freeze`; the convolution's result is used by the batch norm alone.
    Leaves: batch norms in training mode, or whose convolution has other users.

    ```mlir
    %1 = torch.aten.conv2d %x, %w, %b, ...
    %2 = torch.aten.batch_norm %1, %gamma, %beta, %mean, %var, %false, ...
    // %1 = torch.aten.conv2d %x, %w2, %b2, ...; uses of %2 become uses of %1
    ```
    """

    name = "fold-conv-batchnorm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fold everywhere in the module."""
        for candidate in list(walk(op)):
            if candidate.name == "torch.aten.batch_norm":
                fold_batch_norm(candidate, pool_of(ctx), convolution_of)


def fold_batch_norm(norm: Operation, pool: ConstantPool, producer_of: Any) -> bool:
    """Fold one batch norm into the layer `producer_of` finds before it; whether that was possible."""
    assert isinstance(norm, AtenOp)
    layer = producer_of(norm.operands[0])
    if (
        layer is None
        or not only_user(norm.operands[0], norm)
        or constant_of(norm.argument("training")) is not False
    ):
        return False
    eps = constant_of(norm.argument("eps"))
    mean, var = (constant_array(norm.argument(n), pool) for n in ("running_mean", "running_var"))
    gamma, beta = (_optional(norm.argument(n), pool) for n in ("weight", "bias"))
    if mean is None or var is None or eps is UNKNOWN or gamma is UNKNOWN or beta is UNKNOWN:
        return False
    given = [a for a in (mean, var, gamma, beta) if a is not None]
    if mean.ndim != 1 or any(a.shape != mean.shape for a in given):
        return False  # the call is wrong: it stays, and raises when the program runs
    if not _fit(layer, given, pool) or not layer.has_channels_at_one:
        return False
    return apply_scale_and_shift(layer, norm, pool, *scale_and_shift(mean, var, gamma, beta, eps))


def _fit(layer: Layer, statistics: Sequence[Array], pool: ConstantPool) -> bool:
    """Whether PyTorch takes statistics of these dtypes: that of the layer, or float32 for those below."""
    weight = constant_array(layer.weight, pool)
    if weight is None:
        return False
    dtype = dtypes.by_numpy(weight.dtype)
    allowed = {dtype, dtypes.F32} if dtype in (dtypes.F16, dtypes.BF16) else {dtype}
    return all(dtypes.by_numpy(a.dtype) in allowed for a in statistics)


def _optional(value: SSAValue, pool: ConstantPool) -> Any:
    """A constant array, None for a constant None, `UNKNOWN` otherwise."""
    if constant_of(value) is None:
        return None
    array = constant_array(value, pool)
    return UNKNOWN if array is None else array


def scale_and_shift(mean: Array, var: Array, gamma: Any, beta: Any, eps: float) -> tuple[Array, Array]:
    """Batch norm as ``x * scale + shift`` per channel, in float64."""
    scale = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    if gamma is not None:
        scale = scale * gamma.astype(np.float64)
    shift = -mean.astype(np.float64) * scale
    return scale, shift if beta is None else shift + beta.astype(np.float64)


def apply_scale_and_shift(
    layer: Layer, follower: Operation, pool: ConstantPool, scale: Array, shift: Array
) -> bool:
    """Scale and shift the output channels of `layer` by changing its weights; `follower` goes."""
    weight, bias = constant_array(layer.weight, pool), _optional(layer.bias, pool)
    if weight is None or bias is UNKNOWN or weight.ndim < 2 or not dtypes.by_numpy(weight.dtype).is_floating:
        return False
    channels = (weight.shape[layer.channel_axis],)
    if scale.shape != channels or shift.shape != channels or (bias is not None and bias.shape != channels):
        return False  # the call is wrong: it stays, and raises when the program runs
    shaped = scale.reshape([-1 if i == layer.channel_axis else 1 for i in range(weight.ndim)])
    new_weight = (weight.astype(np.float64) * shaped).astype(weight.dtype)
    old_bias = 0.0 if bias is None else bias.astype(np.float64)
    new_bias = (old_bias * scale + shift).astype(weight.dtype)
    replace_weights(layer, pool, new_weight, new_bias)
    follower.results[0].replace_all_uses_with(layer.op.results[0])
    follower.detach()
    follower.erase()
    return True
