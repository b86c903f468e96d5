"""Lists and dicts among attributes, as a call that runs on PyTorch's tensors sees them: copies that hold
those tensors, whose changes go back when the call ends.

The attributes themselves keep their arrays, which other threads may be reading.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array, is_dict, is_list
from tsc.runtime.values import mapped


@dataclass
class _Loan:
    original: Any
    copy: Any
    lent: list[Any]
    """The items of the copy when it was lent."""
    is_changed: bool

    def must_return(self) -> bool:
        """Whether the copy holds other things than what was lent."""
        items = _items(self.copy)
        is_same = len(items) == len(self.lent) and all(map(_is, items, self.lent))
        return self.is_changed or not is_same


def _is(a: object, b: object) -> bool:
    return a is b


class Lending(threading.local):
    """What is lent to the calls of this thread."""

    def __init__(self) -> None:
        self._depth = 0
        self._loans: dict[int, _Loan] = {}
        """By the identity of the copy."""
        self._copies: dict[int, Any] = {}
        """By the identity of the original."""
        self._written: dict[int, Any] = {}
        """Lists and dicts of the call that it made attributes."""

    @contextmanager
    def call(self) -> Generator[None]:
        """A call; when the outermost one ends, attributes hold arrays again."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._take_back()

    def lend(self, container: object) -> Any:
        """What the call sees for a list or dict: always the same."""
        if id(container) in self._written:
            return container
        if id(container) not in self._copies:
            copy: Any = {} if is_dict(container) else []
            self._copies[id(container)] = copy
            is_copied = _fill(copy, container, self._lent_item)
            self._loans[id(copy)] = _Loan(container, copy, _items(copy), is_copied)
        return self._copies[id(container)]

    def write(self, container: object) -> Any:
        """What an attribute holds when the call writes a list or dict to it."""
        loan = self._loans.get(id(container))
        if loan is not None:
            return loan.original
        self._written[id(container)] = container
        return container

    def _lent_item(self, value: object) -> Any:
        return self.lend(value) if is_list(value) or is_dict(value) else to_torch(value)

    def _take_back(self) -> None:
        loans, written = list(self._loans.values()), list(self._written.values())
        for loan in loans:
            if loan.must_return():
                _fill(loan.original, loan.copy, self._returned_item)
        for container in written:
            _fill(container, container, self._returned_item)
        self._loans.clear()
        self._copies.clear()
        self._written.clear()

    def _returned_item(self, value: object) -> Any:
        if not (is_list(value) or is_dict(value)):
            return to_numpy(value)
        loan = self._loans.get(id(value))
        if loan is not None:
            return loan.original
        _fill(value, value, self._returned_item)
        return value


def _items(container: object) -> list[Any]:
    if is_dict(container):
        return [part for pair in container.items() for part in pair]
    return list(cast("list[Any]", container))


def _fill(target: Any, source: object, convert: Callable[[Any], Any]) -> bool:
    """Make the items of `target` those of `source`, converted; whether one of those is an array that PyTorch
    cannot share.
    """
    if is_dict(source):
        pairs = {key: convert(value) for key, value in source.items()}
        is_copied = any(map(_is_read_only, source.values()))
        target.clear()
        target.update(pairs)
    else:
        items = cast("list[Any]", source)
        is_copied = any(map(_is_read_only, items))
        target[:] = [convert(value) for value in items]
    return is_copied


def _is_read_only(value: object) -> bool:
    return is_array(value) and not value.flags.writeable


def to_torch(value: object) -> Any:
    """`value` with PyTorch's tensors for arrays, entering tuples."""
    return mapped(value, lambda v: torch_interop.from_numpy(v) if is_array(v) else v)


def to_numpy(value: object) -> Any:
    """`value` with arrays for PyTorch's tensors, entering tuples."""
    return mapped(value, lambda v: torch_interop.to_numpy(v) if torch_interop.is_tensor(v) else v)
