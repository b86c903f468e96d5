# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Views at places that are computed are views of other results, as in PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import tsc


def second_after_counting(x: Tensor) -> tuple[Tensor, Tensor]:
    y, n = x + 1, 0
    while n < 1:
        n += 1
    return y[n], y


def rows_after_counting(x: Tensor) -> list[Tensor]:
    y, n = x + 1, 0
    while n < 1:
        n += 1
    return [y.narrow(0, n, 1), y]


def at_what_a_tensor_holds(x: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    y = x + 1
    return y[int(place)], y[0]


@pytest.mark.parametrize("program", [second_after_counting, rows_after_counting, at_what_a_tensor_holds])
def test_views_at_places_that_are_computed_are_of_other_results(program: Any) -> None:
    arguments = (torch.randn(4, 3), torch.tensor(2))[: program.__code__.co_argcount]
    compiled: Any = tsc.script(program)
    for _ in range(3):
        got, want = compiled(*arguments), program(*arguments)
        assert got[0].data_ptr() - got[1].data_ptr() == want[0].data_ptr() - want[1].data_ptr() != 0


def test_a_view_that_nothing_else_shows_is_read_natively() -> None:
    @tsc.script
    def alone(x: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        y = x + 1
        return y[int(place)], x * 2

    alone(torch.randn(4), torch.tensor(2))
    assert alone.last.is_native
