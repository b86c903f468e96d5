# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Results that are all of what is computed in another order are views of it; and calls with arguments, or
results, in other orders of dims take the short way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.laid_out import PROGRAMS, pointwise, strides, tensors


def turned(x: Tensor) -> Tensor:
    return (x * 2 + 1).transpose(1, 2)


def channels_last(x: Tensor) -> dict[str, Tensor]:
    y = torch.relu(x).unsqueeze(1)
    return {"last": y.permute(0, 2, 3, 1), "sum": x.sum(2)}


def turned_in_half(x: Tensor) -> Tensor:
    return x.exp().to(torch.bfloat16).mT


def turned_and_narrowed(x: Tensor) -> Tensor:
    return (x + 1).transpose(0, 1)[:2]


def expanded_columns(x: Tensor) -> Tensor:
    return x.sum(2).unsqueeze(-1).expand(-1, -1, 3)


class Turning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("turned", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.turned = (x * 3).transpose(1, 2)
        return self.turned.sum(1)


OF_ALL = [turned, channels_last, turned_in_half, turned_and_narrowed, expanded_columns]


def assert_views(program: Callable[[Tensor], Any]) -> None:
    function: Any = tsc.script(program)
    for shape in ((2, 3, 4), (2, 3, 4), (3, 5, 2), (2, 3, 4), (1, 3, 4), (2, 1, 1), (0, 3, 4)):
        x = torch.randn(shape)
        for mine, theirs in zip(tensors(function(x)), tensors(program(x)), strict=True):
            torch.testing.assert_close(mine, theirs)
            assert strides(mine) == strides(theirs) or not theirs.numel()
    assert function.last.is_native


@pytest.mark.parametrize("program", OF_ALL)
def test_all_of_a_result_in_another_order_is_a_view_of_it(program: Callable[[Tensor], Any]) -> None:
    assert_views(program)


@pytest.mark.parametrize("program", OF_ALL)
@pytest.mark.usefixtures("for_all_sizes")
def test_so_it_is_for_all_sizes(program: Callable[[Tensor], Any]) -> None:
    assert_views(program)


def test_a_view_of_a_result_costs_no_copy() -> None:
    function: Any = tsc.script(turned)
    function(torch.randn(2, 3, 4))
    assert function.last.form.structure[0] == "view"


def test_an_attribute_may_be_all_of_a_result_in_another_order() -> None:
    theirs = Turning()
    mine = tsc.script(Turning())
    for _ in range(5):
        x = torch.randn(2, 3, 4)
        assert torch.allclose(mine(x), theirs(x))
        assert torch.equal(mine.turned, theirs.turned)
        assert mine.turned.stride() == theirs.turned.stride()


@pytest.mark.parametrize("program", PROGRAMS)
def test_calls_with_arguments_in_other_orders_are_right_each_time(program: Callable[[Tensor], Any]) -> None:
    function: Any = tsc.script(program)
    for columns in (6, 5):
        whole = torch.randn(4, columns)
        parts = torch.randn(8, columns)[::2], torch.randn(4, 2 * columns)[:, ::2]
        for x in (whole, whole.t().contiguous().t(), *parts, whole[:1].expand(4, -1), whole):
            for _ in range(3):
                for mine, theirs in zip(tensors(function(x)), tensors(program(x)), strict=True):
                    torch.testing.assert_close(mine, theirs)
                    assert strides(mine) == strides(theirs) or not theirs.numel()


def test_only_the_first_call_of_an_order_goes_the_long_way() -> None:
    function: Any = tsc.script(pointwise)
    x = torch.randn(4, 3)
    for given in (x, x.mT.contiguous().mT):
        for _ in range(10):
            assert torch.allclose(function(given), pointwise(given))
    assert sum(function.compiled.calls.values()) <= 4


def places(x: Tensor) -> Tensor:
    return torch.nonzero(x > 0)


def test_results_of_found_sizes_take_the_short_way() -> None:
    function: Any = tsc.script(places)
    given = [torch.randn(4, 3) for _ in range(10)]
    for x in [*given, torch.zeros(4, 3), torch.ones(4, 3), *torch.eye(12).view(12, 4, 3)[:2]]:
        got, want = function(x), places(x)
        assert torch.equal(got, want)
        assert strides(got) == strides(want) or not want.numel()
    assert sum(function.compiled.calls.values()) <= 5
