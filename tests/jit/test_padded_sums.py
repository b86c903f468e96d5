# pyright: reportUnknownMemberType=false
"""Sums over what is padded with zeros are native: what is padded has them around it in memory, whichever of
the operands it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tsc


def deviation(x: Tensor) -> Tensor:
    return F.pad(x, [1, 1]).std(1)


def several(x: Tensor) -> tuple[Tensor, Tensor]:
    padded = F.pad(x, [1, 2])
    return padded.var(1), padded.sum(1)


def product(x: Tensor) -> Tensor:
    return (F.pad(x, [1, 1]) * F.pad(x.cos(), [2, 0])).sum(1)


@pytest.mark.parametrize("shape", [(5, 1), (1, 1), (5, 4), (40, 33)])
@pytest.mark.parametrize("program", [deviation, several, product])
def test_sums_over_what_is_padded_are_native(
    program: Callable[[Tensor], Any], shape: tuple[int, int]
) -> None:
    """The mean that is taken off may be as large as the data, and is no data."""
    scripted: Any = tsc.script(program)
    x = torch.randn(shape)
    torch.testing.assert_close(scripted(x), program(x))
    assert [s.tier for s in scripted.specializations()] == ["native"]
