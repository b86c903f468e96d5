# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUntypedClassDecorator=false, reportReturnType=false, reportIncompatibleVariableOverride=false, reportAttributeAccessIssue=false, reportArgumentType=false, reportAssignmentType=false
"""Submodules that are declared as interfaces have their methods, of the same types."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc

LIBRARIES = pytest.mark.parametrize("jit", [torch.jit, tsc], ids=["torch", "tsc"])
X = torch.ones(2)


@torch.jit.interface
class One(nn.Module):
    def one(self, x: Tensor) -> Tensor:
        pass


class Fits(nn.Module):
    @torch.jit.export
    def one(self, x: Tensor) -> Tensor:
        return x * 5


class OtherResult(nn.Module):
    @torch.jit.export
    def one(self, x: Tensor) -> int:
        return 1


class Lacks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Holder(nn.Module):
    part: One

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return self.part.one(x)


class Around(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.held = Holder(part)

    def forward(self, x: Tensor) -> Tensor:
        return self.held(x)


@LIBRARIES
@pytest.mark.parametrize("around", [Holder, Around])
def test_a_submodule_of_other_types_than_its_interface_is_refused(jit: Any, around: Any) -> None:
    assert jit.script(around(Fits()))(X).tolist() == [5.0, 5.0]
    with pytest.raises(RuntimeError, match=r"Could not cast attribute 'part' to type .*One: Object of type"):
        jit.script(around(OtherResult()))
    with pytest.raises((RuntimeError, AttributeError)):
        jit.script(around(Lacks()))


@LIBRARIES
@pytest.mark.parametrize("other", [OtherResult, Lacks])
def test_what_is_no_such_interface_is_not_put_in_its_place(jit: Any, other: Any) -> None:
    module = jit.script(Holder(Fits()))
    with pytest.raises(RuntimeError, match="is not compatible with interface"):
        module.part = jit.script(other())
    module.part = jit.script(Fits())
    assert module(X).tolist() == [5.0, 5.0]
