# pyright: reportUnknownMemberType=false
"""Sorting, the first few, medians and other ranks are native and give what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.native_results import assert_native
from tsc.options import options

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
DTYPES = (*FLOATS, *INTEGERS, torch.bool)
OF_EVERY_SIZE = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int16, torch.uint8]
LINES: list[tuple[tuple[int, ...], int]] = [
    ((), 0), ((9,), 0), ((40, 3), 0), ((2, 120, 3), 1), ((3, 700), -1),
]  # fmt: skip


def numbers(shape: tuple[int, ...], dtype: torch.dtype, distinct: float = 3) -> Tensor:
    """Normal numbers with many equal ones; NaN, infinities and both zeros among floats."""
    torch.manual_seed(len(shape))
    x = (distinct * torch.randn(shape)).round().to(dtype)
    if dtype.is_floating_point and x.numel() > 8:
        flat = x.view(-1)
        flat[::7], flat[1::5], flat[2::11], flat[3::13] = float("nan"), -0.0, float("inf"), -float("inf")
    return x


def stably(x: Tensor, dim: int, descending: bool) -> tuple[Tensor, Tensor, Tensor]:
    values, order = torch.sort(x, dim=dim, descending=descending, stable=True)
    return values, order, torch.argsort(x, dim=dim, descending=descending, stable=True)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("shape", "dim"), LINES, ids=str)
def test_sorted_with_equal_elements_in_place(
    shape: tuple[int, ...], dim: int, dtype: torch.dtype, descending: bool
) -> None:
    assert_native(stably, numbers(shape, dtype), dim, descending)


def unstably(x: Tensor, descending: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    values, order = torch.sort(x, -1, descending)
    return values, x.gather(-1, order), torch.msort(x), x.gather(-1, torch.argsort(x, -1, descending)), order


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64], ids=str)
def test_without_stable_the_values_are_the_same(dtype: torch.dtype) -> None:
    """Which of equal elements comes first is left open, and depends on the processor in PyTorch."""
    x = numbers((4, 300), dtype)
    script = tsc.script(unstably)
    for descending in (False, True):
        script(x, descending)
        found, wanted = script(x, descending), unstably(x, descending)
        assert script.last.is_native, script.last.reason
        for mine, theirs in zip(found[:4], wanted[:4], strict=True):
            torch.testing.assert_close(mine, theirs, equal_nan=True, rtol=0, atol=0)
        assert torch.equal(found[4].sort(-1)[0], torch.arange(300).expand(4, 300))


@pytest.mark.parametrize("bits", [torch.int16, torch.int32, torch.int64], ids=str)
def test_the_bits_of_what_is_sorted_stay(bits: torch.dtype) -> None:
    """Zeros keep their sign, and NaNs what they carry."""
    floats = {torch.int16: torch.float16, torch.int32: torch.float32, torch.int64: torch.float64}[bits]
    limits = torch.iinfo(bits)
    x = torch.from_numpy(np.random.default_rng(0).integers(limits.min, limits.max, 999)).to(bits).view(floats)
    x[5:20] = -0.0
    script = tsc.script(stably)
    for descending in (False, True):
        script(x, 0, descending)
        found, wanted = script(x, 0, descending), stably(x, 0, descending)
        assert script.last.is_native
        assert torch.equal(found[0].view(bits), wanted[0].view(bits))
        assert torch.equal(found[1], wanted[1])


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float64], ids=str)
def test_the_extremes_of_a_dtype(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    x = torch.tensor([0, 1, -1, limits.max, limits.min, 2, -2, 256, -256] * 20, dtype=dtype)
    for descending in (False, True):
        assert_native(stably, x, 0, descending)


def first(x: Tensor, k: int, dim: int, largest: bool, in_order: bool) -> tuple[Tensor, Tensor]:
    return torch.topk(x, k, dim, largest, in_order)


def several(x: Tensor, few: int, more: int, extent: int, dim: int) -> list[Tensor]:
    a, i = torch.topk(x, few, dim)
    b, j = torch.topk(x, more, dim, False)
    c, k = torch.topk(x, more, dim, True, False)
    d, m = torch.topk(x, extent, dim)
    return [a, i, b, j, c, k, d, m]


@pytest.mark.parametrize("dtype", OF_EVERY_SIZE, ids=str)
@pytest.mark.parametrize(("shape", "dim"), LINES, ids=str)
def test_the_first_few(shape: tuple[int, ...], dim: int, dtype: torch.dtype) -> None:
    """The very elements that PyTorch chooses among equal ones."""
    extent = shape[dim] if shape else 1
    x = numbers(shape, dtype)
    assert_native(several, x, extent // 64, max(1, extent // 3), extent, dim)


@pytest.mark.parametrize("k", [1, 50, 300, 1000])
def test_the_first_few_of_long_lines(k: int) -> None:
    x = numbers((3, 20_000), torch.float32, 100)
    assert_native(first, x, k, 1, True, True)


def test_more_than_there_are_is_refused() -> None:
    script = tsc.script(first)
    for _ in range(3):
        with pytest.raises((RuntimeError, IndexError), match="out of range"):
            script(torch.ones(2, 3), 4, 1, True, True)


def first_of(x: Tensor) -> Tensor:
    return torch.topk(x, 1)[0]


def middle_of(x: Tensor) -> Tensor:
    return torch.median(x)


def second_of(x: Tensor) -> Tensor:
    return torch.kthvalue(x, 2)[0]


@pytest.mark.parametrize("choose", [first_of, middle_of, second_of])
def test_bools_are_no_numbers(choose: Callable[[Tensor], Any]) -> None:
    script = tsc.script(choose)
    for function in (choose, script, script):
        with pytest.raises((RuntimeError, TypeError, NotImplementedError)):
            function(torch.tensor([True, False]))


def ranks(x: Tensor, k: int, dim: int) -> list[Tensor]:
    kth, at = torch.kthvalue(x, k, dim, True)
    last, end = torch.kthvalue(x, x.size(dim), dim, True)
    return [kth, x.gather(dim, at), last, x.gather(dim, end)]


def middle(x: Tensor, dim: int) -> list[Tensor]:
    lower, at = torch.median(x, dim, True)
    number, place = torch.nanmedian(x, dim, True)
    return [lower, x.gather(dim, at), number, x.gather(dim, place), torch.median(x), torch.nanmedian(x)]


@pytest.mark.parametrize("dtype", OF_EVERY_SIZE, ids=str)
@pytest.mark.parametrize(("shape", "dim"), [line for line in LINES if line[0]], ids=str)
def test_medians_and_other_ranks(shape: tuple[int, ...], dim: int, dtype: torch.dtype) -> None:
    x = numbers(shape, dtype, 50)
    x = x.nan_to_num() if dtype is torch.float64 else x
    assert_native(ranks, x, (shape[dim] + 1) // 2, dim)
    assert_native(middle, x, dim)


def flat(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    values, found = torch.median(x, 0)
    second, at = torch.kthvalue(x, 2, -1)
    return values, found, second, at, torch.median(x, 1)[0]


def test_the_dim_goes_and_the_first_nan_is_found() -> None:
    x = torch.randn(30, 40)
    assert_native(flat, x)
    x[3:6, 7] = float("nan")

    def place(x: Tensor) -> Tensor:
        return torch.median(x, 0)[1]

    assert_native(place, x)


def test_all_nan_and_one_element() -> None:
    for x in (torch.full((4, 50), float("nan")), torch.randn(5, 1)):
        assert_native(middle, x, 1)


def test_empty_lines() -> None:
    for shape in ((0, 5), (5, 0), (0,)):
        assert_native(stably, torch.ones(shape), -1, False)
        assert_native(first, torch.ones(shape), 0, -1, True, True)


def test_transposed_and_sliced() -> None:
    def of(x: Tensor, dim: int) -> list[Tensor]:
        y = x[:, ::2].t()
        values, order = torch.sort(x.t(), dim=dim, stable=True)
        best, found = torch.topk(y, 3, dim)
        middle = torch.median(y, dim)[0]
        return [values, order, best, found, middle, torch.argsort(x * 2, dim=dim, stable=True)]

    for dim in (0, 1):
        assert_native(of, torch.randn(12, 14), dim)


def test_operators_before_and_after() -> None:
    def beams(scores: Tensor, before: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
        total = before[:, None] + torch.log_softmax(scores, -1)
        best, index = torch.topk(total.view(-1), width)
        return best, index + 1, best.sort(descending=True)[0].cumsum(0)

    def nucleus(logits: Tensor, p: float) -> Tensor:
        ordered, index = torch.sort(logits, descending=True)
        kept = ordered.softmax(-1).cumsum(-1) < p
        return torch.zeros_like(logits).scatter(-1, index, kept.to(logits.dtype))

    assert_native(beams, torch.randn(5, 400), torch.randn(5), 5, exact=False)
    assert_native(nucleus, torch.randn(4, 500), 0.9)


def test_lines_are_shared_among_threads() -> None:
    assert_native(stably, numbers((500, 400), torch.float32), 1, False)
    assert_native(stably, numbers((2000, 30), torch.int64), 0, True)
    assert_native(first, numbers((100, 3000), torch.float32), 60, 1, True, True)


def test_every_pass_is_held_to_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_verified", True)

    def of(x: Tensor) -> list[Tensor]:
        return [torch.topk(x, 3, 1)[0], torch.median(x, 0)[0], torch.sort(x, -1, True)[0]]

    assert_native(of, torch.randn(6, 40))
    assert_native(stably, numbers((3, 100), torch.float32), 1, True)
