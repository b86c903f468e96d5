"""What PyTorch's operators refuse raises in compiled programs too, in every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import tsc


def written_in_place(x: Tensor) -> Tensor:
    mask = x > 3
    mask.abs_()
    return mask


def clamped(x: Tensor) -> Tensor:
    return F.relu6(x > 0)


def subtracted(x: Tensor) -> Tensor:
    return x - (x > 0)


def without_places(x: Tensor) -> Tensor:
    return F.conv1d(x[:, :0].unsqueeze(0), torch.ones(1, 2, 1), padding=1)


def written_with_too_many_dims(x: Tensor) -> Tensor:
    return x.index_put([torch.tensor([0, 1])], torch.ones(1, 2, 3))


PROGRAMS = (written_in_place, clamped, subtracted, without_places, written_with_too_many_dims)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_refused_call_raises_each_time(program: Callable[[Tensor], Tensor]) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    with pytest.raises(RuntimeError):
        program(x)
    scripted: Any = tsc.script(program)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            scripted(x)


def test_one_value_with_dims_fills_where_a_mask_holds() -> None:
    def filled(x: Tensor, value: Tensor) -> Tensor:
        x[x > 2] = value
        return x

    scripted: Any = tsc.script(filled)
    for _ in range(3):
        x, value = torch.arange(6.0).reshape(2, 3), torch.full((1, 1, 1), -1.0)
        assert torch.equal(scripted(x.clone(), value), filled(x.clone(), value))
