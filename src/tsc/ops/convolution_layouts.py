"""How the results of convolutions lie in memory."""

from __future__ import annotations

import math

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.ops.strides import strided_view, suggested


def convolved(result: Array, input: Array, weight: Array, groups: int, *, is_lengthened: bool) -> Array:
    """`result` as PyTorch lays it out: with channels last where the input or the filters lie so; of lines,
    which it makes row-major and takes for images of one row, where the filters do, or an input that is
    row-major as well. `is_lengthened`: by an output padding of a stride or more.
    """
    if weight.ndim == 3:
        lines = [weight, input] if input.flags.c_contiguous else [weight]
        return suggested(_as_image(result), [_as_image(x) for x in lines], of_any=True)[:, :, 0]
    takes_last = _takes_channels_last(input, weight, groups, is_lengthened=is_lengthened)
    return suggested(result, [input, weight] if takes_last else [], of_any=True)


def _as_image(lines: Array) -> Array:
    """Lines as images of one row, as PyTorch takes them."""
    batch, channel, step = lines.strides
    shape = (*lines.shape[:2], 1, lines.shape[2])
    return strided_view(lines, shape, (batch, channel, lines.shape[2] * step, step))


def _takes_channels_last(input: Array, weight: Array, groups: int, *, is_lengthened: bool) -> bool:
    """Whether PyTorch's kernel for a convolution knows channels last: all of images, and oneDNN's of volumes,
    which it takes on several threads for all but the smallest; `is_lengthened`: by an output padding of a
    stride or more.

    Source: ``ConvParams::use_mkldnn`` (aten/src/ATen/native/Convolution.cpp).
    """
    is_large = len(input) > 1 or math.prod(input.shape[:4]) > 20480 or min(weight.shape[-2:]) > 3
    is_known = input.dtype == np.float32 and (groups > 1 or is_large)
    return weight.ndim == 4 or ((is_known or input.dtype == dtypes.BF16.numpy) and not is_lengthened)
