"""Native code of the cache as a specialization of a frozen method, and a specialization as what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.compiler.descent import Compilation
from tsc.compiler.specialization import Specialization
from tsc.programs.script_functions import BoundFunction
from tsc.runtime.constant_memory import ConstantMemory
from tsc.runtime.descriptions import describe
from tsc.runtime.fusion_strategy import Strategy
from tsc.runtime.native_code import NativeCode
from tsc.runtime.native_results import NativeResults
from tsc.runtime.result_forms import ResultForm

Notes = dict[str, Any]


@dataclass(frozen=True)
class TableState:
    """What a method was compiled for so far."""

    strategy: Strategy
    made: int
    """How many specializations there are."""
    seen: list[tuple[str, ...]]
    """The calls that were seen, in words."""


def newest(method: BoundFunction) -> tuple[NativeCode, Notes, TableState] | None:
    """The specialization that was made last, as it is stored; None where its code and its program do not say
    all about a call: it keeps state, writes to arguments, or Python has a part in it.
    """
    version, found = method.frozen_version(), method.last
    if found is None or not version.depends_on_arguments_alone or version.refusal is not None:
        return None
    code = found.code if found.is_flat else None
    if code is None or found.form.written:
        return None
    notes: Notes = {
        "is_symbolic": found.symbolic is not None,
        "structure": found.form.structure,
        "kernels": found.compilation.kernels,
        "is_whole": found.compilation.is_whole,
    }
    table = version.specializations
    return code, notes, TableState(table.strategy, len(table.table), table.seen)


def adopt(
    method: BoundFunction,
    arrays: Sequence[np.ndarray[Any, Any]],
    code: NativeCode,
    notes: Notes,
    strategy: Strategy | None,
) -> None:
    """Have `code` run calls of a method with arguments like `arrays`, as if it had been compiled for them.
    For symbolic sizes it is compiled again: what else such calls are for is not stored.
    """
    version = method.frozen_version()
    table = version.specializations
    if strategy is not None:
        table.strategy = strategy
    values = method.values_of(arrays)
    if notes["is_symbolic"]:
        table.find(values)
        return
    form = ResultForm(notes["structure"])
    compilation = Compilation(kernels=list(notes["kernels"]), is_whole=notes["is_whole"])
    results = NativeResults(code.entry, form, method.unit, code.is_flagged)
    key = tuple(str(describe(value)) for value in values)
    constants = ConstantMemory([])  # of a function that writes to no argument
    made = Specialization(
        results, True, None, compilation, form, constants, code=code, checks_bounds=code.is_flagged
    )
    table.adopt(key, values, made)
    method.choose_fast_path(version, arrays)
