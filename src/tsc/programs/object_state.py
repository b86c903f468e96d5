"""A compiled method and its object: the attributes that it takes and gives (`ObjectState`), and those that it
was compiled for (`AttributeGuard`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_
from typing import Any, NamedTuple, cast

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.dialects.func import FuncOp

from tsc.concurrency import interned
from tsc.dialects.tsc import ASSIGNED, FOLDED, GENERATOR, TAKEN
from tsc.frontend.unit import Class, ScriptObject
from tsc.narrowing import is_list
from tsc.programs.attribute_paths import AttributePath, Key
from tsc.programs.live_tensors import refresh
from tsc.runtime.descriptions import Varying, describe
from tsc.runtime.generators import default_stream

Slot = tuple[ScriptObject, str]
"""An object, and one of its attributes, or an entry of one that is a dict: ``cache['cpu']``."""


class StatePart(NamedTuple):
    """One attribute, or one entry of a dict or list."""

    attributes: dict[str, Any]
    """Those of the object."""
    name: str
    key: Key | None

    def read(self) -> Any:
        """The value; None for an entry that is not there."""
        held = self.attributes[self.name]
        if self.key is None:
            return held
        if isinstance(self.key, int) and is_list(held):
            return held[self.key] if self.key < len(held) else None
        return held.get(self.key)

    def text(self, attributes: str) -> str:
        """The expression that reads it, with the name of the variable that holds the attributes."""
        found = f"{attributes}[{self.name!r}]"
        if self.key is not None and is_list(self.attributes[self.name]):
            return f"{found}[{self.key}] if {self.key} < len({found}) else None"
        return found if self.key is None else f"{found}.get({self.key!r})"


class ObjectState:
    """Reads the attributes that are a function's last arguments, and assigns those that it gives back."""

    def __init__(self, receiver: ScriptObject | None, function: FuncOp, varying: Iterable[str] = ()) -> None:
        """`varying` are paths of numbers that others change from call to call."""
        assigned, taken = _paths(function, ASSIGNED), _paths(function, TAKEN)
        self.assigned = [_slot(receiver, path) for path in assigned]
        self.taken = [_slot(receiver, path) for path in taken]
        self.taken_paths = taken
        pairs = zip([*assigned, *taken], [*self.assigned, *self.taken], strict=True)
        changing = set(self.assigned)
        self.is_distinct = _are_distinct((path, slot) for path, slot in pairs if slot in changing)
        """Whether no attribute that is assigned goes by two paths: those of an object that is held twice do.
        """
        self.holders = list(dict.fromkeys(held for held, _ in self.taken))
        changing |= {_slot(receiver, path) for path in varying}
        self.varying = [number for number, slot in enumerate(self.taken) if slot in changing]
        """Those that are `Varying` where they are numbers."""
        self.parts = [_part(slot) for slot in self.taken]
        self.draws = default_generator() in self.holders
        """Whether one of them is the stream that random numbers are drawn from: whoever takes it must hold
        the lock for draws until the one behind it is assigned."""
        self._numbers: dict[int, int | float] = {}
        """Numbers in dicts, as they were first seen."""
        self.given = [_part(slot) for slot in self.assigned]
        """The parts that the function assigns."""
        is_filled = any(part.key is not None for part in self.given)
        entries = [p for p in (*self.given, *self.parts) if p.key is not None] if is_filled else []
        self._dicts = list({(id(p.attributes), p.name): p for p in entries}.values())
        """One part of each dict, where any is written to."""

    def is_apart(self) -> bool:
        """Whether no dict that is written to is another one as well."""
        held = self._dicts
        return len(held) < 2 or len({id(p.attributes[p.name]) for p in held}) == len(held)

    def is_filling(self) -> bool:
        """Whether a call may put something into a dict that is not in it yet: then the next call differs."""
        return any(part.key is not None and part.read() is None for part in self.given)

    def read(self) -> list[Any]:
        """The attributes; numbers that calls change are `Varying`."""
        refresh(self.holders)
        values = [part.read() for part in self.parts]
        self._see(values)
        for number in self.varying:
            if isinstance(values[number], (bool, int, float)):
                values[number] = Varying(values[number])
        return values

    def _see(self, values: Sequence[Any]) -> None:
        """Take numbers in dicts for varying that were others before: nothing else watches over those."""
        for number, value in enumerate(values):
            if self.parts[number].key is not None and type(value) in (int, float):
                known = self._numbers.setdefault(number, value)
                if number not in self.varying and not _is_same(known, value):
                    self.varying.append(number)

    def entries(self) -> list[tuple[str, Slot, Any]]:
        """The attributes that the function takes: path, place, and value as `read` gives it."""
        return list(zip(self.taken_paths, self.taken, self.read(), strict=True))

    def assign(self, values: Sequence[Any]) -> None:
        """Set the attributes that the function assigns; an entry that is None stays as it is, as nothing
        takes entries out.
        """
        for (held, _), part, value in zip(self.assigned, self.given, values, strict=True):
            if part.key is None:
                held.let_go(part.name)
                part.attributes[part.name] = value
            elif value is not None:
                part.attributes[part.name][part.key] = value

    @property
    def is_trained(self) -> bool:
        """Whether PyTorch's own tensors are behind some of the attributes, which may ask for gradients."""
        return any(held.live for held in self.holders)


