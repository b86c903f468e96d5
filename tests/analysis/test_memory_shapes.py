"""Views that memory does not allow raise in compiled programs too, for the sizes for which they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc


def turned(x: Tensor) -> Tensor:
    return x.t().view([3, -1]).max()


def computed(x: Tensor) -> Tensor:
    return (x.t() * 2).view(-1).max()


def cut(x: Tensor) -> Tensor:
    return x[:, 1:].view(-1).sum()


def as_given(x: Tensor) -> Tensor:
    return x.view(-1).sum()


def spread(x: Tensor) -> Tensor:
    return (x.unsqueeze(0).expand(4, -1, -1) + 1).view(-1).sum()


def made_anew(x: Tensor) -> Tensor:
    return x.permute(1, 0).contiguous().view(-1).sum()


def beside_data(x: Tensor) -> Tensor:
    found = torch.nonzero(x > 0)
    return x.t().view([3, -1]).max() + found.sum()


@pytest.mark.parametrize("program", [turned, computed, cut, as_given, spread, made_anew, beside_data])
def test_a_view_raises_where_it_does_in_pytorch(program: Callable[[Tensor], Tensor]) -> None:
    compiled: Any = tsc.script(program)
    generator = torch.Generator().manual_seed(0)
    shapes: list[tuple[tuple[int, int], bool]] = [
        ((3, 5), False), ((4, 6), False), ((5, 3), True), ((1, 6), False), ((3, 3), False),
    ]  # fmt: skip
    for shape, is_turned in shapes:
        x = torch.randn(shape, generator=generator)
        x = x.t() if is_turned else x
        try:
            want = program(x)
        except RuntimeError:
            for _ in range(2):
                with pytest.raises(RuntimeError, match="size is not compatible with input tensor's size"):
                    compiled(x)
        else:
            for _ in range(2):
                torch.testing.assert_close(compiled(x), want)
