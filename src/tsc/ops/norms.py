"""Normalizations and softmaxes, in terms of reductions and pointwise operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tsc import dtypes
from tsc.dims import certainly_empty
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.promotion import computation_dtype
from tsc.ops.shapes import require_shape

FAMILY = Family()


def _softmax_dtype(aten: Aten, x: AnyTensor, dtype: Any) -> dtypes.DType:
    """The dtype of a softmax; the last argument of ``_softmax`` is a flag, not a dtype.

    Raises:
        DTypeError: integers, where no floating dtype is asked for.
    """
    result = aten.dtype(x) if dtype is None or isinstance(dtype, bool) else dtypes.by_code(dtype)
    if not (result.is_floating or result.is_complex):
        raise DTypeError(f"softmax: requires a floating dtype; got {result.name}")
    return result


@composite(FAMILY, "aten::softmax.int", "aten::_softmax")
def softmax(aten: Aten, self: AnyTensor, dim: int, dtype: int | bool | None) -> AnyTensor:
    """``exp(x - max) / sum(exp(x - max))`` along `dim`."""
    result = _softmax_dtype(aten, self, dtype)
    x = aten.in_dtype(self, computation_dtype(result))
    if certainly_empty(aten.shape(x)):
        return aten.in_dtype(aten("clone", x), result)
    e = aten.exp(aten("sub.Tensor", x, aten.amax(x, [dim], True)))
    return aten.in_dtype(aten("div.Tensor", e, aten("sum.dim_IntList", e, [dim], True)), result)


@composite(FAMILY, "aten::log_softmax.int", "aten::_log_softmax")
def log_softmax(aten: Aten, self: AnyTensor, dim: int, dtype: int | bool | None) -> AnyTensor:
    """``x - max - log(sum(exp(x - max)))`` along `dim`."""
    result = _softmax_dtype(aten, self, dtype)
    x = aten.in_dtype(self, computation_dtype(result))
    if certainly_empty(aten.shape(x)):
        return aten.in_dtype(aten("clone", x), result)
    shifted = aten("sub.Tensor", x, aten.amax(x, [dim], True))
    total = aten.log(aten("sum.dim_IntList", aten.exp(shifted), [dim], True))
    return aten.in_dtype(aten("sub.Tensor", shifted, total), result)


def _standardized(aten: Aten, x: AnyTensor, dims: Sequence[int], eps: float) -> AnyTensor:
    """``(x - mean) / sqrt(var + eps)`` over `dims`, the variance divided by the count."""
    deviation = aten("sub.Tensor", x, aten("mean.dim", x, list(dims), True))
    variance = aten("mean.dim", aten("mul.Tensor", deviation, deviation), list(dims), True)
    return aten("mul.Tensor", deviation, aten.rsqrt(aten("add.Scalar", variance, eps)))


def _scaled(aten: Aten, x: AnyTensor, weight: AnyTensor | None, bias: AnyTensor | None) -> AnyTensor:
    y = x if weight is None else aten("mul.Tensor", x, weight)
    return y if bias is None else aten("add.Tensor", y, bias)


def _require_dims(
    aten: Aten, input: AnyTensor, normalized_shape: Sequence[int], *parameters: AnyTensor | None
) -> None:
    """The last dims of the input are `normalized_shape`, which is not empty; so are all of a parameter."""
    shape = aten.shape(input)
    if not normalized_shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = []"
        )
    if list(shape[max(len(shape) - len(normalized_shape), 0) :]) != list(normalized_shape):
        raise ShapeError(
            f"Given normalized_shape={list(normalized_shape)}, expected input with shape [*, "
            f"{', '.join(map(str, normalized_shape))}], but got input of size{list(shape)}"
        )
    for parameter in parameters:
        if parameter is not None:
            require_shape("the weight or bias of a norm", aten.shape(parameter), normalized_shape)


@composite(FAMILY, "aten::layer_norm")
def layer_norm(
    aten: Aten,
    input: AnyTensor,
    normalized_shape: Sequence[int],
    weight: AnyTensor | None,
    bias: AnyTensor | None,
    eps: float,
    cudnn_enable: bool,
) -> AnyTensor:
    """Standardized over the last dims, then scaled and shifted. Source: Ba et al., 2016."""
    n = len(normalized_shape)
    _require_dims(aten, input, normalized_shape, weight, bias)
    result = aten.dtype(input)
    x = aten.in_dtype(input, computation_dtype(result))
    y = _standardized(aten, x, range(-n, 0), eps)
    wide = [None if p is None else aten.in_dtype(p, computation_dtype(result)) for p in (weight, bias)]
    return aten.in_dtype(_scaled(aten, y, *wide), result)


@composite(FAMILY, "aten::rms_norm", layout=ResultLayout.SUGGESTED)
def rms_norm(
    aten: Aten, input: AnyTensor, normalized_shape: Sequence[int], weight: AnyTensor | None, eps: float | None
) -> AnyTensor:
    """Divided by the root of the mean square over the last dims. Source: Zhang, Sennrich, 2019."""
    _require_dims(aten, input, normalized_shape, weight)
    result = aten.dtype(input)
    wide = computation_dtype(result)
    x = aten.in_dtype(input, wide)
    dims = list(range(-len(normalized_shape), 0))
    mean = aten("mean.dim", aten("mul.Tensor", x, x), dims, True)
    floor = eps if eps is not None else (2.0**-52 if result is dtypes.F64 else 2.0**-23)
    y = aten("mul.Tensor", x, aten.rsqrt(aten("add.Scalar", mean, floor)))
    return aten.in_dtype(y if weight is None else aten("mul.Tensor", y, aten.in_dtype(weight, wide)), result)


@composite(FAMILY, "aten::group_norm", layout=ResultLayout.SUGGESTED)
def group_norm(
    aten: Aten,
    input: AnyTensor,
    num_groups: int,
    weight: AnyTensor | None,
    bias: AnyTensor | None,
    eps: float,
    cudnn_enabled: bool,
) -> AnyTensor:
    """Standardized over each group of channels. Source: Wu, He, 2018."""
    shape = aten.shape(input)
    if shape[1] % num_groups:
        raise ShapeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    for parameter in (weight, bias):
        if parameter is not None:
            require_shape("group_norm: the weight or bias", aten.shape(parameter), shape[1:2])
    result = aten.dtype(input)
    x, scale, shift = _widened(aten, result, input, weight, bias)
    grouped = aten("reshape", x, [shape[0], num_groups, math.prod(shape[1:]) // num_groups])
    y = aten("reshape", _standardized(aten, grouped, [-1], eps), list(shape))
    y = _scaled(aten, y, _column(aten, scale, len(shape)), _column(aten, shift, len(shape)))
    return aten.in_dtype(y, result)


def _widened(aten: Aten, dtype: dtypes.DType, *parts: Any) -> list[Any]:
    """Tensors in the dtype arithmetic on `dtype` is done in; None stays."""
    return [None if p is None else aten.in_dtype(p, computation_dtype(dtype)) for p in parts]


def _require_per_channel(aten: Aten, input: AnyTensor, *parameters: AnyTensor | None) -> None:
    """Parameters have an element for each channel, under whatever shape."""
    channels = aten.shape(input)[1:2]
    for parameter in parameters:
        if parameter is not None:
            require_shape("the elements of a parameter", [math.prod(aten.shape(parameter))], channels)


def _column(aten: Aten, parameter: AnyTensor | None, ndim: int) -> AnyTensor | None:
    """A per-channel parameter, shaped to broadcast over dim 1."""
    if parameter is None:
        return None
    return parameter if ndim < 2 else aten("reshape", parameter, [1, -1, *([1] * (ndim - 2))])


@composite(FAMILY, "aten::instance_norm")
def instance_norm(
    aten: Aten, input: AnyTensor, weight: AnyTensor | None, bias: AnyTensor | None,
    running_mean: AnyTensor | None, running_var: AnyTensor | None,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> AnyTensor:  # fmt: skip
    """Standardized over the spatial dims of each channel of each sample, or by the running statistics.

    By its own statistics, the running ones are updated in place, by the mean of the samples'.
    """
    parameters = (weight, bias, running_mean, running_var)
    if any(p is not None and len(aten.shape(p)) > 1 for p in parameters):
        raise ShapeError("instance_norm: requires weights, biases and statistics of one dim")
    _require_per_channel(aten, input, *parameters)
    result = aten.dtype(input)
    ndim = len(aten.shape(input))
    x, scale, shift, mean, var = _widened(aten, result, input, weight, bias, running_mean, running_var)
    if not use_input_stats:
        return aten.in_dtype(_by_statistics(aten, x, scale, shift, mean, var, eps), result)
    dims = list(range(2, ndim))
    if running_mean is not None:
        _update(aten, running_mean, aten("mean.dim", x, [0, *dims], False), momentum)
    if running_var is not None:
        each = aten("var.dim", x, dims, True, False)
        _update(aten, running_var, aten("mean.dim", each, [0], False), momentum)
    y = _standardized(aten, x, dims, eps)
    return aten.in_dtype(_scaled(aten, y, _column(aten, scale, ndim), _column(aten, shift, ndim)), result)


def _update(aten: Aten, running: AnyTensor, now: AnyTensor, momentum: float) -> None:
    """Move running statistics towards those of now, in place."""
    aten("mul_.Scalar", running, 1 - momentum)
    aten("add_.Tensor", running, now, alpha=momentum)


def _by_statistics(
    aten: Aten,
    input: AnyTensor,
    weight: AnyTensor | None,
    bias: AnyTensor,
    mean: AnyTensor,
    var: AnyTensor,
    eps: float,
) -> AnyTensor:
    ndim = len(aten.shape(input))
    scale = aten.rsqrt(aten("add.Scalar", var, eps))
    if weight is not None:
        scale = aten("mul.Tensor", scale, aten("reshape", weight, list(aten.shape(scale))))
    centered = aten("sub.Tensor", input, _column(aten, mean, ndim))
    return _scaled(aten, centered, _column(aten, scale, ndim), _column(aten, bias, ndim))


@composite(FAMILY, "aten::batch_norm", layout=ResultLayout.SUGGESTED)
def batch_norm(
    aten: Aten, input: AnyTensor, weight: AnyTensor | None, bias: AnyTensor | None,
    running_mean: AnyTensor | None, running_var: AnyTensor | None, training: bool,
    momentum: float, eps: float, cudnn_enabled: bool,
) -> AnyTensor:  # fmt: skip
    """Standardized by the running statistics, or while training by the batch's. Source: Ioffe, Szegedy, 2015.

    While training the running statistics are updated in place, unless there is nothing in the batch.
    """
    shape = aten.shape(input)
    if 0 in shape if training else certainly_empty(shape):
        return aten("clone", input)
    _require_per_channel(aten, input, weight, bias, running_mean, running_var)
    result = aten.dtype(input)
    x, scale, shift, mean, var = _widened(aten, result, input, weight, bias, running_mean, running_var)
    if not training:
        return aten.in_dtype(_by_statistics(aten, x, scale, shift, mean, var, eps), result)
    ndim = len(aten.shape(input))
    dims = [i for i in range(ndim) if i != 1]
    if running_mean is not None:
        _update(aten, running_mean, aten("mean.dim", x, dims, False), momentum)
    if running_var is not None:
        _update(aten, running_var, aten("var.dim", x, dims, True, False), momentum)
    y = _standardized(aten, x, dims, eps)
    return aten.in_dtype(_scaled(aten, y, _column(aten, scale, ndim), _column(aten, shift, ndim)), result)


@composite(FAMILY, "aten::cosine_similarity")
def cosine_similarity(aten: Aten, x1: AnyTensor, x2: AnyTensor, dim: int, eps: float) -> AnyTensor:
    """``x1 . x2 / max(|x1| |x2|, eps)`` along `dim`, each norm at least `eps`."""
    dot = aten("sum.dim_IntList", aten("mul.Tensor", x1, x2), [dim], False)
    lengths = [aten.clamp_min(aten("linalg_vector_norm", x, 2, [dim], False), eps) for x in (x1, x2)]
    return aten("div.Tensor", dot, aten("mul.Tensor", *lengths))
