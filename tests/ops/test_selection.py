# pyright: reportUnknownMemberType=false
"""`topk` among equal elements: the indices that PyTorch gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsc.ops.registry import require

TOPK = require("aten::topk").eager


def agree(x: torch.Tensor, k: int, dim: int, largest: bool, in_order: bool) -> None:
    want = torch.topk(x, k, dim, largest, in_order)
    got = TOPK(x.numpy(), k, dim, largest, in_order)
    assert np.array_equal(got[0], want[0].numpy(), equal_nan=x.is_floating_point())
    assert np.array_equal(got[1], want[1].numpy())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 16, 17, 33, 64, 100, 129, 700, 2000])
@pytest.mark.parametrize("kinds", [1, 2, 5, 40])
def test_equal_elements_are_chosen_as_in_pytorch(size: int, kinds: int) -> None:
    generator = torch.Generator().manual_seed(size * 100 + kinds)
    x = torch.randint(kinds, (2, size), generator=generator)
    for k in sorted({0, 1, 2, 3, size // 64, size // 64 + 1, size // 3, size - 1, size}):
        if k <= size:
            for largest in (True, False):
                for in_order in (True, False):
                    agree(x, k, 1, largest, in_order)


def test_patterns_that_partition_badly_are_chosen_as_in_pytorch() -> None:
    n = 1_500
    halves = torch.cat([torch.arange(n // 2), torch.arange(n // 2)])
    organ_pipe = torch.cat([torch.arange(n // 2), torch.arange(n // 2).flip(0)])
    killer = torch.stack([torch.arange(1, n // 2 + 1), torch.arange(n // 2 + 1, n + 1)], 1).reshape(-1) // 2
    for x in (halves, organ_pipe, killer, -killer, torch.arange(n) // 3):
        for k in (10, 30, 400, n // 2, n - 1):
            agree(x, k, 0, True, True)


def test_numbers_that_are_none_are_equal() -> None:
    x = torch.tensor([[1.0, float("nan"), 0.0, -0.0, float("nan"), 1.0, float("inf"), -0.0]] * 2)
    for k in range(9):
        for largest in (True, False):
            agree(x, k, 1, largest, True)
    agree(x.t().contiguous(), 2, 0, True, True)
