"""The text of calls of functions in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tsc.compiler.specialization import Specialization
from tsc.interop import torch as torch_interop
from tsc.programs.call_text import CallText, Matching, array_name, signature
from tsc.programs.call_writer import CallWriter, Run
from tsc.programs.live_tensors import refresh_below
from tsc.runtime.plain_values import copier_of
from tsc.runtime.recording_gradients import has_trained
from tsc.runtime.values import Inputs


class KnownParts:
    """A specialization in parts: Python that calls native code, and knows no shapes."""

    def __init__(
        self, found: Specialization, count: int, arrays: Sequence[Any], *, other_shapes: bool = True
    ) -> None:
        """`count` is the number of arguments, `arrays` are those among ones that it was called with. Where
        something better may be made for those of `other_shapes`, they do not come here.
        """
        assert found.pattern is not None
        self.arguments = found.pattern[:count]
        self.run = found.run
        self.kinds = [(array.dtype, array.ndim) for array in arrays]
        self.shapes = None if other_shapes else [array.shape for array in arrays]
        self.signature = signature(self.arguments), repr((self.kinds, self.shapes))


@dataclass(frozen=True)
class PartCalls(CallWriter):
    """Writes calls of functions in parts: arguments become arrays that show their memory, and what the
    program gives comes back as tensors.
    """

    wrap_object: Run
    """What objects of the program are given back as."""

    def written(self, known: KnownParts, otherwise: Run) -> Run:
        """The function for a specialization; other calls go `otherwise`."""
        text = CallText()
        dispatch = f"return {text.hold(self.dispatch)}(*arguments)"
        self.refuse(text, dispatch)
        receiver = self.version.in_parts.receiver
        if self.version.guard is not None and torch_interop.torch() is not None:
            trained = "" if receiver is None else f" and {text.hold(has_trained)}({text.hold(receiver)})"
            text.write(f"if {text.hold(torch_interop.is_grad_enabled)}(){trained}:")
            text.write(dispatch, 2)
        matching = Matching(text, f"return {text.hold(otherwise)}(*arguments)", self.kind.tensor)
        values = matching.match_all(known.arguments, "arguments")
        given = list(matching.tensors)
        self._require_plain(matching)
        self.convert(text, matching, self.kind.shown_by, dispatch)
        for name, (dtype, ndim) in zip(map(array_name, given), known.kinds, strict=True):
            matching.require(f"{name}.ndim != {ndim} or {name}.dtype != {text.hold(dtype)}")
            matching.require(f"not {name}.size")
        for name, shape in zip(map(array_name, given), known.shapes or (), strict=known.shapes is not None):
            matching.require(f"{name}.shape != {shape!r}")
        matching.flush()
        if self.version.guard is not None and receiver is not None:
            text.write(f"{text.hold(refresh_below)}({text.hold(receiver)})")
        self._run(text, known, values, matching.tensors_alone)
        return text.function("call")

    def _require_plain(self, matching: Matching) -> None:
        """Tensors that ask for no gradients, each given once: one array is to show each."""
        given = matching.tensors_alone
        if torch_interop.is_tensor_type(self.kind.tensor):
            for name in given:
                matching.require(f"{name}.requires_grad")
        if len(given) > 1:
            matching.require(f"len({{{', '.join(f'id({name})' for name in given)}}}) != {len(given)}")
        matching.flush()

    def _run(self, text: CallText, known: KnownParts, values: Sequence[str], given: Sequence[str]) -> None:
        """Run the program, and return what it gives."""
        text.write(f"{text.hold(self._counted(known))}()")
        text.write(f"result = {text.hold(known.run)}({', '.join(values)})")
        shown = given if self.kind.array_of is not None else ()
        pairs = "".join(f"({name}, {array_name(name)}), " for name in shown)
        text.write(f"return {text.hold(self._giver())}(result, [{pairs}])")

    def _counted(self, known: KnownParts) -> Run:
        """What counts a call."""
        table = self.version.specializations
        key = next(k for k, made in table.table.items() if made is not None and made.run is known.run)
        calls: Counter[tuple[str, ...]] = table.calls

        def count() -> None:
            calls[key] += 1

        return count

    def _giver(self) -> Run:
        """What makes results what they are outside."""
        results = self.version.entry.function.function_type.outputs.data
        copier = copier_of(results[0]) if len(results) == 1 else None

        def given_back(result: Any, given: list[tuple[Any, Any]]) -> Any:
            inputs = Inputs(None if self.kind.array_of is None else self.kind.tensor_of)
            inputs.plain_result = copier
            inputs.wrap_object = self.wrap_object
            inputs.given = given
            inputs.settle()
            return inputs.give_back(result)

        return given_back
