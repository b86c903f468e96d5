# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Strided views are native where it is known how their tensors lie: overlapping windows of attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import tsc


def windows(x: Tensor, w: Tensor) -> Tensor:
    return functional.linear(x, w).as_strided([7, 2, 6], [6, 6, 1]) + 1


def repeated(x: Tensor, w: Tensor) -> Tensor:
    return functional.linear(x, w).as_strided([3, 4, 5], [0, 2, 3]) * 2


def scattered(x: Tensor, w: Tensor) -> Tensor:
    return functional.linear(x, w).as_strided([3, 2, 4], [1, 24, 3])


def of_heads(x: Tensor, w: Tensor) -> Tensor:
    y = functional.linear(x, w)
    y /= 2
    return y.view(4, 2, 3, 2).transpose(0, 1).as_strided([2, 3, 3, 2], [6, 12, 2, 1]) + 1


def of_heads_together(x: Tensor, w: Tensor) -> Tensor:
    y = functional.linear(x, w).view(4, 2, 3, 2).transpose(0, 1)
    return y.reshape(2, 4, 6).as_strided([2, 3, 3, 2], [6, 12, 2, 1]) + y.sum()


def of_a_piece(x: Tensor, w: Tensor) -> Tensor:
    return functional.linear(x, w)[2:].as_strided([3, 4], [4, 1]) + 1


NATIVE = [windows, repeated, scattered, of_heads, of_heads_together, of_a_piece]


def of_an_argument(x: Tensor, w: Tensor) -> Tensor:
    return x.t().as_strided([3, 4], [4, 1]) + w[0, 0]


def beyond(x: Tensor, w: Tensor) -> Tensor:
    return functional.linear(x, w)[:2].as_strided([3, 6], [6, 1]) + 1


def placed(x: Tensor, w: Tensor) -> Tensor:
    return functional.linear(x, w)[2:].as_strided([3, 4], [4, 1], 5) + 1


@pytest.mark.parametrize("program", [*NATIVE, of_an_argument, beyond, placed])
def test_strided_views_show_what_they_show_in_pytorch(program: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(8, 5, generator=generator), torch.randn(6, 5, generator=generator)
    compiled = tsc.script(program)
    for _ in range(2):
        torch.testing.assert_close(compiled(x, w), program(x, w))
    assert compiled.last.is_native == (program in NATIVE)


def test_a_strided_view_beyond_its_memory_raises() -> None:
    def program(x: Tensor, w: Tensor) -> Tensor:
        return functional.linear(x, w).as_strided([8, 7], [7, 1])

    for compiled in (torch.jit.script(program), tsc.script(program)):
        with pytest.raises(RuntimeError, match="setStorage"):
            compiled(torch.ones(8, 5), torch.ones(6, 5))
