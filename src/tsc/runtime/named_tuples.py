"""The type of a named tuple into the Python class of its values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from tsc.concurrency import serialized
from tsc.dialects.torch_types import NamedTupleType
from tsc.frontend.unit import Class, Unit


def named_tuple_class(unit: Unit, kind: NamedTupleType) -> Any:
    """The Python class of a named tuple: the user's own where it is live, else one made to fit."""
    cls = unit.classes.get(kind.data[0])
    if cls is None:
        return namedtuple(kind.data[0].rpartition(".")[2], kind.fields)  # pyright: ignore[reportUntypedNamedTuple]
    if cls.python is None:
        _make(cls, kind)
    return cls.python


def build_named_tuple(cls: Any, parts: Sequence[Any]) -> Any:
    """A named tuple of these parts. As in TorchScript none of the class's own code runs: its ``__new__`` may
    want PyTorch's tensors, or check and change what it gets.
    """
    return cls._make(parts)


@serialized
def _make(cls: Class, kind: NamedTupleType) -> None:
    if cls.python is None:  # no other thread was first
        cls.python = namedtuple(kind.data[0].rpartition(".")[2], kind.fields)  # pyright: ignore[reportUntypedNamedTuple]
