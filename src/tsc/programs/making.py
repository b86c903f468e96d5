"""What compiles a version of a function for arguments, or says why that is not done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tsc.analysis.python_values import only_asks_tensors
from tsc.compiler.descent import Descent
from tsc.compiler.entry import Entry
from tsc.compiler.fusion_report import require_nothing_strict
from tsc.compiler.parts import InParts
from tsc.compiler.sizes import Naming
from tsc.compiler.specialization import Specialization, branches, compile_for, native_numbers
from tsc.compiler.symbolic_sizes import compile_named
from tsc.errors import CodegenError
from tsc.options import options
from tsc.programs.version import Version
from tsc.runtime.background import background
from tsc.runtime.number_code import NumberCalls
from tsc.runtime.specializations import ForAll, Specializations
from tsc.tracebacks import warn_user

Run = Callable[..., Any]
MOST_NATIVE_TRIALS = 2
"""How often other sizes are compiled for as a whole, of a function that was not native so for the first."""
PYTHON_ALONE = "it computes no tensors"


@dataclass(frozen=True)
class Making:
    """Compiles the versions of one function."""

    call: Run
    """Calls a function of the program in the generic tier."""
    slow: Run
    """Where native code sends calls whose arguments are others."""

    def numbers(self, run: NumberCalls, table: Specializations, entry: Entry) -> None:
        """Make what computes with numbers alone native, now or beside calls."""

        def compile_() -> None:
            try:
                if run.compile():
                    table.run_all(native_numbers(run))
            except CodegenError as error:
                if options().is_strict:
                    raise
                text = f"{entry.name}: not compiled, the generic tier runs: {error}"
                warn_user(text)

        if not options().is_native_enabled:
            table.refuse_all(PYTHON_ALONE)
        elif options().is_background:
            table.refuse_all(PYTHON_ALONE)
            background().begin((table, PYTHON_ALONE), compile_)
        else:
            compile_()
            if not table.is_for_all:
                table.refuse_all(_refuse(PYTHON_ALONE, entry))

    def makers(self, entry: Entry, refusal: str | None, in_parts: InParts) -> tuple[Run, Run]:
        """What compiles `entry` for exact sizes and for symbolic ones, or says why it is not compiled. Where
        there is a `refusal`, it is compiled in parts alone.
        """
        if refusal is not None:
            return partial(_only_in_parts, in_parts, refusal), lambda *_: refusal
        symbolic = partial(self._compile_symbolic, entry)
        return partial(self._compile, entry, in_parts), symbolic

    def _compile(
        self, entry: Entry, in_parts: InParts, key: Sequence[str],
        arrays: Sequence[np.ndarray[Any, Any]], watch: Callable[[Descent], None] | None = None,
        only_native: bool = False,
    ) -> Specialization | str:  # fmt: skip
        call, slow = self.call, self.slow
        try:
            made = compile_for(entry, key, slow, call, arrays, watch, in_parts, only_native=only_native)
        except CodegenError as error:
            require_nothing_strict(entry.function, error.message)
            raise
        if isinstance(made, str):
            return _refuse(made, entry)
        is_python = not made.is_native and not made.compilation.kernels
        return ForAll(made.reason) if is_python and only_asks_tensors(entry.function) else made

    def apart(
        self, version: Version, entry: Entry, in_parts: InParts, key: Sequence[str],
        arrays: Sequence[np.ndarray[Any, Any]], watch: Callable[[Descent], None],
    ) -> Specialization | str:  # fmt: skip
        """What a call that needs the specialization `key` of `version` would compile, which is not kept;
        `entry` and `in_parts` are the version's or copies of them.
        """
        if version.refusal is not None:
            return _only_in_parts(in_parts, version.refusal, key, arrays)
        return self._compile(entry, in_parts, key, arrays, watch)

    def _compile_symbolic(
        self, entry: Entry, key: tuple[str, ...], seen: Iterable[tuple[str, ...]],
        names_first: bool, names_all: bool,
    ) -> Specialization | str:  # fmt: skip
        """For the sizes that differ among `key` and those that were `seen` (or, as `Naming` says, for more),
        or why that cannot be.
        """
        return compile_named(entry, key, seen, Naming(names_first, names_all), self.slow)


def trials(entry: Entry, refusal: str | None) -> int:
    """How often native code as a whole is tried for other sizes: where there are no branches, sizes do not
    decide what is native.
    """
    return MOST_NATIVE_TRIALS if refusal is None and branches(entry.function) else 0


def _only_in_parts(
    in_parts: InParts, reason: str, key: Sequence[str], arrays: object, *, only_native: bool = False
) -> Specialization | str:
    """A function that must not be native as a whole, in parts; or why it is not compiled at all."""
    if only_native:
        return reason
    return in_parts(key, reason) or _refuse(reason, in_parts.entry)


def _refuse(reason: str, entry: Entry) -> str:
    """No specialization, and why: calls run in the generic tier.

    Raises:
        StrictFusionError: part of the function must be native.
    """
    require_nothing_strict(entry.function, reason)
    return reason
