"""Maxima put back where they were."""

from __future__ import annotations

import tsc
from tsc.nn.sizes import BroadcastingList1, BroadcastingList2, BroadcastingList3, pair, single, triple
from tsc.runtime.tensor import Tensor


def _unpooled_size(
    input: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    output_size: list[int] | None,
) -> list[int]:
    """The size that was pooled: the least one, or `output_size` if it is one of them."""
    count = len(kernel_size)
    sizes = input.size()
    least = [(sizes[d - count] - 1) * stride[d] + kernel_size[d] - 2 * padding[d] for d in range(count)]
    if output_size is None:
        wanted = least
    else:
        wanted = output_size[2:] if len(output_size) == count + 2 else output_size
        if len(wanted) != count:
            raise ValueError(
                f"output_size should be a sequence containing {count} or {count + 2} elements, but it has a "
                f"length of '{len(wanted)}'"
            )
        for d in range(count):
            low, high = least[d] - stride[d], least[d] + stride[d]
            if not low < wanted[d] < high:
                raise ValueError(f'invalid output_size "{wanted}" (dim {d} must be between {low} and {high})')
    for d in range(count):
        if wanted[d] < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={wanted[d]}"
            )
    return wanted


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: BroadcastingList1[int],
    stride: BroadcastingList1[int] | None = None,
    padding: BroadcastingList1[int] = 0,
    output_size: BroadcastingList1[int] | None = None,
) -> Tensor:
    """Zeros, and each maximum where it was."""
    window = single(kernel_size)
    step = window if stride is None else single(stride)
    size = _unpooled_size(input, window, step, single(padding), output_size)  # pyright: ignore[reportArgumentType]
    columns = [size[0], 1]
    return tsc.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), columns).squeeze(-1)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: BroadcastingList2[int],
    stride: BroadcastingList2[int] | None = None,
    padding: BroadcastingList2[int] = 0,
    output_size: BroadcastingList2[int] | None = None,
) -> Tensor:
    """Zeros, and each maximum where it was."""
    window = pair(kernel_size)
    step = window if stride is None else pair(stride)
    return tsc.max_unpool2d(input, indices, _unpooled_size(input, window, step, pair(padding), output_size))  # pyright: ignore[reportArgumentType]


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: BroadcastingList3[int],
    stride: BroadcastingList3[int] | None = None,
    padding: BroadcastingList3[int] = 0,
    output_size: BroadcastingList3[int] | None = None,
) -> Tensor:
    """Zeros, and each maximum where it was."""
    window = triple(kernel_size)
    step = window if stride is None else triple(stride)
    size = _unpooled_size(input, window, step, triple(padding), output_size)  # pyright: ignore[reportArgumentType]
    return tsc.max_unpool3d(input, indices, size, step, triple(padding))
