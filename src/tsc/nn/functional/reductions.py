"""What losses do with the losses of elements: nothing, their mean, their sum."""

from __future__ import annotations

import warnings

from tsc.runtime.tensor import Tensor


def reduction_name(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that is meant: by its name, or by the flags that used to say it."""
    if size_average is None and reduce is None:
        return reduction
    is_mean = size_average is None or size_average
    named = "none" if reduce is not None and not reduce else "mean" if is_mean else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{named}' instead.",
        stacklevel=2,
    )
    return named


def reduction_number(reduction: str) -> int:
    """The number that operators know a reduction by."""
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2
        )
        return 1
    if reduction == "none":
        return 0
    if reduction == "mean":
        return 1
    if reduction != "sum":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return 2


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses of elements, or their mean or sum."""
    number = reduction_number(reduction)
    return losses if number == 0 else losses.mean() if number == 1 else losses.sum()
