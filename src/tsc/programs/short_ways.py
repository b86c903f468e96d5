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

Run = Callable[..., Any]


@dataclass(frozen=True)
class ShortWays:
    """Finds the shortest way for calls of one function; what it does not take comes to `dispatch`."""

    dispatch: Run
    wrap_object: Run
    """Makes of objects of the program what they are given back as."""

    def to_newest(self, version: Version, kind: TensorKind, arguments: Sequence[Any]) -> Run:
        """The way for calls like this one, when a specialization was added for it."""
        newest: Specialization | None = list(version.specializations.table.values())[-1]
        version.ways.clear()  # for other kinds they are looked for anew
        return self._found(version, kind, [] if newest is None else [newest], arguments)

    def to_any(self, version: Version, kind: TensorKind, arguments: Sequence[Any]) -> Run:
        """The way for calls like this one, by whatever is compiled."""
        known = version.ways.get(kind.tensor)
        if known is not None:
            return known
        version.tensor_calls.pop(kind.tensor, None)
        made = [one for one in list(version.specializations.table.values()) if one is not None]
        return self._found(version, kind, made, arguments)

    def _found(
        self, version: Version, kind: TensorKind, made: Sequence[Specialization], arguments: Sequence[Any]
    ) -> Run:
        way = self.dispatch
        for found in made:
            if kind.tensor is np.ndarray and version.depends_on_arguments_alone and found.native is not None:
                way = found.native
                continue
            calls = version.tensor_calls.get(kind.tensor)
            if calls is None:
                calls = TensorCalls(kind, self.dispatch, version, self.wrap_object)
            if calls.add(found, arguments):
                version.tensor_calls[kind.tensor] = calls
                way = calls.run
        version.ways[kind.tensor] = way
        return way
