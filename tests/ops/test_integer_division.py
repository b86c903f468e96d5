"""Integers divided by numbers are native code, where no division can fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import tsc

DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def floors(x: Tensor, n: int) -> Tensor:
    return x // n


def remains(x: Tensor, n: int) -> Tensor:
    return x % n


def remains_truncated(x: Tensor, n: int) -> Tensor:
    return torch.fmod(x, n)


def truncates(x: Tensor, n: int) -> Tensor:
    return torch.div(x, n, rounding_mode="trunc")


def rounds_down(x: Tensor, n: int) -> Tensor:
    return torch.div(x, n, rounding_mode="floor")


@pytest.mark.parametrize("number", [3, -3, 7, 1, 2, -128, 100, 255, -1, 0])
@pytest.mark.parametrize("function", [floors, remains, remains_truncated, truncates, rounds_down])
def test_integers_by_a_number(function: Callable[[Tensor, int], Tensor], number: int) -> None:
    tsc_function = tsc.script(function)
    for dtype in DTYPES:
        x = torch.arange(-300, 300).to(dtype)
        if number == 0:
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                function(x, number)
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                tsc_function(x, number)
            continue
        is_safe = (number % 256 if dtype is torch.uint8 else number) not in (0, -1)
        is_safe &= not (dtype is torch.int8 and number == 255)
        got, want = tsc_function(x, number), function(x, number)
        assert got.dtype is want.dtype
        assert torch.equal(got, want)
        if len(tsc_function.specializations()) < 2:
            assert tsc_function.specializations()[-1].is_native == is_safe


def test_by_a_size() -> None:
    before = tsc.set_fusion_strategy([("DYNAMIC", 1)])

    @tsc.script
    def place(x: Tensor):
        return torch.arange(x.numel()) // x.size(1), torch.arange(x.numel()) % x.size(1)

    for shape in ((3, 4), (5, 2), (1, 9)):
        rows, columns = place(torch.ones(shape))
        n = shape[0] * shape[1]
        assert torch.equal(rows, torch.arange(n) // shape[1])
        assert torch.equal(columns, torch.arange(n) % shape[1])
    tsc.set_fusion_strategy(before)
    (made,) = place.specializations()
    assert made.is_native
