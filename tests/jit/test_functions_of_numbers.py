# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Functions of numbers that tensors hold: native, and as PyTorch's, for odd numbers too."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc

EXPRESSIONS = [
    *(f"math.{name}(a)" for name in (
        "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "exp", "expm1",
        "log", "log1p", "log10", "sqrt", "erf", "floor", "ceil", "fabs",
    )),
    "math.atan2(a, 0.3)", "math.sin(n)", "math.sqrt(n)", "round(a)", "int(a)", "abs(a)", "abs(n)",
    "a / n", "n / a", "n / n", "1.0 / a", "min(a, 0.5)", "max(a, 0.5)", "min(a, float(n))", "max(n, 2)",
]  # fmt: skip
NUMBERS = [(0.4, 1.7), (-1.6, -2.9), (0.0, 0.0), (2.5, 3.0), (1.0, -1.0), (math.nan, 1.0), (-math.inf, 1.0)]


def outcome(function: Any, *arguments: Any) -> Any:
    """What a call gives, or the class of its error as PyTorch tells it."""
    try:
        return function(*arguments)
    except RuntimeError:
        return RuntimeError


def require_same(got: Any, want: Any) -> None:
    if want is RuntimeError or got is RuntimeError:
        assert got is want
    else:
        torch.testing.assert_close(got, want, equal_nan=True)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_functions_of_numbers(expression: str) -> None:
    lines = ("def f(x: Tensor):", "  a = float(x[0])", "  n = int(x[1])", f"  return x * ({expression})")
    text = "\n".join(lines) + "\n"
    want: Any = torch.jit.CompilationUnit(text)
    made: Any = tsc.jit.CompilationUnit(text)
    for numbers in NUMBERS:
        x = torch.tensor(numbers)
        require_same(outcome(made.f, x), outcome(want.f, x))
    made.f(torch.tensor((0.7, 2.0)))
    assert made.f.last.is_native


def cast(x: float):
    return int(x)


def cast_in_text(x: float):
    return str(int(x)), math.floor(x)


def cast_of_any(x: float):
    y = torch.tensor(x).item()
    return int(y)


@pytest.mark.parametrize("program", [cast, cast_in_text, cast_of_any])
@pytest.mark.parametrize("number", [3e38, -math.inf, math.nan, -2.5, 1e19, -9.3e18])
def test_floats_beyond_integers(program: Any, number: float) -> None:
    compiled, wanted = tsc.script(program), torch.jit.script(program)
    for _ in range(2):
        assert outcome(compiled, number) == outcome(wanted, number)


@pytest.mark.parametrize("number", [3e38, -math.inf, math.nan, -2.5, 9.3e18])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_that_are_read_as_integers(number: float, dtype: torch.dtype) -> None:
    def f(x: Tensor):
        return x[: int(x[0]) % 3], x * int(x[0])

    compiled: Any = tsc.script(f)
    wanted: Any = torch.jit.script(f)
    compiled(torch.tensor([2.0, 1.0, 3.0], dtype=dtype))
    x = torch.tensor([number, 1.0, 2.0], dtype=dtype)
    got, want = outcome(compiled, x), outcome(wanted, x)
    assert (got is RuntimeError) == (want is RuntimeError)
    if want is not RuntimeError:
        for a, b in zip(got, want, strict=True):
            require_same(a, b)


def test_a_simulation_in_numbers_is_native() -> None:
    def simulated(state: Tensor, actions: Tensor, dt: float):
        x, v = float(state[0]), float(state[1])
        path = torch.zeros(actions.size(0), 2)
        n = 0
        for i in range(actions.size(0)):
            a = 1.0 if int(actions[i]) == 1 else -1.0
            x += dt * v
            v += dt * (a - math.sin(x))
            path[i, 0] = x
            path[i, 1] = v
            n = i + 1
            if abs(x) > 0.3:
                break
        return path[:n], n

    torch.manual_seed(0)
    compiled: Any = tsc.script(simulated)
    wanted: Any = torch.jit.script(simulated)
    for length in (30, 50, 5):
        arguments = torch.randn(2) * 0.1, torch.randint(0, 2, (length,)), 0.02
        got, want = compiled(*arguments), wanted(*arguments)
        require_same(got[0], want[0])
        assert got[1] == want[1]
        assert compiled.last.is_native
