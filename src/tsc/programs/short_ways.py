"""`ShortWays`: by which way calls with tensors of some kind go to what is compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.compiler.specialization import Specialization
from tsc.programs.tensor_calls import TensorCalls
from tsc.programs.tensor_kinds import TensorKind
from tsc.programs.version import Version
from tsc.runtime.descriptions import TENSOR

Run = Callable[..., Any]
MOST_WAYS = 64
"""Kinds of calls of which it is remembered which way they go."""


@dataclass(frozen=True)
class ShortWays:
    """Finds the shortest way for calls of one function; what it does not take comes to `dispatch`."""

    dispatch: Run
    wrap_object: Run
    """Makes of objects of the program what they are given back as."""

    def to_newest(self, version: Version, kind: TensorKind, arguments: Sequence[Any]) -> Run:
        """The way for calls like this one, when a specialization was added for it."""
        newest: Specialization | None = list(version.specializations.table.values())[-1]
        name = _name(kind, arguments)
        before = version.ways.get(name, self.dispatch)
        version.ways.clear()  # for other calls they are looked for anew
        way = self._to(version, kind, [] if newest is None else [newest], arguments, before)
        version.ways[name] = way
        return way

    def to_any(self, version: Version, kind: TensorKind, arguments: Sequence[Any]) -> Run:
        """The way for calls like this one, by whatever is compiled."""
        name = _name(kind, arguments)
        known = version.ways.get(name)
        if known is not None:
            return known
        made = [one for one in list(version.specializations.table.values()) if one is not None]
        if len(version.ways) >= MOST_WAYS:
            version.ways.clear()
        way = version.ways[name] = self._to(version, kind, made, arguments, self.dispatch)
        return way

    def _to(
        self, version: Version, kind: TensorKind, made: Sequence[Specialization], arguments: Sequence[Any],
        way: Run,
    ) -> Run:  # fmt: skip
        """The way there was, or one to what is `made`, as far as that can be."""
        for found in made:
            if kind.tensor is np.ndarray and version.depends_on_arguments_alone and _takes_arrays(found):
                way = found.native or way
                continue
            calls = version.tensor_calls.get(kind.tensor)
            if calls is None:
                calls = TensorCalls(kind, self.dispatch, version, self.wrap_object)
            if calls.holds(found) or calls.add(found, arguments):
                version.tensor_calls[kind.tensor] = calls
                way = calls.run
        return way


def _name(kind: TensorKind, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """What calls have in common that go one way: the class of tensors, and numbers that are constants."""
    return kind.tensor, *(a for a in arguments if isinstance(a, (bool, int, str)))


def _takes_arrays(found: Specialization) -> bool:
    """Whether the code itself takes the arguments of a call: all of them are arrays."""
    return found.native is not None and all(part is TENSOR for part in found.pattern or ())
