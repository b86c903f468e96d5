# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Functions that PyTorch compiled, in our traces and programs: their control flow stays."""

import pytest
import torch

import tsc


@torch.jit.script
def branching(x: torch.Tensor, y: int = 2) -> torch.Tensor:
    if bool(x.sum() > 0):
        return x * y
    return x - y


@torch.jit.script_if_tracing
def looping(x: torch.Tensor, n: int) -> torch.Tensor:
    for _ in range(n):
        if bool(x.sum() > 0):
            x = x - 1
    return x


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_trace_keeps_their_branches_and_loops(value: float) -> None:
    traced = tsc.trace(lambda x: branching(x) + looping(x, 3), (torch.ones(2),))
    x = torch.full((2,), value)
    torch.testing.assert_close(traced(x), branching(x) + looping(x, 3))


def calls(x: torch.Tensor) -> torch.Tensor:
    return branching(x) * branching(x, y=3)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_script_calls_them_with_their_defaults(value: float) -> None:
    x = torch.full((2,), value)
    torch.testing.assert_close(tsc.script(calls)(x), calls(x))


def test_script_takes_one_as_it_is() -> None:
    torch.testing.assert_close(tsc.script(branching)(-torch.ones(2)), branching(-torch.ones(2)))  # pyright: ignore[reportUnknownArgumentType]
