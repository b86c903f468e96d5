# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""Gradients through what masks choose: forward and backward are one native function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc

Program = Callable[[Tensor], Any]
PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


@program
def rows_by_their_places(x: Tensor):
    x = x.detach().clone().requires_grad_(True)
    at = torch.nonzero(x[:, 0] > 0.5).flatten()
    energy = x.index_select(0, at).pow(2).sum().sqrt()
    gradient = torch.autograd.grad([energy], [x])[0]
    assert gradient is not None
    return energy.detach(), -gradient


@program
def what_a_mask_chooses(x: Tensor):
    x = x.detach().clone().requires_grad_(True)
    energy = x[x > 0.5].pow(2).mean() + x.masked_select(x > 0.2).exp().sum()
    gradient = torch.autograd.grad([energy], [x])[0]
    assert gradient is not None
    return energy.detach(), gradient


@program
def pairs_within_a_distance(x: Tensor):
    x = x.detach().clone().requires_grad_(True)
    distance = (x.unsqueeze(0) - x.unsqueeze(1)).pow(2).sum(2)
    pairs = torch.nonzero(((distance < 0.5) & (distance > 0)).detach())
    i, j = pairs[:, 0], pairs[:, 1]
    r = (x.index_select(0, i) - x.index_select(0, j)).pow(2).sum(1).sqrt()
    energies = torch.zeros(x.shape[0], dtype=x.dtype).index_add(0, i, torch.exp(-r) / r)
    gradient = torch.autograd.grad([energies.sum()], [x])[0]
    assert gradient is not None
    return energies.detach(), -gradient


@pytest.mark.parametrize("wanted", PROGRAMS, ids=lambda p: p.__name__)
def test_gradients_are_pytorchs(wanted: Program) -> None:
    compiled: Any = tsc.script(wanted)
    torch.manual_seed(0)
    for count in (6, 6, 9, 4, 9):
        x = torch.rand(count, 3)
        for mine, theirs in zip(compiled(x), wanted(x), strict=True):
            torch.testing.assert_close(mine, theirs)
        assert compiled.last.tier == "native"


class Networks(nn.Module):
    """A network for each kind of atom, whose energies are written where a mask holds."""

    def __init__(self) -> None:
        super().__init__()
        self.networks = nn.ModuleList(
            nn.Sequential(nn.Linear(3, 8), nn.CELU(0.1), nn.Linear(8, 1)) for _ in range(3)
        )

    def forward(self, kinds: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().clone().requires_grad_(True)
        flat, rows = kinds.flatten(), x.reshape(-1, 3)
        energies = torch.zeros(flat.shape[0], dtype=x.dtype)
        for kind, network in enumerate(self.networks):
            mask = flat == kind
            given = rows.index_select(0, mask.nonzero().flatten())
            energies.masked_scatter_(mask, network(given).flatten())
        energy = energies.view_as(kinds).sum(1)
        gradient = torch.autograd.grad([energy.sum()], [x])[0]
        assert gradient is not None
        return energy.detach(), -gradient


def test_networks_by_kind_are_native() -> None:
    torch.manual_seed(0)
    module = Networks().eval()
    compiled: Any = tsc.freeze(tsc.script(module))
    for most in (3, 3, 2, 1):
        kinds, x = torch.randint(0, most, (2, 7)), torch.rand(2, 7, 3)
        for mine, theirs in zip(compiled(kinds, x), module(kinds, x), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
        assert compiled.forward.last.tier == "native"


def test_the_gradient_of_a_mean_is_for_all_sizes() -> None:
    def wanted(x: Tensor) -> Tensor:
        x = x.detach().clone().requires_grad_(True)
        gradient = torch.autograd.grad([x.pow(2).mean()], [x])[0]
        assert gradient is not None
        return gradient

    before = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
    compiled: Any = tsc.script(wanted)
    for count in (3, 5, 7):
        x = torch.rand(count, 2)
        torch.testing.assert_close(compiled(x), wanted(x))
    tsc.set_fusion_strategy(before)
    assert compiled.last.symbolic is not None
