# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""`round-weights`: weights of products become numbers of fewer bits, in the program itself."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp

import tsc
from tsc.analysis.narrow_weights import rounded
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import ArgumentError, IRError
from tsc.passes.round_weights import RoundWeights


class Net(nn.Module):
    """Linear layers, one of which shares its weights with an embedding, and a product with a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(200, 96)
        self.first = nn.Linear(96, 192)
        self.second = nn.Linear(192, 96)
        self.last = nn.Linear(96, 200, bias=False)
        self.last.weight = self.table.weight
        self.turn = nn.Parameter(torch.randn(200, 100))

    def forward(self, places: Tensor) -> Tensor:
        x = self.table(places)
        x = x + self.second(torch.relu(self.first(x)))
        return torch.addmm(torch.ones(100), self.last(x), self.turn)


def in_float(net: Net, places: Tensor, precision: str) -> Tensor:
    """What the network gives with rounded weights."""

    def near(weight: Tensor, column: int = 0) -> Tensor:
        return torch.from_numpy(rounded(weight.detach().numpy(), precision, column))

    x = net.table(places)
    hidden = torch.relu(nn.functional.linear(x, near(net.first.weight), net.first.bias))
    x = x + nn.functional.linear(hidden, near(net.second.weight), net.second.bias)
    return torch.addmm(torch.ones(100), x @ near(net.last.weight).t(), near(net.turn, 1))


@pytest.mark.parametrize("precision", ["bf16", "int8"])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_a_module_computes_with_rounded_weights(precision: str, count: int) -> None:
    net, places = Net().eval(), torch.arange(count)
    module: Any = tsc.optimize_for_inference(tsc.script(net), precision=precision)
    exact = tsc.optimize_for_inference(tsc.script(net))
    with torch.no_grad():
        wanted = in_float(net, places, precision)
        for _ in range(3):
            torch.testing.assert_close(module(places), wanted, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(exact(places), net(places), rtol=1e-4, atol=1e-3)
    assert module.forward.last.is_native
    kind = {"bf16": "bf16", "int8": "i8"}[precision]
    assert (f"x{kind}>" in module.ir["linalg"]) == (count <= 16)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_what_is_saved_is_rounded_and_narrow_when_it_is_loaded(precision: str) -> None:
    net, places = Net().eval(), torch.arange(2)
    module = tsc.optimize_for_inference(tsc.script(net), precision=precision)
    wanted = module(places)
    for other in (
        tsc.optimize_for_inference(tsc.load(io.BytesIO(module.save_to_buffer()))),
        pickle.loads(pickle.dumps(module)),
    ):
        for _ in range(2):
            torch.testing.assert_close(torch.as_tensor(other(places)), wanted)


def test_a_frozen_module_is_left_as_it_is() -> None:
    frozen = tsc.freeze(tsc.script(Net().eval()))
    before = frozen(torch.arange(2))
    assert tsc.optimize_for_inference(frozen, precision="int8") is not frozen
    assert tsc.optimize_for_inference(frozen) is frozen
    assert torch.equal(frozen(torch.arange(2)), before)


def test_precisions_that_are_none_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"precision: requires one of .*; got 'fp4'"):
        tsc.optimize_for_inference(tsc.script(Net().eval()), precision="fp4")
    with pytest.raises(IRError, match="round-weights: requires precision in"):
        RoundWeights("fp4").apply(make_context(ConstantPool()), ModuleOp([]))
