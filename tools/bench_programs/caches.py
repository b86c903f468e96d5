"""Goal: what writes a part of a buffer takes no longer when the buffer is longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

import tsc
from tools.bench_programs.measuring import TORCH, Finding, assert_same, in_turn, own, tiers, told
from tools.bench_programs.programs import caches

LENGTHS = (256, 262_144)
MOST_SLOWER = 1.5
"""The long buffer over the short one: caches of the processor are allowed for."""

ROW = (2, 1, 16)
ARGUMENTS: dict[str, tuple[Callable[[int], torch.nn.Module], Callable[[int], tuple[Any, ...]]]] = {
    "buf[:, at:at + 1] = x": (caches.SliceCache, lambda _: (torch.randn(ROW),)),
    "buf[:, at:at + 2] = x": (caches.PairCache, lambda _: (torch.randn(2, 2, 16),)),
    "buf[:, at] = x": (caches.SelectCache, lambda _: (torch.randn(ROW),)),
    "index_copy_ at a counter": (caches.IndexCache, lambda _: (torch.randn(ROW),)),
    "places given": (
        caches.GivenPlaceCache,
        lambda _: (torch.tensor([3]), torch.randn(1, 2, 1, 16), torch.randn(1, 2, 1, 16)),
    ),
    "k[:, :, pos] = k": (
        caches.HeadsCache,
        lambda _: (torch.randn(1, 4, 8), torch.randn(1, 4, 8), torch.randn(1, 4, 8)),
    ),
    "ring": (caches.RingBuffer, lambda _: (torch.randn(ROW),)),
    "argument[:, at:at + 1] = x": (
        lambda _: caches.WrittenArgument(),
        lambda length: (torch.zeros(2, length, 16), torch.randn(ROW), 7),
    ),
}


def findings(names: str) -> Iterator[Finding]:
    """What buffers of two lengths show, of modules whose name has `names` in it."""
    for name, (make, arguments) in ARGUMENTS.items():
        if names in name:
            yield from _lengths(name, make, arguments)


def _lengths(
    name: str, make: Callable[[int], torch.nn.Module], arguments: Callable[[int], tuple[Any, ...]]
) -> Iterator[Finding]:
    calls: list[Callable[[], object]] = []
    modules: list[Any] = []
    for length in LENGTHS:
        TORCH.manual_seed(0)
        module = make(length).eval().requires_grad_(False)
        given = arguments(length)
        mine, peer = tsc.jit.script(own(module)), TORCH.jit.script(own(module))
        for _ in range(20):
            assert_same(mine(*given), peer(*given))
        for held, wanted in zip(mine.state_dict().values(), peer.state_dict().values(), strict=True):
            assert_same(torch.as_tensor(held), wanted)
        modules.append(mine)
        calls += [partial(mine, *given), partial(peer, *given)]
    short, short_peer, long, long_peer = in_turn(calls)
    both = f"{told(short)} and {told(long)}, torch.jit {told(short_peer)} and {told(long_peer)}"
    yield Finding(name, "long / short", long / short, MOST_SLOWER, note=f"{both}; {tiers(modules[1])}")
    yield Finding(name, "torch.jit / tsc, long", long_peer / long, 1.0, is_at_least=True)
