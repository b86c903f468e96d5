# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Modules of PyTorch that ask whether gradients, or autocasting, are wanted: native where they are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import tsc


def encoder(depth: int) -> nn.Module:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return (nn.TransformerEncoder(layer, depth, enable_nested_tensor=False) if depth else layer).eval()


PADDED = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
CAUSAL = nn.Transformer.generate_square_subsequent_mask(6)
CALLS = [(), (None, PADDED), (CAUSAL,)]


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("masks", CALLS, ids=["plain", "padded", "causal"])
@pytest.mark.parametrize("is_frozen", [True, False])
def test_encoders_are_native(depth: int, masks: tuple[Any, ...], is_frozen: bool) -> None:
    module, x = encoder(depth), torch.randn(2, 6, 16)
    scripted = tsc.script(module)
    made = tsc.freeze(scripted) if is_frozen else scripted
    with torch.no_grad():
        want = module(x, *masks)
        for _ in range(3):
            torch.testing.assert_close(made(x, *masks), want, atol=1e-5, rtol=1e-5)
    rows = [row for row in made.specializations() if row.method == "forward"]
    assert [row.tier for row in rows] == ["native"]


def test_gradients_and_autocast_are_as_pytorchs() -> None:
    module, x = encoder(0), torch.randn(2, 6, 16)
    scripted: Any = tsc.script(module)
    with torch.no_grad():
        scripted(x)
        scripted(x)
    recorded, want = scripted(x), module(x)
    gradients = [torch.autograd.grad(y.square().sum(), list(module.parameters())) for y in (recorded, want)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    with torch.no_grad(), torch.autocast("cpu"):
        torch.testing.assert_close(scripted(x), module(x), atol=5e-2, rtol=5e-2)


def asks(x: torch.Tensor):
    if torch.is_grad_enabled() and x.requires_grad:
        return x * 2
    return x + 1


def test_what_is_asked_is_told() -> None:
    made: Any = tsc.script(asks)
    x = torch.randn(3)
    w = x.clone().requires_grad_()
    for _ in range(2):
        for value, enabled in ((x, True), (w, True), (x, False), (w, False)):
            with torch.set_grad_enabled(enabled):
                torch.testing.assert_close(made(value), asks(value))


def decides_early(x: torch.Tensor):
    y = x * 2
    if bool(y.sum() > 0):
        y = y + 1
        c = True
    else:
        y = y - 1
        c = False
    z = torch.poisson(torch.ones(2))
    if c:
        y = torch.relu(y @ y.t())
    else:
        y = y - 1
    return y, z


def test_a_part_is_given_what_another_one_decides() -> None:
    made: Any = tsc.script(decides_early)
    for x in (torch.ones(3, 3), -torch.ones(3, 3), torch.eye(3)):
        torch.testing.assert_close(made(x)[0], decides_early(x)[0])
    assert made.last.tier == "mixed"
