"""Which half of a function that gives gradients a compilation is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.dialects.func import FuncOp


@dataclass(frozen=True)
class Half:
    """The forward or the backward half of a function, for particular tensors."""

    wanted: tuple[int, ...]
    """The arguments whose gradients are wanted."""
    is_backward: bool = False
    given: tuple[bool, ...] | None = None
    """Of each result that gradients flow from, whether its gradient is given; None: all are. Those that are
    not given are arguments of the backward half that it does not read.
    """


def note_numbers(function: FuncOp, name: str, numbers: Sequence[int]) -> None:
    """Have an attribute of a function hold numbers."""
    function.attributes[name] = DenseArrayBase.from_list(i64, list(numbers))


def noted_numbers(function: FuncOp, name: str) -> list[int]:
    """The numbers that an attribute of a function holds; none where there is no such attribute."""
    found = function.attributes.get(name)
    return [int(number) for number in found.iter_values()] if isinstance(found, DenseArrayBase) else []
