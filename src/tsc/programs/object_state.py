"""`ObjectState`: the attributes that a lifted function takes and gives, in the object it is a method of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.dialects.func import FuncOp

from tsc.dialects.tsc import ASSIGNED, TAKEN
from tsc.frontend.unit import ScriptObject
from tsc.runtime.descriptions import Varying

Slot = tuple[ScriptObject, str]


class ObjectState:
    """Reads the attributes that are a function's last arguments, and assigns those that it gives back."""

    def __init__(self, receiver: ScriptObject, function: FuncOp) -> None:
        assigned, taken = _paths(function, ASSIGNED), _paths(function, TAKEN)
        self.assigned = [_slot(receiver, path) for path in assigned]
        self.taken = [_slot(receiver, path) for path in taken]
        self.is_distinct = _are_distinct([*assigned, *taken], [*self.assigned, *self.taken])
        """Whether no attribute goes by two paths: those of an object that is held twice do."""
        changing = {(id(held), name) for held, name in self.assigned}
        self._varies = [(id(held), name) in changing for held, name in self.taken]

    def read(self) -> list[Any]:
        """The attributes; numbers that calls change are `Varying`."""
        values: list[Any] = []
        for (held, name), varies in zip(self.taken, self._varies, strict=True):
            value = held.attributes[name]
            values.append(Varying(value) if varies and isinstance(value, (bool, int, float)) else value)
        return values

    def assign(self, values: Sequence[Any]) -> None:
        """Set the attributes that the function assigns."""
        for (held, name), value in zip(self.assigned, values, strict=True):
            held.live.pop(name, None)
            held.attributes[name] = value


def _paths(function: FuncOp, attribute: str) -> list[str]:
    found = function.attributes.get(attribute)
    if not isinstance(found, ArrayAttr):
        return []
    return [text.data for text in cast("ArrayAttr[StringAttr]", found)]


def _are_distinct(paths: Sequence[str], slots: Sequence[Slot]) -> bool:
    known: dict[tuple[int, str], str] = {}
    pairs = zip(paths, slots, strict=True)
    return all(known.setdefault((id(held), name), path) == path for path, (held, name) in pairs)


def _slot(receiver: ScriptObject, path: str) -> Slot:
    *objects, name = path.split(".")
    held = receiver
    for inner in objects:
        held = held.attributes[inner]
    return held, name
