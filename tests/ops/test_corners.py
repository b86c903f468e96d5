# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Operators of tensors without elements or without dims, and of parts of memory, in every dtype."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import tsc

DTYPES = (
    torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
    torch.float32, torch.float64, torch.bool,
)  # fmt: skip
NUMBERS = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_the_median_of_nothing(dtype: torch.dtype) -> None:
    def medians(x: Tensor) -> tuple[Tensor, Tensor]:
        return x.median(), x.nanmedian()

    nothing = torch.zeros(0, dtype=dtype)
    torch.testing.assert_close(tsc.script(medians)(nothing), medians(nothing), equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_where_a_tensor_begins_in_its_memory(dtype: torch.dtype) -> None:
    def offset(x: Tensor) -> int:
        return int(x.storage_offset())

    part = torch.zeros(3, 4, dtype=dtype)[1:, 2:]
    assert tsc.script(offset)(part) == offset(part)


@pytest.mark.parametrize("offset", [0, 1, 3, 4, 9, -2, -3, -9])
def test_where_a_diagonal_begins(offset: int) -> None:
    def begin(x: Tensor, offset: int) -> int:
        return int(x.diagonal(offset, 0, 1).storage_offset())

    assert tsc.script(begin)(torch.zeros(3, 4), offset) == begin(torch.zeros(3, 4), offset)


def test_where_a_view_without_elements_begins_is_not_known() -> None:
    def program(x: Tensor) -> Tensor:
        return x[:, 4:].as_strided([2], [1])

    with pytest.raises(RuntimeError, match="as_strided: requires elements, or a storage_offset"):
        tsc.script(program)(torch.zeros(3, 4))


def test_the_transpose_of_a_number_is_itself() -> None:
    def program(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        turned, adjoint = x.mT, y.adjoint()
        x.unsqueeze_(0)
        y.unsqueeze_(0)
        return turned, adjoint

    got, want = (run(torch.ones([]), torch.ones([])) for run in (tsc.script(program), program))
    assert [part.shape for part in got] == [part.shape for part in want]


def test_what_has_no_elements_is_native_under_another_shape() -> None:
    def program(x: Tensor, y: Tensor) -> Tensor:
        return torch.outer(x.reshape(-1), y.reshape(-1)) + 1

    for shape in ((0, 4), (4, 0), (2, 0, 3)):
        scripted = tsc.script(program)
        x = torch.ones(shape)
        assert scripted(x, torch.ones(3)).shape == program(x, torch.ones(3)).shape
        assert scripted.last.is_native
