"""Initial values of parameters, written in place: ``torch.nn.init`` for programs without PyTorch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import tsc
from tsc.runtime.grad_modes import no_grad
from tsc.runtime.tensor import Tensor

GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1),
    "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 0.75,
}  # fmt: skip
"""By nonlinearity, what keeps the variance of activations."""
SHARE_DRAWN_AGAIN = 0.3
"""Normal numbers are drawn until all are within bounds, if more than this share of them is."""


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What keeps the variance of activations after a nonlinearity; `param` is the slope of a leaky ReLU.

    Raises:
        ValueError: it is unknown, or the slope is no number.
    """
    if nonlinearity == "leaky_relu":
        slope: Any = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return GAINS[nonlinearity]


# --- whatever the shape ---


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    return tsc.fill_(tensor, val)


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


@no_grad()
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: object = None) -> Tensor:
    """Fill with values drawn uniformly between `a` and `b`."""
    return tsc.uniform_(tensor, a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: object = None) -> Tensor:
    """Fill with values of a normal distribution."""
    return tsc.normal_(tensor, mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: object = None,
) -> Tensor:
    """Fill with values of a normal distribution that lie between `a` and `b`."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    share = _below((b - mean) / std) - _below((a - mean) / std)
    if share > SHARE_DRAWN_AGAIN:
        return _normal_within(tensor, mean, std, a, b, generator)
    return _uniform_thinned(tensor, mean, std, a, b, generator)


def _below(x: float) -> float:
    """How likely a normal number is less than `x`."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _normal_within(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: object) -> Tensor:
    """Normal numbers: those that are out of bounds are drawn anew."""
    low, high = (tsc.tensor(bound, dtype=tensor.dtype).item() for bound in (a, b))
    normal_(tensor, mean, std, generator)
    while True:
        outside = (tensor < low) | (tensor > high)
        if not bool(outside.any()):
            return tensor
        again = normal_(tsc.empty_like(tensor), mean, std, generator)
        tensor.copy_(tsc.where(outside, again, tensor))


def _uniform_thinned(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: object
) -> Tensor:
    """Uniform numbers: each stays as often as the density there is of the greatest, else is drawn anew."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    waiting: Any = None
    while True:
        drawn = uniform_(tsc.empty_like(tensor), a, b, generator)
        tensor.copy_(drawn if waiting is None else tsc.where(waiting, drawn, tensor))
        density = drawn.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        refused = uniform_(tsc.empty_like(tensor), generator=generator).log_().gt(density)
        waiting = refused if waiting is None else tsc.where(waiting, refused, waiting)
        if not bool(waiting.any()):
            return tensor


# --- by how many inputs and outputs a weight has ---


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach an output, and how many outputs an input reaches."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


@no_grad()
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: object = None) -> Tensor:
    """Fill a weight of at least 2 dims uniformly, with variance ``gain^2 * 2 / (fan in + fan out)``."""
    bound = math.sqrt(3.0) * _xavier(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


@no_grad()
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: object = None) -> Tensor:
    """Fill a weight of at least 2 dims normally, with variance ``gain^2 * 2 / (fan in + fan out)``."""
    return normal_(tensor, 0.0, _xavier(tensor, gain), generator)


def _xavier(tensor: Tensor, gain: float) -> float:
    """The standard deviation."""
    return gain * math.sqrt(2.0 / float(sum(fans(tensor))))


@no_grad()
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: object = None,
) -> Tensor:
    """Fill a weight of at least 2 dims uniformly, with variance ``gain^2 / fan``."""
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@no_grad()
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: object = None,
) -> Tensor:
    """Fill a weight of at least 2 dims normally, with variance ``gain^2 / fan``."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity), generator)


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of {modes}")
    fan = fans(tensor)[modes.index(mode.lower())]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


# --- matrices ---


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity.

    Raises:
        ValueError: it is no matrix.
    """
    _require_matrix(tensor)
    return tensor.copy_(tsc.eye(*tensor.shape))


def _require_matrix(tensor: Tensor) -> None:
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it gives its input back, as far as there are channels.

    Raises:
        ValueError: it is no such weight, or its channels do not divide into the groups.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    channels, rest = divmod(tensor.shape[0], groups)
    if rest:
        raise ValueError("dim 0 must be divisible by groups")
    centre = tuple(size // 2 for size in tensor.shape[2:])
    zeros_(tensor)
    for group in range(groups):
        for channel in range(min(channels, tensor.shape[1])):
            tensor[(group * channels + channel, channel, *centre)] = 1
    return tensor


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: object = None) -> Tensor:
    """Fill with a matrix whose rows, or columns if there are fewer, are orthonormal, times `gain`.

    Raises:
        ValueError: there are fewer than 2 dims.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.array.size:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.array.size // rows
    drawn = normal_(tensor.new_empty([rows, columns]), 0, 1, generator)
    q, r = tsc.linalg.qr(drawn.t() if rows < columns else drawn)
    q = q * tsc.diag(r, 0).sign()
    return tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape)).mul_(gain)


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: object = None) -> Tensor:
    """Fill a matrix normally, but for zeros in a share `sparsity` of each column.

    Raises:
        ValueError: it is no matrix.
    """
    _require_matrix(tensor)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0, std, generator)
    for column in range(columns):
        tensor[tsc.randperm(rows)[:zeros], column] = 0
    return tensor


# --- older names ---


def _older(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function under the name it had once."""
    name = function.__name__[:-1]

    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{function.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = name
    return renamed


_calculate_fan_in_and_fan_out = fans  # as users of PyTorch know it
constant = _older(constant_)
dirac = _older(dirac_)
eye = _older(eye_)
kaiming_normal = _older(kaiming_normal_)
kaiming_uniform = _older(kaiming_uniform_)
normal = _older(normal_)
orthogonal = _older(orthogonal_)
sparse = _older(sparse_)
uniform = _older(uniform_)
xavier_normal = _older(xavier_normal_)
xavier_uniform = _older(xavier_uniform_)
