"""Images resized, sampled, padded, and cut into patches."""

from __future__ import annotations

import warnings

import tsc
from tsc.nn.sizes import BroadcastingList2, pair
from tsc.runtime.tensor import Tensor


def pad(input: Tensor, pad: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements around the input: a value, or its own reflected, replicated or going round."""
    return tsc.pad(input, pad, mode, value)


def unfold(
    input: Tensor,
    kernel_size: BroadcastingList2[int],
    dilation: BroadcastingList2[int] = 1,
    padding: BroadcastingList2[int] = 0,
    stride: BroadcastingList2[int] = 1,
) -> Tensor:
    """The windows of an image as columns."""
    return tsc.im2col(input, pair(kernel_size), pair(dilation), pair(padding), pair(stride))


def fold(
    input: Tensor,
    output_size: BroadcastingList2[int],
    kernel_size: BroadcastingList2[int],
    dilation: BroadcastingList2[int] = 1,
    padding: BroadcastingList2[int] = 0,
    stride: BroadcastingList2[int] = 1,
) -> Tensor:
    """An image of windows that are columns; where they overlap, their sum."""
    return tsc.col2im(
        input, pair(output_size), pair(kernel_size), pair(dilation), pair(padding), pair(stride)
    )


# --- sampling ---


def _aligned(align_corners: bool | None) -> bool:
    """Whether corners are centres of pixels; nobody saying so was another answer once."""
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
            "Please specify align_corners=True if the old behavior is desired. See the documentation of "
            "grid_sample for details.",
            stacklevel=3,
        )
        return False
    return align_corners


def _position(name: str, names: list[str]) -> int:
    """Where a name stands in a list; -1 if it does not."""
    for i in range(len(names)):
        if names[i] == name:
            return i
    return -1


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """What lies at the places of `grid`, each from -1 to 1 along the image's dims."""
    method = _position(mode, ["bilinear", "nearest", "bicubic"])
    outside = _position(padding_mode, ["zeros", "border", "reflection"])
    if method < 0:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
            f"'{mode}'"
        )
    if outside < 0:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    return tsc.grid_sampler(input, grid, method, outside, _aligned(align_corners))


def affine_grid(theta: Tensor, size: list[int], align_corners: bool | None = None) -> Tensor:
    """The places that an affine map sends the pixels of an image of this size to."""
    aligned = _aligned(align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    ndim = len(size) - 2
    if ndim != 2 and ndim != 3:
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got "
            f"size {size}."
        )
    if theta.dim() != 3 or theta.size(-2) != ndim or theta.size(-1) != ndim + 1:
        raise ValueError(
            f"Expected a batch of {ndim}D affine matrices of shape Nx{ndim}x{ndim + 1} for size {size}. Got "
            f"{theta.size()}."
        )
    if aligned and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the documentation of "
            "affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return tsc.affine_grid_generator(theta, size, aligned)
