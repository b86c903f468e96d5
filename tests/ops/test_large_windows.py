# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Windows that are much larger than images: networks pool by them over all there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import tsc


def mean(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 2000, ceil_mode=True)


def mean_of_padded(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, [50, 3], [1, 2], [25, 1], True, False)


def greatest(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, [2000, 3], [2000, 2], [0, 1], 1, True)


PROGRAMS = [mean, mean_of_padded, greatest]
SHAPES = [(2, 3, 7, 8), (2, 3, 5, 9), (1, 3, 31, 33), (2, 3, 40, 35)]


@pytest.mark.parametrize("strategy", ["STATIC", "DYNAMIC"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_windows_may_be_larger_than_images(program: Callable[[Tensor], Tensor], strategy: str) -> None:
    compiled: Any = tsc.script(program)
    before = tsc.set_fusion_strategy([(strategy, len(SHAPES))])
    try:
        for shape in SHAPES:
            x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
            for _ in range(2):
                torch.testing.assert_close(compiled(x), program(x))
    finally:
        tsc.set_fusion_strategy(before)
