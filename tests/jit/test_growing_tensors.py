# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Loops whose rounds join something to a tensor, or make a tensor, write to it and hand it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tools.bench_programs.programs.caches import IndexCache
from tools.bench_programs.programs.decoders import BeamSearch, FilledBeamSearch


def joined(x: Tensor, steps: int):
    y = x[:, :1]
    for i in range(steps):
        y = torch.cat([y, y[:, -1:] * 0.5 + i], 1)
    return y


def joined_until(x: Tensor, steps: int):
    y = x[:1] + 0
    last = x[0]
    for i in range(steps):
        last = torch.tanh(last + y[-1] * 0.5)
        y = torch.cat([y, last.unsqueeze(0), x[:1] + i])
        if bool(last.abs().max() < 0.3):
            break
    return y.sum(0), y, y.size(0)


def two_of_them(x: Tensor, steps: int):
    rows, columns = x[:2] * 1, x[:, :1] * 1
    for i in range(steps):
        rows = torch.cat([x[i % 3 : i % 3 + 1], rows])
        columns = torch.cat([columns, columns[:, :1] + i], 1)
    return rows, columns.mean(1)


def joined_twice_as_much(x: Tensor, steps: int):
    y = x[:1] * 1
    for _ in range(steps // 5):
        y = torch.cat([y, y * 2])
    return y


def returned_beside_the_first(x: Tensor, steps: int):
    first = x[:1] * 1
    y = first
    for i in range(steps):
        y = torch.cat([y, x[:1] * i])
    first.add_(1)
    return first, y


def never_joined(x: Tensor, steps: int):
    y = x[:1] * 1
    for _ in range(steps):
        if bool(x.sum() > 1e9):
            y = torch.cat([y, y])
    y.add_(1)
    return y


GROWING: list[tuple[Callable[..., Any], str | None]] = [
    (joined, "native"), (joined_until, "native"), (two_of_them, "native"), (joined_twice_as_much, None),
    (returned_beside_the_first, None), (never_joined, None),
]  # fmt: skip


def written_in_rounds(x: Tensor, steps: int):
    y = x * 1
    y[0] = 0.0
    for i in range(steps):
        y = y[torch.tensor([1, 0, 3, 2])]
        y[:, i % 2] = float(i)
    return y


def written_in_branches(x: Tensor, steps: int):
    y = x * 2
    y[0] = 1.0
    if bool(x.sum() > 0):
        y = y + 1
        y[1] = 5.0
    return y * 2


def handed_on_and_written(x: Tensor, steps: int):
    y = x * 1
    y[0] = 1.0
    z = y
    for i in range(steps):
        z = z * 0.5
        z[1] = float(i)
    y[2] = 7.0
    z[3] = 8.0
    return y, z


def written_as_carried(x: Tensor, steps: int):
    y = x * 1
    z = y
    for i in range(steps):
        z[0] = float(i)
        if i % 2 == 0:
            z = z + 1
            z[2] = 3.0
    return y, z


def kept_in_a_list(x: Tensor, steps: int):
    kept: list[Tensor] = []
    y = x * 1
    for i in range(steps):
        y = y * 0.5
        y[0] = float(i)
        kept.append(y)
    if len(kept) > 0:
        kept[0][1] = 9.0
    return y, torch.stack(kept + [y])  # noqa: RUF005


WRITING: list[tuple[Callable[..., Any], str | None]] = [
    (written_in_rounds, "native"), (written_in_branches, "native"), (handed_on_and_written, None),
    (written_as_carried, None), (kept_in_a_list, None),
]  # fmt: skip


@pytest.mark.parametrize("steps", [40, 20, 0])
@pytest.mark.parametrize(("program", "tier"), [*GROWING, *WRITING])
def test_loops_give_what_pytorchs_give(program: Callable[..., Any], tier: str | None, steps: int) -> None:
    compiled: Any = tsc.script(program)
    for call in range(2):
        x = torch.randn(4, 4, generator=torch.Generator().manual_seed(call))
        mine, theirs = x.clone(), x.clone()
        got, wanted = compiled(mine, steps), program(theirs, steps)
        torch.testing.assert_close(got, wanted, msg=f"call {call}")
        torch.testing.assert_close(mine, theirs, msg=f"argument of call {call}")
        for mine, theirs in zip(*((r if isinstance(r, tuple) else (r,)) for r in (got, wanted)), strict=True):
            assert not isinstance(mine, Tensor) or mine.stride() == theirs.stride()
    if tier is not None and steps:
        assert {s.tier for s in compiled.specializations()} == {tier}


@pytest.mark.parametrize("kind", [BeamSearch, FilledBeamSearch])
def test_beam_searches_are_native(kind: Callable[[], torch.nn.Module]) -> None:
    torch.manual_seed(2)
    module = kind().eval()
    compiled: Any = tsc.optimize_for_inference(tsc.freeze(tsc.script(module)))
    with torch.no_grad():
        for _ in range(2):
            hidden = torch.randn(1, 24)
            torch.testing.assert_close(compiled(hidden, 40), module(hidden, 40))
    assert [s.tier for s in compiled.specializations()] == ["native"]


def test_places_in_lists_of_numbers_are_native() -> None:
    module, other = IndexCache(64).eval(), IndexCache(64).eval()
    compiled: Any = tsc.optimize_for_inference(tsc.freeze(tsc.script(other)))
    for _ in range(4):
        x = torch.randn(2, 1, 16)
        torch.testing.assert_close(compiled(x), module(x))
    assert [s.tier for s in compiled.specializations()] == ["native"]


def listed(x: Tensor, n: int, s: float):
    places = torch.tensor([n, 1, n + 2])
    return x[places], torch.tensor([s, n, 1.5]) * x[:3], torch.as_tensor([n]), torch.tensor([n > 2, True])


def test_lists_of_numbers_become_tensors() -> None:
    compiled: Any = tsc.script(listed)
    x = torch.randn(32)
    for call in range(5):
        torch.testing.assert_close(compiled(x, call, call * 0.4), listed(x, call, call * 0.4))
    assert [s.tier for s in compiled.specializations()] == ["native"] * 3
