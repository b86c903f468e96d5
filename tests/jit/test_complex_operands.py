# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Operators that read complex tensors, or give views of them, run beside native code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tsc.options import options


def asked(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return torch.softmax(x, 0), c.any(0)


def magnitudes(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return torch.rsqrt(c.abs() + 1), x * 2


def compared(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return c == x, torch.cat([c, c]).real + 1


def both(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.logical_and(x, c), torch.logical_or(c, x), torch.logical_xor(x, c)


def strided(x: Tensor, c: Tensor) -> Tensor:
    return c[..., ::2].as_strided([2], [1]) ** 2 + x.sum()


def shown(x: Tensor, c: Tensor) -> Tensor:
    return torch.real(c)


def shown_with_others(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return c.imag, torch.view_as_real(c), x + 1


@pytest.mark.parametrize("program", [asked, magnitudes, compared, both, strided, shown, shown_with_others])
def test_complex_operands(program: Callable[[Tensor, Tensor], Any]) -> None:
    scripted: Any = tsc.script(program)
    x = torch.arange(4.0)
    c = torch.complex(x - 1, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            torch.testing.assert_close(scripted(x, c), program(x, c))


def constants(c: Tensor) -> tuple[Tensor, complex, complex]:
    return c + complex(float("inf"), 0.0), complex(1.0, -0.0), complex(-0.0, float("nan"))


@pytest.mark.parametrize("is_native", [False, True])
def test_complex_constants_are_infinite_or_have_negative_zeros(
    is_native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "is_native_enabled", is_native)
    c = torch.complex(torch.arange(4.0), torch.ones(4))
    scripted: Any = tsc.script(constants)
    want = constants(c)
    for _ in range(2):
        got = scripted(c)
        torch.testing.assert_close(got[0], want[0], equal_nan=True)
        assert [repr(n) for n in got[1:]] == [repr(n) for n in want[1:]]
