# pyright: reportUnknownMemberType=false
"""Places of maxima in windows among NaNs, infinities and padding: those that PyTorch gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tsc.ops.registry import require

WINDOWS: list[tuple[Any, ...]] = [
    ([3, 2], [1, 1], [1, 1], [1, 1], False),
    ([2, 3], [2, 2], [1, 0], [1, 2], True),
    ([4, 1], [1, 1], [2, 0], [1, 1], True),
]


def images() -> torch.Tensor:
    """Planes of numbers, NaNs among infinities, and nothing but -inf."""
    x = torch.randn(3, 2, 7, 6, generator=torch.Generator().manual_seed(0))
    x[0, 0, :, ::2], x[1, 0], x[1, 1, :2] = math.nan, -math.inf, math.inf
    x[2, 0, 2:4] = -math.inf
    return x


def agree(got: tuple[Any, Any], want: tuple[torch.Tensor, torch.Tensor]) -> None:
    np.testing.assert_array_equal(got[0], want[0].numpy())
    np.testing.assert_array_equal(got[1], want[1].numpy())


@pytest.mark.parametrize("geometry", WINDOWS)
def test_max_pooling_gives_places_inside(geometry: tuple[Any, ...]) -> None:
    x = images()
    eager = require("aten::max_pool2d_with_indices").eager
    agree(eager(x.numpy(), *geometry), functional.max_pool2d_with_indices(x, *geometry))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_adaptive_max_pooling_takes_the_last_nan(size: int) -> None:
    x = images()
    got = require("aten::adaptive_max_pool2d").eager(x.numpy(), [size, size])
    agree(got, functional.adaptive_max_pool2d_with_indices(x, size))
