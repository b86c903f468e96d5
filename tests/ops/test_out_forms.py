"""``out=``: tensors that take a result take its shape, where nobody else may see their memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.side_by_side import assert_same, outcome


def of_nothing(a: Tensor, b: Tensor) -> tuple[Tensor, int, Tensor]:
    out = torch.empty(0)
    torch.add(a, b, out=out)
    return out, out.numel(), out * 2


def in_a_loop(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    out = torch.empty(0)
    for i in range(3):
        torch.mul(a, b + i, out=out)
        a = a + out.sum()
    return out, a


def read_too(a: Tensor, b: Tensor) -> Tensor:
    torch.add(a, b, out=a)
    return a


def as_many_elements(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    out = torch.zeros(8)
    view = out[2:]
    torch.add(a, b, out=out)
    return out, view


@pytest.mark.parametrize("program", [of_nothing, in_a_loop, read_too, as_many_elements])
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_a_result_is_stored_where_it_is_to_go(program: Callable[..., object]) -> None:
    function = tsc.script(program)
    for _ in range(3):
        arguments = [torch.ones(2, 1), torch.arange(4.0)[None]]
        assert_same(outcome(function, [a.clone() for a in arguments]), outcome(program, arguments))


@pytest.mark.parametrize("sizes", [[2, 1], [3, 4]])
def test_memory_that_others_may_see_neither_grows_nor_shrinks(sizes: list[int]) -> None:
    def viewed(a: Tensor, sizes: list[int]) -> Tensor:
        out = torch.ones(sizes)
        view = out[0]
        torch.exp(a, out=out)
        return view

    with pytest.raises(RuntimeError, match=r"aten::exp: out= has shape .* and not \[2, 4\]"):
        tsc.script(viewed)(torch.ones(2, 4), sizes)
