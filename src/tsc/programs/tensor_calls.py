"""`TensorCalls`: calls with tensors that go straight to compiled code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

import numpy as np

from tsc.compiler.native_build import NativeCode
from tsc.compiler.specialization import Specialization
from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import watching_test
from tsc.narrowing import is_array
from tsc.programs.call_text import CallText, Matching, ResultText, array_name, signature
from tsc.programs.live_tensors import refresh
from tsc.programs.object_state import ObjectState
from tsc.programs.versions import Version
from tsc.runtime.descriptions import TENSOR, UnusualValueError, pattern_of
from tsc.runtime.native import MISS
from tsc.runtime.native_results import NativeResults
from tsc.runtime.result_forms import nest
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import mapped

Run = Callable[..., Any]


@dataclass(frozen=True)
class TensorKind:
    """A class of tensors that callers use, and how its tensors become arrays and back."""

    tensor: type
    array_of: Run | None
    """None where they are arrays."""
    tensor_of: Run
    plain_tensor_of: Run
    """The same for arrays that have elements, of a dtype that NumPy has too."""
    is_watched: Callable[[], bool] | None
    """Whether something watches what is done with them; None where nothing does."""

    @classmethod
    def of(cls, arguments: Iterable[Any]) -> TensorKind | None:
        """The kind of the first tensor among arguments and in containers that are some; None where there is
        none.
        """
        for argument in arguments:
            if isinstance(argument, (list, tuple)):
                kind = cls.of(cast("Sequence[Any]", argument))
            elif isinstance(argument, dict):
                kind = cls.of(cast("dict[Any, Any]", argument).values())
            else:
                kind = _kind_of(cast("type[Any]", type(argument)))
            if kind is not None:
                return kind
        return None


def _kind_of(tensor: Any) -> TensorKind | None:
    if tensor is np.ndarray:
        return TensorKind(np.ndarray, None, _itself, _itself, None)
    if tensor is Tensor:
        return TensorKind(Tensor, attrgetter("array"), Tensor, Tensor, None)
    if torch_interop.torch() is not None and tensor is torch_interop.torch().Tensor:
        back, plain = torch_interop.from_numpy, torch_interop.plain_from_numpy()
        return TensorKind(tensor, tensor.numpy, back, plain, watching_test())
    return None


def _itself(array: object) -> Any:
    return array


class _Known:
    """A specialization, and what of it a call needs."""

    def __init__(self, found: Specialization, code: NativeCode, count: int) -> None:
        """`count` is the number of arguments; attributes come after them."""
        assert found.pattern is not None
        assert code.plan is not None
        self.arguments, self.attributes = found.pattern[:count], found.pattern[count:]
        self.code = code.strict
        self.outputs = code.plan.outputs
        self.form = found.form
        self.checks_bounds = found.checks_bounds
        self.suits = found.suits if found.form.written or found.form.shown else None
        self.signature = signature(self.arguments), signature(self.attributes)


class TensorCalls:
    """Calls a function with tensors of one kind by the shortest way: their arrays go to native code, which
    looks whether they fit, and new tensors come back. Whatever is unusual goes to `dispatch`.

    `run` is that way, as a function of its own, which is written anew with each specialization that is added.
    """

    def __init__(self, kind: TensorKind, dispatch: Run, version: Version) -> None:
        self.kind = kind
        self._dispatch = dispatch
        self._unit = version.entry.unit
        self._state = version.state
        self._guard = version.guard
        self._known: tuple[_Known, ...] = ()
        self.run = dispatch

    def add(self, found: Specialization, arguments: Sequence[Any]) -> bool:
        """Take in a specialization, if it was compiled for such `arguments`; whether that was possible."""
        results = found.run
        if not isinstance(results, NativeResults) or found.code is None or not results.is_row_major:
            return False
        try:
            pattern = [pattern_of(a, self.kind.tensor, []) for a in arguments]
        except UnusualValueError:
            return False
        if found.pattern is None or found.code.plan is None or pattern != found.pattern[: len(pattern)]:
            return False
        self._known = (_Known(found, found.code, len(pattern)), *self._known)
        self.run = self._written()
        return True

    def _written(self) -> Run:
        """One function for what is known: the newest first, those of one pattern together."""
        run = self._dispatch
        for _, group in groupby(reversed(self._known), lambda known: known.signature):
            run = self._written_for(list(group)[::-1], run)
        return run

    def _written_for(self, group: Sequence[_Known], otherwise: Run) -> Run:
        """The function for specializations of one pattern; other calls go `otherwise`."""
        text, kind = CallText(), self.kind
        dispatch = f"return {text.hold(self._dispatch)}(*arguments)"
        for test in self._refusals(text):
            text.write(f"if {test}:")
            text.write(dispatch, 2)
        matching = Matching(text, f"return {text.hold(otherwise)}(*arguments)", kind.tensor)
        _match_arguments(matching, group[0].arguments)
        given = list(matching.tensors)
        held = self._match_attributes(text, matching.miss, group[0].attributes)
        self._convert(text, given, dispatch)
        arrays = [*(array_name(name) for name in given), *held]
        for known in group:
            self._call(text, known, given, arrays, dispatch)
        text.write(matching.miss)
        return text.function("call")

    def _refusals(self, text: CallText) -> list[str]:
        """The tests for calls that go the long way whatever their arguments are."""
        tests: list[str] = []
        if self.kind.is_watched is not None:
            tests.append(f"{text.hold(self.kind.is_watched)}()")
        if self._guard is None:
            return tests
        if self._state is not None and self._state.holders:  # parameters of PyTorch may ask for gradients
            wanted = text.hold(torch_interop.is_grad_enabled)
            tests.append(f"({_any_live(text, self._state)}) and {wanted}()")
        held = [
            f"{text.hold(attributes)}.get({name!r}) is not {text.hold(value)}"
            for attributes, name, value in self._guard.held
        ]
        if held:
            tests.append(f"({' or '.join(held)}) and not {text.hold(self._guard.holds)}()")
        return tests

    def _match_attributes(self, text: CallText, miss: str, patterns: Sequence[Any]) -> list[str]:
        """Read the attributes; the variables of their arrays."""
        state = self._state
        if state is None or not patterns:
            return []
        text.write(f"if {_any_live(text, state)}:")
        text.write(f"{text.hold(refresh)}({text.hold(state.holders)})", 2)
        matching = Matching(text, miss, np.ndarray)
        for number, ((attributes, name), pattern) in enumerate(zip(state.slots, patterns, strict=True)):
            variable = text.variable()
            text.write(f"{variable} = {text.hold(attributes)}[{name!r}]")
            if number in state.varying and pattern is TENSOR:
                numbers = text.hold((int, float, bool))
                text.write(f"if type({variable}) in {numbers}:")
                text.write(f"{variable} = {text.hold(np.asarray)}({variable})", 2)
            matching.match(pattern, variable)
        matching.flush()
        return matching.tensors

    def _convert(self, text: CallText, given: Sequence[str], dispatch: str) -> None:
        """Make arrays of the tensors that were given."""
        if self.kind.array_of is None:
            for name in given:
                text.write(f"{array_name(name)} = {name}")
            return
        text.write("try:")
        for name in given:
            text.write(f"{array_name(name)} = {text.hold(self.kind.array_of)}({name})", 2)
        text.write("except (RuntimeError, TypeError):")  # PyTorch: no array, or it asks for gradients
        text.write(dispatch, 2)

    def _call(
        self, text: CallText, known: _Known, given: Sequence[str], arrays: Sequence[str], dispatch: str
    ) -> None:
        """Call the code of a specialization, and return what it gives, if it is for these arrays."""
        all_arrays = f"({''.join(f'{name}, ' for name in arrays)})"
        call = f"{text.hold(known.code)}({', '.join(arrays)})"
        if known.suits is not None:
            call += f" if {text.hold(known.suits)}({all_arrays}) else {text.hold(MISS)}"
        text.write(f"flat = {call}")
        text.write(f"if flat is not {text.hold(MISS)}:")
        results = [f"r{number}" for number in range(len(known.outputs))]
        text.write(f"{', '.join(results)} = flat", 2)
        if known.checks_bounds:
            text.write(f"if {results[-1]}:", 2)
            text.write(dispatch, 3)
        all_results = f"({''.join(f'{name}, ' for name in results)})"
        if known.form.written:
            unit = text.hold(self._unit)
            text.write(f"{text.hold(known.form.write)}({all_results}, {all_arrays}, {unit})", 2)
        structure: Any = known.form.structure
        assert structure is not None
        if ResultText.is_direct(structure):
            self._return_directly(text, known, given, arrays)
        else:
            all_given = f"({''.join(f'{name}, ' for name in given)})"
            completed = self._completed_by(structure)
            text.write(f"return {text.hold(completed)}({all_results}, {all_arrays}, {all_given})", 2)

    def _return_directly(
        self, text: CallText, known: _Known, given: Sequence[str], arrays: Sequence[str]
    ) -> None:
        """Assign attributes and return the result, as text."""
        written = ResultText(text, self._unit, known.outputs, arrays, given)
        structure: Any = known.form.structure
        if self._state is not None:
            structure, *assigned = structure[1]
            for (holder, name), part in zip(self._state.assigned, assigned, strict=True):
                variable = text.hold(holder)
                text.write(f"if {variable}.live:", 2)
                text.write(f"{variable}.live.pop({name!r}, None)", 3)
                text.write(f"{variable}.attributes[{name!r}] = {written.array(part)}", 2)
        kind = self.kind
        text.write(f"return {written.tensor(structure, kind.tensor_of, kind.plain_tensor_of)}", 2)

    def _completed_by(self, structure: Any) -> Run:
        """What assigns attributes and gives the result of any structure."""

        def completed(tensors: Sequence[Any], arrays: Sequence[Any], given: Sequence[Any]) -> Any:
            result: Any = structure
            if self._state is not None:
                result, *assigned = structure[1]
                if assigned:
                    self._state.assign([nest(part, tensors, arrays, self._unit) for part in assigned])

            def back(leaf: object) -> Any:
                if not is_array(leaf):
                    return leaf
                place = next((i for i, array in enumerate(arrays[: len(given)]) if array is leaf), None)
                return self.kind.tensor_of(leaf) if place is None else given[place]

            return mapped(nest(result, tensors, arrays, self._unit), back)

        return completed


def _any_live(text: CallText, state: ObjectState) -> str:
    """The test whether tensors of PyTorch are behind attributes that a function takes."""
    return " or ".join(f"{text.hold(holder)}.live" for holder in state.holders)


def _match_arguments(matching: Matching, patterns: Sequence[Any]) -> None:
    """Take ``arguments`` apart."""
    matching.match((tuple, *patterns), "arguments")
    matching.flush()
