"""What a library does in a call of a method: what goes where, before and after the compiled function runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.dtypes import DType

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class TensorSpec:
    """A tensor that goes in or comes out."""

    name: str
    """As messages and the header name it: ``x``, ``result[1]``."""
    dtype: DType
    shape: tuple[Any, ...]
    """Numbers, and expressions of symbolic sizes."""

    @property
    def is_static(self) -> bool:
        """Whether all sizes are known."""
        return all(isinstance(size, int) for size in self.shape)


@dataclass(eq=False)
class Cell:
    """Memory that an instance keeps from call to call: a tensor, or number, of an attribute."""

    path: str
    """The attribute, from the module."""
    number: int
    memory: Array
    """The attribute's own array, which other attributes may be memory of."""

    @property
    def initial(self) -> Array:
        """What it is at first, row-major."""
        return np.ascontiguousarray(self.memory).reshape(self.memory.shape)


@dataclass(frozen=True)
class View:
    """Elements of a row-major tensor, by strides and an offset in bytes."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Computed:
    """What the compiled function gives, by number."""

    number: int


@dataclass(frozen=True)
class Given:
    """What the compiled function takes, by number: an input or a cell, as it was before the call."""

    number: int


@dataclass(frozen=True)
class Constant:
    """The same in every call."""

    data: bytes


@dataclass(frozen=True)
class Size:
    """A number that is computed from sizes of the inputs."""

    words: Any
    """As `tsc.dims.from_words` reads it; symbols are the number of an input, and a dim."""


Base = Computed | Given | Constant | Size


@dataclass(frozen=True)
class Source:
    """Where the elements of a result come from."""

    base: Base
    view: View | None = None


@dataclass(frozen=True)
class ToResult:
    """A result, by number: the caller's memory."""

    number: int


@dataclass(frozen=True)
class ToCell:
    """What a cell is after the call."""

    cell: int


@dataclass(frozen=True)
class ToInput:
    """An input that the program writes to, by number."""

    number: int


Place = ToResult | ToCell | ToInput


@dataclass(frozen=True, eq=False)
class Move:
    """A result, and where it goes."""

    source: Source
    place: Place
    spec: TensorSpec


@dataclass(frozen=True)
class MethodPlan:
    """A method of a library."""

    name: str
    inputs: Sequence[TensorSpec]
    """What the caller gives."""
    cells: Sequence[int]
    """What the compiled function takes after those: cells, by number."""
    computed: Sequence[TensorSpec]
    """What it gives."""
    moves: Sequence[Move]
    is_checked: bool
    """Whether the last of `computed` says that it could not do the call."""
    symbols: int
    """How many symbolic sizes there are."""
    conditions: Sequence[str]
    """What must hold of them."""
    constants: Sequence[str]
    """Parts of the result that are the same in every call, in words."""
    in_words: Callable[[object], str]
    """A size as the user named it."""

    @property
    def results(self) -> list[TensorSpec]:
        """What comes out, in the caller's memory."""
        return [move.spec for move in self.moves if isinstance(move.place, ToResult)]

    @property
    def written(self) -> list[int]:
        """The inputs that the program writes to."""
        return [move.place.number for move in self.moves if isinstance(move.place, ToInput)]

    def places(self) -> dict[int, Move]:
        """The computed tensors that the compiled function may write right where they go, and how they go."""
        found: dict[int, Move] = {}
        for move in self.moves:
            base = move.source.base
            if (
                isinstance(base, Computed)
                and move.source.view is None
                and not isinstance(move.place, ToInput)
            ):
                found.setdefault(base.number, move)
        return found
