"""`TensorCalls`: calls with tensors that go straight to compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from tsc.compiler.specialization import Specialization
from tsc.concurrency import DRAWING
from tsc.errors import UnsuitedError
from tsc.narrowing import is_array
from tsc.programs.native_calls import Known, NativeCalls
from tsc.programs.part_calls import KnownParts, PartCalls
from tsc.programs.tensor_kinds import TensorKind
from tsc.programs.version import Version
from tsc.runtime.descriptions import UnusualValueError, pattern_of
from tsc.runtime.native import MISS
from tsc.runtime.native_results import NativeResults

Run = Callable[..., Any]


class TensorCalls:
    """Calls a function with tensors of one kind by the shortest way: their arrays go to native code, which
    looks whether they fit, and new tensors come back. Whatever is unusual goes to `dispatch`.

    `run` is that way, as a function of its own, which is written anew with each specialization that is added.
    """

    def __init__(self, kind: TensorKind, dispatch: Run, version: Version, wrap_object: Run) -> None:
        """`wrap_object` makes of objects of the program what they are given back as."""
        self.kind = kind
        self.run = self._dispatch = dispatch
        self._version = version
        self._draws = version.state is not None and version.state.draws
        self._native = NativeCalls(kind, _miss if self._draws else dispatch, version)
        self._parts = PartCalls(kind, dispatch, version, wrap_object)
        self._known: tuple[Known | KnownParts, ...] = ()
        self._taken: set[Specialization] = set()

    def holds(self, found: Specialization) -> bool:
        """Whether a specialization was taken in."""
        return found in self._taken

    def add(self, found: Specialization, arguments: Sequence[Any]) -> bool:
        """Take in a specialization, if it was compiled for such `arguments`; whether that was possible."""
        given: list[Any] = []
        try:
            arguments = self._version.specializations.varying.given(arguments)
            pattern = [pattern_of(a, self.kind.tensor, given) for a in arguments]
            known = self._known_of(found, pattern, given)
        except (UnusualValueError, UnsuitedError, RuntimeError, TypeError):
            return False  # the last two are PyTorch's: no array, or it asks for gradients
        if known is None:
            return False
        self._known = (known, *self._known)
        self._taken.add(found)
        self.run = self._written()
        return True

    def _known_of(
        self, found: Specialization, pattern: Sequence[Any], given: Sequence[Any]
    ) -> Known | KnownParts | None:
        """What is known of a specialization for such arguments; None where it is not for the short way."""
        count, results = len(pattern), found.run
        if found.pattern is None or pattern != found.pattern[:count]:
            return None
        if found.outlined is not None:
            array_of = self.kind.array_of
            arrays = [t if array_of is None or is_array(t) else array_of(t) for t in given]
            is_settled = not self._version.specializations.native_trials
            known = KnownParts(found, count, arrays, other_shapes=is_settled)
            return known if all(array.size for array in arrays) else None
        if not isinstance(results, NativeResults) or found.code is None or found.code.plan is None:
            return None
        return Known(found, found.code, results, count)

    def _written(self) -> Run:
        """One function for what is known: the newest first, those of one pattern together."""
        run = self._dispatch
        for _, group in groupby(reversed(self._known), lambda known: known.signature):
            known = list(group)[::-1]
            native = [one for one in known if isinstance(one, Known)]
            parts = [one for one in known if isinstance(one, KnownParts)]
            if not native:
                run = self._parts.written(parts[0], run)
            elif self._draws:
                run = drawing_in_turn(self._native.written(native, _miss), run)
            else:
                run = self._native.written(native, run)
        return run


def _miss(*_: object) -> Any:
    return MISS


def drawing_in_turn(run: Run, otherwise: Run) -> Run:
    """`run`, which takes the stream of random bits and leaves another one, while nobody else draws; what it
    cannot do is done `otherwise`, after that.
    """

    def call(*arguments: object) -> Any:
        with DRAWING:
            result = run(*arguments)
        return otherwise(*arguments) if result is MISS else result

    return call
