# pyright: reportUnknownMemberType=false
"""How results of convolutions of lines lie, where dims of one element let the lines be read as images."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from tsc.interop.torch import to_numpy
from tsc.ops.registry import require


def lying(sizes: tuple[int, int, int]) -> list[torch.Tensor]:
    """Tensors of these sizes, with their dims in several orders."""
    a, b, c = sizes
    return [torch.ones(a, b, c), torch.ones(a, c, b).mT, torch.ones(c, b, a).permute(2, 1, 0)]


@pytest.mark.parametrize(("batches", "channels", "extent"), list(product((1, 2), (1, 2), (1, 3, 7))))
def test_strides_are_pytorchs(batches: int, channels: int, extent: int) -> None:
    convolve = require("aten::conv1d").eager
    for made, width, padding in product((1, 2), (1, 2), (0, 1)):
        if extent + 2 * padding < width:
            continue
        for lines, filters in product(lying((batches, channels, extent)), lying((made, channels, width))[:2]):
            want = F.conv1d(lines, filters, padding=padding)
            got = convolve(to_numpy(lines), to_numpy(filters), None, [1], [padding], [1], 1)
            assert tuple(s // 4 for s in got.strides) == want.stride(), (lines.stride(), filters.stride())