class AttributeGuard:
    """The attributes that a method of a live module was compiled for: numbers that became constants, and
    the objects on the way to what it reads.
    """

    def __init__(self, receiver: ScriptObject, function: FuncOp) -> None:
        constants = _paths(function, FOLDED)
        paths = {path: _slot(receiver, path) for path in dict.fromkeys(constants)}
        for path in (*constants, *_paths(function, TAKEN), *_paths(function, ASSIGNED)):
            prefixes = [p for p in AttributePath.parse(path).prefixes() if p != GENERATOR]
            paths.update((prefix, _slot(receiver, prefix)) for prefix in prefixes)
        self._paths = list(paths)
        self._slots = [(held.attributes, name) for held, name in paths.values()]
        self._values = [attributes.get(name) for attributes, name in self._slots]

    def holds(self) -> bool:
        """Whether the attributes are what they were."""
        values = [attributes.get(name) for attributes, name in self._slots]
        if not all(map(is_, values, self._values)):
            if not all(map(_is_same, values, self._values)):
                return False
            self._values = values
        return True

    @property
    def held(self) -> list[tuple[dict[str, Any], str, Any]]:
        """The attributes: of which object, which, and what they were."""
        return [(*slot, value) for slot, value in zip(self._slots, self._values, strict=True)]

    def texts(self) -> list[str]:
        """What must hold, in words: ``self.training == False``."""
        pairs = zip(self._paths, self._values, strict=True)
        return [
            f"self.{path} == {value!r}" if describe(value) is not None else f"self.{path} is the same object"
            for path, value in pairs
        ]

    def changed(self) -> set[str]:
        """The paths of attributes that are others now."""
        values = [attributes.get(name) for attributes, name in self._slots]
        return {
            path
            for path, old, new in zip(self._paths, self._values, values, strict=True)
            if not _is_same(old, new)
        }

    def changed_numbers(self) -> set[str]:
        """The paths of ints and floats that are others now."""
        values = [attributes.get(name) for attributes, name in self._slots]
        return {
            path
            for path, old, new in zip(self._paths, self._values, values, strict=True)
            if type(new) in (int, float) and not _is_same(old, new)
        }


def _is_same(a: object, b: object) -> bool:
    if a is b:
        return True
    described = describe(a)
    return described is not None and type(a) is type(b) and described == describe(b)


def taken_paths(function: FuncOp) -> list[str]:
    """The attributes of its object that are a function's last arguments, by their paths."""
    return _paths(function, TAKEN)


def assigned_paths(function: FuncOp) -> list[str]:
    """The attributes that are the last parts of a function's result, by their paths."""
    return _paths(function, ASSIGNED)


def _paths(function: FuncOp, attribute: str) -> list[str]:
    found = function.attributes.get(attribute)
    if not isinstance(found, ArrayAttr):
        return []
    return [text.data for text in cast("ArrayAttr[StringAttr]", found)]


def _are_distinct(slots: Iterable[tuple[str, Slot]]) -> bool:
    known: dict[Slot, str] = {}
    return all(known.setdefault(slot, path) == path for path, slot in slots)


def _slot(receiver: ScriptObject | None, text: str) -> Slot:
    path = AttributePath.parse(text)
    held = receiver
    for inner in path.objects:
        if inner == GENERATOR:
            held = default_generator()
        else:
            assert held is not None
            held = held.attributes[inner]
    assert held is not None
    return held, path.last


@interned
def default_generator() -> ScriptObject:
    """The generator that is drawn from where nobody names one, as an object whose attribute is its stream."""
    return ScriptObject(Class(GENERATOR, "class"), default_stream())


def _part(slot: Slot) -> StatePart:
    held, text = slot
    path = AttributePath.parse(text)
    if text in held.attributes:  # it looks like an entry, and is none
        return StatePart(held.attributes, text, None)
    return StatePart(held.attributes, path.name, path.key)
