"""Functions of numbers, and lists and tuples of them, as native code: values become memory and back."""

from __future__ import annotations

import contextlib
import ctypes
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from tsc.dialects import torch_types as tt
from tsc.errors import UnsupportedOperatorError
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import compile_llvm
from tsc.runtime.machine_writer import MachineWriter, leaves

UNSUITED: Any = object()
"""What stands for no result: Python must do the call, from the beginning."""
ARENA = 4
"""Words of an arena; results come after them."""
Keep: TypeAlias = "list[array[Any]]"
"""Memory that native code reads, as long as it does."""


class NumberCode:
    """Native code of a function; called with Python's values, exactly of the types it takes."""

    def __init__(self, function: FuncOp) -> None:
        """
        Raises:
            UnsupportedOperatorError: the function, or values of its types, have no native form.
        """
        self._arguments = [a.type for a in function.body.block.args]
        self._results = list(function.function_type.outputs)
        for kind in self._arguments:
            _require_argument(kind)
        target = host_target()
        text = f'target triple = "{target.triple}"\n{MachineWriter().function(function)}'
        self.object = compile_llvm(text, target)
        take = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)
        self._run: Callable[..., int] = take(self.object.address("run"))
        self._release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.object.address("release"))
        self._words = ARENA + max(1, sum(len(leaves(kind)) for kind in self._results))

    def __call__(self, *values: object) -> Any:
        """The result, or `UNSUITED`."""
        keep: Keep = []
        try:
            words = [
                w for v, kind in zip(values, self._arguments, strict=True) for w in _words(v, kind, keep)
            ]
            given = array("q", words)
        except OverflowError:  # an int beyond 64 bits
            return UNSUITED
        found = array("q", bytes(8 * self._words))
        arena, results = found.buffer_info()[0], found.buffer_info()[0] + 8 * ARENA
        try:
            if self._run(arena, given.buffer_info()[0], results):
                return UNSUITED
            parts = iter(range(results, results + 8 * self._words, 8))
            shown = [_value(parts, kind) for kind in self._results]
            return shown[0] if len(shown) == 1 else tuple(shown)
        finally:
            self._release(arena)


class NumberCalls:
    """Calls of a function with Python's values: native code does those that it can, `generic` the others."""

    def __init__(self, function: FuncOp, generic: Callable[..., Any]) -> None:
        self._function = function
        self._generic = generic
        self.code: NumberCode | None = None

    def compile(self) -> bool:
        """Make the native code; whether there is some."""
        with contextlib.suppress(UnsupportedOperatorError, RecursionError):  # not all of it has a native form
            self.code = NumberCode(self._function)
        return self.code is not None

    def __call__(self, *values: object) -> Any:
        """Call the function.

        Raises:
            TscError: the program raised, or an operator failed.
        """
        found = UNSUITED if self.code is None else self.code(*values)
        return self._generic(*values) if found is UNSUITED else found


def _require_argument(kind: Attribute) -> None:
    """
    Raises:
        UnsupportedOperatorError: lists of tuples are taken apart by no one.
    """
    leaves(kind)
    inner = kind
    while isinstance(inner, tt.ListType):
        inner = inner.data
    if inner is not kind and isinstance(inner, tt.TupleType):
        raise UnsupportedOperatorError("native code takes no lists of tuples")
    if isinstance(kind, tt.TupleType):
        for part in kind.data:
            _require_argument(part)


# --- Python's values into memory ---


def _words(value: Any, kind: Attribute, keep: Keep) -> Iterator[int]:
    """What an argument is in words."""
    if isinstance(kind, tt.TupleType):
        for part, inner in zip(value, kind.data, strict=True):
            yield from _words(part, inner, keep)
    elif isinstance(kind, tt.ListType):
        yield _headers([value], kind, keep)[0]
    elif kind is tt.FLOAT:
        yield array("q", array("d", [value]).tobytes())[0]
    else:
        yield value


def _headers(lists: Sequence[list[Any]], kind: tt.ListType, keep: Keep) -> Sequence[int]:
    """The addresses of the headers of lists, whose elements are made memory together."""
    elements = lists[0] if len(lists) == 1 else list(chain.from_iterable(lists))
    if isinstance(kind.data, tt.ListType):
        memory = array("q", _headers(elements, kind.data, keep)) if elements else array("q")
    else:
        memory = array("d" if kind.data is tt.FLOAT else "q", elements)
    headers = array("q")
    place = memory.buffer_info()[0]
    for items in lists:
        headers.extend((place, len(items), len(items)))
        place += 8 * len(items)
    keep += [memory, headers]
    start = headers.buffer_info()[0]
    return range(start, start + 24 * len(lists), 24)


# --- and back ---


def _value(places: Iterator[int], kind: Attribute) -> Any:
    """The value of a type that is at the next places."""
    if isinstance(kind, tt.TupleType):
        return tuple(_value(places, inner) for inner in kind.data)
    place = next(places)
    if isinstance(kind, tt.ListType):
        return _list_at(ctypes.c_int64.from_address(place).value, kind.data)
    found = (ctypes.c_double if kind is tt.FLOAT else ctypes.c_int64).from_address(place).value
    return bool(found) if kind is tt.BOOL else found


def _list_at(header: int, kind: Attribute) -> list[Any]:
    data, count, _ = (ctypes.c_int64 * 3).from_address(header)
    width = len(leaves(kind))
    return list(_elements(data, count, kind, width)) if count else []


def _elements(data: int, count: int, kind: Attribute, width: int) -> Sequence[Any]:
    """The elements of a type that are `width` words apart."""
    if isinstance(kind, tt.TupleType):
        columns: list[Sequence[Any]] = []
        for inner in kind.data:
            columns.append(_elements(data, count, inner, width))
            data += 8 * len(leaves(inner))
        return list(zip(*columns, strict=True)) if columns else [()] * count
    word: Any = ctypes.c_double if kind is tt.FLOAT else ctypes.c_int64
    words = (word * (count * width - width + 1)).from_address(data)[::width]
    if isinstance(kind, tt.ListType):
        return [_list_at(header, kind.data) for header in words]
    return [*map(bool, words)] if kind is tt.BOOL else words
