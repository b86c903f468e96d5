"""Layers: parameters made at construction, one operator in ``forward``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import tsc
from tsc.nn import functional as F  # noqa: N812 - as everyone writes it
from tsc.nn import init
from tsc.nn.module import Module, Parameter
from tsc.runtime.tensor import Tensor

Pair = int | Sequence[int]
"""One number for both dims of an image, or one for each."""


def _uniform(shape: tuple[int, ...], bound: float) -> Parameter:
    """Uniform in ``[-bound, bound]``."""
    return Parameter(init.uniform_(Tensor(np.empty(shape, np.float32)), -bound, bound).array)


def _weight(shape: tuple[int, ...]) -> Parameter:
    """The initial weight of a linear layer or a convolution, as PyTorch draws it."""
    values = Tensor(np.empty(shape, np.float32))
    return Parameter((init.kaiming_uniform_(values, math.sqrt(5)) if values.array.size else values).array)


class Linear(Module):
    """``x @ weight.T + bias``."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        self.weight = _weight((out_features, in_features))
        self.register_parameter("bias", _uniform((out_features,), bound) if bias else None)

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.linear(input, self.weight, self.bias)


class Conv2d(Module):
    """Convolution of images, zero-padded."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        kernel = _pair(kernel_size)
        self.stride, self.padding, self.dilation = _pair(stride), _pair(padding), _pair(dilation)
        self.groups = groups
        bound = 1 / math.sqrt(in_channels // groups * kernel[0] * kernel[1])
        self.weight = _weight((out_channels, in_channels // groups, *kernel))
        self.register_parameter("bias", _uniform((out_channels,), bound) if bias else None)

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def _pair(value: Pair) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


class BatchNorm2d(Module):
    """Standardized per channel."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, np.float32)))
        self.register_buffer("running_var", Tensor(np.ones(num_features, np.float32)))
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)))

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        if self.training:
            self.num_batches_tracked.add_(1)
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )


class LayerNorm(Module):
    """Standardized over the last dims."""

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5) -> None:
        super().__init__()
        self.normalized_shape = (
            [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
        )
        self.eps = eps
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32))

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class Embedding(Module):
    """A table whose rows are looked up."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        shape = (num_embeddings, embedding_dim)
        self.weight = Parameter(init.normal_(Tensor(np.empty(shape, np.float32))).array)

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.embedding(input, self.weight)


class Dropout(Module):
    """Elements zeroed with probability `p` while training."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.dropout(input, self.p, self.training)


class MaxPool2d(Module):
    """Maxima of windows."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = _pair(kernel_size), _pair(padding)
        self.stride = self.kernel_size if stride is None else _pair(stride)

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding)


class AdaptiveAvgPool2d(Module):
    """Means of as many windows as the output has places."""

    def __init__(self, output_size: Pair) -> None:
        super().__init__()
        self.output_size = _pair(output_size)

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.adaptive_avg_pool2d(input, self.output_size)


class Flatten(Module):
    """Dims made one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return tsc.flatten(input, self.start_dim, self.end_dim)


class Softmax(Module):
    """Exponentials that sum to one along `dim`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return F.softmax(input, self.dim)


class ReLU(Module):
    """``max(x, 0)``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return tsc.relu(input)


class GELU(Module):
    """``x * Phi(x)``."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return tsc.gelu(input)


class Hardswish(Module):
    """``x * clamp(x + 3, 0, 6) / 6``."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return tsc.hardswish(input)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return tsc.sigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: D102
        return tsc.tanh(input)
