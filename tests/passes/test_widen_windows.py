"""`widen-windows`: writes into slices that loops count are computed for the whole, with PyTorch's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.side_by_side import again, assert_same
from tsc.options import options


def suppress(scores: Tensor, limit: float) -> Tensor:
    n = scores.size(0)
    keep = torch.ones(n, dtype=torch.bool)
    for i in range(n):
        if bool(keep[i]):
            keep[i + 1 :] = keep[i + 1 :] & (scores[i, i + 1 :] < limit)
    return keep


def in_place(scores: Tensor, limit: float) -> Tensor:
    out = scores.clone()
    for i in range(scores.size(0)):
        out[i:, 0].mul_(limit)
        out[:, i : i + 2] += scores[:, i : i + 2] * i
    return out


def filled(scores: Tensor, limit: float) -> Tensor:
    out = torch.zeros_like(scores)
    for i in range(scores.size(0)):
        row = scores[i] < limit
        row[: i + 1] = True
        out[i] = row.to(torch.float32)
        out[i, i + 3 :].fill_(limit)
    return out


def between(scores: Tensor, limit: float) -> Tensor:
    """What is read changes between the slice and the write."""
    out = scores.clone()
    other = scores.clone()
    for i in range(scores.size(0)):
        part = other[i:] * 2
        other += 1
        out[i:] = part + other[i:]
    return out


def beyond(scores: Tensor, limit: float) -> Tensor:
    """Bounds that are no places."""
    out = scores.clone()
    for i in range(scores.size(0)):
        out[i * 3 : i + 4].sub_(limit)
    return out


def whole(scores: Tensor, limit: float) -> Tensor:
    """Numbers of a dtype that takes others in."""
    out = torch.zeros(scores.size(0), dtype=torch.float64)
    for i in range(scores.size(0)):
        out[i:] = out[i:] + limit
    return out


WIDENED: list[Callable[[Tensor, float], Tensor]] = [suppress, in_place, filled, between, beyond, whole]


def from_the_end(scores: Tensor, limit: float) -> Tensor:
    out = scores.clone()
    for i in range(scores.size(0)):
        out[: i - 2] += limit
    return out


def integers(scores: Tensor, limit: float) -> Tensor:
    """Outside the slice there are zeros to divide by."""
    number = torch.arange(scores.size(0))
    out = number * 5
    for i in range(scores.size(0)):
        out[i + 1 :] = out[i + 1 :] // number[i + 1 :]
    return out


def summed(scores: Tensor, limit: float) -> Tensor:
    """What is written depends on all elements of a slice."""
    out = scores.clone()
    for i in range(scores.size(0) - 1):
        out[i:] = scores[i:] - scores[i:].sum()
    return out


OTHERS: list[Callable[[Tensor, float], Tensor]] = [from_the_end, integers, summed]


@pytest.fixture(autouse=True)
def rolled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops stay."""
    monkeypatch.setattr("tsc.pipeline.ROLLED", 1)


def scores(n: int = 9) -> Tensor:
    return torch.rand(n, n, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("function", WIDENED, ids=lambda f: f.__name__)
def test_a_loop_that_writes_windows_is_native(function: Any) -> None:
    compiled = tsc.script(function)
    for n in (9, 12):
        given = scores(n)
        for limit in (0.6, 0.9):
            mine = again(given)
            assert_same(compiled(mine, limit), function(given, limit))
            assert_same(mine, given)
    assert {info.tier for info in compiled.specializations()} == {"native"}


@pytest.mark.parametrize("function", OTHERS, ids=lambda f: f.__name__)
def test_what_is_no_such_write_has_the_same_values(function: Any) -> None:
    compiled = tsc.script(function)
    for _ in range(2):
        assert_same(compiled(scores(), 0.5), function(scores(), 0.5))


@pytest.mark.parametrize("function", [suppress, in_place, filled], ids=lambda f: f.__name__)
def test_every_pass_keeps_what_a_loop_writes(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    assert_same(tsc.script(function)(scores(5), 0.5), function(scores(5), 0.5))
