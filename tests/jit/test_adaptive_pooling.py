"""Adaptive pooling of what has no elements: allowed and refused as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import tsc

Pool = Callable[[Tensor, int], Tensor]


def mean1(x: Tensor, n: int) -> Tensor:
    return functional.adaptive_avg_pool1d(x, n)


def mean2(x: Tensor, n: int) -> Tensor:
    return functional.adaptive_avg_pool2d(x, n)


def mean3(x: Tensor, n: int) -> Tensor:
    return functional.adaptive_avg_pool3d(x, n)


def max1(x: Tensor, n: int) -> Tensor:
    return functional.adaptive_max_pool1d(x, n)


def max2(x: Tensor, n: int) -> Tensor:
    return functional.adaptive_max_pool2d(x, n)


def max3(x: Tensor, n: int) -> Tensor:
    return functional.adaptive_max_pool3d(x, n)


POOLS: list[tuple[Pool, int]] = [(mean1, 1), (mean2, 2), (mean3, 3), (max1, 1), (max2, 2), (max3, 3)]


def shapes(spatial: int) -> list[tuple[int, ...]]:
    """No batch, no channels, no width, several of them, and ranks that are none of an image."""
    image, flat = (4,) * spatial, (*((4,) * (spatial - 1)), 0)
    leads: list[tuple[int, ...]] = [(0, 2), (2, 0), (0, 0), (0,), (2,), (1, 2), (), (1, 1, 1)]
    return [(*lead, *rest) for lead in leads for rest in (image, flat)]


def attempt(pool: Pool, x: Tensor, n: int) -> Tensor | None:
    """The result, or None where the call is refused."""
    try:
        return pool(x, n)
    except (RuntimeError, ValueError):
        return None


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize(("pool", "spatial"), POOLS)
def test_what_is_empty_is_pooled_where_pytorch_pools_it(pool: Pool, spatial: int, size: int) -> None:
    script = tsc.script(pool)
    for shape in shapes(spatial):
        x = torch.ones(shape)
        wanted = attempt(pool, x, size)
        for _ in range(2):
            found = attempt(script, x, size)
            assert (found is None) == (wanted is None), shape
            if found is not None and wanted is not None:
                torch.testing.assert_close(found, wanted, equal_nan=True)
