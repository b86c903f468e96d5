"""The text of calls that go straight to native code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.compiler.native_build import NativeCode
from tsc.compiler.specialization import Specialization
from tsc.narrowing import is_array
from tsc.programs.call_text import CallText, Matching, ResultText, array_name, signature
from tsc.programs.call_writer import CallWriter, Run, any_live
from tsc.programs.live_tensors import refresh
from tsc.runtime.descriptions import TENSOR
from tsc.runtime.native import MISS
from tsc.runtime.result_forms import nest
from tsc.runtime.values import mapped


class Known:
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


@dataclass(frozen=True)
class NativeCalls(CallWriter):
    """Writes calls of native code, which looks itself whether shapes fit."""

    def written(self, group: Sequence[Known], otherwise: Run) -> Run:
        """The function for specializations of one pattern; other calls go `otherwise`."""
        text, kind = CallText(), self.kind
        dispatch = f"return {text.hold(self.dispatch)}(*arguments)"
        self.refuse(text, dispatch)
        matching = Matching(text, f"return {text.hold(otherwise)}(*arguments)", kind.tensor)
        matching.match((tuple, *group[0].arguments), "arguments")
        matching.flush()
        given = list(matching.tensors)
        held = self._match_attributes(text, matching.miss, group[0].attributes)
        self.convert(text, given, self.kind.array_of, dispatch)
        arrays = [*(array_name(name) for name in given), *held]
        for known in group:
            self._call(text, known, given, arrays, dispatch)
        text.write(matching.miss)
        return text.function("call")

    def _match_attributes(self, text: CallText, miss: str, patterns: Sequence[Any]) -> list[str]:
        """Read the attributes; the variables of their arrays."""
        state = self.version.state
        if state is None or not patterns:
            return []
        text.write(f"if {any_live(text, state)}:")
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

    def _call(
        self, text: CallText, known: Known, given: Sequence[str], arrays: Sequence[str], dispatch: str
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
            unit = text.hold(self.unit)
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
        self, text: CallText, known: Known, given: Sequence[str], arrays: Sequence[str]
    ) -> None:
        """Assign attributes and return the result, as text."""
        written = ResultText(text, self.unit, known.outputs, arrays, given)
        structure: Any = known.form.structure
        if self.version.state is not None:
            structure, *assigned = structure[1]
            for (holder, name), part in zip(self.version.state.assigned, assigned, strict=True):
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
            if self.version.state is not None:
                result, *assigned = structure[1]
                if assigned:
                    self.version.state.assign([nest(part, tensors, arrays, self.unit) for part in assigned])

            def back(leaf: object) -> Any:
                if not is_array(leaf):
                    return leaf
                place = next((i for i, array in enumerate(arrays[: len(given)]) if array is leaf), None)
                return self.kind.tensor_of(leaf) if place is None else given[place]

            return mapped(nest(result, tensors, arrays, self.unit), back)

        return completed
