# pyright: reportUnknownMemberType=false
"""``__setstate__`` runs when an archive is loaded."""

import io

import torch
from torch import Tensor, nn

import tsc


class Stateful(nn.Module):
    b: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("b", torch.ones(1))

    @torch.jit.export
    def __getstate__(self):  # pyright: ignore[reportIncompatibleMethodOverride]
        return (self.b * 2, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]):
        self.b = state[0] + 10
        self.training = state[1]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b


def test_a_module_takes_the_state_that_it_gave() -> None:
    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(Stateful()), saved)
    saved.seek(0)
    assert tsc.load(saved)(torch.zeros(1)).tolist() == [12.0]
