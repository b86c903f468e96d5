# pyright: reportUnknownMemberType=false, reportReturnType=false
"""Programs that see how tensors lie, by asking or by writing through views, see what PyTorch shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import tsc


def asks_of_a_copy(x: Tensor) -> tuple[int, int]:
    return x.contiguous().stride(0), x.stride(0)


def asks_of_composites(x: Tensor) -> tuple[list[int], bool, list[int]]:
    return torch.softmax(x, -1).stride(), F.layer_norm(x, [x.size(-1)]).is_contiguous(), x.relu().t().stride()


def asks_of_what_was_written(x: Tensor) -> tuple[Tensor, bool, bool]:
    y = torch.softmax(x, -1)
    y.t().add_(1)
    return y, y.is_contiguous(), y.t().is_contiguous()


def writes_through_contiguous(x: Tensor) -> Tensor:
    y = F.layer_norm(x, [x.size(-1)])
    y.contiguous().add_(1)
    return y


def writes_through_flatten(x: Tensor) -> Tensor:
    y = F.softmax(x, -2)
    y.flatten().add_(1)
    return y


def writes_into_a_copy(x: Tensor) -> Tensor:
    y = x * 2
    y.t().contiguous().add_(1)
    return y


def reads_on_from_a_view(x: Tensor) -> Tensor:
    row = torch.outer(x.flatten(), x.flatten()).permute([1, 0])[1]
    return row.as_strided([2], [1])


def asks_of_nothing(x: Tensor) -> tuple[list[int], int, Tensor]:
    empty = x.flatten()[6:]
    return empty.stride(), x.new_zeros([3, 0, 4]).stride(0), empty + 1


PROGRAMS = (
    asks_of_a_copy, asks_of_composites, asks_of_what_was_written, writes_through_contiguous,
    writes_through_flatten, writes_into_a_copy, reads_on_from_a_view,
    asks_of_nothing,
)  # fmt: skip


@pytest.mark.parametrize("is_turned", [False, True], ids=["row-major", "turned"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_sees_pytorchs_layouts(program: Callable[[Tensor], Any], is_turned: bool) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    x = x.t() if is_turned else x
    scripted: Any = tsc.script(program)
    for _ in range(2):
        got, want = scripted(x.clone()), program(x.clone())
        torch.testing.assert_close(_listed(got), _listed(want), check_stride=True)


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, (list, tuple)) else value  # pyright: ignore[reportUnknownVariableType]
