"""Which arguments of a function are numbers that differ from call to call: code for all their values."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Sequence
from typing import Any

from tsc.narrowing import is_array
from tsc.runtime.descriptions import Varying
from tsc.runtime.values import mapped

Key = tuple[str, ...]
MOST_VALUES = 2
"""How many values of an argument get code of their own before there is code for all."""


def as_program_has(values: Sequence[Any], copied: Container[int]) -> list[Any]:
    """Arguments as the program takes them, of those that code is made for; arrays that are `copied`, by their
    numbers among arrays and varying numbers, are others.
    """
    numbers = itertools.count()

    def plain(value: object) -> Any:
        if isinstance(value, Varying):
            next(numbers)
            return value.number
        return value.copy(order="K") if is_array(value) and next(numbers) in copied else value

    return [mapped(value, plain) for value in values]


class VaryingNumbers:
    """The places of such arguments."""

    def __init__(self) -> None:
        self.places: frozenset[int] = frozenset()
        self._refused: set[tuple[frozenset[int], bool]] = set()

    def given(self, values: Sequence[Any]) -> Sequence[Any]:
        """The arguments as code is made for them: `Varying` numbers where they differ."""
        return self.given_at(self.places, values) if self.places else values

    @staticmethod
    def given_at(places: frozenset[int], values: Sequence[Any]) -> list[Any]:
        """As `given`, for other places."""
        return [
            Varying(value) if place in places and type(value) in (int, float) else value
            for place, value in enumerate(values)
        ]

    def newly(
        self, key: Key, values: Sequence[Any], seen: Iterable[Key], *, only_native: bool
    ) -> frozenset[int] | None:
        """The places in arguments, `key` in words, where now, after calls that were `seen`, there should be
        code for all numbers, native as a whole or not; None where there is nothing new, or that was refused.
        """
        numbers = [place for place, value in enumerate(values) if type(value) in (int, float)]
        if not numbers:
            return None
        texts: dict[int, set[str]] = {place: {key[place]} for place in numbers}
        for other in seen:
            for place, known in texts.items():
                known.add(other[place])
        found = frozenset(place for place, known in texts.items() if len(known) > MOST_VALUES)
        return found if found and (found, only_native) not in self._refused else None

    def refuse(self, places: frozenset[int], *, only_native: bool) -> None:
        """There is no such code: numbers at these places stay constants."""
        self._refused.add((places, only_native))
