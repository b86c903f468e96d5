# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""Writes to the places where a mask holds change nothing but what shares memory with them in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc


def found_twice(x: Tensor):
    mask = x > 0
    first = torch.nonzero(mask)
    second = torch.nonzero(mask)
    first.add_(1)
    return second, first


def chosen_after(x: Tensor):
    mask = x > 0
    places = torch.nonzero(mask)
    places.add_(1)
    return x[mask], places


def a_column(x: Tensor):
    mask = x > 0
    column = torch.nonzero(mask)[:, 0]
    column.add_(1)
    return x[mask], column


def of_one_dim(x: Tensor):
    row = x.flatten()
    mask = row > 0
    places = torch.where(mask)[0]
    before = row[places]
    places.zero_()
    return before, places, row[mask]


def the_mask(x: Tensor):
    mask = x > 0
    before = x[mask]
    mask.logical_not_()
    return before, x[mask]


def a_column_of_what_is_written(x: Tensor):
    places = torch.nonzero(x > 0)
    column = places[..., 0]
    places.mul_(2)
    return column + 1


def the_last_column(x: Tensor):
    places = torch.nonzero(x)
    column = places[..., -1]
    column.mul_(2)
    return places + 1


def a_flat_column(x: Tensor):
    places = torch.nonzero(x)
    places[..., -1].flatten().add_(1)
    return places * 2


PROGRAMS: list[Callable[[Tensor], Any]] = [
    found_twice, chosen_after, a_column, of_one_dim, the_mask, a_column_of_what_is_written, the_last_column,
    a_flat_column,
]  # fmt: skip


def lists(value: Any) -> list[Any]:
    return [t.tolist() for t in (value if isinstance(value, tuple) else (value,))]


@pytest.mark.parametrize("shape", [(6,), (3, 4)])
@pytest.mark.parametrize("program", PROGRAMS)
def test_writes_reach_what_they_reach_in_pytorch(program: Any, shape: tuple[int, ...]) -> None:
    scripted: Any = tsc.script(program)
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.randn(shape)
        assert lists(scripted(x.clone())) == lists(program(x.clone()))
