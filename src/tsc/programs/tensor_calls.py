"""`TensorCalls`: calls with tensors that go straight to native code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, is_
from typing import Any, cast

import numpy as np

from tsc.compiler.native_build import NativeCode
from tsc.compiler.specialization import Specialization
from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import watching_test
from tsc.narrowing import is_array
from tsc.programs.object_state import AttributeGuard, ObjectState
from tsc.programs.versions import Version
from tsc.runtime.descriptions import UnusualValueError, pattern_of
from tsc.runtime.native import MISS
from tsc.runtime.native_results import NativeResults
from tsc.runtime.result_forms import nest
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import mapped

Run = Callable[..., Any]


class _Attributes:
    """The attributes that a function takes, as patterns and arrays: looked at again where one is another."""

    def __init__(self, state: ObjectState | None) -> None:
        self.state = state
        self._known: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def read(self) -> tuple[list[Any], list[Any]]:
        """Patterns and arrays."""
        if self.state is None:
            return [], []
        values = self.state.read()
        known, patterns, arrays = self._known
        if len(values) != len(known) or not all(map(is_, values, known)):
            arrays = list[Any]()
            patterns = [pattern_of(value, np.ndarray, arrays) for value in values]
            self._known = values, patterns, arrays
        return patterns, arrays


@dataclass(frozen=True)
class TensorKind:
    """A class of tensors that callers use, and how its tensors become arrays and back."""

    tensor: type
    array_of: Run
    tensor_of: Run
    is_watched: Callable[[], bool]
    """Whether something watches what is done with them."""

    @classmethod
    def of(cls, arguments: Sequence[Any]) -> TensorKind | None:
        """The kind of the first tensor among arguments; None where there is none."""
        kinds = (_kind_of(cast("type[Any]", type(argument))) for argument in arguments)
        return next((kind for kind in kinds if kind is not None), None)


def _kind_of(tensor: Any) -> TensorKind | None:
    if tensor is np.ndarray:
        return TensorKind(np.ndarray, _itself, _itself, _never)
    if tensor is Tensor:
        return TensorKind(Tensor, attrgetter("array"), Tensor, _never)
    if torch_interop.torch() is not None and tensor is torch_interop.torch().Tensor:
        return TensorKind(tensor, tensor.numpy, torch_interop.from_numpy, watching_test())
    return None


def _itself(array: object) -> Any:
    return array


def _never() -> bool:
    return False


class _Known:
    """A specialization, and what of it a call needs."""

    def __init__(self, found: Specialization, code: NativeCode, count: int) -> None:
        """`count` is the number of arguments; attributes come after them."""
        assert found.pattern is not None
        self.arguments, self.attributes = found.pattern[:count], found.pattern[count:]
        self.code = code.strict
        self.form = found.form
        self.checks_bounds = found.checks_bounds
        self.suits = found.suits if found.form.written or found.form.shown else None


class TensorCalls:
    """Calls a function with tensors of one kind by the shortest way: their arrays go to native code, which
    looks whether they fit, and new tensors come back. Whatever is unusual goes to `dispatch`.
    """

    def __init__(self, kind: TensorKind, dispatch: Run, version: Version) -> None:
        self.kind = kind
        self._dispatch = dispatch
        self._unit = version.entry.unit
        self._state = version.state
        self._guard = version.guard
        self._attributes = _Attributes(version.state)
        self._known: tuple[_Known, ...] = ()

    def add(self, found: Specialization, arguments: Sequence[Any]) -> bool:
        """Take in a specialization, if it was compiled for such `arguments`; whether that was possible."""
        results = found.run
        if not isinstance(results, NativeResults) or found.code is None or not results.is_row_major:
            return False
        try:
            pattern = [pattern_of(a, self.kind.tensor, []) for a in arguments]
        except UnusualValueError:
            return False
        if found.pattern is None or pattern != found.pattern[: len(pattern)]:
            return False
        self._known = (_Known(found, found.code, len(pattern)), *self._known)
        return True

    def __call__(self, *arguments: object) -> Any:
        """The result, in new tensors."""
        kind = self.kind
        if kind.is_watched() or not (self._guard is None or self._is_current(self._guard)):
            return self._dispatch(*arguments)
        given: list[Any] = []
        try:
            pattern = [pattern_of(a, kind.tensor, given) for a in arguments]
            attributes, held = self._attributes.read()
            arrays = [*map(kind.array_of, given), *held]
        except (UnusualValueError, RuntimeError, TypeError):  # PyTorch: no array, or it asks for gradients
            return self._dispatch(*arguments)
        if not given:
            return self._dispatch(*arguments)
        for known in self._known:
            if known.arguments != pattern or known.attributes != attributes:
                continue
            if known.suits is not None and not known.suits(arrays):
                continue
            flat = known.code(*arrays)
            if flat is MISS:
                continue
            tensors = cast("tuple[Any, ...]", flat) if isinstance(flat, tuple) else (flat,)
            if known.checks_bounds and tensors[-1]:
                break
            return self._completed(known, tensors, arrays, given)
        return self._dispatch(*arguments)

    def _is_current(self, guard: AttributeGuard) -> bool:
        """Whether a live module is as it was compiled, and no gradients are wanted of it."""
        state = self._state
        wants = state is not None and torch_interop.is_grad_enabled() and state.is_trained
        return not wants and guard.holds()

    def _completed(
        self, known: _Known, tensors: Sequence[Any], arrays: Sequence[Any], given: Sequence[Any]
    ) -> Any:
        structure: Any = known.form.structure
        known.form.write(tensors, arrays, self._unit)
        if self._state is not None:
            structure, *assigned = structure[1]
            if assigned:
                self._state.assign([nest(part, tensors, arrays, self._unit) for part in assigned])
        if structure[0] == "tensor":
            return self.kind.tensor_of(tensors[structure[1]])

        def back(leaf: object) -> Any:
            if not is_array(leaf):
                return leaf
            place = next((i for i, array in enumerate(arrays[: len(given)]) if array is leaf), None)
            return self.kind.tensor_of(leaf) if place is None else given[place]

        return mapped(nest(structure, tensors, arrays, self._unit), back)
