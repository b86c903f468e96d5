# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Recurrent layers over more steps than are unrolled: one native loop, with what PyTorch gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

import tsc
from tsc.testing import assert_close

KINDS: dict[str, dict[str, Any]] = {
    "one": {},
    "both ways": {"bidirectional": True},
    "two layers, batch first": {"num_layers": 2, "batch_first": True},
    "without biases": {"bias": False, "bidirectional": True, "num_layers": 2},
}
STEPS = 23


class Layers(nn.Module):
    """A recurrent layer and something after it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        y, last = self.layer(x)
        return torch.tanh(y), last


def tensors(value: Any) -> Iterator[Any]:
    """The tensors in nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from tensors(part)
    else:
        yield value


@pytest.fixture
def compiled_twice() -> Iterator[None]:
    """For one length, and for all others."""
    before = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
    yield
    tsc.set_fusion_strategy(before)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", KINDS)
@pytest.mark.usefixtures("compiled_twice")
def test_long_sequences_are_one_native_loop(kind: Any, options: str) -> None:
    torch.manual_seed(3)
    module = Layers(kind(5, 7, **KINDS[options])).eval()
    compiled = tsc.optimize_for_inference(tsc.freeze(tsc.trace(module, torch.randn(STEPS, 2, 5))))
    for length in (STEPS, STEPS + 8, STEPS + 1, 60):
        x = torch.randn(length, 2, 5)
        with torch.no_grad():
            wanted = module(x)
        for mine, other in zip(tensors(compiled(x)), tensors(wanted), strict=True):
            assert_close(mine, other, rtol=1e-5, atol=1e-5)
    assert [found.is_native for found in compiled.specializations()] == [True, True]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", ["one", "both ways", "without biases"])
def test_packed_sequences_are_native(kind: Any, options: str) -> None:
    """Given as data and batch sizes, in a function of tensors alone."""
    torch.manual_seed(5)
    layer = kind(5, 7, **KINDS[options]).eval()
    weights: Any = [weight.detach() for weight in layer.parameters()]
    ways, count = 1 + layer.bidirectional, layer.num_layers
    shape = (ways * count, 3, 7)
    state = [torch.randn(shape)] * (2 if kind is nn.LSTM else 1)
    name = {nn.LSTM: "lstm", nn.GRU: "gru", nn.RNN: "rnn_tanh"}[kind]
    operator = getattr(torch, name)

    def run(data: Tensor, sizes: Tensor, hx: Tensor) -> Any:
        given: Any = [hx] * 2 if name == "lstm" else hx
        return operator(data, sizes, given, weights, layer.bias, count, 0.0, False, ways == 2)

    for lengths in ((9, 4, 1), (6, 6, 6)):
        packed = pack_sequence([torch.randn(n, 5) for n in lengths])
        with torch.no_grad():
            wanted = run(packed.data, packed.batch_sizes, state[0])
            compiled = tsc.trace(run, (packed.data, packed.batch_sizes, state[0]))
        given = compiled(packed.data, packed.batch_sizes, state[0])
        for mine, other in zip(tensors(given), tensors(wanted), strict=True):
            assert_close(mine, other, rtol=1e-5, atol=1e-5)
        assert all(found.is_native for found in compiled.specializations())
