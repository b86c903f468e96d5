"""What printed code refers to besides itself: the constants ``CONSTANTS.cN``, and the classes and functions
it names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType

COMPARED_BYTES = 4096
"""Tensors up to this size are one constant when their elements are equal, larger ones when their memory is
the same.
"""


class ConstantTable:
    """The values that code cannot spell: tensors, and strings that are not plain ASCII."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._by_content: dict[Any, int] = {}

    def name(self, value: object) -> str:
        """``CONSTANTS.cN``; equal values have one name."""
        key = _content(value)
        if key not in self._by_content:
            self._by_content[key] = len(self.values)
            self.values.append(value)
        return f"CONSTANTS.c{self._by_content[key]}"


def _content(value: object) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    array = cast("np.ndarray[Any, Any]", value)
    if array.nbytes > COMPARED_BYTES:
        return array.__array_interface__["data"][0], array.dtype.name, array.shape, array.strides
    return array.dtype.name, array.shape, array.tobytes()


class Dependencies:
    """The qualified names of classes and functions that printed code mentions, in the order first met."""

    def __init__(self, function_name: Callable[[str], str] = str) -> None:
        self.function_name = function_name
        """The name a function is printed under."""
        self.classes: dict[str, TorchType] = {}
        self.functions: dict[str, None] = {}

    def add_function(self, name: str) -> None:
        """`name` is called."""
        self.functions.setdefault(name)

    def add_type(self, kind: TorchType) -> None:
        """`kind`, and the types inside it, are mentioned."""
        if isinstance(kind, (tt.ModuleType, tt.ClassType, tt.EnumType, tt.InterfaceType)):
            self.classes.setdefault(kind.data, kind)
        elif isinstance(kind, tt.NamedTupleType):
            self.classes.setdefault(kind.data[0], kind)
        for inner in contained(kind):
            self.add_type(inner)


def contained(kind: TorchType) -> tuple[TorchType, ...]:
    """The types a type is made of."""
    if isinstance(kind, (tt.ListType, tt.OptionalType, tt.FutureType)):
        return (kind.data,)
    if isinstance(kind, tt.NamedTupleType):
        return kind.elements
    return kind.data if isinstance(kind, (tt.TupleType, tt.UnionType, tt.DictType)) else ()
