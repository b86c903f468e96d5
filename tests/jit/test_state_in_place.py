# pyright: reportUnknownMemberType=false
"""Writes into the memory of buffers, at places that calls count: the memory stays the same, who has views of
it sees what was written, and a place that is not there raises when the rest was done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit import stateful_rings as rings
from tests.jit.side_by_side import assert_same, outcome
from tsc.options import options

NATIVE: list[type[rings.Buffered]] = [
    rings.Ring, rings.FromTheEnd, rings.Columns, rings.Ends, rings.Adds, rings.Totals, rings.LargeRing,
    rings.LargePlaces, rings.LargeColumns, rings.LargeAtCounter, rings.SlicesAtCounter, rings.LargeSlices,
    rings.BeyondTheEnd,
]  # fmt: skip


@pytest.fixture(autouse=True, params=["frozen", "live"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test holds for frozen modules as for others."""
    monkeypatch.setattr(options(), "profiled_runs", 0)
    return request.param


def made(kind: type[nn.Module], form: str) -> Any:
    scripted = tsc.script(kind().eval())
    return tsc.freeze(scripted) if form == "frozen" else scripted


def row(i: int) -> Tensor:
    return torch.tensor([1.0, -2.0, 0.5]) * (i + 1)


@pytest.mark.parametrize("kind", [*NATIVE, rings.ReadsLargeRing], ids=lambda k: k.__name__)
def test_buffers_hold_what_was_written_and_stay_where_they_are(kind: type[rings.Buffered], form: str) -> None:
    eager, module = kind().eval(), made(kind, form)
    theirs, ours = eager.h[1:3], module.h[1:3]
    place = module.h.data_ptr()
    for i in range(7):
        want, got = outcome(eager, [row(i)]), outcome(module, [row(i)])
        assert_same([got, module.h, ours], [want, eager.h, theirs])
        assert getattr(module, "n", eager.n) == eager.n
    assert module.h.data_ptr() == place
    assert module.forward.last.is_native == (kind in NATIVE)
    if kind in NATIVE:
        assert len(module.specializations()) <= 2


LARGE = [rings.LargeRing, rings.LargePlaces, rings.LargeColumns, rings.LargeAtCounter, rings.LargeSlices]


@pytest.mark.parametrize("kind", LARGE, ids=lambda k: k.__name__)
def test_a_large_buffer_is_not_copied_in_order_to_write_a_part(kind: type[rings.Buffered], form: str) -> None:
    module = made(kind, form)
    for i in range(3):
        module(row(i))
    assert module.specializations()[-1].arena_bytes < module.h.numel()


@pytest.mark.parametrize("kind", [rings.Ring, rings.Adds], ids=lambda k: k.__name__)
def test_what_is_written_may_be_a_part_of_the_buffer(kind: type[rings.Buffered], form: str) -> None:
    eager, module = kind().eval(), made(kind, form)
    for i in range(6):
        assert_same(module(module.h[i % 4]), eager(eager.h[i % 4]))
        assert_same(module(row(i)), eager(row(i)))
        assert_same(module.h, eager.h)


@pytest.mark.parametrize("kind", [rings.Ring, rings.Totals], ids=lambda k: k.__name__)
def test_a_buffer_may_lie_in_any_way(kind: type[rings.Buffered], form: str) -> None:
    eager, module = kind().eval(), made(kind, form)
    for other in (torch.zeros(3, 4).t(), torch.zeros(8, 3)[::2], torch.zeros(4, 6)[:, ::2]):
        mine = other.clone().as_strided(other.shape, other.stride()) if other.is_contiguous() else other
        eager.h, module.h = mine.clone(), mine
        for i in range(3):
            assert_same(module(row(i)), eager(row(i)))
            torch.testing.assert_close(module.h, eager.h)
        torch.testing.assert_close(mine, eager.h)  # what was given is what is written to


@pytest.mark.parametrize("kind", NATIVE, ids=lambda k: k.__name__)
def test_every_pass_keeps_what_is_written(
    kind: type[rings.Buffered], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    eager, module = kind().eval(), made(kind, form)
    for i in range(3):
        assert_same(module(row(i)), eager(row(i)))
        assert_same(module.h, eager.h)


def test_threads_lose_no_row(form: str) -> None:
    module = made(rings.Totals, form)

    def call() -> None:
        for _ in range(50):
            module(torch.zeros(3))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert float(module.h.abs().max()) < 1e-6  # halved again and again


@pytest.mark.parametrize("places", [(1, 1), (7, 1, 1)])
def test_what_is_assigned_again_before_anyone_reads_it_raises_all_the_same(
    places: tuple[int, ...], form: str
) -> None:
    eager, module = rings.Overwrites().eval(), made(rings.Overwrites, form)
    raised: list[bool] = []
    for at in places:
        want, got = outcome(eager, [torch.tensor([at])]), outcome(module, [torch.tensor([at])])
        assert_same([got, module.h], [want, eager.h])
        raised.append(isinstance(want, str))
    assert any(raised)
    assert not all(raised)


def overwritten(x: Tensor, at: Tensor) -> Tensor:
    chosen = x.index_select(0, at)
    chosen[:2] = 1.5
    return chosen


def counted(x: Tensor, at: Tensor) -> Tensor:
    return torch.arange(x.index_select(0, at).numel())


@pytest.mark.parametrize("program", [overwritten, counted])
def test_indices_whose_elements_nobody_reads_are_checked(program: Callable[[Tensor, Tensor], Tensor]) -> None:
    function = tsc.script(program)
    for at in ([1, 0], [1, 7], [1]):
        places = torch.tensor(at)
        assert_same(outcome(function, [torch.eye(3), places]), outcome(program, [torch.eye(3), places]))
