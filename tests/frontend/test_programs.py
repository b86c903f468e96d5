# pyright: reportPossiblyUnboundVariable=false, reportAttributeAccessIssue=false, reportReturnType=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Programs with control flow, containers and mutation: scripted by tsc, they do what Python does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tests.printing.control_flow import collatz, early_return, list_of_dicts
from tsc.errors import CompileError


def optionals(x: Tensor, scale: float | None = None) -> Tensor:
    if scale is None:
        return x
    return x * scale


def slices(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x.clone()
    y[:, 1] = 7
    y[0, 1:] += 1
    return y, x[..., None].sum(0)


def stacked(x: Tensor, steps: int) -> Tensor:
    outs: list[Tensor] = []
    h = torch.zeros(x.size(1))
    for t in range(x.size(0)):
        h = torch.tanh(h * 0.5 + x[t])
        outs.append(h)
    return torch.stack(outs) * steps


def data_dependent(x: Tensor) -> Tensor:
    total = torch.zeros(1)
    for i in range(x.size(0)):
        if bool(x[i] > 0):
            total = total + x[i]
    return total


def raises(n: int) -> int:
    if n < 0:
        raise ValueError("n is negative")
    assert n < 10, "n is too large"
    return n


X = torch.arange(12, dtype=torch.float32).reshape(3, 4) - 4
CASES = [
    (early_return, (X, 0)),
    (early_return, (X, 5)),
    (collatz, (27,)),
    (list_of_dicts, ([1, 2, 3, 4],)),
    (optionals, (X,)),
    (optionals, (X, 2.5)),
    (slices, (X,)),
    (stacked, (X, 2)),
    (data_dependent, (X[:, 0],)),
]


@pytest.mark.parametrize(
    ("function", "arguments"), CASES, ids=[f"{f.__name__}-{i}" for i, (f, _) in enumerate(CASES)]
)
def test_the_scripted_program_does_what_python_does(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    def copied() -> tuple[Any, ...]:
        return tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments)

    compare(tsc.script(function)(*copied()), function(*copied()))


def compare(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    if isinstance(expected, Tensor):
        torch.testing.assert_close(got, expected)
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            compare(a, b)
    else:
        assert got == expected


def test_a_loop_over_the_rows_of_a_tensor_runs_natively() -> None:
    scripted = tsc.script(stacked)
    scripted(X, 2)
    assert scripted.last.is_native, scripted.last.reason


def test_exceptions_of_the_program_carry_its_message() -> None:
    scripted = tsc.script(raises)
    assert scripted(3) == 3
    with pytest.raises(RuntimeError, match="n is negative"):
        scripted(-1)
    with pytest.raises(RuntimeError, match="n is too large"):
        scripted(11)


def undefined_in_one_branch(n: int) -> int:
    if n > 0:
        y = 1
    return y


def wrong_type(x: Tensor) -> int:
    return x.relu().no_such_method()


def changes_type(n: int) -> int:
    x = 1
    for _ in range(n):
        x = "text"
    return x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (undefined_in_one_branch, "y is not defined in"),
        (wrong_type, "no attribute or method 'no_such_method'"),
        (changes_type, "previously had type int but is now being assigned to a value of type str"),
    ],
)
def test_compile_errors_show_the_line(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(CompileError, match=message) as caught:
        tsc.script(function)
    text = str(caught.value)
    assert "test_programs.py" in text
    assert "<--- HERE" in text


def test_numpy_programs_without_torch_tensors() -> None:
    np.testing.assert_array_equal(tsc.script(optionals)(np.ones(3, np.float32), 3.0), np.full(3, 3.0))
