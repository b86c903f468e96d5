"""Compiles one function for one set of argument shapes: to native code, or where that cannot be, to generated
Python with native kernels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tsc.analysis.fusion import CHECKS_BOUNDS
from tsc.analysis.operator_effects import asks_gradients
from tsc.analysis.target import Target
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.entry import Entry
from tsc.compiler.fusion_report import python_in_parts, python_operators, require_fused
from tsc.compiler.mixed import build_mixed
from tsc.compiler.native_build import NativeCode, build_native
from tsc.compiler.native_forms import (
    NOT_REPEATABLE,
    computes,
    must_not_be_repeated,
    why_not_checked,
    why_not_native,
)
from tsc.compiler.sizes import (
    Key,
    Kinds,
    Sizes,
    SymbolicKey,
    kinds_of,
)
from tsc.dialects.constants import literal_array
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp, ValueTensorLiteralOp
from tsc.dialects.tsc import DRAWS, ORDERED_BY_SIZES, ROW_MAJOR
from tsc.dialects.walking import walk
from tsc.errors import CodegenError, NestingError
from tsc.options import options
from tsc.passes.differentiate import why_not_differentiated
from tsc.passes.find_sizes import has_sizes_to_find, may_grow_in_loops
from tsc.pipeline import Watcher
from tsc.progress import working
from tsc.runtime.constant_memory import ConstantMemory
from tsc.runtime.native_results import NativeResults
from tsc.runtime.result_forms import ResultForm
from tsc.runtime.specializations import Specializations
from tsc.verification.verifier import Verifier

LOG = logging.getLogger("tsc")
UNORDERED = "it draws random numbers, and what it gives may not lie row-major in memory"
Run = Callable[..., Any]
Arrays = Sequence[np.ndarray[Any, Any]]
InParts = Callable[[Sequence[str], str], "Specialization | None"]
"""For arguments, and a reason why the function is not native as a whole: it in parts, if it has any."""


class NativePart(Protocol):
    """A part of a function that Python runs."""

    entry: Entry
    """What it does, as a function."""
    specializations: Specializations


@dataclass(frozen=True)
class Outlined:
    """A function in parts."""

    function: FuncOp
    """What Python does: it calls the parts."""
    parts: Sequence[NativePart]


@dataclass(eq=False)
class Specialization:
    """A function compiled for particular arguments. `run` takes the flat arrays and gives the result; where
    it is native, it also takes what runs the generic tier on them.
    """

    run: Run
    is_native: bool
    reason: str | None
    """Why it is not native."""
    compilation: Compilation
    form: ResultForm
    constants: ConstantMemory
    source: str = ""
    """Of the generic tier: the Python text."""
    pattern: list[Any] | None = None
    """Which constants it was compiled for: see `pattern_of`."""
    code: NativeCode | None = None
    """Where it is native, and computes something: the code itself."""
    symbolic: SymbolicKey | None = None
    """Where sizes are symbolic: for which calls it is."""
    checks_bounds: bool = False
    """Whether the last of what the code gives says that an index was out of range."""
    kinds: Kinds | None = None
    """Of a function in parts: the kinds of its arguments, whose sizes may be any."""
    outlined: Outlined | None = None
    """Where it is Python with native parts: these. Then `run` takes values as the program has them, and does
    all that the program does.
    """

    def __repr__(self) -> str:  # short: what it consists of is the whole program
        return f"<Specialization: {self.tier}, {len(self.compilation.kernels)} kernels>"

    @property
    def tier(self) -> str:
        """``native``, ``mixed`` (Python around native kernels), or ``generic``."""
        if self.is_native:
            return "native"
        return "mixed" if self.compilation.kernels else "generic"

    @property
    def native(self) -> Run | None:
        """The native entry itself, where what it gives is the result."""
        is_direct = isinstance(self.run, NativeResults) and self.run.is_direct
        return self.code.entry if is_direct and self.code is not None else None

    @property
    def is_flat(self) -> bool:
        """Whether what native code gives is the result, for row-major arguments; a last part that says
        whether it is valid aside.
        """
        results = self.run
        return isinstance(results, NativeResults) and results.is_flat

    def fits(self, key: Key) -> bool:
        """Whether it is for calls of a key with sizes that it was not compiled for as well."""
        if self.symbolic is not None:
            return self.symbolic.fits(key)
        return self.kinds is not None and kinds_of(key) == self.kinds

    def suits(self, arrays: Arrays) -> bool:
        """Whether it may run on these arrays, of the shapes it was compiled for: see `ResultForm.suits`."""
        return self.form.suits(arrays) and not any(
            self.constants.holds(arrays[number]) for number in self.form.written
        )


@dataclass(frozen=True)
class Compiled:
    """What is compiled under verification: the origin of its errors."""

    entry: Entry
    key: Sequence[str]
    arrays: Arrays
    compilation: Compilation


def lowered(
    entry: Entry, arguments: Sequence[str], stage: str, *, is_whole: bool = False,
    sizes: Sizes | None = None, target: Target | None = None,
) -> ModuleOp:  # fmt: skip
    """`entry` at a stage, for arguments as the pass `specialize` spells them, with `sizes` by name; for the
    machine `target`, or this one.
    """
    descent = Descent.specialize(entry, arguments, Compilation(), is_whole=is_whole, sizes=sizes)
    descent.target = target or descent.target
    descent.lower(stage)
    return descent.module


def compile_for(
    entry: Entry, arguments: Sequence[str], slow: Run, call: Run, arrays: Arrays = (),
    watch: Callable[[Descent], None] | None = None, in_parts: InParts | None = None,
    only_native: bool = False,
) -> Specialization | str:  # fmt: skip
    """Compile `entry` for arguments of these shapes; the reason why not for a function with state that does
    what must not be done twice, when it is called again to raise its error: write to memory from outside as
    it goes, draw, print.

    `slow` is where the native entry sends calls whose arguments are others; `call` runs functions in the
    generic tier. With ``TSC_VERIFY=1`` every pass is held to what the function does with `arrays`. `watch`
    sees the way down that was taken: its function is the one that runs, at stage `fused`. What has no native
    form is taken `in_parts`; where that cannot be, its groups become kernels that Python calls; where there
    is something like that already, and `only_native` code is worth having, it is refused.

    Raises:
        StrictFusionError: something in a ``with strict_fusion()`` block is in no kernel.
        TscError: the compiler failed in a way the generic tier could not do better at.
    """
    with working(f"compiling {'.'.join(entry.name.split('.')[-2:])}"):
        if not has_sizes_to_find(entry.function, arguments):
            if may_grow_in_loops(entry.function):
                made = _compile_for(entry, arguments, slow, call, arrays, watch, None, only_native=True)
                if isinstance(made, str):
                    made = _with_found_sizes(entry, arguments, slow, call, arrays, watch)
                if isinstance(made, Specialization) or only_native:
                    return made
            return _compile_for(entry, arguments, slow, call, arrays, watch, in_parts, only_native)
        found = _with_found_sizes(entry, arguments, slow, call, arrays, watch)
        if isinstance(found, Specialization):
            return found
        made = _compile_for(entry, arguments, slow, call, arrays, watch, in_parts, only_native)
        if isinstance(made, Specialization) and not made.is_native:
            made.reason = found
        return made


def _compile_for(
    entry: Entry, arguments: Sequence[str], slow: Run, call: Run, arrays: Arrays,
    watch: Callable[[Descent], None] | None, in_parts: InParts | None, only_native: bool,
) -> Specialization | str:  # fmt: skip
    compilation = Compilation()
    verifier = _verifier(Compiled(entry, arguments, arrays, compilation), call)
    check = verifier.check if verifier else None
    descent = _descent(entry, arguments, compilation, check, is_whole=True)
    if asks_gradients(descent.function):
        require_fused(entry.name, python_in_parts(descent))
        return why_not_differentiated(descent.function)
    native = native_form(descent, entry, slow, verifier)
    if isinstance(native, str) and branches(descent.function):
        compilation.whole_refusal = native
        descent = _descent(entry, arguments, compilation, check, is_whole=False)
        if asks_gradients(descent.function):  # forward and backward are one program as a whole alone
            require_fused(entry.name, python_in_parts(descent))
            return native
        native = native_form(descent, entry, slow, verifier)
    if isinstance(native, Specialization):
        if watch is not None:
            watch(descent)
        return native
    if only_native:
        return native or NOT_REPEATABLE
    return _in_python(descent, entry, arguments, call, native, watch, in_parts)


def _in_python(
    descent: Descent, entry: Entry, arguments: Sequence[str], call: Run, reason: str | None,
    watch: Callable[[Descent], None] | None, in_parts: InParts | None,
) -> Specialization | str:  # fmt: skip
    """The function of `descent`, which has no native form as a whole for some `reason`, as Python that calls
    native code.
    """
    require_fused(entry.name, python_in_parts(descent))
    compilation = descent.compilation
    apart = None if in_parts is None else in_parts(arguments, reason or NOT_REPEATABLE)
    if apart is not None:
        apart.compilation.checked += compilation.checked
        if watch is not None:
            watch(descent)
        return apart
    if reason is None or DRAWS in descent.function.attributes:
        return reason or NOT_REPEATABLE
    if compilation.is_whole:
        descent = _descent(entry, arguments, compilation, descent.check, is_whole=False)
        if asks_gradients(descent.function):
            return reason
    made = _mixed(descent, entry, call, reason)
    if watch is not None:
        watch(descent)
    require_fused(entry.name, python_operators(descent))
    return made


def _with_found_sizes(
    entry: Entry, arguments: Sequence[str], slow: Run, call: Run, arrays: Arrays,
    watch: Callable[[Descent], None] | None,
) -> Specialization | str:  # fmt: skip
    """The function as native code that finds sizes when it runs, or why it cannot be that."""
    compiled = Compiled(entry, arguments, arrays, Compilation(is_whole=True))
    made, has_questions = _finding(compiled, slow, call, watch, keeps_questions=True)
    if isinstance(made, str) and has_questions:
        compiled = replace(compiled, compilation=Compilation(is_whole=True))
        made, _ = _finding(compiled, slow, call, watch, keeps_questions=False)
    return made


def _finding(
    compiled: Compiled,
    slow: Run,
    call: Run,
    watch: Callable[[Descent], None] | None,
    *,
    keeps_questions: bool,
) -> tuple[Specialization | str, bool]:
    """The same, and whether the program asks of such sizes what is not known before it runs: it may do so
    when it runs, or be taken for granted.
    """
    entry, compilation = compiled.entry, compiled.compilation
    verifier = _verifier(compiled, call)
    descent = Descent.specialize(
        entry, compiled.key, compilation, verifier.check if verifier else None, is_whole=True,
        finds_sizes=True, keeps_questions=keeps_questions,
    )  # fmt: skip
    sizes = descent.context.sizes
    try:
        descent.lower("fused")
    except (CodegenError, NestingError) as error:
        return error.message, sizes.has_questions
    if asks_gradients(descent.function):
        return why_not_differentiated(descent.function), sizes.has_questions
    made = native_form(descent, entry, slow, verifier)
    if watch is not None and isinstance(made, Specialization):
        watch(descent)
    return made or NOT_REPEATABLE, sizes.has_questions


def _verifier(origin: Compiled, call: Run) -> Verifier | None:
    """What holds each pass to the one before, with ``TSC_VERIFY=1``."""
    if not options().is_verified:
        return None
    entry = origin.entry
    verifier = Verifier(entry.name, entry.pool, entry.unit, origin.arrays, call, origin)
    origin.compilation.checked = verifier.checked
    return verifier


def _mixed(descent: Descent, entry: Entry, call: Run, reason: str) -> Specialization:
    """The function of `descent`, at stage `fused`, as Python with native kernels; `reason` says why it is not
    native.
    """
    run, source = build_mixed(descent, entry, call)
    form = ResultForm.of(descent.function)
    constants = _constants(descent.function, entry, form)
    return Specialization(run, False, reason, descent.compilation, form, constants, source)


def native_numbers(run: Run) -> Specialization:
    """What shows a function of numbers that is native for all values."""
    return Specialization(run, True, None, Compilation(), ResultForm(None), ConstantMemory(()))


def branches(function: FuncOp) -> bool:
    """Whether a function has branches or loops."""
    return any(isinstance(op, (PrimIfOp, PrimLoopOp)) for op in walk(function))


def _descent(
    entry: Entry,
    arguments: Sequence[str],
    compilation: Compilation,
    check: Watcher | None,
    *,
    is_whole: bool,
) -> Descent:
    """`entry` at stage `fused`."""
    compilation.is_whole = is_whole
    descent = Descent.specialize(entry, arguments, compilation, check, is_whole=is_whole)
    descent.lower("fused")
    return descent


def native_form(
    descent: Descent, entry: Entry, slow: Run, verifier: Verifier | None
) -> Specialization | str | None:
    """The function of `descent`, at stage `fused`, as native code, or why it cannot be that; None where it
    must not be compiled at all.
    """
    function = descent.function
    if must_not_be_repeated(function):
        return None
    form = ResultForm.of(function)
    reason = why_not_native(function, entry.pool) or why_not_checked(function, descent.context.sizes)
    if reason is None and DRAWS in function.attributes and ROW_MAJOR not in function.attributes:
        reason = UNORDERED
    if reason is not None:
        return reason
    try:
        native = build_native(descent.copy(), slow) if computes(function) else None
    except CodegenError as error:
        return error.message
    if verifier is not None and native is not None:
        verifier.check_native(native.entry)
    checks, row_major = CHECKS_BOUNDS in function.attributes, ROW_MAJOR in function.attributes
    run = _entry_of(native, descent)
    by_sizes = ORDERED_BY_SIZES in function.attributes
    results = NativeResults(run, form, entry.unit, checks, descent.sizes is not None, row_major, by_sizes)
    constants = _constants(function, entry, form)
    return Specialization(
        results, True, None, descent.compilation, form, constants, code=native, checks_bounds=checks
    )


def _entry_of(native: NativeCode | None, descent: Descent) -> Run | None:
    """What is called with arrays that were chosen to fit; symbolic sizes that do not are none of ours."""
    if native is None or descent.sizes is None:
        return None if native is None else native.entry
    return native.strict


def _constants(function: FuncOp, entry: Entry, form: ResultForm) -> ConstantMemory:
    """The constants of a function that writes to arguments: those may be the same memory."""
    literals = [op for op in walk(function) if isinstance(op, ValueTensorLiteralOp)] if form.written else []
    return ConstantMemory(literal_array(entry.pool, op) for op in literals)
