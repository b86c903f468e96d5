# pyright: reportUnknownMemberType=false
"""Running totals and extrema are native, and give what PyTorch gives, along every dim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.native_results import assert_native


def cumsum(x: Tensor, dim: int) -> Tensor:
    return torch.cumsum(x, dim)


def cumprod(x: Tensor, dim: int) -> Tensor:
    return torch.cumprod(x, dim)


def logcumsumexp(x: Tensor, dim: int) -> Tensor:
    return torch.logcumsumexp(x, dim)


def cummax(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    return torch.cummax(x, dim)


def cummin(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    return torch.cummin(x, dim)


TOTALS = (cumsum, cumprod, cummax, cummin)
SHAPES: list[tuple[tuple[int, ...], int]] = [
    ((7,), 0), ((1,), 0), ((), 0), ((5, 37), 1), ((37, 5), 0), ((37, 64), 0), ((3, 70, 4), 1), ((3, 1, 4), 1),
    ((2, 3, 5), -1), ((0, 4), 1), ((4, 0), 1), ((70000,), 0),
]  # fmt: skip
DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int8,
    torch.uint8, torch.bool,
)  # fmt: skip


def numbers(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    torch.manual_seed(0)
    made = torch.randn(tuple(shape))
    return made.to(dtype) if dtype.is_floating_point else (3 * made).to(torch.int32).to(dtype)


@pytest.mark.parametrize("function", TOTALS)
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_every_dim(function: Callable[..., Any], shape: tuple[int, ...], dim: int) -> None:
    assert_native(function, numbers(shape, torch.float32), dim)


@pytest.mark.parametrize("function", TOTALS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(function: Callable[..., Any], dtype: torch.dtype) -> None:
    assert_native(function, numbers((9, 40), dtype), 1)


@pytest.mark.parametrize("dtype", DTYPES[:4], ids=str)
def test_logarithms_of_sums(dtype: torch.dtype) -> None:
    x = numbers((9, 40), dtype)
    x[0, 3:6], x[1, :4], x[2, 5], x[3, 0] = float("inf"), float("-inf"), float("nan"), float("-inf")
    for dim in (0, 1):
        assert_native(logcumsumexp, x, dim, exact=False)


@pytest.mark.parametrize("function", TOTALS)
def test_numbers_that_are_none_stay(function: Callable[..., Any]) -> None:
    x = numbers((6, 20), torch.float32)
    x[0, 4], x[1, :2], x[2, 3:5] = float("nan"), float("-inf"), float("inf")
    x[3, 2] = x[3, 7] = float("nan")
    x[4] = 1.0
    x[5, :3] = float("-inf")
    for dim in (0, 1):
        assert_native(function, x, dim)


def test_totals_of_another_dtype_are_of_converted_elements() -> None:
    def of(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (
            torch.cumsum(x, 1, dtype=torch.int32),
            torch.cumsum(x, 0, dtype=torch.float16),
            torch.cumprod(x, 1, dtype=torch.float32),
        )

    assert_native(of, 10 * numbers((8, 30), torch.float64))


def test_operators_around_a_scan_and_views_of_its_operand() -> None:
    def of(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        total = torch.cumsum(torch.relu(x.t()[1:]) * y, 1)
        best, places = torch.cummax(x[:, ::2] + 1, 1)
        return torch.sigmoid(total) - total, best * 2, places

    assert_native(of, numbers((20, 9), torch.float32), numbers((8, 20), torch.float32), exact=False)


def test_a_dim_that_is_not_there_is_refused() -> None:
    script = tsc.script(cumsum)
    for _ in range(3):
        with pytest.raises(IndexError):
            script(torch.randn(3, 4), 2)


def test_totals_of_bools_are_integers_and_never_bools() -> None:
    def of(x: Tensor) -> Tensor:
        return torch.cumsum(x, 0, dtype=torch.bool)

    for function in (of, tsc.script(of)):
        with pytest.raises(RuntimeError, match="not implemented for 'Bool'"):
            function(torch.ones(3, dtype=torch.bool))


def sorted_without_elements(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sort(torch.softmax(x, -2), 0, descending=True)


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3), (2, 3, 0)], ids=str)
def test_nothing_to_sort(shape: tuple[int, ...]) -> None:
    assert_native(sorted_without_elements, torch.zeros(shape))
