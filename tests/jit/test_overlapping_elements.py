# pyright: reportUnknownMemberType=false, reportPrivateUsage=false
"""Elementwise writes to views in which a place is several elements go one by one, as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tsc.options import options


def adds(x: Tensor, y: Tensor) -> None:
    x.add_(y)


def subtracts_and_divides(x: Tensor, y: Tensor) -> None:
    x -= y
    x /= 3


def adds_itself(x: Tensor, y: Tensor) -> None:
    x.add_(x)


def clamps(x: Tensor, y: Tensor) -> None:
    x.clamp_(-1, 1).add_(1)


def copies(x: Tensor, y: Tensor) -> None:
    x.copy_(y)


def fills_under_a_mask(x: Tensor, y: Tensor) -> None:
    x.masked_fill_(y > 0, 2.5)


def fills(x: Tensor, y: Tensor) -> None:
    x.fill_(2)


PROGRAMS = (adds, subtracts_and_divides, adds_itself, clamps, copies, fills_under_a_mask, fills)
VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "windows": lambda x: x.unfold(0, 2, 1),
    "windows with steps": lambda x: x.unfold(0, 3, 2),
    "windows turned": lambda x: x.unfold(0, 3, 1).t(),
    "rows that overlap": lambda x: x.as_strided([3, 3], [2, 1]),
    "three dims": lambda x: x.as_strided([3, 3, 2], [1, 1, 2]),
    "long rows": lambda x: x.as_strided([3, 17], [1, 1]),
    "no overlap": lambda x: x[::2],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_each_element_reads_what_was_written_before(
    program: Callable[[Tensor, Tensor], None], view: str
) -> None:
    scripted: Any = tsc.script(program)
    whole = torch.arange(20.0) * 37 % 23 / 8 - 1.1
    shape = VIEWS[view](whole).shape
    values = (torch.arange(float(shape.numel())) * 29 % 31 / 7 - 1).reshape(shape)
    for other in (values, values[0], values.flatten()[3]):
        got, want = whole.clone(), whole.clone()
        scripted(VIEWS[view](got), other)
        program(VIEWS[view](want), other)
        torch.testing.assert_close(got, want)


def crossed(x: Tensor, n: int) -> Tensor:
    x[:3, n].copy_(x[n])
    return x


def crossed_elsewhere(x: Tensor, n: int) -> Tensor:
    x[:3, n].copy_(x[n + 1])
    return x


def crossed_where_a_tensor_says(x: Tensor, n: int) -> Tensor:
    at = int((x[0, 0] * 0).item()) + n
    y = x * 1
    y[:3, at].copy_(y[at])
    return y


LAYOUTS: dict[str, Callable[[], Tensor]] = {
    "row-major": lambda: torch.arange(15.0).reshape(5, 3),
    "turned": lambda: torch.arange(15.0).reshape(3, 5).t(),
    "with gaps": lambda: torch.arange(60.0).reshape(10, 6)[::2, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize("program", [crossed, crossed_elsewhere, crossed_where_a_tensor_says])
def test_a_row_is_copied_into_a_column_that_it_crosses(
    program: Callable[[Tensor, int], Tensor], is_native: bool, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place that they share is read before it is written, in whatever order."""
    monkeypatch.setattr(options(), "is_native_enabled", is_native)
    scripted: Any = tsc.script(program)
    for n in (0, 1, 2, 1):
        x, y = LAYOUTS[layout](), LAYOUTS[layout]()
        torch.testing.assert_close(scripted(x, n), program(y, n), rtol=0, atol=0)
        torch.testing.assert_close(x, y, rtol=0, atol=0)
