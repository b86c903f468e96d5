# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Submodules that are declared as interfaces are what they hold, and compiled as that."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.side_by_side import frozen, loaded


@torch.jit.interface
class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportReturnType]
        pass


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).relu()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = 3.0

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Shifted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - 1


class Holder(nn.Module):
    step: Step

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, x: Tensor) -> Tensor:
        return self.step.forward(x) + 1.0


class Several(nn.Module):
    def __init__(self, *steps: nn.Module) -> None:
        super().__init__()
        self.first, self.second = (Holder(step) for step in steps)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(x)


@pytest.mark.parametrize("made", [tsc.script, frozen, loaded])
@pytest.mark.parametrize(
    "module",
    [
        Holder(Dense()),
        Holder(Scaled()),
        Holder(Shifted()),
        Several(Dense(), Dense()),
        Several(Dense(), Shifted()),
    ],
    ids=["parameters", "numbers", "nothing", "twice", "two classes"],
)
def test_calls_through_interfaces(module: nn.Module, made: Callable[..., Any]) -> None:
    module.eval()
    with torch.no_grad():
        script, x = made(module), torch.randn(4, 8)
        for _ in range(4):
            torch.testing.assert_close(script(x), module(x))
    tiers = {info.tier for info in script.specializations()}
    holds_two = isinstance(module, Several) and isinstance(module.second.step, Shifted)
    assert tiers == {"native"} or (holds_two and "mixed" in tiers)  # both holders are of one class


def test_another_implementation_is_another_version() -> None:
    script, x = tsc.script(Holder(Shifted()).eval()), torch.randn(4, 8)
    for _ in range(4):
        torch.testing.assert_close(script(x), x)
    script.step = tsc.script(Scaled().eval())
    for _ in range(4):
        torch.testing.assert_close(script(x), x * 3 + 1)
    script.step = tsc.script(Shifted().eval())
    torch.testing.assert_close(script(x), x)
