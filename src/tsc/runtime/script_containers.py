"""`ScriptList` and `ScriptDict`: lists and dicts of a program that Python holds too, so that what either
writes the other sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import ArgumentError, DTypeError, Error
from tsc.narrowing import is_list
from tsc.ops.formatting import text_of
from tsc.runtime.values import Inputs, SharedContainer, Wrap

KEYS = (tt.INT, tt.FLOAT, tt.COMPLEX, tt.STRING, tt.BOOL, tt.TENSOR, tt.DEVICE)
"""What dicts may have as keys."""


class _Container(SharedContainer):
    """What lists and dicts have in common: values that go in and out."""

    def __init__(self, held: Any, kind: TorchType, default: Wrap | None) -> None:
        super().__init__(held, kind)
        self._default = default

    def _in(self, value: object, kind: TorchType, refusal: type[Exception] = TypeError) -> Any:
        """`value` as the program holds it, as one of type `kind`."""
        try:
            return Inputs().convert(value, kind, "value")
        except (ArgumentError, DTypeError) as error:
            raise refusal(str(error)) from None

    def _out(self, value: object) -> Any:
        """A value of the program as Python has it: containers in it are copied, as of a call's result."""
        return Inputs(self._default).give_back(value)

    def __len__(self) -> int:
        return len(self.held)

    def __repr__(self) -> str:
        return text_of(self.held)


class ScriptList(_Container):
    """A list with elements of one type: what a program that is given it does to it shows here.

    >>> held = tsc.script([1, 2])
    >>> def add(to: list[int]) -> None:
    ...     to.append(3)
    >>> tsc.script(add)(held)
    >>> held
    [1, 2, 3]

    Raises:
        TypeError: a value is not of the type of the elements.
        IndexError: there is no such element.
    """

    held: list[Any]
    kind: tt.ListType

    def __getitem__(self, index: int | slice) -> Any:
        """One element, or (of a slice) a new `ScriptList`."""
        if isinstance(index, slice):
            return ScriptList(self.held[index], self.kind, self._default)
        return self._out(self.held[index])

    def __setitem__(self, index: int | slice, value: Any) -> None:
        """Set one element, or as many as a slice has.

        Raises:
            RuntimeError: the slice has another length.
        """
        if not isinstance(index, slice):
            self.held[index] = self._in(value, self.kind.data)
            return
        values = self._in(value, self.kind)
        if len(values) != len(self.held[index]):
            raise RuntimeError("Left and right hand size of slice assignment have different sizes")
        self.held[index] = values

    def __delitem__(self, index: int | slice) -> None:
        if isinstance(index, slice):
            raise TypeError("__delitem__: requires an index; got a slice")
        del self.held[index]

    def __contains__(self, value: object) -> bool:
        return self._in(value, self.kind.data) in self.held

    def __iter__(self) -> Iterator[Any]:
        return map(self._out, self.held)

    def append(self, value: object) -> None:
        """Add an element at the end."""
        self.held.append(self._in(value, self.kind.data))

    def extend(self, values: Iterable[Any]) -> None:
        """Add all elements of another list at the end."""
        self.held.extend(self._in([*values], self.kind))

    def insert(self, index: int, value: object) -> None:
        """Add an element before that at `index`.

        Raises:
            IndexError: the list is shorter.
        """
        if not -len(self.held) <= index <= len(self.held):
            raise IndexError("list index out of range")
        self.held.insert(index, self._in(value, self.kind.data))

    def pop(self, index: int = -1) -> Any:
        """Remove an element, the last by default, and return it."""
        if not -len(self.held) <= index < len(self.held):
            raise IndexError("list index out of range")
        return self._out(self.held.pop(index))

    def remove(self, value: object) -> None:
        """Remove the first element that is equal to `value`.

        Raises:
            ValueError: there is none.
        """
        self.held.remove(self._in(value, self.kind.data))

    def count(self, value: object) -> int:
        """How many elements are equal to `value`."""
        return self.held.count(self._in(value, self.kind.data))

    def clear(self) -> None:
        """Remove all elements."""
        self.held.clear()


class ScriptDict(_Container):
    """A dict with keys of one type and values of one: what a program that is given it does to it shows here.

    >>> held = tsc.script({"a": 1})
    >>> held["b"] = 2
    >>> held
    {a: 1, b: 2}

    Raises:
        TypeError: a key or value that is set is not of the type.
        KeyError: there is no such key, or it is not of the type.
    """

    held: dict[Any, Any]
    kind: tt.DictType

    def __getitem__(self, key: object) -> Any:
        return self._out(self.held[self._in(key, self.kind.key, KeyError)])

    def __setitem__(self, key: object, value: object) -> None:
        self.held[self._in(key, self.kind.key)] = self._in(value, self.kind.value)

    def __delitem__(self, key: object) -> None:
        del self.held[self._in(key, self.kind.key, KeyError)]

    def __contains__(self, key: object) -> bool:
        return self._in(key, self.kind.key, KeyError) in self.held

    def __iter__(self) -> Iterator[Any]:
        return map(self._out, self.held)

    def keys(self) -> Iterator[Any]:
        """The keys."""
        return iter(self)

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Pairs of keys and values."""
        return ((self._out(key), self._out(value)) for key, value in self.held.items())


def script_container(
    value: list[Any] | dict[Any, Any], infer: Callable[[Any], TorchType | None], default: Wrap | None
) -> ScriptList | ScriptDict:
    """A list or dict of Python as one that programs and Python share. Of what is empty, elements are tensors
    (and keys strings).

    Raises:
        Error: its elements are not of one type.
    """
    if is_list(value):
        element = _common(value, infer, "list: List inputs to traced functions must have consistent element")
        kind = tt.ListType(element)
        return ScriptList(Inputs().convert(value, kind, "value"), kind, default)
    what = "dictionary: Dictionary inputs to traced functions must have consistent"
    pairs = cast("dict[Any, Any]", value)
    key = _common(list(pairs), infer, what) if pairs else tt.STRING
    if key not in KEYS:
        raise Error(
            f"Cannot create dict for key type '{key.torchscript()}', only int, float, complex, Tensor, "
            "device and string keys are supported"
        )
    kinds = tt.DictType((key, _common([*pairs.values()], infer, what)))
    return ScriptDict(Inputs().convert(pairs, kinds, "value"), kinds, default)


def _common(values: list[Any], infer: Callable[[Any], TorchType | None], what: str) -> TorchType:
    """The one type of values, None among them or not; that of tensors, where there are none."""
    kinds: list[TorchType] = []
    for value in values:
        kind = infer(value)
        if kind is None:
            raise Error(f"Unable to infer type of {what} type. Found {type(value).__name__}")
        if kind not in kinds:
            kinds.append(kind)
    others = [kind for kind in kinds if kind is not tt.NONE]
    if len(others) > 1:
        first, second = (kind.torchscript() for kind in others[:2])
        raise Error(f"Unable to infer type of {what} type. Found {first} and {second}")
    if not others:
        return tt.NONE if kinds else tt.TENSOR
    return tt.OptionalType(others[0]) if len(kinds) > 1 else others[0]
