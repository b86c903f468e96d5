"""Elements standardized over batches, channels, groups or rows; embeddings, which are kept short."""

from __future__ import annotations

import warnings

import tsc
from tsc.runtime.tensor import Tensor


def _check_batch(size: list[int]) -> None:
    """Refuse a batch that has one value for each channel."""
    count = size[0]
    for d in range(2, len(size)):
        count *= size[d]
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def _check_spatial(size: list[int]) -> None:
    """Refuse samples of one value for each channel."""
    count = 1
    for d in range(2, len(size)):
        count *= size[d]
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {size}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardized per channel, by the running statistics or (training) the batch's."""
    if training:
        _check_batch(input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return tsc.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, True)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardized per channel of each sample, by its own statistics or the running ones."""
    if use_input_stats:
        _check_spatial(input.size())
    return tsc.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True
    )


def layer_norm(
    input: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardized over the last dims, scaled and shifted."""
    return tsc.layer_norm(input, normalized_shape, weight, bias, eps, True)


def rms_norm(
    input: Tensor, normalized_shape: list[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divided by the root of the mean of the squares over the last dims, and scaled."""
    return tsc.rms_norm(input, normalized_shape, weight, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardized over groups of the channels of each sample."""
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    channels = input.size(0) * input.size(1) // num_groups
    _check_batch([channels, num_groups] + list(input.size()[2:]))  # noqa: RUF005 - TorchScript has no stars
    return tsc.group_norm(input, num_groups, weight, bias, eps, True)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divided by a power of the squares of `size` neighbouring channels."""
    ndim = input.dim()
    if ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {ndim} dimensions)")
    if input.numel() == 0:
        return input
    squares = input.mul(input)
    low, high = size // 2, (size - 1) // 2
    if ndim == 3:
        padded = tsc.pad(squares.unsqueeze(1), [0, 0, low, high])
        mean = tsc.avg_pool2d(padded, [size, 1], stride=1).squeeze(1)
    else:
        sizes = input.size()
        planes = squares.view([sizes[0], 1, sizes[1], sizes[2], -1])
        padded = tsc.pad(planes, [0, 0, 0, 0, low, high])
        mean = tsc.avg_pool3d(padded, [size, 1, 1], stride=1).squeeze(1).view(sizes)
    return input / mean.mul(alpha).add(k).pow(beta)


# --- embeddings ---


def _shorten(weight: Tensor, input: Tensor, max_norm: float | None, norm_type: float) -> None:
    """Scale the rows that `input` numbers down to `max_norm`, in place."""
    if max_norm is not None:
        tsc.embedding_renorm_(weight.detach(), input.contiguous(), max_norm, norm_type)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` numbers."""
    row = -1
    if padding_idx is not None:
        count = weight.size(0)
        if padding_idx >= count or padding_idx < -count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        row = padding_idx if padding_idx >= 0 else padding_idx + count
    _shorten(weight, input, max_norm, norm_type)
    return tsc.embedding(weight, input, row, scale_grad_by_freq, sparse)


def _bag_mode(mode: str, scale_grad_by_freq: bool, sparse: bool) -> int:
    """The number that the operator knows a mode by."""
    if mode == "sum":
        return 0
    if mode == "mean":
        return 1
    if mode != "max":
        raise ValueError("mode has to be one of sum, mean or max")
    if scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if sparse:
        raise ValueError("max mode does not support sparse weights")
    return 2


def _check_bags(input: Tensor, weight: Tensor, offsets: Tensor | None, factors: Tensor | None) -> None:
    """Refuse what are no bags of rows."""
    if factors is not None and input.size() != factors.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({factors.shape}) is not None, then it must have the same "
            f"shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() != 1 and input.dim() != 2:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if input.dim() == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
            "length sequences."
        )
    if input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of bags of rows: those of each row of `input`, or from each offset in it."""
    if weight.dtype == tsc.int64 and input.is_floating_point():
        warnings.warn("embedding_bag(weight, input, ...) is deprecated: the input comes first.", stacklevel=2)
        weight, input = input, weight
    _check_bags(input, weight, offsets, per_sample_weights)
    if input.dim() == 2:
        offsets = tsc.arange(0, input.numel(), input.size(1), dtype=input.dtype)
        include_last_offset = False
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    number = _bag_mode(mode, scale_grad_by_freq, sparse)
    _shorten(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
            f"mode='sum' (got mode='{mode}')."
        )
    assert offsets is not None
    return tsc.embedding_bag(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        number,
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )[0]
