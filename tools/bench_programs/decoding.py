"""Goal: programs that decode small tensors run at least five times as fast as under torch.jit, and a loop
compiles in under a second, once for all lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    tiers,
    told,
)
from tools.bench_programs.programs import decoders

FASTER = 5.0
MOST_COMPILING = 1.0
"""Seconds."""
STEPS = 320


@dataclass(frozen=True)
class Decoding:
    """A program, and the arguments it is called with."""

    name: str
    make: Callable[[], Any]
    """A module, or a function."""
    arguments: Callable[[], tuple[Any, ...]]

    def prepared(self) -> tuple[Any, Any]:
        """The program under tsc and under torch.jit."""
        TORCH.manual_seed(0)
        made = self.make()
        if isinstance(made, torch.nn.Module):
            return frozen(made), frozen_by_torch(made)
        return tsc.jit.script(made), TORCH.jit.script(made)


def _logs(steps: int, symbols: int) -> torch.Tensor:
    return torch.log_softmax(3 * torch.randn(steps, symbols), -1)


DECODINGS = (
    Decoding("GRU, 200 steps, batch 1", decoders.GreedyDecoder, lambda: (torch.randn(1, 32), 200)),
    Decoding("GRU, 200 steps, batch 4", decoders.GreedyDecoder, lambda: (torch.randn(4, 32), 200)),
    Decoding("RNN until settled", decoders.Recurrent, lambda: (torch.randn(200, 1, 32),)),
    Decoding("scan of 200", decoders.Scan, lambda: (torch.randn(200, 1, 32),)),
    Decoding("beam search, joined", decoders.BeamSearch, lambda: (torch.randn(1, 24), 40)),
    Decoding("beam search, filled", decoders.FilledBeamSearch, lambda: (torch.randn(1, 24), 40)),
    Decoding("CTC prefix beams", lambda: decoders.prefix_beam_search, lambda: (_logs(40, 12), 6)),
    Decoding("CTC greedy", lambda: decoders.greedy_letters, lambda: (_logs(100, 12),)),
)


def findings(names: str) -> Iterator[Finding]:
    """What decoders whose name has `names` in it show."""
    for decoding in DECODINGS:
        if names in decoding.name:
            yield _speed(decoding)
    if names in "scan":
        yield from _compiling()


def _speed(decoding: Decoding) -> Finding:
    mine, theirs = decoding.prepared()
    TORCH.manual_seed(1)
    arguments = decoding.arguments()
    compiling = repeated(lambda: mine(*arguments), 2)
    assert_same(mine(*arguments), theirs(*arguments))
    own, other = in_turn([lambda: mine(*arguments), lambda: theirs(*arguments)], rounds=9)
    note = f"{told(own)}, torch.jit {told(other)}; compiled in {told(compiling)}; {tiers(mine)}"
    return Finding(decoding.name, "torch.jit / tsc", other / own, FASTER, is_at_least=True, note=note)


def _compiling() -> Iterator[Finding]:
    TORCH.manual_seed(0)
    previous = tsc.jit.set_fusion_strategy([("DYNAMIC", 1)])
    try:
        module = frozen(decoders.Scan())
        frozen(decoders.GreedyDecoder())(torch.randn(1, 32), 2)  # what is imported then, is no compiling
        seconds = repeated(lambda: module(torch.randn(STEPS, 1, 32)), 1)
        yield Finding("scan", "s to first answer", seconds, MOST_COMPILING, note=f"{STEPS} steps")
        others = sum(repeated(lambda n=n: module(torch.randn(n, 1, 32)), 1) for n in (1, 7, 200, 321, 1000))
        made = len(module.specializations())
        yield Finding("scan", "compilations", made, 1, note=f"five further lengths, {told(others)} in all")
    finally:
        tsc.jit.set_fusion_strategy(previous)
