# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Results that are known when a program is compiled are new in each call, and may be written to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import tsc
from tsc.compiler import specialization


class Scaled(torch.nn.Module):
    state: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.arange(12.0).view(3, 4))

    def forward(self, x: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        known = torch.mm(self.state, self.state.t())
        half = torch.where(x > 0, x, -x).chunk(2, -1)[0]
        numbers.append(1)
        known *= 0.25
        return half, known


def refused(*_: object) -> str:
    return "so that Python calls kernels"


def test_python_may_write_to_what_a_part_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialization, "native_form", refused)
    module = Scaled().eval()
    compiled = tsc.optimize_for_inference(tsc.freeze(tsc.script(module)))
    x = torch.linspace(-1, 1, 8)
    for _ in range(3):
        for got, want in zip(compiled(x, [1]), module(x, [1]), strict=True):
            assert torch.equal(got, want)
