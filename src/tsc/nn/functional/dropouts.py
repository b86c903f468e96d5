"""Elements, or whole channels, that are zeroed at random while training."""

from __future__ import annotations

import warnings

import tsc
from tsc.runtime.tensor import Tensor


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements zeroed with probability `p` while training, the others scaled up."""
    _check_probability(p)
    return tsc.dropout_(input, p, training) if inplace else tsc.dropout(input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Elements set to what `selu` tends to, with probability `p`; mean and variance are kept."""
    _check_probability(p)
    return tsc.alpha_dropout_(input, p, training) if inplace else tsc.alpha_dropout(input, p, training)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels."""
    _check_probability(p)
    if inplace:
        return tsc.feature_alpha_dropout_(input, p, training)
    return tsc.feature_alpha_dropout(input, p, training)


def _channel_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    return tsc.feature_dropout_(input, p, training) if inplace else tsc.feature_dropout(input, p, training)


def _unbatched_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """Of one sample without a dim of batches."""
    batch = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    dropped = _channel_dropout(batch, p, training, inplace)
    return dropped.squeeze_(0) if inplace else dropped.squeeze(0)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of signals zeroed with probability `p` while training."""
    _check_probability(p)
    ndim = input.dim()
    if ndim != 2 and ndim != 3:
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists "
            "to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an "
            "optional batch dimension (i.e. 2D or 3D inputs)."
        )
    if ndim == 2:
        return _unbatched_dropout(input, p, training, inplace)
    return _channel_dropout(input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of images zeroed with probability `p` while training."""
    _check_probability(p)
    ndim = input.dim()
    if ndim != 3 and ndim != 4:
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated: use dropout for it.",
            stacklevel=2,
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d, which is taken for a batch of signals (N, C, L): "
            "use dropout1d for those.",
            stacklevel=2,
        )
    return _channel_dropout(input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of volumes zeroed with probability `p` while training."""
    _check_probability(p)
    ndim = input.dim()
    if ndim != 4 and ndim != 5:
        warnings.warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated: use dropout for it.",
            stacklevel=2,
        )
    if ndim != 5:
        return _unbatched_dropout(input, p, training, inplace)
    return _channel_dropout(input, p, training, inplace)
