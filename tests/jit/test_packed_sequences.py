# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Packed sequences are named tuples with a Python class around: their types and parts are the tuple's."""

import io
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import tsc


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 6)
        self.rnn = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = pack_padded_sequence(self.embed(tokens), lengths, batch_first=True, enforce_sorted=False)
        y, (h, _) = self.rnn(x)
        out, sizes = pad_packed_sequence(y, batch_first=True, total_length=tokens.size(1))
        return out, h, sizes


TOKENS, LENGTHS = torch.arange(27).reshape(3, 9) % 20, torch.tensor([4, 9, 2])


def test_a_scripted_lstm_over_packed_sequences() -> None:
    torch.manual_seed(0)
    net = Tagger().eval()
    wanted = net(TOKENS, LENGTHS)
    script = tsc.script(net)
    for module in (script, tsc.optimize_for_inference(script)):
        for _ in range(2):
            for found, want in zip(module(TOKENS, LENGTHS), wanted, strict=True):
                torch.testing.assert_close(found, want)
            for found, want in zip(module(TOKENS.numpy(), LENGTHS.numpy()), wanted, strict=True):
                np.testing.assert_allclose(found, want.detach().numpy(), atol=1e-6)


def test_it_is_saved_and_runs_in_pytorch() -> None:
    net = Tagger().eval()
    file = io.BytesIO()
    tsc.save(tsc.script(net), file)
    wanted = net(TOKENS, LENGTHS)
    for load in (torch.jit.load, tsc.load):
        file.seek(0)
        for found, want in zip(load(file)(TOKENS, LENGTHS), wanted, strict=True):
            torch.testing.assert_close(found, want)


class Bare(NamedTuple):
    first: Tensor
    second: Tensor | None


class Dressed(Bare):
    def __new__(cls, first: Tensor, second: Tensor | None = None) -> "Dressed":
        assert isinstance(first, torch.Tensor)
        return super().__new__(cls, first * 2, second)


def dress(x: Tensor, y: Tensor | None) -> Dressed:
    return Dressed(x + 1, y)


def test_the_code_of_the_class_does_not_run_as_in_pytorch() -> None:
    theirs, script = torch.jit.script(dress), tsc.script(dress)
    x = torch.ones(2)
    for _ in range(3):
        for second in (x, None):
            found, wanted = script(x, second), theirs(x, second)
            assert torch.equal(found.first, wanted.first)
            assert (found.second is None) == (wanted.second is None)
            assert np.array_equal(script(x.numpy(), None).first, wanted.first.numpy())
