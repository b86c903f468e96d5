# pyright: reportUnknownMemberType=false
"""Writes at indices write where they are told to, and nowhere else: nothing is copied for them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import tsc


def copies(h: Tensor, places: Tensor, x: Tensor) -> Tensor:
    return h.index_copy_(0, places, x)


def puts(h: Tensor, places: Tensor, x: Tensor) -> Tensor:
    return h.index_put_([places], x)


def adds(h: Tensor, places: Tensor, x: Tensor) -> Tensor:
    return h.index_put_([places], x, accumulate=True)


@pytest.mark.parametrize("program", [copies, puts, adds])
def test_memory_is_written_where_it_lies(program: Callable[..., Tensor]) -> None:
    places = torch.tensor([5, 2])
    views: list[Callable[[Tensor], Tensor]] = [lambda t: t, lambda t: t[:, 1:3], lambda t: t.t()]
    for view in views:
        ours, theirs = torch.zeros(8, 8), torch.zeros(8, 8)
        x = torch.randn(2, view(ours).shape[1])
        program(view(theirs), places, x)
        program(tsc.Tensor(view(ours).numpy()), tsc.Tensor(places.numpy()), tsc.Tensor(x.numpy()))
        assert torch.equal(ours, theirs)


def test_what_is_written_may_be_of_the_memory_that_is_written() -> None:
    ours, theirs = torch.arange(12.0).reshape(4, 3), torch.arange(12.0).reshape(4, 3)
    places = torch.tensor([1, 2, 3])
    theirs.index_put_([places], theirs[:3].clone())
    held = tsc.Tensor(ours.numpy())
    held.index_put_([tsc.Tensor(places.numpy())], tsc.Tensor(ours.numpy()[:3]))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("program", [copies, puts])
def test_nothing_is_copied(program: Callable[..., Tensor]) -> None:
    held, places, x = (
        tsc.Tensor(t.numpy()) for t in (torch.zeros(1 << 20, 2), torch.tensor([5]), torch.ones(1, 2))
    )
    program(held, places, x)
    tracemalloc.start()
    program(held, places, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
