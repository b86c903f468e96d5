"""Functions of modules: operators, and a few compositions of them."""

from __future__ import annotations

from typing import Any, List, Optional  # noqa: UP035 - TorchScript's spelling

import tsc
from tsc.runtime.tensor import Tensor


def __getattr__(name: str) -> Any:
    """``relu``, ``gelu``, ``linear``, ...: the operator of that name."""
    from tsc.runtime.dispatch import operator_function

    return operator_function(name)


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """The rows of `weight` that `input` numbers."""
    return tsc.embedding(weight, input)


def softmax(input: Tensor, dim: int, dtype: Optional[int] = None) -> Tensor:  # noqa: UP045
    """Exponentials that sum to one along `dim`."""
    return tsc.softmax(input, dim, dtype)


def layer_norm(
    input: Tensor,
    normalized_shape: List[int],  # noqa: UP006
    weight: Optional[Tensor] = None,  # noqa: UP045
    bias: Optional[Tensor] = None,  # noqa: UP045
    eps: float = 1e-5,
) -> Tensor:
    """Standardized over the last dims, scaled and shifted."""
    return tsc.layer_norm(input, normalized_shape, weight, bias, eps)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Elements zeroed with probability `p` while training."""
    return tsc.dropout(input, p, training)


def batch_norm(
    input: Tensor,
    running_mean: Optional[Tensor],  # noqa: UP045
    running_var: Optional[Tensor],  # noqa: UP045
    weight: Optional[Tensor] = None,  # noqa: UP045
    bias: Optional[Tensor] = None,  # noqa: UP045
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardized per channel, by the running statistics or (training) the batch's."""
    return tsc.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, False)
