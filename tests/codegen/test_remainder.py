# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Remainders of floats: exact, for quotients of any size, and native."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc

ODD = [0.0, -0.0, 1.0, -1.0, 0.1, 2.5, -7.0, float("inf"), float("-inf"), float("nan"), 3e38, 1e-38, 1e-45]


def fmod(x: Tensor, y: Tensor):
    return torch.fmod(x, y)


def remainder(x: Tensor, y: Tensor):
    return torch.remainder(x, y), x % 0.7


def floored(x: Tensor, y: Tensor):
    return torch.div(x, y, rounding_mode="floor"), x // 0.3


def pairs(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Numbers of all exponents, signs and mantissas, and odd ones with each other."""
    generator = torch.Generator().manual_seed(0)
    largest = {torch.float64: 1000, torch.float32: 120, torch.bfloat16: 120, torch.float16: 12}[dtype]
    shape = (2, 6000)
    exponents = torch.randint(-largest, largest, shape, generator=generator)
    near = torch.randint(-3, 60, (6000,), generator=generator)
    exponents[0, ::2] = (exponents[1, ::2] + near[::2]).clamp(-largest, largest)
    values = torch.randn(shape, generator=generator, dtype=torch.float64).ldexp(exponents)
    values[0, 1::8] = values[1, 1::8] * torch.randint(1, 99, (750,), generator=generator)
    odd = torch.cartesian_prod(torch.tensor(ODD), torch.tensor(ODD)).t()
    x, y = torch.cat([values, odd.double()], 1).to(dtype)
    return x, y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_remainders_are_exact(dtype: torch.dtype) -> None:
    """Where quotients have more than some 100 bits, PyTorch gives NaN."""
    compiled: Any = tsc.script(fmod)
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        want = np.fmod(x.double().numpy(), y.double().numpy())
    got = compiled(x, y).double().numpy()
    assert np.array_equal(got, want, equal_nan=True)
    are_numbers = ~np.isnan(want)
    assert np.array_equal(np.signbit(got)[are_numbers], np.signbit(want)[are_numbers])
    assert compiled.last.is_native


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("program", [fmod, remainder, floored])
def test_remainders_and_floors_are_pytorchs(program: Callable[..., Any], dtype: torch.dtype) -> None:
    compiled: Any = tsc.script(program)
    x, y = pairs(dtype)
    is_moderate = (((x / y).abs() < 2**20) | (y == 0)) & (x.abs() < 2**20) | ~x.isfinite()
    x, y = x[is_moderate], y[is_moderate]
    torch.testing.assert_close(compiled(x, y), program(x, y), rtol=0, atol=0, equal_nan=True)
    assert compiled.last.is_native
