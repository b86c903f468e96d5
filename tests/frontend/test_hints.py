# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportOptionalOperand=false, reportAttributeAccessIssue=false
"""Errors of the usual mistakes say what to do."""

import os
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.errors import CompileError


def empty_list_of_ints(n: int):
    found = []
    found.append(n)
    return found


def optional_operand(x: Tensor | None):
    return x + 1


def none_in_one_branch(flag: bool):
    if flag:
        y = None
    else:
        y = 3
    return y + 1


def none_first(flag: bool):
    y = None
    if flag:
        y = 3
    return y


def other_library(x):
    return x, os.getpid()


class Attributes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = {}
        self.steps = [nn.Linear(1, 1)]
        self.handle = object()


class ReadsATable(Attributes):
    def forward(self, x):
        return x + len(self.table)


class ReadsSteps(Attributes):
    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


class ReadsAHandle(Attributes):
    def forward(self, x):
        return x, self.handle


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (empty_list_of_ints, "Hint: an empty list holds tensors unless its type is said: found: List"),
        (optional_operand, "Hint: x may be None: test it first, as in: assert x is not None"),
        (none_in_one_branch, "Hint: y may be None: test it first"),
        (none_first, "Hint: say at its first assignment what it may be: y: Optional[int] = None"),
        (other_library, "Hint: a function marked with @torch.jit.ignore stays Python"),
        (ReadsATable(), "Python type: 'dict' to a TorchScript type. Dictionary inputs must"),
        (ReadsSteps(), "Modules are found in an nn.ModuleList or an nn.ModuleDict"),
        (ReadsAHandle(), "try adding a type annotation for the attribute"),
    ],
    ids=lambda v: getattr(v, "__name__", type(v).__name__),
)  # fmt: skip
def test_the_message_says_what_to_do(program: Any, told: str) -> None:
    with pytest.raises(RuntimeError):
        torch.jit.script(program)
    with pytest.raises(CompileError) as raised:
        tsc.script(program)
    assert told in str(raised.value)
