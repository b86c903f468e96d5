"""`TensorCalls`: calls with PyTorch's tensors that go straight to native code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, cast

import numpy as np

from tsc.compiler.native_build import MISS
from tsc.compiler.specialization import Specialization
from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import watching_test
from tsc.narrowing import is_array
from tsc.programs.object_state import AttributeGuard, ObjectState
from tsc.programs.versions import Version
from tsc.runtime.descriptions import UnusualValueError, pattern_of
from tsc.runtime.native_results import NativeResults
from tsc.runtime.result_forms import ResultForm, nest
from tsc.runtime.values import mapped

Run = Callable[..., Any]


class _Attributes:
    """The attributes that a function takes, as patterns and arrays: looked at again where one is another."""

    def __init__(self, state: ObjectState | None) -> None:
        self.state = state
        self._known: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def read(self) -> tuple[list[Any], list[Any]]:
        """Patterns and arrays."""
        assert self.state is not None
        values = self.state.read()
        known, patterns, arrays = self._known
        if len(values) != len(known) or not all(map(is_, values, known)):
            arrays = list[Any]()
            patterns = [pattern_of(value, np.ndarray, arrays) for value in values]
            self._known = values, patterns, arrays
        return patterns, arrays


class TensorCalls:
    """Calls a function with PyTorch's tensors by the shortest way: their arrays go to native code, which
    looks whether they fit, and new tensors come back. Whatever is unusual goes to `dispatch`.
    """

    def __init__(self, dispatch: Run, version: Version) -> None:
        self._dispatch = dispatch
        self._unit = version.entry.unit
        self._state = version.state
        self._guard = version.guard
        self._attributes = _Attributes(version.state)
        self._known: tuple[Specialization, ...] = ()
        self._class = torch_interop.torch().Tensor
        self._is_watched = watching_test()

    def add(self, found: Specialization, arguments: Sequence[Any]) -> bool:
        """Take in a specialization, if it was compiled for such `arguments`; whether that was possible."""
        results = found.run
        if not isinstance(results, NativeResults) or found.code is None or not results.is_row_major:
            return False
        taken, count = self._pattern(arguments), len(arguments)  # the attributes are others by now
        if taken is None or found.pattern is None or taken[0][:count] != found.pattern[:count]:
            return False
        self._known = (found, *self._known)
        return True

    def __call__(self, *arguments: Any) -> Any:
        """The result, in new tensors."""
        if self._is_watched() or not (self._guard is None or self._is_current(self._guard)):
            return self._dispatch(*arguments)
        taken = self._pattern(arguments)
        if taken is None:
            return self._dispatch(*arguments)
        pattern, given = taken
        try:
            arrays = [g if type(g) is np.ndarray else g.numpy() for g in given]
        except (RuntimeError, TypeError):  # PyTorch: its memory is no array, or it asks for gradients
            return self._dispatch(*arguments)
        for found in self._known:
            if found.code is None or found.pattern != pattern or not found.suits(arrays):
                continue
            flat = found.code.strict(*arrays)
            if flat is MISS:
                continue
            tensors = cast("tuple[Any, ...]", flat) if isinstance(flat, tuple) else (flat,)
            if found.checks_bounds and tensors[-1]:
                break
            return self._completed(found.form, tensors, arrays, given)
        return self._dispatch(*arguments)

    def _pattern(self, arguments: Sequence[Any]) -> tuple[Any, list[Any]] | None:
        """Arguments and attributes as a pattern, and the tensors and arrays in them; None for arguments
        among which is no tensor, or something else than tensors and constants.
        """
        given: list[Any] = []
        try:
            pattern = [pattern_of(a, self._class, given) for a in arguments]
            if not given:
                return None
            if self._attributes.state is not None:
                wanted, arrays = self._attributes.read()
                pattern += wanted
                given += arrays
        except UnusualValueError:
            return None
        return pattern, given

    def _is_current(self, guard: AttributeGuard) -> bool:
        """Whether a live module is as it was compiled, and no gradients are wanted of it."""
        state = self._state
        wants = state is not None and torch_interop.is_grad_enabled() and state.is_trained
        return not wants and guard.holds()

    def _completed(
        self, form: ResultForm, tensors: Sequence[Any], arrays: Sequence[Any], given: Sequence[Any]
    ) -> Any:
        assert form.structure is not None
        form.write(tensors, arrays, self._unit)
        structure = form.structure
        if self._state is not None:
            structure, *assigned = structure[1]
            self._state.assign([nest(part, tensors, arrays, self._unit) for part in assigned])
        if structure[0] == "tensor":
            return torch_interop.from_numpy(tensors[structure[1]])

        def back(leaf: Any) -> Any:
            if not is_array(leaf):
                return leaf
            places = (i for i, array in enumerate(arrays) if array is leaf and array is not given[i])
            place = next(places, None)
            return torch_interop.from_numpy(leaf) if place is None else given[place]

        return mapped(nest(structure, tensors, arrays, self._unit), back)
