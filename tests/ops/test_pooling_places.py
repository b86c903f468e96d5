# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The places of maxima in windows are native, and PyTorch's: of equal ones the first, of NaN the last."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import tsc


def padded(x: Tensor) -> tuple[Tensor, Tensor]:
    return functional.max_pool2d_with_indices(x, [3, 3], [2, 2], [1, 1], [1, 1], True)


def dilated(x: Tensor) -> tuple[Tensor, Tensor]:
    return functional.max_pool2d_with_indices(x, [2, 3], [1, 2], [0, 1], [2, 1])


@pytest.mark.parametrize("function", [padded, dilated])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
def test_places_of_maxima_are_pytorchs(function: Any, dtype: torch.dtype) -> None:
    x = (torch.randn(2, 2, 7, 8, generator=torch.Generator().manual_seed(0)) * 2).round().to(dtype)
    if dtype is torch.float32:
        x[0, 0, 3, 3:5] = float("nan")
        x[1] = -float("inf")
    scripted = tsc.script(function)
    for mine, theirs in zip(scripted(x), function(x), strict=True):
        torch.testing.assert_close(mine, theirs, equal_nan=True, rtol=0, atol=0)
    assert scripted.last.is_native
