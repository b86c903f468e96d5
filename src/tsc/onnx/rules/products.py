"""Rules: products of matrices, convolutions, and norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc.dims import Dim
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor


def linear(g: Emitter, x: Tensor, weight: Tensor, bias: Tensor | None) -> str:
    """``x @ weight.T + bias``."""
    if bias is not None and bias.ndim > 1:
        raise NoFormError("requires a bias of one dim")
    if x.ndim == 2 and weight.ndim == 2 and x.dtype.is_floating and (bias is None or bias.ndim == 1):
        return g("Gemm", x, weight, bias, transB=1)
    turned = g("Transpose", weight, perm=[1, 0]) if weight.ndim == 2 else weight
    product = g("MatMul", x, turned)
    return product if bias is None else g("Add", product, bias)


def matmul(g: Emitter, x: Tensor, y: Tensor) -> str:
    """The product of matrices, or batches of them."""
    return g("MatMul", *g.operands(x, y))


def convolution(
    g: Emitter, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int,
) -> str:  # fmt: skip
    """A convolution, or a transposed one."""
    count = weight.ndim - 2
    attributes = {
        "kernel_shape": whole(weight.shape[2:]), "strides": spread(stride, count), "group": groups,
        "pads": spread(padding, count) * 2, "dilations": spread(dilation, count),
    }  # fmt: skip
    if transposed:
        attributes["output_padding"] = spread(output_padding, count)
    batch = x if x.ndim == weight.ndim else g("Unsqueeze", x, g.sizes([0]))
    found = g("ConvTranspose" if transposed else "Conv", batch, weight, bias, **attributes)
    return found if x.ndim == weight.ndim else g("Squeeze", found, g.sizes([0]))


def spread(values: Sequence[Any] | int, count: int) -> list[int]:
    """A number for each of `count` dims."""
    found = [values] if isinstance(values, int) else whole(values)
    return found * count if len(found) == 1 else found


def whole(values: Sequence[Any]) -> list[int]:
    """Numbers that stand in the model.

    Raises:
        NoFormError: one is a size that differs from call to call.
    """
    for value in values:
        if isinstance(value, Dim):
            raise NoFormError(f"requires numbers that are known; got {value}")
    return [int(v) for v in values]


def layer_norm(
    g: Emitter,
    x: Tensor,
    shape: Sequence[Any],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    _: Any,
) -> str:
    """Each slice of the last dims with mean 0 and variance 1, scaled and shifted."""
    scale = g.constant(np.ones(whole(shape), x.dtype.numpy)) if weight is None else weight
    return g("LayerNormalization", x, scale, bias, axis=-len(shape), epsilon=eps)


def batch_norm(
    g: Emitter, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor | None,
    var: Tensor | None, training: bool, momentum: float, eps: float, _: Any,
) -> str:  # fmt: skip
    """Each channel by a mean and a variance that are known."""
    if training or mean is None or var is None or x.ndim < 2:
        raise NoFormError("requires batches of channels, running statistics, and eval mode")
    channels = whole(x.shape[1:2])
    scale = g.constant(np.ones(channels, x.dtype.numpy)) if weight is None else weight
    shift = g.constant(np.zeros(channels, x.dtype.numpy)) if bias is None else bias
    return g("BatchNormalization", x, scale, shift, mean, var, epsilon=eps)


def attention(
    g: Emitter, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float,
    is_causal: bool, scale: float | None, enable_gqa: bool,
) -> str:  # fmt: skip
    """Means of values, weighted by how much their keys are the query. Rows of scores that are all minus
    infinity, which without a mask only infinite elements give, are NaN here, and 0 in PyTorch.
    """
    if mask is not None or is_causal or dropout or enable_gqa or query.ndim < 2:
        raise NoFormError("requires attention to everything")
    width = whole(query.shape[-1:])[0]
    order = [*range(key.ndim - 2), key.ndim - 1, key.ndim - 2]
    factor = g.number(1 / math.sqrt(width) if scale is None else scale, query.dtype)
    scores = g("MatMul", g("Mul", query, factor), g("Transpose", key, perm=order))
    return g("MatMul", g("Softmax", scores, axis=-1), value)


def _softmax(name: str) -> Rule:
    def softmax(g: Emitter, x: Tensor, dim: int, dtype: Any = None) -> str:
        if not x.ndim:
            raise NoFormError("requires a tensor that has dims")
        return g(name, *g.operands(x), axis=dim)

    return softmax


PRODUCTS: Rules = {
    "linear": linear, "matmul": matmul, "mm": matmul, "bmm": matmul, "convolution": convolution,
    "layer_norm": layer_norm, "batch_norm": batch_norm,
    "scaled_dot_product_attention": attention,
    "softmax.int": _softmax("Softmax"), "log_softmax.int": _softmax("LogSoftmax"),
}  # fmt: skip
"""By the operator's name."""
