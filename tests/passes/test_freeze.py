# pyright: reportUnknownMemberType=false, reportOptionalMemberAccess=false, reportCallIssue=false
"""`freeze`: what becomes a constant, what stays, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.dialects.torch_ops import PrimGetAttrOp
from tsc.errors import CompileError


class Counter(nn.Module):
    calls: int

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.register_buffer("total", torch.zeros(2))
        self.calls = 0
        self.scale = 4.0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.total.add_(x)
        return x * self.weight * self.scale


def attributes_read(module: Any) -> set[str]:
    return {op.attribute for op in module.forward._entry().function.walk() if isinstance(op, PrimGetAttrOp)}


def test_written_attributes_stay_and_the_others_are_folded() -> None:
    frozen = tsc.freeze(tsc.script(Counter().eval()))
    assert attributes_read(frozen) == {"calls", "total"}


def test_state_is_kept_from_call_to_call() -> None:
    frozen = tsc.freeze(tsc.script(Counter().eval()))
    x = np.array([1.0, 2.0], np.float32)
    for n in range(1, 4):
        np.testing.assert_allclose(frozen(x), x * [2, 3] * 4)
        assert frozen.calls == n
        np.testing.assert_allclose(frozen.total, x * n)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 2.0
        self.conv = nn.Conv2d(2, 2, 1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.conv(x)) * self.scale


def test_a_preserved_attribute_can_still_be_changed() -> None:
    frozen = tsc.freeze(tsc.script(Scaled().eval()), preserved_attrs=["scale"])
    assert attributes_read(frozen) == {"scale"}
    x = np.ones((1, 2, 1, 1), np.float32)
    before = frozen(x)
    frozen.scale = 6.0
    np.testing.assert_allclose(frozen(x), before * 3, rtol=1e-6)


def test_dropout_goes() -> None:
    text = tsc.freeze(tsc.script(Scaled().eval())).ir["frozen"]
    assert "dropout" not in text


def test_a_module_in_training_mode_is_refused() -> None:
    with pytest.raises(CompileError, match="eval mode"):
        tsc.freeze(tsc.script(Scaled()))


def test_something_that_is_no_script_module_is_refused() -> None:
    with pytest.raises(RuntimeError, match="ScriptModule"):
        tsc.freeze(Scaled().eval())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
def test_constants_after_a_convolution_fold_into_it(operator: str) -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3)
            self.norm = nn.BatchNorm2d(3)
            self.register_buffer("constant", torch.tensor([1.5, 2.0, 0.5]).reshape(3, 1, 1))

        if operator == "+":

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) + self.constant
        elif operator == "-":

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) - self.constant
        elif operator == "*":

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) * self.constant
        else:

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) / self.constant

    torch.manual_seed(0)
    model = Folded().eval()
    model.norm.running_mean.uniform_(-1, 1)
    model.norm.running_var.uniform_(0.5, 2)
    frozen = tsc.freeze(tsc.script(model))
    text = frozen.ir["frozen"]
    assert "batch_norm" not in text
    assert not any(f"torch.aten.{name}." in text for name in ("add", "sub", "mul", "div"))
    x = torch.randn(1, 2, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(frozen(x), model(x), rtol=1e-5, atol=1e-5)
