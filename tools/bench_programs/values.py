"""Goal: programs of Python's values run at least five times as fast as under torch.jit, and no slower than in
Python itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tsc
from tools.bench_programs.measuring import TORCH, Finding, in_turn, repeated, told
from tools.bench_programs.programs import values

FASTER = 5.0
SLOWEST = 1.0
"""Times what Python takes."""
RANDOM = random.Random(1)


@dataclass(frozen=True)
class Program:
    """A function of Python's values, and the arguments it is called with."""

    run: Callable[..., Any]
    arguments: tuple[Any, ...]


def _word(length: int, letters: str = "abcdef") -> str:
    return "".join(RANDOM.choices(letters, k=length))


def _numbers(count: int) -> list[int]:
    return RANDOM.choices(range(6), k=count)


PROGRAMS = (
    Program(values.tokenize, (_word(1000), {_word(1 + i % 5): i + 1 for i in range(400)}, 5)),
    Program(values.edit_distance, (_numbers(50), _numbers(60))),
    Program(
        values.merged, ([sorted((RANDOM.random() for _ in range(60)), reverse=True) for _ in range(8)], 200)
    ),
    Program(values.primes, (5000,)),
    Program(values.longest_chain, (300,)),
    Program(values.report, ([f" {_word(2, 'ABCDEF')},{i % 100} " for i in range(400)],)),
)


def findings(names: str) -> Iterator[Finding]:
    """What programs whose name has `names` in it show."""
    for program in PROGRAMS:
        name = program.run.__name__
        if names in name:
            yield from _speeds(name, program)


def _speeds(name: str, program: Program) -> Iterator[Finding]:
    mine, theirs, arguments = tsc.jit.script(program.run), TORCH.jit.script(program.run), program.arguments
    first = repeated(lambda: mine(*arguments), 1)
    assert repr(mine(*arguments)) == repr(theirs(*arguments))
    calls = [lambda call=call: call(*arguments) for call in (mine, theirs, program.run)]
    own, other, python = in_turn(calls, rounds=9)
    note = f"{told(own)}, torch.jit {told(other)}, Python {told(python)}; first call {told(first)}"
    yield Finding(name, "torch.jit / tsc", other / own, FASTER, is_at_least=True, note=note)
    yield Finding(name, "tsc / Python", own / python, SLOWEST)
