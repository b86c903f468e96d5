"""Rules: windows over images, other sizes of them, and elements between their points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import Dim
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor
from tsc.onnx.rules.products import spread, whole


def _batched(g: Emitter, x: Tensor, count: int, pool: Callable[[Tensor], str]) -> str:
    """What `pool` makes of a batch, of an image that is alone as well."""
    if x.ndim == count + 2:
        return pool(x)
    batch = Tensor(g("Unsqueeze", x, g.sizes([0])), x.dtype, (1, *x.shape))
    return g("Squeeze", pool(batch), g.sizes([0]))


def max_pool(count: int) -> Rule:
    """The largest element of each window."""

    def pool(
        g: Emitter, x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
        dilation: Sequence[int], ceil_mode: bool,
    ) -> str:  # fmt: skip
        return _batched(g, x, count, lambda batch: g(
            "MaxPool", batch, kernel_shape=spread(kernel, count), strides=spread(stride or kernel, count),
            pads=spread(padding, count) * 2, dilations=spread(dilation, count), ceil_mode=int(ceil_mode),
        ))  # fmt: skip

    return pool


def max_pool_with_places(
    g: Emitter, x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], ceil_mode: bool,
) -> list[str]:  # fmt: skip
    """The largest element of each window, and where in its image it is."""
    if x.ndim != 4:
        raise NoFormError("requires a batch of images")
    values, places = g.many(
        "MaxPool", 2, x, kernel_shape=spread(kernel, 2), strides=spread(stride or kernel, 2),
        pads=spread(padding, 2) * 2, dilations=spread(dilation, 2), ceil_mode=int(ceil_mode),
    )  # fmt: skip
    height, width = whole(x.shape[2:])
    return [values, g("Mod", places, g.number(height * width, dtypes.I64))]


def adaptive_max_pool(g: Emitter, x: Tensor, sizes: Sequence[Any]) -> list[str]:
    """The same of windows that make up each image."""
    wanted, found = whole(sizes), whole(x.shape[-2:])
    if any(n % m for n, m in zip(found, wanted, strict=True)):
        raise NoFormError("requires windows of one size")
    kernel = [n // m for n, m in zip(found, wanted, strict=True)]
    return max_pool_with_places(g, x, kernel, kernel, [0], [1], False)


def avg_pool(count: int) -> Rule:
    """The mean of each window."""

    def pool(
        g: Emitter, x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
        ceil_mode: bool, count_include_pad: bool, divisor: int | None = None,
    ) -> str:  # fmt: skip
        if divisor is not None:
            raise NoFormError("requires the mean of a window; got divisor_override")
        if ceil_mode and any(whole(padding)):
            raise NoFormError("requires ceil_mode=False where there is padding")
        return _batched(g, x, count, lambda batch: g(
            "AveragePool", batch, kernel_shape=spread(kernel, count), strides=spread(stride or kernel, count),
            pads=spread(padding, count) * 2, ceil_mode=int(ceil_mode),
            count_include_pad=int(count_include_pad),
        ))  # fmt: skip

    return pool


def adaptive_avg_pool(count: int) -> Rule:
    """Means of windows that make up each image: of all of it, of windows of one size, or dim by dim."""

    def pool(g: Emitter, x: Tensor, sizes: Sequence[Any]) -> str:
        if list(sizes) == [1] * count:
            return _batched(g, x, count, lambda batch: g("GlobalAveragePool", batch))
        wanted, found = whole(sizes), whole(x.shape[-count:])
        if not any(n % m for n, m in zip(found, wanted, strict=True)):
            kernel = [n // m for n, m in zip(found, wanted, strict=True)]
            return _batched(
                g, x, count, lambda batch: g("AveragePool", batch, kernel_shape=kernel, strides=kernel)
            )
        for dim, n, m in zip(range(-count, 0), found, wanted, strict=True):
            x = replace(x, name=_means(g, x, dim, n, m))
        return x.name

    return pool


def _means(g: Emitter, x: Tensor, dim: int, size: int, count: int) -> str:
    """The means of `count` windows along a dim, which meet or overlap by an element."""
    axis, parts = g.sizes([dim]), list[str]()
    for i in range(count):
        begin, end = i * size // count, -(-(i + 1) * size // count)
        part = g("Slice", x, g.sizes([begin]), g.sizes([end]), axis)
        parts.append(g("ReduceMean", part, axis, keepdims=1))
    return g("Concat", *parts, axis=dim)


def _is_given_by_sizes(x: Tensor, result: Tensor, scales: Sequence[float | None]) -> bool:
    """Whether scales are what the sizes say."""
    pairs = zip(result.shape[2:], x.shape[2:], scales, strict=True)
    return all(
        s is None or (not isinstance(n, Dim) and not isinstance(m, Dim) and n == m * s) for n, m, s in pairs
    )


def nearest(g: Emitter, x: Tensor, size: Any, *scales: float | None) -> str:
    """Each element the nearest one, rounded down."""
    if not _is_given_by_sizes(x, g.result, scales):
        raise NoFormError("requires scales that the sizes say")
    return g(
        "Resize", x, None, None, g.sizes(g.result.shape), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip


def smooth(mode: str) -> Rule:
    """Elements between the points, by lines or by cubic curves."""

    def resize(g: Emitter, x: Tensor, size: Any, align_corners: bool, *scales: float | None) -> str:
        if not align_corners and not _is_given_by_sizes(x, g.result, scales):
            raise NoFormError("requires scales that the sizes say")
        places = "align_corners" if align_corners else "half_pixel"
        return g(
            "Resize", x, None, None, g.sizes(g.result.shape), mode=mode, cubic_coeff_a=-0.75,
            coordinate_transformation_mode=places,
        )  # fmt: skip

    return resize


def grid_sampler(g: Emitter, x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> str:
    """Elements at places that a tensor says."""
    names = ("bilinear", "nearest", "bicubic") if g.opset < 20 else ("linear", "nearest", "cubic")
    return g(
        "GridSample", x, grid, mode=names[mode], padding_mode=("zeros", "border", "reflection")[padding],
        align_corners=int(align_corners),
    )  # fmt: skip


def _windows(size: int, kernel: int, dilation: int, stride: int) -> np.ndarray[Any, Any]:
    """The places of a line that windows read: a row for each place in a window."""
    count = (size - dilation * (kernel - 1) - 1) // stride + 1
    return np.arange(kernel)[:, None] * dilation + np.arange(count)[None, :] * stride


def im2col(
    g: Emitter, x: Tensor, kernel: Sequence[int], dilation: Sequence[int], padding: Sequence[int],
    stride: Sequence[int],
) -> str:  # fmt: skip
    """Each window of an image as a column."""
    if x.ndim != 4:
        raise NoFormError("requires a batch of images")
    pads = spread(padding, 2)
    found = g("Pad", x, g.sizes([0, 0, *pads, 0, 0, *pads]), mode="constant")
    sizes = [n + 2 * p for n, p in zip(whole(x.shape[2:]), pads, strict=True)]
    each = zip(sizes, spread(kernel, 2), spread(dilation, 2), spread(stride, 2), strict=True)
    rows, columns = (_windows(*numbers) for numbers in each)
    found = g("Gather", g("Gather", found, g.constant(rows), axis=2), g.constant(columns), axis=4)
    return g.shaped(g("Transpose", found, perm=[0, 1, 2, 4, 3, 5]))


def col2im(
    g: Emitter, x: Tensor, size: Sequence[int], kernel: Sequence[int], dilation: Sequence[int],
    padding: Sequence[int], stride: Sequence[int],
) -> str:  # fmt: skip
    """Columns put back where `im2col` took them, and added."""
    if x.ndim != 3:
        raise NoFormError("requires a batch of columns")
    return g(
        "Col2Im", x, g.sizes(size), g.sizes(kernel), dilations=spread(dilation, 2), strides=spread(stride, 2),
        pads=spread(padding, 2) * 2,
    )  # fmt: skip


def unfold(g: Emitter, x: Tensor, dim: int, size: int, step: int) -> str:
    """Windows along a dim, in a new last one."""
    if not x.ndim:
        raise NoFormError("requires a tensor that has dims")
    dim %= x.ndim
    places = _windows(whole(x.shape[dim : dim + 1])[0], size, 1, step)
    found = g("Gather", x, g.constant(places), axis=dim)
    order = [d for d in range(x.ndim + 1) if d != dim]
    return g("Transpose", found, perm=[*order, dim])


IMAGES: Rules = {
    "im2col": im2col, "col2im": col2im, "unfold": unfold, "max_pool2d_with_indices": max_pool_with_places,
    "adaptive_max_pool2d": adaptive_max_pool,
    **{f"max_pool{n}d": max_pool(n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": avg_pool(n) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": adaptive_avg_pool(n) for n in (1, 2, 3)},
    **{f"_adaptive_avg_pool{n}d": adaptive_avg_pool(n) for n in (2, 3)},
    **{f"upsample_nearest{n}d": nearest for n in (1, 2, 3)},
    "upsample_linear1d": smooth("linear"), "upsample_bilinear2d": smooth("linear"),
    "upsample_trilinear3d": smooth("linear"),
    "upsample_bicubic2d": smooth("cubic"),
    "grid_sampler": grid_sampler, "grid_sampler_2d": grid_sampler,
}  # fmt: skip
"""By the operator's name."""
