"""Maxima, means and norms of windows."""

from __future__ import annotations

import tsc
from tsc.nn.sizes import (
    BroadcastingList1,
    BroadcastingList2,
    BroadcastingList3,
    chosen_by_flag,
    list_with_default,
    pair,
    triple,
)
from tsc.runtime.tensor import Tensor


def _given(stride: BroadcastingList1[int] | None) -> BroadcastingList1[int]:
    """The stride; empty, which is the window's size, where there is none."""
    none: list[int] = []
    return none if stride is None else stride


# --- maxima ---


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: BroadcastingList1[int],
    stride: BroadcastingList1[int] | None = None,
    padding: BroadcastingList1[int] = 0,
    dilation: BroadcastingList1[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Maxima of windows, and where they are."""
    return tsc.max_pool1d_with_indices(input, kernel_size, _given(stride), padding, dilation, ceil_mode)


def _max_pool1d(
    input: Tensor,
    kernel_size: BroadcastingList1[int],
    stride: BroadcastingList1[int] | None = None,
    padding: BroadcastingList1[int] = 0,
    dilation: BroadcastingList1[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    return tsc.max_pool1d(input, kernel_size, _given(stride), padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: BroadcastingList2[int],
    stride: BroadcastingList2[int] | None = None,
    padding: BroadcastingList2[int] = 0,
    dilation: BroadcastingList2[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Maxima of windows, and where they are."""
    return tsc.max_pool2d_with_indices(input, kernel_size, _given(stride), padding, dilation, ceil_mode)


def _max_pool2d(
    input: Tensor,
    kernel_size: BroadcastingList2[int],
    stride: BroadcastingList2[int] | None = None,
    padding: BroadcastingList2[int] = 0,
    dilation: BroadcastingList2[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    return tsc.max_pool2d(input, kernel_size, _given(stride), padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: BroadcastingList3[int],
    stride: BroadcastingList3[int] | None = None,
    padding: BroadcastingList3[int] = 0,
    dilation: BroadcastingList3[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Maxima of windows, and where they are."""
    return tsc.max_pool3d_with_indices(input, kernel_size, _given(stride), padding, dilation, ceil_mode)


def _max_pool3d(
    input: Tensor,
    kernel_size: BroadcastingList3[int],
    stride: BroadcastingList3[int] | None = None,
    padding: BroadcastingList3[int] = 0,
    dilation: BroadcastingList3[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    return tsc.max_pool3d(input, kernel_size, _given(stride), padding, dilation, ceil_mode)


max_pool1d = chosen_by_flag("return_indices", 6, max_pool1d_with_indices, _max_pool1d)
max_pool2d = chosen_by_flag("return_indices", 6, max_pool2d_with_indices, _max_pool2d)
max_pool3d = chosen_by_flag("return_indices", 6, max_pool3d_with_indices, _max_pool3d)


# --- as many windows as the result has places ---


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: BroadcastingList1[int], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Maxima of as many windows as `output_size` says, and where they are."""
    return tsc.adaptive_max_pool1d(input, output_size)


def _adaptive_max_pool1d(
    input: Tensor, output_size: BroadcastingList1[int], return_indices: bool = False
) -> Tensor:
    return adaptive_max_pool1d_with_indices(input, output_size)[0]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: BroadcastingList2[int], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Maxima of as many windows as `output_size` says, and where they are."""
    return tsc.adaptive_max_pool2d(input, list_with_default(output_size, input.size()))


def _adaptive_max_pool2d(
    input: Tensor, output_size: BroadcastingList2[int], return_indices: bool = False
) -> Tensor:
    return adaptive_max_pool2d_with_indices(input, output_size)[0]


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: BroadcastingList3[int], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Maxima of as many windows as `output_size` says, and where they are."""
    return tsc.adaptive_max_pool3d(input, list_with_default(output_size, input.size()))


def _adaptive_max_pool3d(
    input: Tensor, output_size: BroadcastingList3[int], return_indices: bool = False
) -> Tensor:
    return adaptive_max_pool3d_with_indices(input, output_size)[0]


adaptive_max_pool1d = chosen_by_flag(
    "return_indices", 2, adaptive_max_pool1d_with_indices, _adaptive_max_pool1d
)
adaptive_max_pool2d = chosen_by_flag(
    "return_indices", 2, adaptive_max_pool2d_with_indices, _adaptive_max_pool2d
)
adaptive_max_pool3d = chosen_by_flag(
    "return_indices", 2, adaptive_max_pool3d_with_indices, _adaptive_max_pool3d
)


def adaptive_avg_pool2d(input: Tensor, output_size: BroadcastingList2[int]) -> Tensor:
    """Means of as many windows as `output_size` says; None there keeps the size of the input."""
    return tsc.adaptive_avg_pool2d(input, list_with_default(output_size, input.size()))


def adaptive_avg_pool3d(input: Tensor, output_size: BroadcastingList3[int]) -> Tensor:
    """Means of as many windows as `output_size` says; None there keeps the size of the input."""
    return tsc.adaptive_avg_pool3d(input, list_with_default(output_size, input.size()))


# --- windows that begin at random ---


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: BroadcastingList2[int],
    output_size: BroadcastingList2[int] | None = None,
    output_ratio: BroadcastingList2[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Maxima of windows that begin at random, and where they are; as many as `output_size`, or the ratio to
    the input's size, says.
    """
    if output_size is None:
        if output_ratio is None:
            raise ValueError(
                "fractional_max_pool2d requires specifying either an output_size or an output_ratio"
            )
        if len(output_ratio) > 2:  # pyright: ignore[reportArgumentType]
            raise ValueError(
                "fractional_max_pool2d requires output_ratio to either be a single Int or tuple of Ints."
            )
        ratio = pair(output_ratio)
        output_size = [int(input.size(-2) * ratio[0]), int(input.size(-1) * ratio[1])]
    if _random_samples is None:
        count = 1 if input.dim() == 3 else input.size(0)
        _random_samples = tsc.rand([count, input.size(-3), 2], dtype=input.dtype)
    return tsc.fractional_max_pool2d(input, kernel_size, output_size, _random_samples)


def _fractional_max_pool2d(
    input: Tensor,
    kernel_size: BroadcastingList2[int],
    output_size: BroadcastingList2[int] | None = None,
    output_ratio: BroadcastingList2[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor:
    return fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: BroadcastingList3[int],
    output_size: BroadcastingList3[int] | None = None,
    output_ratio: BroadcastingList3[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Maxima of windows that begin at random, and where they are; as many as `output_size`, or the ratio to
    the input's size, says.
    """
    if output_size is None:
        if output_ratio is None:
            raise ValueError(
                "fractional_max_pool3d requires specifying either an output_size or an output_ratio"
            )
        ratio = triple(output_ratio)
        output_size = [int(input.size(d - 3) * ratio[d]) for d in range(3)]
    if _random_samples is None:
        count = 1 if input.dim() == 4 else input.size(0)
        _random_samples = tsc.rand([count, input.size(-4), 3], dtype=input.dtype)
    return tsc.fractional_max_pool3d(input, kernel_size, output_size, _random_samples)


def _fractional_max_pool3d(
    input: Tensor,
    kernel_size: BroadcastingList3[int],
    output_size: BroadcastingList3[int] | None = None,
    output_ratio: BroadcastingList3[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor:
    return fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )[0]


fractional_max_pool2d = chosen_by_flag(
    "return_indices", 4, fractional_max_pool2d_with_indices, _fractional_max_pool2d
)
fractional_max_pool3d = chosen_by_flag(
    "return_indices", 4, fractional_max_pool3d_with_indices, _fractional_max_pool3d
)


# --- norms of windows ---


def _norm_of_mean(mean: Tensor, norm_type: float, count: int) -> Tensor:
    """The norms of windows of `count` elements, whose powers have these means."""
    return (tsc.sign(mean) * tsc.relu(tsc.abs(mean))).mul(count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor,
    norm_type: int | float,
    kernel_size: int,
    stride: BroadcastingList1[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The `norm_type`-norm of each window; an infinite one: of the magnitudes the greatest, or least."""
    if norm_type == float("inf"):
        return _max_pool1d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -float("inf"):
        return -_max_pool1d(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    mean = tsc.avg_pool1d(input.pow(norm_type), kernel_size, _given(stride), 0, ceil_mode)
    return _norm_of_mean(mean, float(norm_type), kernel_size)


def lp_pool2d(
    input: Tensor,
    norm_type: int | float,
    kernel_size: BroadcastingList2[int],
    stride: BroadcastingList2[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The `norm_type`-norm of each window; an infinite one: of the magnitudes the greatest, or least."""
    if norm_type == float("inf"):
        return _max_pool2d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -float("inf"):
        return -_max_pool2d(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    mean = tsc.avg_pool2d(input.pow(norm_type), kernel_size, _given(stride), 0, ceil_mode)
    rows, columns = pair(kernel_size)
    return _norm_of_mean(mean, float(norm_type), rows * columns)


def lp_pool3d(
    input: Tensor,
    norm_type: int | float,
    kernel_size: BroadcastingList3[int],
    stride: BroadcastingList3[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The `norm_type`-norm of each window; an infinite one: of the magnitudes the greatest, or least."""
    if norm_type == float("inf"):
        return _max_pool3d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -float("inf"):
        return -_max_pool3d(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    mean = tsc.avg_pool3d(input.pow(norm_type), kernel_size, _given(stride), 0, ceil_mode)
    planes, rows, columns = triple(kernel_size)
    return _norm_of_mean(mean, float(norm_type), planes * rows * columns)
