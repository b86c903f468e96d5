# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
"""Arguments become the ints, floats and bools that PyTorch makes of them, or are refused where it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tsc


def int_of(value: int) -> int:
    return value + 1


def float_of(value: float) -> float:
    return value + 1


def bool_of(value: bool) -> bool:
    return not value


def complex_of(value: complex) -> complex:
    return value + 1


def ints_of(values: list[int]) -> list[int]:
    return values


VALUES = [
    True, 1, 1.5, 1j, None, "a", torch.tensor(3), torch.tensor(3.5), torch.tensor(True),
    np.int64(3), np.float32(1.5), np.float64(1.5), np.bool_(True), [True], [torch.tensor(3)], (1, 2), [1.5],
    torch.Size([2, 3]),
]  # fmt: skip


def outcome(function: Callable[..., Any], value: Any) -> str:
    try:
        return repr(function(value))
    except (RuntimeError, TypeError):
        return "refused"


@pytest.mark.parametrize("function", [int_of, float_of, bool_of, complex_of, ints_of])
def test_arguments_are_converted_as_pytorch_converts_them(function: Callable[..., Any]) -> None:
    ours, theirs = tsc.script(function), torch.jit.script(function)  # pyright: ignore[reportUnknownVariableType]
    assert [outcome(ours, v) for v in VALUES] == [outcome(theirs, v) for v in VALUES]


def of_int(n: int):
    return n


def of_list(n: list[int]):
    return len(n)


def of_dict(n: dict[int, int]):
    return len(n)


def of_optional(n: int | None):
    return n


def of_tensor(x: torch.Tensor, n: int):
    return x * n


BEYOND: list[tuple[Callable[..., object], tuple[Any, ...]]] = [
    (of_int, (2**63,)), (of_int, (-(2**63) - 1,)), (of_list, ([1, 2**64],)), (of_dict, ({1: 2**70},)),
    (of_dict, ({2**70: 1},)), (of_optional, (2**65,)), (of_tensor, (torch.ones(2), 2**70)),
]  # fmt: skip


@pytest.mark.parametrize(("program", "given"), BEYOND)
def test_ints_of_more_than_64_bits_are_refused(
    program: Callable[..., object], given: tuple[Any, ...]
) -> None:
    compiled: Any = tsc.script(program)
    if program is of_tensor:
        for number in range(6):  # code for one, and for all
            compiled(torch.ones(2), number)
    scripts: list[Any] = [torch.jit.script(program), compiled]
    for script in scripts:
        with pytest.raises(RuntimeError, match="Expected a value of type"):
            script(*given)


def test_the_largest_and_the_least_int_are_ints() -> None:
    compiled: Any = tsc.script(of_int)
    assert [compiled(2**63 - 1), compiled(-(2**63))] == [2**63 - 1, -(2**63)]
