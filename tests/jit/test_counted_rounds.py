# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Loops with a counter as their condition, and `for` loops with `break` as archives have them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.test_symbolic_sizes import require_same


def breaks(x: Tensor, n: int) -> tuple[Tensor, int]:
    last = -1
    for i in range(n):
        x = torch.cat([x, x[-1:] * 2 + i])
        last = i
        if x.sum() > 40:
            break
    return x, last


def counts(x: Tensor, n: int) -> tuple[Tensor, int]:
    i = 2
    while i < n and x.sum() < 40:
        x = torch.cat([x, x[-1:] + i])
        i += 1
    return x, i


def counts_in_rounds(x: Tensor, n: int) -> Tensor:
    total = torch.zeros_like(x)
    for i in range(n):
        k = 0
        while i + k < n:
            total = total + x * k
            k += 1
            if k > 3:
                break
    return total


def moves_its_limit(x: Tensor, n: int) -> tuple[Tensor, int]:
    i = 0
    while i < n:
        x = x + i
        if i == 2:
            n = n - 2
        i += 1
    return x, i


@pytest.mark.parametrize("program", [breaks, counts, counts_in_rounds, moves_its_limit])
@pytest.mark.parametrize("is_archive", [False, True])
def test_they_run_as_often_as_pytorchs(program: Callable[..., Any], is_archive: bool) -> None:
    scripted: Any = torch.jit.script(program)
    made: Any = tsc.script(program)
    if is_archive:
        file = io.BytesIO()
        torch.jit.save(scripted, file)
        file.seek(0)
        made = tsc.load(file)
    for n in (0, 1, 2, 3, 7, 12, -1, -9):
        for value in (0.1, 3.0, 50.0):
            x = torch.full((2,), value)
            require_same(made(x, n), scripted(x, n))
    if program is breaks:
        function = made.forward if is_archive else made
        assert function.last.is_native
