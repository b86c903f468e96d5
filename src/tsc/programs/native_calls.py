"""The text of calls that go straight to native code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from tsc.compiler.native_build import NativeCode
from tsc.compiler.specialization import Specialization
from tsc.memory.conjugates import PAIRS, follow_writes
from tsc.narrowing import is_array, is_list
from tsc.programs.call_text import CallText, Matching, ResultText, array_name, signature
from tsc.programs.call_writer import CallWriter, Run, any_live
from tsc.programs.live_tensors import refresh
from tsc.programs.object_state import ObjectState, Slot, StatePart
from tsc.runtime.descriptions import TENSOR, Varying
from tsc.runtime.native import MISS
from tsc.runtime.native_results import NativeResults
from tsc.runtime.result_forms import beginning, nest
from tsc.runtime.values import mapped


class Known:
    """A specialization, and what of it a call needs."""

    def __init__(self, found: Specialization, code: NativeCode, results: NativeResults, count: int) -> None:
        """`count` is the number of arguments; attributes come after them.

        Raises:
            UnsuitedError: results lie in memory as only the long way can have it.
        """
        assert found.pattern is not None
        assert code.plan is not None
        self.arguments, self.attributes = found.pattern[:count], found.pattern[count:]
        self.code = code.strict
        self.outputs = code.plan.outputs
        self.form = found.form
        self.checks_bounds = found.checks_bounds
        self.laid_out = results.laid_out()
        form = found.form
        self.suits = found.suits if form.written or form.shown or form.is_drawn else None
        self.in_other_orders = partial(results.in_other_orders, self.code) if self.suits is None else None
        self.constants = found.constants
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
        held, names = self._match_attributes(text, matching.miss, group[0].attributes)
        self.convert(text, matching, self.kind.array_of, dispatch)
        arrays = [*(array_name(name) for name in given), *held]
        for known in group:
            _WrittenCall(self, text, known, given, arrays, names, dispatch).write()
        text.write(matching.miss)
        return text.function("call")

    def _match_attributes(
        self, text: CallText, miss: str, patterns: Sequence[Any]
    ) -> tuple[list[str], dict[Slot, str]]:
        """Read the attributes; the variables of their arrays, and those of all."""
        state = self.version.state
        if state is None or not patterns:
            return [], {}
        pairs = list(zip(state.parts, patterns, strict=True))
        variables = [text.variable() for _ in pairs]
        for variable, (part, _) in zip(variables, pairs, strict=True):
            text.write(f"{variable} = {part.text(text.hold(part.attributes))}")
        self._refresh(text, state, patterns, variables)
        matching = Matching(text, miss, np.ndarray)
        for variable, pattern in zip(variables, patterns, strict=True):
            is_varying = pattern is not TENSOR and pattern[0] is Varying
            if is_varying:
                numbers = text.hold((int, float, bool))
                text.write(f"if type({variable}) in {numbers}:")
                text.write(f"{variable} = {text.hold(np.asarray)}({variable})", 2)
            matching.match(TENSOR if is_varying else pattern, variable)
        matching.flush()
        return matching.tensors, dict(zip(state.taken, variables, strict=True))

    def _refresh(
        self, text: CallText, state: ObjectState, patterns: Sequence[Any], variables: Sequence[str]
    ) -> None:
        """Where tensors of PyTorch are behind attributes, look whether their memory is what it was (see
        `live_tensors`), and else read the attributes again.
        """
        text.write(f"if {any_live(text, state)}:")
        text.write("is_other = False", 2)
        nothing = text.hold((None,) * 5)
        for slot, part, pattern, variable in zip(state.taken, state.parts, patterns, variables, strict=True):
            if part.key is None and pattern is TENSOR:
                holder, name = text.hold(slot[0]), repr(part.name)
                text.write(f"tensor, array, place, shape, stride = {holder}.memory.get({name}, {nothing})", 2)
                changes = [
                    f"array is not {variable}", "tensor.data_ptr() != place", "tensor.stride() != stride",
                    "tensor.shape != shape",
                ]  # fmt: skip
                text.write(f"if {holder}.live.get({name}) is not tensor or tensor is not None and (", 2)
                text.write(f"{' or '.join(changes)}):", 3)
                text.write("is_other = True", 3)
        text.write("if is_other:", 2)
        text.write(f"{text.hold(refresh)}({text.hold(state.holders)})", 3)
        for variable, part in zip(variables, state.parts, strict=True):
            text.write(f"{variable} = {part.text(text.hold(part.attributes))}", 3)


@dataclass(frozen=True)
class _WrittenCall:
    """Writes the call of the code of one specialization."""

    writer: NativeCalls
    text: CallText
    known: Known
    given: Sequence[str]
    """The variables of the tensors that are arguments."""
    arrays: Sequence[str]
    """The variables of all arrays."""
    names: Mapping[Slot, str]
    """The variables of the attributes."""
    dispatch: str

    def write(self) -> None:
        """Call the code, and return what it gives, if it is for these arrays."""
        text, known = self.text, self.known
        all_arrays = f"({''.join(f'{name}, ' for name in self.arrays)})"
        self._call(all_arrays)
        text.write(f"if flat is not {text.hold(MISS)}:")
        results = [f"r{number}" for number in range(len(known.outputs))]
        text.write(f"{', '.join(results)} = flat", 2)
        if known.checks_bounds:
            text.write(f"if {results[-1]}:", 2)
            text.write(self.dispatch, 3)
        for number, shape in known.form.found:
            sizes = "".join(f"{self._size(words)}, " for words in shape)
            text.write(f"r{number} = {text.hold(beginning)}(r{number}, ({sizes}))", 2)
        if known.laid_out is not None and known.form.found:
            text.write(f"flat = {text.hold(known.laid_out)}(({', '.join(results)},))", 2)
            text.write(f"if flat is {text.hold(MISS)}:", 2)
            text.write(self.dispatch, 3)
            text.write(f"{', '.join(results)}, = flat", 2)
        self._require_apart()
        all_results = f"({''.join(f'{name}, ' for name in results)})"
        self._write_arguments(all_results, all_arrays)
        structure: Any = known.form.structure
        assert structure is not None
        if ResultText.is_direct(structure):
            self._return_directly(structure)
        else:
            all_given = f"({''.join(f'{name}, ' for name in self.given)})"
            completed = self._completed_by(structure)
            text.write(f"return {text.hold(completed)}({all_results}, {all_arrays}, {all_given})", 2)

    def _call(self, all_arrays: str) -> None:
        """Have `flat` be what the code gives, as it is to lie in memory but where sizes are found."""
        text, known, arrays = self.text, self.known, ", ".join(self.arrays)
        call = f"{text.hold(known.code)}({arrays})"
        if known.suits is not None:
            suits = f"{self._are_usual()}{text.hold(known.suits)}({all_arrays})"
            call += f" if {suits} else {text.hold(MISS)}"
        text.write(f"flat = {call}")
        lays_out = known.laid_out is not None and not known.form.found
        if lays_out:
            text.write(f"if flat is not {text.hold(MISS)}:")
            text.write(f"flat = {text.hold(known.laid_out)}(flat)", 2)
        if known.in_other_orders is not None and self.arrays:
            text.write(f"{'elif' if lays_out else 'if'} flat is {text.hold(MISS)}:")
            text.write(f"flat = {text.hold(known.in_other_orders)}({arrays})", 2)

    def _size(self, words: object) -> str:
        """The expression of a size in words."""
        if not is_list(words):
            return str(words)
        kind, *parts = words
        if kind == "size":
            number, dim = parts[0]
            return f"r{dim}.item()" if number < 0 else f"{self.arrays[number]}.shape[{dim}]"
        texts = [self._size(part) for part in parts]
        signs = {"sum": " + ", "product": " * ", "floordiv": " // ", "mod": " % "}
        return f"({signs[kind].join(texts)})" if kind in signs else f"{kind}({', '.join(texts)})"

    def _are_usual(self) -> str:
        """A test, with an ``or``, that suffices where it is true: what is written or shown is row-major, and
        what is written is far from all else.
        """
        known, text = self.known, self.text
        tests = [f"not {text.hold(PAIRS)}"]
        tests += [f"{self.arrays[number]}.flags.carray" for number in known.form.written]
        others = range(len(self.arrays))
        pairs = dict.fromkeys(tuple(sorted((i, j))) for i in known.form.written for j in others if i != j)
        laid_out = range(len(self.arrays)) if known.form.is_drawn else known.form.shown
        tests += [f"{self.arrays[number]}.flags.c_contiguous" for number in laid_out]
        if not known.constants.is_empty:
            holds = text.hold(known.constants.holds)
            tests += [f"not {holds}({self.arrays[number]})" for number in known.form.written]
        shares = text.hold(np.may_share_memory)
        tests += [f"not {shares}({self.arrays[i]}, {self.arrays[j]})" for i, j in pairs]
        return f"{' and '.join(tests)} or "

    def _write_arguments(self, all_results: str, all_arrays: str) -> None:
        """Put into the memory of arguments what the program writes there."""
        form, text = self.known.form, self.text
        if all(content[0] in ("tensor", "parts") for content in form.contents):
            for number, content in zip(form.written, form.contents, strict=True):  # memory of no argument
                parts = [("...", content[1])] if content[0] == "tensor" else map(_placed, content[1])
                for place, part in parts:
                    text.write(f"{self.arrays[number]}[{place}] = r{part}", 2)
                text.write(f"if {text.hold(PAIRS)}: {text.hold(follow_writes)}({self.arrays[number]})", 2)
        elif form.written:
            unit = text.hold(self.writer.unit)
            text.write(f"{text.hold(form.write)}({all_results}, {all_arrays}, {unit})", 2)

    @property
    def _result(self) -> ResultText:
        found = {number for number, _ in self.known.form.found}
        return ResultText(self.text, self.writer.unit, self.known.outputs, self.arrays, self.given, found)

    def _assignments(self) -> list[tuple[Slot, StatePart, Any]]:
        """What is assigned: where, and what, as the form describes it. Entries of dicts that are as they
        were are not.
        """
        state, structure = self.writer.version.state, cast("list[Any]", self.known.form.structure)
        if state is None:
            return []
        every = zip(state.assigned, state.given, structure[1][1:], strict=True)
        return [(s, part, value) for s, part, value in every if part.key is None or not self._stays(s, value)]

    def _stays(self, slot: Slot, value: list[Any]) -> bool:
        """Whether an attribute is what it was: a tensor that was read there, or None for no entry."""
        if value[0] == "argument":
            return self.arrays[value[1]] == self.names.get(slot)
        return value == ["constant", None]

    def _require_apart(self) -> None:
        """Nothing is assigned to dicts of which one is another one as well."""
        state = self.writer.version.state
        if state is None or not any(part.key is not None for _, part, _ in self._assignments()):
            return
        self.text.write(f"if not {self.text.hold(state.is_apart)}():", 2)
        self.text.write(self.dispatch, 3)

    def _return_directly(self, structure: list[Any]) -> None:
        """Assign attributes and return the result, as text."""
        version, kind, result = self.writer.version, self.writer.kind, self._result
        for slot, part, value in self._assignments():
            self._assign(slot, part, result.array(value))
        given = structure if version.state is None else structure[1][0]
        self.text.write(f"return {result.tensor(given, kind.tensor_of, kind.plain_tensor_of)}", 2)

    def _assign(self, slot: Slot, part: StatePart, value: str) -> None:
        text = self.text
        holder = text.hold(slot[0])
        if part.key is not None:
            text.write(f"{holder}.attributes[{part.name!r}][{part.key!r}] = {value}", 2)
            return
        text.write(f"if {holder}.live:", 2)
        text.write(f"{holder}.let_go({part.name!r})", 3)
        text.write(f"{holder}.attributes[{part.name!r}] = {value}", 2)

    def _completed_by(self, structure: Any) -> Run:
        """What assigns attributes and gives the result of any structure."""
        version, unit, tensor_of = self.writer.version, self.writer.unit, self.writer.kind.tensor_of

        def completed(tensors: Sequence[Any], arrays: Sequence[Any], given: Sequence[Any]) -> Any:
            result: Any = structure
            if version.state is not None:
                result, *assigned = structure[1]
                if assigned:
                    version.state.assign([nest(part, tensors, arrays, unit) for part in assigned])

            def back(leaf: object) -> Any:
                if not is_array(leaf):
                    return leaf
                place = next((i for i, array in enumerate(arrays[: len(given)]) if array is leaf), None)
                return tensor_of(leaf) if place is None else given[place]

            return mapped(nest(result, tensors, arrays, unit), back)

        return completed


def _placed(described: list[Any]) -> tuple[str, int]:
    """Where a part goes, as an index in Python, and the number of the result that it is."""
    dim, at, part = described
    return f"{':, ' * dim}{f'{at[0]}:{at[1]}' if is_list(at) else f'r{at}'}", part
