"""`Case`: a function and its arguments, alone, for which a pass or the native code may be at fault."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tsc import pipeline
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.entry import Entry
from tsc.compiler.native_build import build_native
from tsc.compiler.specialization import Compiled, computes, why_not_native
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import CodegenError, VerificationError
from tsc.frontend.unit import Unit
from tsc.passes.specialize import CONSTANTS, NUMBERS, split_entries
from tsc.runtime.descriptions import Varying, describe, flatten, regular
from tsc.verification.freezing import FreezingVerifier
from tsc.verification.verifier import Verifier

Call = Callable[..., Any]


@dataclass(frozen=True)
class Fault:
    """What changes a result."""

    stage: str
    name: str
    """The pass, or ``native``."""
    text: str
    """All that is to be said of it."""

    @classmethod
    def of(cls, error: VerificationError) -> Fault:
        """The fault that an error tells of."""
        return cls(error.stage, error.culprit, error.message)

    def is_same(self, other: Fault | None) -> bool:
        """Whether the same pass is at fault."""
        return other is not None and (self.stage, self.name) == (other.stage, other.name)


@dataclass(frozen=True, eq=False)
class Case:
    """A function that holds all that it reads, and what it is called with."""

    module: ModuleOp
    name: str
    pool: ConstantPool
    values: Sequence[Any]
    unit: Unit
    call: Call
    """Runs other functions of the program."""
    is_whole: bool = True
    """Whether branches and loops are to become native code."""
    fuses_contractions: bool = True

    @property
    def function(self) -> FuncOp:
        """The function."""
        return next(f for f in self.module.ops if isinstance(f, FuncOp) and f.sym_name.data == self.name)

    def first_fault(self, last_stage: str = "loop") -> Fault | None:
        """Compile the function, and run it after every pass down to a stage (native code is after `loop`);
        the first thing that changes what it does.

        Raises:
            Exception: of any kind; the function is none that can be compiled and run.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return self._checked(last_stage)
            except VerificationError as error:
                return Fault.of(error)

    def _checked(self, last_stage: str) -> None:
        module = self.module.clone()
        freezing = FreezingVerifier(self.name, self.pool, self.unit, self.values, self.call)
        if freezing.begin(module, self.function):
            pipeline.lower(make_context(self.pool), module, stop_after="frozen", check=freezing.check)
        else:
            pipeline.lower(make_context(self.pool), module, stop_after="frozen")
        if last_stage != "frozen":
            self._descend(replace(self, module=module), last_stage)

    def _descend(self, frozen: Case, last_stage: str) -> None:
        """From stage `frozen` to native code."""
        key = [describe(value) for value in self.values]
        words = [text for text in key if text is not None]
        if len(words) < len(key):
            return  # nothing is compiled for such values
        entry = Entry(frozen.module, self.name, self.pool, self.unit, self.fuses_contractions)
        arrays = [regular(array) for array in flatten(self.values)]
        verifier = Verifier(self.name, self.pool, self.unit, arrays, self.call)
        descent = Descent.specialize(entry, words, Compilation(), verifier.check, is_whole=self.is_whole)
        descent.lower("fused" if last_stage in ("linalg", "loop") else last_stage)
        if last_stage not in ("linalg", "loop") or why_not_native(descent.function, self.pool) is not None:
            return
        try:
            if last_stage == "linalg":
                descent.lower("linalg")
            elif computes(descent.function):
                verifier.check_native(build_native(descent, _no_other).entry)
        except CodegenError:
            return  # it has no native form


def _no_other(*arguments: object) -> Any:
    raise CodegenError("native code was called with other arguments than it is for")


def case_of(error: VerificationError) -> Case | None:
    """What was being compiled when a fault was found; None where that is not a function alone."""
    origin = error.origin
    if isinstance(origin, FreezingVerifier):
        if origin.frozen is None:
            return None
        return Case(origin.frozen, origin.name, origin.pool, origin.values, origin.unit, origin.call)
    if not isinstance(origin, Compiled):
        return None
    entry = origin.entry
    return Case(
        entry.alone(), entry.name, entry.pool, values_of(origin.key, origin.arrays), entry.unit,
        entry.unit.call, origin.compilation.is_whole, entry.fuses_contractions,
    )  # fmt: skip


def values_of(key: Sequence[str], arrays: Sequence[Any]) -> list[Any]:
    """The arguments that `describe` spells so, with these arrays among them."""
    given = iter(arrays)
    return [_value(text, given) for text in key]


def _value(text: str, arrays: Iterator[Any]) -> Any:
    """The argument that is spelled so."""
    kind, separator, rest = text.partition(":")
    if text.startswith("["):
        return [_value(part, arrays) for part in split_entries(text[1:-1])]
    if text.startswith("{"):
        pairs = [part.partition("=") for part in split_entries(text[1:-1])]
        return {_value(key, arrays): _value(value, arrays) for key, _, value in pairs}
    if text in CONSTANTS:
        return CONSTANTS[text]
    if separator:
        return {"int": int, "float": float, "str": str}[kind](rest)
    array = next(arrays)
    return Varying(array.item()) if text in NUMBERS else array
