"""Compiles the two halves of a function whose gradients are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from xdsl.dialects.func import FuncOp

from tsc.analysis.operator_effects import asks_gradients, definition_of
from tsc.analysis.parts import LIGHT_KINDS
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.entry import Entry
from tsc.compiler.native_forms import NOT_REPEATABLE
from tsc.compiler.specialization import Specialization, native_form
from tsc.concurrency import serialized
from tsc.dialects.tsc import ASSIGNED, FLOWING, READS, ROW_MAJOR, SAVED, SOUGHT
from tsc.dialects.walking import walk
from tsc.errors import CodegenError
from tsc.passes.differentiate_results import why_not_certain
from tsc.passes.gradients.halves import Half, noted_numbers
from tsc.runtime.native import MISS
from tsc.runtime.native_halves import Given, NativeHalf, NativeHalves
from tsc.runtime.result_forms import leaves

SLOWER = "PyTorch's own operators are likely to be as fast: TSC_NATIVE_GRADIENTS=always compiles it anyway"
FEW_OPERATORS = 64
"""Fewer operators are as fast where PyTorch runs them one by one: then calls of each cost little, and what
counts are products, which PyTorch has too. Measured of networks, a transformer's block, and loops of cells.
"""


def compile_halves(
    entry: Entry, key: Sequence[str], wanted: Sequence[int], *, only_faster: bool = False
) -> NativeHalves | str:
    """Compile both halves of `entry` for arguments of these shapes, some of whose gradients are `wanted`; or
    why there are none. Where `only_faster`, there are some only if they are likely to be faster than
    operators of PyTorch one by one.
    """
    reason = why_not_certain(entry.function)
    if reason is not None:
        return reason
    forward = _compiled(entry, key, Half(tuple(wanted)), only_faster=only_faster)
    if isinstance(forward, str):
        return forward
    made, function = forward
    reason = _why_not_apart(made, function)
    if reason is not None:
        return reason
    (flowing,), (saved,) = noted_numbers(function, FLOWING), noted_numbers(function, SAVED)
    everything = (True,) * flowing
    backward = _compiled(entry, key, Half(tuple(wanted), is_backward=True))
    if isinstance(backward, str):
        return backward
    of_some = partial(_backward, entry, tuple(key), tuple(wanted))
    backwards: dict[Given, NativeHalf | None] = {everything: _half(*backward)}
    is_row_major = ROW_MAJOR in function.attributes
    kernels = len(made.compilation.kernels) + len(backward[0].compilation.kernels)
    return NativeHalves(_half(*forward), made.suits, saved, of_some, is_row_major, kernels, backwards)


@serialized
def _backward(entry: Entry, key: Sequence[str], wanted: tuple[int, ...], given: Given) -> NativeHalf | None:
    """The backward half for gradients of some results; None where there is none."""
    found = _compiled(entry, key, Half(wanted, is_backward=True, given=given))
    return None if isinstance(found, str) else _half(*found)


def _compiled(
    entry: Entry, key: Sequence[str], half: Half, *, only_faster: bool = False
) -> tuple[Specialization, FuncOp] | str:
    """One half as native code, and as a function; or why it cannot be that."""
    descent = Descent.specialize(entry, key, Compilation(is_whole=True), is_whole=True, half=half)
    try:
        if only_faster and not _is_faster(descent.lower("value")):
            return SLOWER
        descent.lower("fused")
    except CodegenError as error:
        return error.message
    if asks_gradients(descent.function):
        return "it asks for gradients itself"
    made = native_form(descent, entry, lambda *_: MISS, None)
    if made is None:
        return NOT_REPEATABLE
    return made if isinstance(made, str) else (made, descent.function)


def _is_faster(function: FuncOp) -> bool:
    """Whether a function at stage `value` is likely to be faster than PyTorch's operators one by one."""
    found = [definition_of(op) for op in walk(function)]
    names = [operator.name for operator in found if operator is not None and operator.kind not in LIGHT_KINDS]
    return len(names) >= FEW_OPERATORS and not any("conv" in name for name in names)


def _half(made: Specialization, function: FuncOp) -> NativeHalf:
    assert made.code is not None
    results: Any = made.run
    reads, sought = noted_numbers(function, READS), noted_numbers(function, SOUGHT)
    flagged = made.checks_bounds
    return NativeHalf(made.code.strict, flagged, made.form, results.unit, tuple(reads), tuple(sought))


def _why_not_apart(made: Specialization, function: FuncOp) -> str | None:
    """Why results cannot be given as they are computed."""
    structure = made.form.structure
    if structure is None or made.code is None or made.form.found:
        return "its sizes are found when it runs"
    whole = structure[1][0]
    assigned = (
        [leaf for part in whole[1][1:] for leaf in leaves(part)] if ASSIGNED in function.attributes else []
    )
    saved = noted_numbers(function, SAVED)[0]
    if any(leaf in assigned for leaf in structure[1][1 : len(structure[1]) - saved]):
        return "gradients flow from an attribute that it assigns"
    shown: list[Any] = []
    for leaf in leaves(whole):
        base = leaf
        while base[0] == "view":
            base = base[1]
        if base[0] in ("argument", "alias", "prefix"):
            return "a result is an argument, or a view of one"
        if base[0] == "tensor":
            shown.append((base[1], leaf))
    if any(a[0] == b[0] and a[1] != b[1] for a in shown for b in shown):
        return "results are views of one memory"
    return None
