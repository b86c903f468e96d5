"""Compiles one function for arguments some of whose sizes may be any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tsc.analysis.operator_effects import asks_gradients
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.entry import Entry
from tsc.compiler.native_forms import NOT_REPEATABLE
from tsc.compiler.sizes import MOST_RESTARTS, Key, Naming, Sizes, SizesFoundError, SymbolicKey, named
from tsc.compiler.specialization import Run, Specialization, native_form
from tsc.errors import FoundSizeError
from tsc.options import options
from tsc.passes.differentiate import why_not_differentiated
from tsc.passes.find_sizes import has_sizes_to_find
from tsc.tracebacks import warn_user


def compile_named(
    entry: Entry, key: Key, seen: Iterable[Key], naming: Naming, slow: Run
) -> Specialization | str:
    """Compile `entry` for the sizes that differ among `key` and those that were `seen` (or, as `naming` says,
    for more), or say why that cannot be.
    """
    found = named(key, seen, naming)
    return "no size is left to be symbolic" if found is None else compile_symbolic(entry, *found, slow)


def compile_symbolic(
    entry: Entry, key: Sequence[str], hints: Mapping[str, int], slow: Run
) -> Specialization | str:
    """Compile `entry` for arguments in which sizes have names, which are `hints` in one call, or say why it
    has no native form for them.
    """
    if has_sizes_to_find(entry.function, key):
        made, has_questions = _compiled(entry, key, hints, slow, keeps_questions=True)
        if not isinstance(made, str) or not has_questions:
            return made
    return _compiled(entry, key, hints, slow, keeps_questions=False)[0]


def _compiled(
    entry: Entry, key: Sequence[str], hints: Mapping[str, int], slow: Run, *, keeps_questions: bool
) -> tuple[Specialization | str, bool]:
    """The same, and whether the program asks of sizes that it finds what is not known before it runs."""
    sizes = Sizes.of(hints)
    for _ in range(MOST_RESTARTS):
        sizes.environment.keeps_questions = keeps_questions
        try:
            made = _symbolic(entry, key, sizes, slow)
        except Exception as error:  # code that takes symbolic sizes for numbers may raise anything
            made = "" if isinstance(error, SizesFoundError) else f"{error!r} (please report it)"
            if not sizes.environment.solved():
                if options().is_strict:
                    raise
                warn_user(f"{entry.name}: not compiled for symbolic sizes: {made}")
        solved, has_questions = sizes.environment.solved(), sizes.environment.has_questions
        if not isinstance(made, str) or not solved:
            return made, has_questions
        sizes = sizes.narrowed(solved)
        if sizes.is_fixed:
            return "all its sizes are fixed by the program", has_questions
    return "its sizes turn out to be equal again and again", False


def _symbolic(entry: Entry, key: Sequence[str], sizes: Sizes, slow: Run) -> Specialization | str:
    """The function for symbolic sizes as native code, or why it cannot be that.

    Raises:
        SizesFoundError: equations say what symbols are.
    """
    descent = Descent.specialize(
        entry, key, Compilation(is_whole=True), is_whole=True, sizes=sizes,
        finds_sizes=has_sizes_to_find(entry.function, key), keeps_questions=sizes.environment.keeps_questions,
    )  # fmt: skip
    try:
        descent.lower("fused")
    except FoundSizeError as error:
        return error.message
    sizes.require_free()
    if asks_gradients(descent.function):
        return why_not_differentiated(descent.function)
    made = native_form(descent, entry, slow, None) or NOT_REPEATABLE
    if not isinstance(made, str):
        made.symbolic = SymbolicKey(tuple(key), sizes)
    return made
