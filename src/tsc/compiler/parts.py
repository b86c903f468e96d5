"""Programs in parts: a function as generated Python, which calls native code for what `outline` made parts.

The Python knows no shapes. Each part has specializations of its own, made when it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation

from tsc.analysis.operator_effects import asks_gradients
from tsc.analysis.parts import Weight, weight_of
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.entry import Entry
from tsc.compiler.fusion_report import (
    causes_of,
    python_beside_parts,
    python_operators,
    require_fused,
)
from tsc.compiler.part_codes import PartCodes
from tsc.compiler.sizes import Key, Naming, kinds_of
from tsc.compiler.specialization import Outlined, Specialization, compile_for
from tsc.compiler.symbolic_sizes import compile_named
from tsc.compiler.tags import tag_of, tagged
from tsc.concurrency import COMPILING
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.passes.outline import outline
from tsc.runtime.constant_memory import ConstantMemory
from tsc.runtime.generic import GenericFunction
from tsc.runtime.result_forms import ResultForm
from tsc.runtime.specializations import Specializations

Run = Callable[..., Any]


@dataclass(eq=False)
class InParts:
    """Takes a function apart when that is first needed: once, for all arguments."""

    entry: Entry
    call: Run
    """Runs other functions."""
    receiver: Any = None
    """The ``self`` of the function, where it has one."""
    is_part: bool = False
    """Whether the function is a part already: it is taken apart at the operations that have no native form
    for the arguments that it gets first.
    """
    _made: tuple[Outlined, GenericFunction] | None = None
    _is_whole: bool = False
    """Whether there is nothing to take apart."""

    @property
    def made(self) -> Outlined | None:
        """The function in parts, if it was taken apart."""
        return None if self._made is None else self._made[0]

    def __call__(self, key: Sequence[str], reason: str) -> Specialization | None:
        """The specialization for the kinds of arguments of `key`; None where there would be no parts, or one
        that is all of the function. `reason` says why it is not native as a whole.

        Raises:
            StrictFusionError: something in a ``with strict_fusion()`` block is in no part.
        """
        if self._made is None and not self._is_whole:
            self._made = None if asks_gradients(self.entry.function) else self._outlined(key)
            self._is_whole = self._made is None
        if self._made is None:
            return None
        made, run = self._made
        require_fused(self.entry.name, python_beside_parts(made.function))
        compilation = Compilation(kernels=[part.entry.name for part in made.parts])
        return Specialization(
            run if self.receiver is None else partial(run, self.receiver),
            False,
            reason,
            compilation,
            ResultForm(None),
            ConstantMemory(()),
            source=run.source,
            kinds=kinds_of(key),
            outlined=made,
        )

    def _outlined(self, key: Sequence[str]) -> tuple[Outlined, GenericFunction] | None:
        refused = self._refused(key) if self.is_part else ()
        made = self._apart(refused)
        if made is None and not self.is_part:
            made = self._apart(_numbers(self.entry.function, (PrimIfOp, PrimLoopOp)))
        return made

    def _refused(self, key: Sequence[str]) -> Collection[int]:
        """The operations that have no native form for these arguments; if there are none, the branches and
        loops.
        """
        copy, _ = tagged(self.entry)
        descent = Descent.specialize(copy, key, Compilation(), is_whole=False)
        descent.lower("fused")
        causes = {tag_of(op.location) for op in causes_of(descent.function, python_operators(descent))}
        found = {number for number in causes if number is not None}
        return found or _numbers(self.entry.function, (PrimIfOp, PrimLoopOp))

    def _apart(self, refused: Collection[int]) -> tuple[Outlined, GenericFunction] | None:
        """The function in parts, in which the operations with these numbers are not."""
        entry, module = self.entry, self.entry.alone()
        function = next(f for f in module.ops if isinstance(f, FuncOp))
        found = outline(function, {op for number, op in enumerate(walk(function)) if number in refused})
        if not found or (len(found) == 1 and self._is_all(function, found[0][1])):
            return None
        parts: dict[Operation, Part] = {}
        for call, body in found:
            own = Entry(
                ModuleOp([body]), body.sym_name.data, entry.pool, entry.unit, entry.fuses_contractions
            )
            parts[call] = Part(own, self.call)
        with COMPILING:
            run = GenericFunction(function, entry.pool, entry.unit, self.call, parts=parts)
        return Outlined(function, list(parts.values())), run

    def _is_all(self, rest: FuncOp, part: FuncOp) -> bool:
        """Whether one part does all that the function does, and nothing but its call is the `rest`; of a
        function that is a part already, whether the same work would be refused once more.
        """
        if self.is_part:
            return _work_of(part) == _work_of(self.entry.function)
        return all(isinstance(op, (CallOp, ReturnOp)) for op in rest.body.block.ops)


def _numbers(function: FuncOp, kinds: tuple[type[Operation], ...]) -> Collection[int]:
    return {number for number, op in enumerate(walk(function)) if isinstance(op, kinds)}


def _work_of(function: FuncOp) -> int:
    """How many operations of a function compute elements."""
    return sum(weight_of(op) is Weight.HEAVY for op in walk(function) if not op.regions)


class Part:
    """A part of a function: `run` takes its tensors, and gives one, or a tuple of several."""

    def __init__(self, entry: Entry, call: Run) -> None:
        """`call` runs functions."""
        self.entry = entry
        self._call = call
        self._in_parts = InParts(entry, call, is_part=True)
        self._generic: GenericFunction | None = None
        self.specializations = Specializations(self._exact, self._symbolic, self.generic, entry.name)
        self._codes = PartCodes(self._dispatch)
        self.run: Run = self._dispatch

    def generic(self, *values: Any) -> Any:
        """Run operator by operator."""
        if self._generic is None:
            with COMPILING:
                self._generic = GenericFunction(
                    self.entry.function, self.entry.pool, self.entry.unit, self._call
                )
        return self._generic(*values)

    def _exact(self, key: Key, arrays: Sequence[Any], *, only_native: bool = False) -> Specialization | str:
        call, in_parts = self._call, self._in_parts
        return compile_for(
            self.entry, key, self._dispatch, call, arrays, in_parts=in_parts, only_native=only_native
        )

    def _symbolic(
        self, key: Key, seen: Iterable[Key], names_first: bool, names_all: bool
    ) -> Specialization | str:
        return compile_named(self.entry, key, seen, Naming(names_first, names_all), self._dispatch)

    def _dispatch(self, *values: Any) -> Any:
        table = self.specializations.table
        before = len(table)
        result = self.specializations.run_values(values)
        if len(table) != before:
            self._choose()
        return result

    def _choose(self) -> None:
        """Let calls go to the newest code by the shortest way."""
        newest = list(self.specializations.table.values())[-1]
        takes_tensors = all(_is_tensor_type(value.type) for value in self.entry.arguments)
        if newest is not None and newest.outlined is not None:
            self.run = newest.run
        elif newest is None or not takes_tensors:
            self.run = self._dispatch
        elif newest.is_flat and newest.code is not None:
            self._codes.add(newest.code.strict, newest.checks_bounds)
            is_only = len(self.specializations.table) == 1
            self.run = (newest.native if is_only else None) or self._codes


def _is_tensor_type(kind: object) -> bool:
    """Whether values of a type are tensors, or None: of that native code knows that it is no array."""
    return isinstance(kind.data if isinstance(kind, tt.OptionalType) else kind, tt.TensorType)
