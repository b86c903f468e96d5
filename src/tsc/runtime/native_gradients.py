"""Calls of native code on the tape: one step, whose gradients are native too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from tsc.concurrency import once
from tsc.dialects.schema import parse
from tsc.dtypes import Array
from tsc.errors import UnsuitedError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Operator
from tsc.ops.derivatives.reverse import Record
from tsc.ops.registry import require
from tsc.runtime.backward import NotingAten, gradients_of
from tsc.runtime.descriptions import flatten
from tsc.runtime.graph import Node, Variable, variable_of
from tsc.runtime.native_halves import Forwarded, NativeHalves
from tsc.runtime.tape import Tape

Rerun: TypeAlias = Callable[[Tape, Sequence[Array]], Any]
"""Runs the function on a tape once more, on the arrays that it took, one after the other."""


@once
def _operator() -> Operator:
    """What a step is called: as PyTorch calls those of its compiled graphs."""
    schema = parse("tsc::differentiable_graph(Tensor[] inputs) -> Tensor[]")

    def refuse(*_: object) -> Any:
        raise AssertionError("it is a name")

    return Operator(schema, refuse)


@dataclass(frozen=True)
class HalvesRecord(Record):
    """A call of a forward half, whose arguments are the arrays that it took."""

    halves: NativeHalves
    rerun: Rerun
    saved: Sequence[Array]

    def kept(self) -> Sequence[Any]:
        """What the forward half has saved."""
        return self.saved

    def mapped(self, other: Callable[[Any], Any]) -> Record:
        """The same of other arrays."""
        arguments, results, saved = map(other, (self.arguments, self.results, self.saved))
        return replace(self, arguments=arguments, results=results, saved=saved)

    def back(
        self, aten: Aten, given: Sequence[AnyTensor | None], reached: set[int]
    ) -> Iterator[tuple[AnyTensor, AnyTensor]]:
        """By the backward half; where it cannot do it, or what it does is to be noted, by running the
        function once more.
        """
        arrays, seeds = self.arguments, cast("Sequence[Array | None]", given)
        found = None
        if not isinstance(aten, NotingAten):
            try:
                found = self.halves.run_backward(arrays, seeds, self.saved)
            except UnsuitedError:
                found = None
        if found is None:
            found = self._found_again(aten, arrays, seeds, reached)
        for number, gradient in found:
            if id(arrays[number]) in reached:
                yield arrays[number], gradient

    @property
    def flows_once(self) -> bool:
        """Of several results, each may have calls behind it that no other has: then nothing is let go."""
        return len(self.results) == 1

    def _found_again(
        self, aten: Aten, arrays: Sequence[Array], given: Sequence[Array | None], reached: set[int]
    ) -> list[tuple[int, Array]]:
        """The gradients, by noting each operator of the function."""
        tape = Tape()
        alias = require("aten::alias")
        again = [tape.call(alias, [a]) if id(a) in reached else a for a in arrays]
        for array, copy in zip(arrays, again, strict=True):
            if copy is not array:
                tape.require(copy)
        result = flatten([self.rerun(tape, again)])
        pairs = [(result[n], g) for n, g in zip(self.halves.places, given, strict=True) if g is not None]
        wanted = [number for number, array in enumerate(arrays) if id(array) in reached]
        keeps = isinstance(aten, NotingAten)
        found = gradients_of(
            tape, [r for r, _ in pairs], [again[n] for n in wanted], [g for _, g in pairs],
            create_graph=keeps, allow_unused=True,
        )  # fmt: skip
        if isinstance(aten, NotingAten):
            aten.tape.kept += tape.kept
        return [(n, gradient) for n, gradient in zip(wanted, found, strict=True) if gradient is not None]


def note_call(halves: NativeHalves, made: Forwarded, rerun: Rerun) -> list[Variable]:
    """Note a call of the forward half; whoever asks holds what is known of its results."""
    record = HalvesRecord(_operator(), list(made.arrays), list(made.flowing), halves, rerun, list(made.saved))
    node = Node(record)
    known: list[Variable] = []
    for array in made.flowing:
        variable = variable_of(array)
        variable.node = node
        known.append(variable)
    return known
