"""The ``native_*`` normalizations with their statistics and weight normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.promotion import computation_dtype
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


def _wide(aten: Aten, x: AnyTensor) -> AnyTensor:
    return aten.in_dtype(x, computation_dtype(aten.dtype(x)))


def _statistics(
    aten: Aten,
    input: AnyTensor,
    like: AnyTensor | None,
    x: AnyTensor,
    dims: Sequence[int],
    eps: float,
    keepdim: bool,
) -> list[Any]:
    """Mean and ``1 / sqrt(var + eps)`` of `x` over `dims`, in the dtype of `like` or else of `input`."""
    mean = aten("mean.dim", x, list(dims), keepdim)
    variance = aten("var.correction", x, list(dims), correction=0, keepdim=keepdim)
    dtype = aten.dtype(input if like is None else like)
    found = (mean, aten.rsqrt(aten("add.Scalar", variance, eps)))
    return [aten.in_dtype(s, dtype) for s in found]


@composite(FAMILY, "aten::native_layer_norm")
def native_layer_norm(
    aten: Aten,
    input: AnyTensor,
    normalized_shape: Sequence[int],
    weight: AnyTensor | None,
    bias: AnyTensor | None,
    eps: float,
) -> tuple[Any, Any, Any]:
    """`layer_norm` with mean and reciprocal deviation."""
    dims = list(range(-len(normalized_shape), 0))
    y = aten("layer_norm", input, normalized_shape, weight, bias, eps)
    return y, *_statistics(aten, input, weight, _wide(aten, input), dims, eps, True)


@composite(FAMILY, "aten::native_group_norm", layout=ResultLayout.SUGGESTED)
def native_group_norm(
    aten: Aten,
    input: AnyTensor,
    weight: AnyTensor | None,
    bias: AnyTensor | None,
    batch: int,
    channels: int,
    area: int,
    group: int,
    eps: float,
) -> tuple[Any, Any, Any]:
    """`group_norm` with mean and reciprocal deviation of each group."""
    y = aten("group_norm", input, group, weight, bias, eps)
    grouped = aten("reshape", _wide(aten, input), [batch, group, channels // group * area])
    return y, *_statistics(aten, input, None, grouped, [-1], eps, False)


def _batch_norm(
    aten: Aten,
    input: AnyTensor,
    weight: AnyTensor | None,
    bias: AnyTensor | None,
    running: tuple[Any, Any],
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, Any, Any]:
    if training:
        dims = [i for i in range(len(aten.shape(input))) if i != 1]
        mean, rstd = _statistics(aten, input, weight, _wide(aten, input), dims, eps, False)
    else:
        empty = aten("new_empty", input, [0])
        mean, rstd = empty, empty
    return aten("batch_norm", input, weight, bias, *running, training, momentum, eps, False), mean, rstd


@composite(FAMILY, "aten::native_batch_norm", "aten::_native_batch_norm_legit", layout=ResultLayout.SUGGESTED)
def native_batch_norm(
    aten: Aten, input: AnyTensor, weight: AnyTensor | None, bias: AnyTensor | None,
    running_mean: AnyTensor | None, running_var: AnyTensor | None, training: bool,
    momentum: float, eps: float,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """`batch_norm` with the mean and reciprocal deviation of the batch (empty when not training)."""
    return _batch_norm(aten, input, weight, bias, (running_mean, running_var), training, momentum, eps)


@composite(FAMILY, "aten::_native_batch_norm_legit.no_stats", layout=ResultLayout.SUGGESTED)
def native_batch_norm_no_stats(
    aten: Aten,
    input: AnyTensor,
    weight: AnyTensor | None,
    bias: AnyTensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, Any, Any]:
    """`batch_norm` without running statistics."""
    return _batch_norm(aten, input, weight, bias, (None, None), training, momentum, eps)


@composite(FAMILY, "aten::_weight_norm")
def weight_norm(aten: Aten, v: AnyTensor, g: AnyTensor, dim: int) -> AnyTensor:
    """``v`` with its norms (all dims but `dim`) replaced by ``g``. Source: Salimans, Kingma, 2016."""
    ndim = len(aten.shape(v))
    dims = list(range(ndim)) if dim == -1 else [i for i in range(ndim) if i != wrap_dim(dim, ndim)]
    norm = aten("linalg_vector_norm", v, 2, dims, True)
    return aten("mul.Tensor", v, aten("div.Tensor", g, norm))


@composite(FAMILY, "aten::_safe_softmax")
def safe_softmax(aten: Aten, self: AnyTensor, dim: int, dtype: int | None) -> AnyTensor:
    """`softmax`, with zeros for rows that are minus infinity throughout."""
    y = aten("softmax.int", self, dim, dtype)
    masked = aten("all.dim", aten("eq.Scalar", self, -math.inf), dim, True)
    return aten("masked_fill.Scalar", y, masked, 0.0)


@composite(FAMILY, "aten::prelu", layout=ResultLayout.ELEMENTWISE)
def prelu(aten: Aten, self: AnyTensor, weight: AnyTensor) -> AnyTensor:
    """``x`` where positive, else ``weight * x``, one weight in all or one per channel."""
    shape = aten.shape(self)
    slopes = math.prod(aten.shape(weight))
    if len(aten.shape(weight)) > 1:
        raise ShapeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(aten.shape(weight))}"
        )
    if slopes != 1:
        if len(shape) < 1 or (shape[1] if len(shape) > 1 else 1) != slopes:
            raise ShapeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {slopes} "
                f"and channel size = {shape[1:2]}."
            )
        weight = aten("reshape", weight, [slopes, *([1] * (len(shape) - 2))])
    elif len(aten.shape(weight)) > len(shape):
        weight = aten("reshape", weight, [1] * len(shape))
    return aten("_prelu_kernel", self, weight)


@composite(FAMILY, "aten::_convolution_mode", layout=ResultLayout.FOLLOWING)
def convolution_mode(
    aten: Aten,
    input: AnyTensor,
    weight: AnyTensor,
    bias: AnyTensor | None,
    stride: Sequence[int],
    padding: str,
    dilation: Sequence[int],
    groups: int,
) -> AnyTensor:
    """Convolution with ``same`` or ``valid`` padding."""
    spatial = len(aten.shape(weight)) - 2
    return aten(f"conv{spatial}d.padding", input, weight, bias, stride, padding, dilation, groups)


@FAMILY.op("aten::embedding_renorm_", kind="inplace")
def embedding_renorm(self: Array, indices: Array, max_norm: float, norm_type: float) -> Array:
    """Scale down, in place, those of the given rows whose norm is above `max_norm`."""
    rows = np.unique(indices)
    norms = np.linalg.norm(self[rows].astype(np.float64), norm_type, axis=1)
    large = norms > max_norm
    factor = (max_norm / (norms[large] + 1e-7))[:, None]
    self[rows[large]] = (self[rows[large]] * factor).astype(self.dtype)
    return self
