"""The type of a named tuple into the Python class of its values."""

from __future__ import annotations

from collections import namedtuple
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


@serialized
def _make(cls: Class, kind: NamedTupleType) -> None:
    if cls.python is None:  # no other thread was first
        cls.python = namedtuple(kind.data[0].rpartition(".")[2], kind.fields)  # pyright: ignore[reportUntypedNamedTuple]
