# pyright: reportAttributeAccessIssue=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Images resized: to a size, or by factors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any
from typing import overload as torchscript_overload

import tsc
from tsc.runtime.tensor import Tensor

# Compiled code knows one signature for each kind of size and of factor: in Python any will do.


@torchscript_overload
def _sizes(input: Tensor, size: int | None) -> list[int] | None: ...
@torchscript_overload
def _sizes(input: Tensor, size: list[int] | None) -> list[int] | None: ...
def _sizes(input: Tensor, size: int | Sequence[int] | None) -> list[int] | None:
    """A size for each dim of the image."""
    if size is None:
        return None
    ndim = input.dim() - 2
    if isinstance(size, int):
        return [size for _ in range(ndim)]
    else:  # compiled code reads one of the two
        if len(size) != ndim:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with "
                f"spatial dimensions of {list(input.shape[2:])} and output size of {size}. Please provide "
                "input tensor in (N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
            )
        return list(size)


@torchscript_overload
def _scales(input: Tensor, scale_factor: float | None) -> list[float] | None: ...
@torchscript_overload
def _scales(input: Tensor, scale_factor: list[float] | None) -> list[float] | None: ...
def _scales(input: Tensor, scale_factor: float | Sequence[float] | None) -> list[float] | None:
    """A factor for each dim of the image."""
    if scale_factor is None:
        return None
    ndim = input.dim() - 2
    if isinstance(scale_factor, (int, float)):
        return [float(scale_factor) for _ in range(ndim)]
    else:
        if len(scale_factor) != ndim:
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got input with "
                f"spatial dimensions of {list(input.shape[2:])} and scale_factor of shape {scale_factor}. "
                "Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, "
                "...,sK) format."
            )
        return list(scale_factor)


@torchscript_overload
def interpolate(
    input: Tensor,
    size: int | None = None,
    scale_factor: list[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor: ...
@torchscript_overload
def interpolate(
    input: Tensor,
    size: list[int] | None = None,
    scale_factor: list[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor: ...
@torchscript_overload
def interpolate(
    input: Tensor,
    size: int | None = None,
    scale_factor: float | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor: ...
@torchscript_overload
def interpolate(
    input: Tensor,
    size: list[int] | None = None,
    scale_factor: float | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor: ...
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """An image, a signal or a volume resized to `size`, or by `scale_factor`."""
    if align_corners is not None and (mode == "nearest" or mode == "area" or mode == "nearest-exact"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic "
            "| trilinear"
        )
    sizes, scales = _sizes(input, size), _scales(input, scale_factor)
    is_recomputed = recompute_scale_factor is not None and recompute_scale_factor
    _check_extent(sizes, scales, is_recomputed)
    if antialias and not (
        (mode == "bilinear" or mode == "bicubic" or mode == "lanczos") and input.dim() == 4
    ):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D "
            "tensor as input"
        )
    if scales is not None and (is_recomputed or mode == "area"):
        sizes = [math.floor(float(input.size(i + 2)) * scales[i]) for i in range(len(scales))]
        scales = None
    if mode == "area":
        assert sizes is not None
        return _by_area(input, sizes)
    if mode == "nearest":
        return _nearest(input, sizes, scales)
    if mode == "nearest-exact":
        return _nearest_exact(input, sizes, scales)
    return _between(input, sizes, scales, mode, align_corners is not None and align_corners, antialias)


def _check_extent(sizes: list[int] | None, scales: list[float] | None, is_recomputed: bool) -> None:
    """Refuse all but one of a size and factors."""
    if sizes is not None and scales is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if sizes is None and scales is None:
        raise ValueError("either size or scale_factor should be defined")
    if is_recomputed and sizes is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")


def _refuse(input: Tensor, mode: str) -> None:
    ndim = input.dim()
    wanted = 3 if mode == "linear" else 4 if mode == "bilinear" else 5 if mode == "trilinear" else 0
    if wanted > 0 and ndim >= 3 and ndim <= 5:
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {wanted}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | "
        f"linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _by_area(input: Tensor, sizes: list[int]) -> Tensor:
    """Means of what each pixel covers."""
    ndim = input.dim()
    if ndim == 3:
        return tsc.adaptive_avg_pool1d(input, sizes)
    if ndim == 4:
        return tsc.adaptive_avg_pool2d(input, sizes)
    if ndim != 5:
        _refuse(input, "area")
    return tsc.adaptive_avg_pool3d(input, sizes)


def _nearest(input: Tensor, sizes: list[int] | None, scales: list[float] | None) -> Tensor:
    """The pixel at the corner of each."""
    ndim = input.dim()
    if ndim == 3:
        return tsc.upsample_nearest1d(input, sizes, scales)
    if ndim == 4:
        return tsc.upsample_nearest2d(input, sizes, scales)
    if ndim != 5:
        _refuse(input, "nearest")
    return tsc.upsample_nearest3d(input, sizes, scales)


def _nearest_exact(input: Tensor, sizes: list[int] | None, scales: list[float] | None) -> Tensor:
    """The pixel at the centre of each."""
    ndim = input.dim()
    if ndim == 3:
        return tsc._upsample_nearest_exact1d(input, sizes, scales)
    if ndim == 4:
        return tsc._upsample_nearest_exact2d(input, sizes, scales)
    if ndim != 5:
        _refuse(input, "nearest-exact")
    return tsc._upsample_nearest_exact3d(input, sizes, scales)


def _between(
    input: Tensor,
    sizes: list[int] | None,
    scales: list[float] | None,
    mode: str,
    align_corners: bool,
    antialias: bool,
) -> Tensor:
    """Polynomials through the pixels around each."""
    ndim = input.dim()
    if ndim == 4 and mode == "bilinear":
        if antialias:
            return tsc._upsample_bilinear2d_aa(input, sizes, align_corners, scales)
        return tsc.upsample_bilinear2d(input, sizes, align_corners, scales)
    if ndim == 4 and mode == "bicubic":
        if antialias:
            return tsc._upsample_bicubic2d_aa(input, sizes, align_corners, scales)
        return tsc.upsample_bicubic2d(input, sizes, align_corners, scales)
    if ndim == 4 and mode == "lanczos":
        return _lanczos(input, sizes, scales, align_corners, antialias)
    if ndim == 5 and mode == "trilinear":
        return tsc.upsample_trilinear3d(input, sizes, align_corners, scales)
    if ndim != 3 or mode != "linear":
        _refuse(input, mode)
    return tsc.upsample_linear1d(input, sizes, align_corners, scales)


def _lanczos(
    input: Tensor, sizes: list[int] | None, scales: list[float] | None, align_corners: bool, antialias: bool
) -> Tensor:
    """A windowed sinc."""
    if align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    if not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    return tsc._upsample_lanczos2d_aa(input, sizes, align_corners, scales)


# --- older names ---


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
) -> Tensor:
    """`interpolate`, as it was called."""
    _warn_of_old_name("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` by the nearest pixel."""
    _warn_of_old_name("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` between pixels, of which the corners stay."""
    _warn_of_old_name("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_of_old_name(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3
    )
