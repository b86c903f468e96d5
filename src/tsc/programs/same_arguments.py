"""Which arguments of a call are one tensor, for functions that ask (``query is key``): each answer gets a
version of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument

from tsc.analysis.object_identity import asks_which, is_same_tensor, mark_distinct
from tsc.compiler.entry import Entry
from tsc.dialects import torch_types as tt
from tsc.dialects.walking import walk
from tsc.frontend.unit import Function


@dataclass(frozen=True)
class Sames:
    """The same tensors among the arguments of a call."""

    firsts: dict[int, int]
    """For each parameter that is a tensor, by its place, the first one that is given the same."""

    @classmethod
    def of(cls, function: Function, values: Sequence[Any] | None) -> Sames:
        """Those of a call of `function` with these values; None of them are the same where there are none."""
        places = [i for i, p in enumerate(function.parameters) if isinstance(p.type, tt.TensorType)]
        known: dict[int, int] = {}
        return cls({i: i if values is None else known.setdefault(id(values[i]), i) for i in places})

    @property
    def others(self) -> list[int]:
        """The places of tensors that are no earlier ones."""
        return [place for place, first in self.firsts.items() if place == first]

    def tests(self, arguments: str) -> list[str]:
        """Python that is true of calls with other ones; `arguments` is the variable of a tuple."""
        return [
            *(f"{arguments}[{i}] is not {arguments}[{k}]" for i, k in self.firsts.items() if i != k),
            *(f"{arguments}[{i}] is {arguments}[{k}]" for i, k in combinations(self.others, 2)),
        ]

    def settled(self, entry: Entry) -> Entry:
        """A copy of `entry` for calls with these."""
        copy = replace(entry, module=entry.alone())
        arguments = _arguments(copy.function)
        for place, first in self.firsts.items():
            if place != first:
                arguments[place].replace_all_uses_with(arguments[first])
        self.mark(copy.function)
        return copy

    def mark(self, function: FuncOp) -> None:
        """Note in `function` which of its arguments are other tensors than all the others."""
        arguments = _arguments(function)
        mark_distinct(function, [arguments[place] for place in self.others])


def asks_for_sames(function: FuncOp) -> bool:
    """Whether `function` asks whether two tensors are one, and this may depend on its arguments."""
    return any(asks_which(op) and is_same_tensor(*op.operands) is None for op in walk(function))


def _arguments(function: FuncOp) -> Sequence[BlockArgument]:
    """The arguments, without the object whose method it is."""
    found = function.body.block.args
    return found[1:] if found and isinstance(found[0].type, tt.ModuleType) else found
