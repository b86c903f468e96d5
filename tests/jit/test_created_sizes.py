# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportArgumentType=false, reportCallIssue=false
"""Tensors created in sizes that other tensors hold, and what counts elements: native, and PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import tsc
from tests.jit.test_found_sizes import outcome, require_same

Program = Callable[[Tensor], Any]
PROGRAMS: list[Program] = []
NUMBERS = ([3, 0, 7], [5, 0, 2], [1, 1, 1, 4, 4, 0, 1], [9], [0], [2, 2, 2, 2], [1, 5000, 3], [70_000])
REFUSED = ([2, -1], [-3])


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


@program
def zeros_and_ones(t: Tensor):
    n = int(t.max())
    return torch.zeros(n), torch.ones(n, 2), torch.full([2, n], 3.5), t.new_zeros(n), torch.zeros(n) + t.sum()


@program
def numbers_up_to_the_largest(t: Tensor):
    return torch.arange(t.max()) * 2, torch.arange(t.max().item()), torch.arange(int(t.max().item()))


@program
def masks_of_lengths(t: Tensor):
    mask = torch.arange(int(t.max()))[None] < t[:, None]
    return mask, mask.sum(1), (~mask).float()


@program
def masks_of_lengths_that_are_expanded(t: Tensor):
    n = int(t.max().item())
    return torch.arange(n).expand(t.shape[0], n) >= t.unsqueeze(1)


@program
def as_many_as_hold(t: Tensor):
    n = int((t > 1).sum())
    return t.new_zeros(n) + 1, torch.zeros(n, 3), torch.arange(n)


@program
def ones_at_classes(t: Tensor):
    return F.one_hot(t)


@program
def how_often_each_occurs(t: Tensor):
    return torch.bincount(t), torch.bincount(t, minlength=7), torch.bincount(t, t.float())


@program
def repeated(t: Tensor):
    return torch.repeat_interleave(t), torch.arange(t.shape[0]).repeat_interleave(t)


@program
def rows_repeated(t: Tensor):
    rows = torch.stack([t, t + 1], 1).float()
    return torch.repeat_interleave(rows, t, dim=0)


@program
def distinct(t: Tensor):
    return torch.unique(t), torch.unique(t.float() / 2).sum()


@program
def distinct_with_all_that_is_known(t: Tensor):
    values, inverse, counts = torch.unique(t.reshape(-1, 1), return_inverse=True, return_counts=True)
    return values, inverse, counts


@program
def runs(t: Tensor):
    return torch.unique_consecutive(t)


@program
def runs_with_all_that_is_known(t: Tensor):
    values, inverse, counts = torch.unique_consecutive(t, return_inverse=True, return_counts=True)
    return values[values != 0], inverse, counts


@pytest.mark.parametrize("wanted", PROGRAMS, ids=lambda p: p.__name__)
def test_results_are_pytorchs(wanted: Program, strategy: None) -> None:
    compiled: Any = tsc.script(wanted)
    for numbers in (*NUMBERS, *REFUSED):
        t = torch.tensor(numbers)
        for given in (t, torch.stack([t, t], 1)[:, 0]):
            want, got = outcome(wanted, given), outcome(compiled, given)
            if isinstance(want, type):
                assert got is want
            else:
                require_same(got, want)
            if len(numbers) > 1:  # those of one element have code of their own, if any is left
                assert compiled.last.tier == "native", compiled.last.reason


def test_none_of_nothing() -> None:
    def wanted(t: Tensor):
        return torch.unique(t), torch.unique_consecutive(t), torch.bincount(t), torch.repeat_interleave(t)

    compiled: Any = tsc.script(wanted)
    empty = torch.zeros(0, dtype=torch.int64)
    require_same(compiled(empty), wanted(empty))


def test_numbers_that_are_no_numbers_are_distinct() -> None:
    def wanted(x: Tensor):
        return torch.unique(x)

    compiled: Any = tsc.script(wanted)
    x = torch.tensor([1.0, float("nan"), -1.0, float("nan"), 1.0])
    require_same(compiled(x), wanted(x))
    assert compiled.last.tier == "native"


def test_what_is_added_to_nothing_is_an_error() -> None:
    def wanted(x: Tensor, mask: Tensor, at: Tensor):
        return x[mask].index_add(0, at, torch.ones(at.shape[0]))

    compiled: Any = tsc.script(wanted)
    x, at = torch.arange(6.0), torch.tensor([0, 1, 0])
    for count in (6, 2):
        mask = torch.arange(6) < count
        require_same(compiled(x, mask, at), wanted(x, mask, at))
        assert compiled.last.tier == "native"
    for _ in range(50):  # nothing is written before the memory of a tensor without elements
        with pytest.raises((IndexError, RuntimeError)):
            compiled(x, torch.zeros(6, dtype=torch.bool), at)
