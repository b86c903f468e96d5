"""`NativeRecording`: calls of a function whose gradients are recorded, by two native functions, where it is
certain what the gradients are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from tsc.compiler.fusion_report import require_nothing_strict
from tsc.compiler.halves import compile_halves
from tsc.concurrency import serialized
from tsc.dtypes import Array
from tsc.errors import TscError, UnsuitedError
from tsc.narrowing import is_array
from tsc.options import options
from tsc.programs.frozen_runs import Run, run_frozen
from tsc.programs.version import Version
from tsc.runtime.background import background
from tsc.runtime.descriptions import Varying, describe, flatten
from tsc.runtime.native_gradients import note_call
from tsc.runtime.native_halves import NativeHalves
from tsc.runtime.native_results import descends
from tsc.runtime.noting import hold
from tsc.runtime.tape import Tape
from tsc.runtime.taping import TapeOperators, taping_on
from tsc.runtime.values import Inputs, mapped
from tsc.runtime.varying_numbers import as_program_has
from tsc.tracebacks import warn_user

MOST_KINDS = 8
"""Kinds of calls of a version that are compiled for; further ones are not native."""
FIRST = "it is called for the first time with such arguments"
MANY = f"it was compiled for {MOST_KINDS} other kinds of arguments whose gradients are wanted"
NOT_NATIVE: Any = object()
"""What a call gives that is to be recorded otherwise."""
Name: TypeAlias = tuple[tuple[Any, ...], tuple[int, ...], bool]
"""What a call is for: of each value a word, the numbers of the arrays whose gradients are wanted, and whether
only faster code is.
"""


@dataclass(frozen=True)
class RecordedCall:
    """The values of one call, attributes included, and what there is for it."""

    version: Version
    halves: NativeHalves
    given: Sequence[Any]
    arrays: Sequence[Array]

    def values_over(self, arrays: Sequence[Any]) -> list[Any]:
        """The values, with other tensors in the places of the arrays."""
        following = iter(arrays)

        def other(value: object) -> Any:
            if isinstance(value, Varying):
                next(following)
                return value.number
            return next(following) if is_array(value) else value

        return [mapped(value, other) for value in self.given]

    def result_of(self, whole: Any) -> Any:
        """The result of the program, of that of the function; attributes that it assigns are assigned."""
        state = self.version.state
        if state is None:
            return whole
        result, *assigned = whole
        state.assign(assigned)
        return result


class NativeRecording:
    """The calls of one function that are recorded natively."""

    def __init__(self, version_for: Callable[[Sequence[Any]], Version | None], call: Run) -> None:
        """`version_for` gives what is compiled for values; `call` runs functions in the generic tier."""
        self._version_for = version_for
        self._call = call
        self._runs: dict[int, tuple[Version, Run]] = {}

    def run_noted(self, inputs: Inputs, values: Sequence[Any]) -> Any:
        """Run on converted arguments, and note one step on the tape; `NOT_NATIVE` where that cannot be."""
        tape = Tape()
        call = self.find_noted(tape, values)
        if isinstance(call, str):
            return NOT_NATIVE
        try:
            made = call.halves.run_forward(call.arrays, tape.keep_apart)
        except UnsuitedError:
            return NOT_NATIVE
        result = call.result_of(made.result)
        known = note_call(call.halves, made, partial(self._run_again, call))
        hold([tensor for tensor, _ in inputs.given])
        back = inputs.give_back(result)
        del known  # until here it held what is known of the results
        return back

    def _run_again(self, call: RecordedCall, tape: Tape, arrays: Sequence[Array]) -> Any:
        """The function once more, on a tape; what it writes to, and assigns, is of no interest."""
        written = call.halves.forward.form.written
        apart = [a.copy(order="K") if n in written else a for n, a in enumerate(arrays)]
        with taping_on(tape):
            return self._taped_run(call.version)(*call.values_over(apart))

    def _taped_run(self, version: Version) -> Run:
        found = self._runs.get(id(version))
        if found is None:
            run = run_frozen(version.specialized, None, self._call, TapeOperators())
            found = self._runs[id(version)] = version, run
        return found[1]

    # --- what there is for a call ---

    def find_noted(self, tape: Tape, values: Sequence[Any]) -> RecordedCall | str:
        """What there is for a call whose gradients a tape knows of."""

        def wanted_of(_: Version, attributes: Sequence[Any]) -> list[int]:
            arrays = flatten([*values, *attributes])
            return [number for number, array in enumerate(arrays) if tape.requires(array)]

        return self.find(values, wanted_of)

    def find(
        self,
        values: Sequence[Any],
        wanted_of: Callable[[Version, Sequence[Any]], Iterable[int]],
        *,
        only_faster: bool = False,
    ) -> RecordedCall | str:
        """What there is for a call with these values, compiled if it is not the first of its kind; or why
        there is nothing. `wanted_of` says of a version and the attributes that it takes of which arrays, of
        values and attributes, gradients are wanted. Where `only_faster`, there is only what is likely to be
        faster than PyTorch's operators.

        Raises:
            StrictFusionError: there is nothing, and part of the function must be native.
        """
        if not options().is_native_enabled or options().native_gradients == "never":
            return "it is switched off"
        version = self._version_for(values)
        if version is None or version.refusal is not None:
            return FIRST if version is None else str(version.refusal)
        state = version.state
        if state is not None and state.draws:  # PyTorch's operators draw from PyTorch's generator
            return "it draws random numbers"
        attributes = () if state is None else state.read()
        given = [*values, *attributes]
        if len(given) != version.takes or (state is not None and not state.is_apart()):
            return "attributes of its object are not taken as arguments"
        arrays, only_faster = flatten(given), only_faster and not version.is_strict
        name = tuple(map(_word, given)), tuple(wanted_of(version, attributes)), only_faster
        halves = version.halves.get(name)
        if type(halves) is not NativeHalves:
            halves = self._halves(version, name, given)
        if isinstance(halves, str):
            require_nothing_strict(version.entry.function, halves)
            return halves
        if not halves.takes(arrays):
            return "an argument does not lie row-major in memory, or what is written is no tensor's alone"
        return RecordedCall(version, halves, given, arrays)

    def _halves(self, version: Version, name: Name, given: Sequence[Any]) -> NativeHalves | str:
        """The halves for calls of a kind, or why there are none."""
        found = version.halves.get(name)
        if found is None and len(version.halves) < 2 * MOST_KINDS:
            version.halves[name] = FIRST
            if version.is_strict:
                found = _compile(version, name, given, self._call)
        elif found is FIRST and options().is_background:
            background().begin((version, name), partial(_compile_beside, version, name, given, self._call))
        elif found is FIRST:
            found = _compile(version, name, given, self._call)
        return found or (FIRST if name in version.halves else MANY)


def _word(value: Any) -> Any:
    """What there is one pair of halves for."""
    if type(value) is np.ndarray:
        return value.shape, value.dtype
    return describe(value)


def _compile_beside(version: Version, name: Name, given: Sequence[Any], call: Run) -> None:
    _compile(version, name, given, call)


@serialized
def _compile(version: Version, name: Name, given: Sequence[Any], call: Run) -> NativeHalves | str:
    """Make the halves for calls of a kind, or say why there are none."""
    if version.halves[name] is FIRST:
        version.halves[name] = _compiled(version, given, name, call)
    return version.halves[name]


def _compiled(version: Version, given: Sequence[Any], name: Name, call: Run) -> NativeHalves | str:
    _, wanted, only_faster = name
    key = [describe(value) for value in given]
    known = [text for text in key if text is not None]
    if sum(isinstance(found, NativeHalves) for found in version.halves.values()) >= MOST_KINDS:
        return MANY
    if len(known) != len(key):
        return "nothing is compiled for such arguments"
    if not wanted:
        return "of no tensor gradients are wanted"
    try:
        made = compile_halves(version.specialized, known, wanted, only_faster=only_faster)
        if isinstance(made, str) or made.is_row_major or _lies_row_major(made, version, given, call):
            return made
        return "its results do not lie in memory as compiled code gives them"
    except Exception as error:  # what is right without it must not fail because of it
        if options().is_strict:
            raise
        told = str(error) if isinstance(error, TscError) else f"{error!r} (please report it)"
        warn_user(f"{version.specialized.name}: its gradients are not compiled: {told}")
        return told


def _lies_row_major(made: NativeHalves, version: Version, given: Sequence[Any], call: Run) -> bool:
    """Whether the results of the generic tier, for copies of these values, lie as native code gives them."""
    arrays = flatten(given)
    if not all(map(descends, arrays)):
        return False
    copies = as_program_has(given, range(len(arrays)))
    return made.lies_as(run_frozen(version.specialized, None, call)(*copies), arrays)
