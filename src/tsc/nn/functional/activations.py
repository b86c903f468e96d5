"""Activations: the operators, with PyTorch's arguments, and compositions of them."""

from __future__ import annotations

import warnings

import tsc
from tsc.dtypes import DType
from tsc.runtime.tensor import Tensor


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Elements greater than `threshold`, `value` in place of others."""
    return tsc.threshold_(input, threshold, value) if inplace else tsc.threshold(input, threshold, value)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(x, 0)``."""
    return tsc.relu_(input) if inplace else tsc.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(x, 0), 6)``."""
    return tsc.relu6_(input) if inplace else tsc.relu6(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim`, times the sigmoid of the second."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return tsc.glu(input, dim)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """``min(max(x, min_val), max_val)``."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return tsc.hardtanh_(input, min_val, max_val) if inplace else tsc.hardtanh(input, min_val, max_val)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below."""
    return tsc.elu_(input, alpha) if inplace else tsc.elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` scaled so that means and variances are kept."""
    return tsc.selu_(input) if inplace else tsc.selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)``."""
    return tsc.celu_(input, alpha) if inplace else tsc.celu(input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``x`` above 0, ``negative_slope * x`` below."""
    return tsc.leaky_relu_(input, negative_slope) if inplace else tsc.leaky_relu(input, negative_slope)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """`leaky_relu` whose slopes are drawn between `lower` and `upper` while training, else their mean."""
    return tsc.rrelu_(input, lower, upper, training) if inplace else tsc.rrelu(input, lower, upper, training)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return input / (input.abs() + 1)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return input.tanh()


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return input.sigmoid()


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``clamp(x + 3, 0, 6) / 6``."""
    return tsc.hardsigmoid_(input) if inplace else tsc.hardsigmoid(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * sigmoid(x)``."""
    return tsc.silu_(input) if inplace else tsc.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * tanh(softplus(x))``."""
    return tsc.mish_(input) if inplace else tsc.mish(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * clamp(x + 3, 0, 6) / 6``."""
    return tsc.hardswish_(input) if inplace else tsc.hardswish(input)


# --- along a dim ---


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The dim that is meant where none is given: the one of classes in inputs of old."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim == 0 or ndim == 1 or ndim == 3 else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Exponentials that sum to one along `dim`."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return tsc.softmax(input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """`softmax` of ``-x``."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return tsc.softmax(-input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Logarithms of `softmax`."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return tsc.log_softmax(input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """`softmax` of logits and Gumbel noise, at temperature `tau`; one-hot if it is to be `hard`."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -tsc.empty_like(logits).exponential_().log()
    soft = tsc.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.max(dim, keepdim=True)[1]
    # What gradients would go through: the numbers are those of the one-hot tensor but for rounding.
    return tsc.zeros_like(logits).scatter_(dim, chosen, 1.0) - soft.detach() + soft
