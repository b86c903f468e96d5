"""Dtypes of PyTorch that tsc does not have are named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tsc
from tsc import dtypes
from tsc.errors import DTypeError
from tsc.interop.torch import dtype_code


class Quantized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kind = torch.qint8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def test_all_of_ours_have_pytorchs_numbers() -> None:
    assert [dtype_code(getattr(torch, dtype.name)) for dtype in dtypes.ALL] == [d.code for d in dtypes.ALL]


@pytest.mark.parametrize("name", ["qint8", "complex32", "float8_e5m2"])
def test_others_are_refused_by_name(name: str) -> None:
    with pytest.raises(DTypeError, match=rf"torch\.{name} is no dtype"):
        dtype_code(getattr(torch, name))


def test_a_module_that_holds_one_is_refused() -> None:
    with pytest.raises(DTypeError, match=r"torch\.qint8"):
        tsc.script(Quantized())
