# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""Decoders that keep what they have seen: one token after another is one native call, compiled once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc

WIDTH, HEADS, MOST = 16, 2, 24


class Decoder(nn.Module):
    """Attention over a cache that is written at a place which calls count, and read up to there."""

    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, WIDTH)
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, 11)
        self.register_buffer("keys", torch.zeros(1, HEADS, MOST, WIDTH // HEADS))
        self.register_buffer("values", torch.zeros(1, HEADS, MOST, WIDTH // HEADS))
        self.heads, self.place = HEADS, 0

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length = tokens.shape
        first = self.place
        rows = self.project(self.embedding(tokens)).view(batch, length, 3, self.heads, -1)
        query, key, value = rows.permute(2, 0, 3, 1, 4).unbind(0)
        self.keys[:, :, first : first + length] = key
        self.values[:, :, first : first + length] = value
        scores = query @ self.keys[:, :, : first + length].transpose(-1, -2)
        if length > 1:
            later = torch.full([length, first + length], float("-inf")).triu(first + 1)
            scores = scores + later
        seen = scores.softmax(-1) @ self.values[:, :, : first + length]
        self.place = first + length
        return self.out(seen.transpose(1, 2).reshape(batch, length, -1))[:, -1]


@pytest.mark.parametrize("form", ["live", "frozen"])
@pytest.mark.parametrize("lengths", [[1] * 6, [5, *[1] * 4, 3, 1, 1]], ids=["one by one", "after a text"])
@torch.no_grad()
def test_a_decoder_says_what_pytorchs_says(form: str, lengths: list[int]) -> None:
    torch.manual_seed(0)
    eager = Decoder().eval()
    scripted: Any = tsc.script(Decoder().eval())
    scripted.load_state_dict(eager.state_dict())
    module = tsc.freeze(scripted) if form == "frozen" else scripted
    for number, length in enumerate(lengths):
        tokens = torch.arange(length)[None] * 3 % 11 + number % 2
        torch.testing.assert_close(module(tokens), eager(tokens), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(module.keys, eager.keys, rtol=1e-4, atol=1e-5)
        assert module.place == eager.place
    last: Any = module.forward.last
    assert last.is_native
    natives = [s for s in module.specializations() if s.tier == "native" and s.method == "forward"]
    assert len(natives) == 1


@torch.no_grad()
def test_what_reaches_beyond_the_cache_does_what_it_does_in_pytorch() -> None:
    torch.manual_seed(0)
    eager = Decoder().eval()
    module: Any = tsc.script(Decoder().eval())
    module.load_state_dict(eager.state_dict())
    token, text = torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64)
    for _ in range(MOST + 2):  # one key is spread over the place that is not there
        torch.testing.assert_close(module(token), eager(token), rtol=1e-4, atol=1e-5)
    for _ in range(2):
        for each in (eager, module):
            with pytest.raises(RuntimeError, match="must match"):
                each(text)
        assert module.place == eager.place == MOST + 2
    torch.testing.assert_close(module.keys, eager.keys, rtol=1e-4, atol=1e-5)
