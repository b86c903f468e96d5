"""Goal: any shape runs at the speed of its own code, from at most two compilations."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch

import tsc
from tools.bench_programs.measuring import (
    TORCH,
    Finding,
    assert_same,
    frozen,
    frozen_by_torch,
    in_turn,
    repeated,
    resident_bytes,
    told,
)
from tools.bench_programs.programs.streams import Encoder, ResidualNet

Shape = tuple[int, ...]
Inputs = tuple[torch.Tensor, ...]
SETTLING = 0.2
"""The part of a stream after which memory no longer grows."""
MOST_GROWTH = 5e6
"""Bytes."""
MOST_SLOWER = 1.25
"""Code for all sizes over code for one."""
BOTH = [("STATIC", 1), ("DYNAMIC", 1)]


@dataclass(frozen=True)
class Stream:
    """A net and the shapes it is called with."""

    name: str
    make: Callable[[], torch.nn.Module]
    ranges: tuple[tuple[int, int], ...]
    """The least and the largest of each size."""
    inputs: Callable[..., Inputs]

    def shapes(self, seed: int) -> Iterator[Shape]:
        """Shapes at random, without end."""
        drawn = random.Random(seed)
        while True:
            yield tuple(drawn.randint(low, high) for low, high in self.ranges)

    @property
    def largest(self) -> Shape:
        """All sizes at their largest."""
        return tuple(high for _, high in self.ranges)


def sentences(batch: int, length: int) -> Inputs:
    """Tokens, and a mask that hides some."""
    return torch.randint(0, 1000, (batch, length)), (torch.rand(batch, length) > 0.1).float()


def images(batch: int, side: int) -> Inputs:
    """Square images."""
    return (torch.randn(batch, 3, side, side),)


STREAMS = (
    Stream("encoder", Encoder, ((1, 8), (1, 256)), sentences),
    Stream("residual net", ResidualNet, ((1, 32), (32, 256)), images),
)


def findings(count: int, compared: int, is_beside: bool) -> Iterator[Finding]:
    """What streams of `count` shapes show, and `compared` shapes that have code of their own as well."""
    for stream in STREAMS:
        TORCH.manual_seed(0)
        module = stream.make().eval()
        previous = tsc.jit.set_fusion_strategy(BOTH)
        try:
            dynamic = frozen(module)
            peer = frozen_by_torch(module) if is_beside else None
            yield from _of_stream(stream, dynamic, peer, count)
            tsc.jit.set_fusion_strategy([("STATIC", compared)])
            yield from _against_static(stream, dynamic, frozen(module), peer, compared)
        finally:
            tsc.jit.set_fusion_strategy(previous)


def _of_stream(stream: Stream, dynamic: Any, peer: Any, count: int) -> Iterator[Finding]:
    shapes = stream.shapes(1)
    settling = int(count * SETTLING)
    own, others = 0.0, 0.0
    dynamic(*stream.inputs(*next(shapes)))
    settled = 0
    for number in range(count - 2):
        taken = _seconds(dynamic, stream, stream.largest if number == 0 else next(shapes))
        if number == settling:
            settled = _held_bytes(dynamic, stream)
        own += taken if number >= settling else 0
    grown = _held_bytes(dynamic, stream) - settled
    if peer is not None:
        again = stream.shapes(1)
        for number in range(min(count, 100)):
            taken = _seconds(peer, stream, next(again))
            others += taken if number >= 20 else 0
    mean = own / max(1, count - 2 - settling)
    beside = f"; torch.jit {told(others / max(1, min(count, 100) - 20))}" if peer is not None else ""
    compiled = len(dynamic.specializations())
    note = f"{count} shapes, {told(mean)} each{beside}"
    yield Finding(stream.name, "compilations", compiled, 2, note=note)
    yield Finding(stream.name, "MB grown", grown / 1e6, MOST_GROWTH / 1e6, note=f"{count - settling} shapes")


def _seconds(call: Any, stream: Stream, shape: Shape) -> float:
    return repeated(partial(call, *stream.inputs(*shape)), 1)


def _held_bytes(call: Any, stream: Stream) -> int:
    """What is resident after a call of the largest shape, whose tensors have gone."""
    call(*stream.inputs(*stream.largest))
    return resident_bytes()


def _against_static(stream: Stream, dynamic: Any, static: Any, peer: Any, count: int) -> Iterator[Finding]:
    ratios: list[float] = []
    beside: list[float] = []
    shapes = stream.shapes(2)
    for _ in range(count):
        inputs = stream.inputs(*next(shapes))
        assert_same(dynamic(*inputs), static(*inputs))
        calls = [partial(f, *inputs) for f in (dynamic, static, peer) if f is not None]
        times = in_turn(calls, rounds=7)
        ratios.append(times[0] / times[1])
        beside += [times[2] / times[0]] if peer is not None else []
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    yield Finding(
        stream.name, "dynamic / static", median(ratios), MOST_SLOWER, note=f"{count} shapes: {spread}"
    )
    if beside:
        yield Finding(
            stream.name, "torch.jit / dynamic", median(beside), 1.0, is_at_least=True,
            note=f"{min(beside):.2f} to {max(beside):.2f}",
        )  # fmt: skip
