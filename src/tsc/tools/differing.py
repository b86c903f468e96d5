"""Two runs of a method, operator by operator, into the first operator that gives something else."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib import import_module
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.errors import NotSupportedError, SourceRange
from tsc.narrowing import is_array
from tsc.programs.operator_runs import OperatorResult, OperatorRun, operator_run
from tsc.tools.results import leaves
from tsc.tools.shared_options import subject
from tsc.verification.comparing import TOLERANCES

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tolerance:
    """How far elements may be apart: ``absolute + relative * abs(first)``; None: by dtype."""

    absolute: float | None
    relative: float | None

    def limits(self, first: Array) -> Any:
        """For each element; without options, for all of them a share of the greatest."""
        magnitude = np.abs(first).astype(np.float64)
        if self.absolute is not None or self.relative is not None:
            return (self.absolute or 0.0) + (self.relative or 0.0) * magnitude
        share = TOLERANCES.get(dtypes.by_numpy(first.dtype), 0.0)
        finite = magnitude[np.isfinite(magnitude)]
        return share * max(1.0, float(finite.max()) if finite.size else 0.0)


@dataclass(frozen=True)
class ValueDifference:
    """How two values differ; its `str` is one line."""

    path: str
    """Which part of the value: ``result[0]``."""
    text: str
    greatest: float | None = None
    """The greatest difference of two elements; infinite where one is finite and the other is not. None: they
    are not elements of tensors of one shape.
    """
    relative: float | None = None
    """The same as a share of the greatest element of the first."""
    elements: int | None = None
    """How many differ."""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


@dataclass(frozen=True)
class OperatorDifference:
    """An operator that gives something else."""

    operator: str
    number: int
    """Of the operators that ran, from 1."""
    places: list[list[SourceRange]]
    """Where it is in the first program, and in the second."""
    reads: list[str]
    """The attributes that it reads."""
    difference: ValueDifference


@dataclass(frozen=True)
class DiffReport:
    """Two runs beside each other; its `str` is a page of text."""

    archive: str
    other: str
    method: str
    compared: int
    """Operators that both ran, and that were compared: up to the first that differs."""
    only_first: list[str]
    """Operators that the first alone ran."""
    only_second: list[str]
    first_difference: OperatorDifference | None
    result_difference: ValueDifference | None
    errors: list[str | None]
    """What the first raised, and the second."""
    is_equal: bool

    def __str__(self) -> str:
        lines = [f"{self.archive} and {self.other}: {self.method}"]
        for who, names in ((self.archive, self.only_first), (self.other, self.only_second)):
            lines += [f"  only in {who}: {_counted(names)}"] if names else []
        for who, error in zip((self.archive, self.other), self.errors, strict=True):
            lines += [f"  {who} raises: {error}"] if error is not None else []
        found = self.first_difference
        if found is not None:
            lines += [f"DIFFERENT: operator {found.number}, {found.operator}: {found.difference}"]
            lines += [f"  reads {', '.join(found.reads)}"] if found.reads else []
            lines += [f"  {place.file}:{place.line}: {place.text.strip()}" for place in found.places[0]]
            other = [f"  in {self.other}: {p.file}:{p.line}: {p.text.strip()}" for p in found.places[1]]
            lines += other if found.places[0] != found.places[1] else []
        else:
            lines += [f"equal in all {self.compared} operators that both run"]
        if self.result_difference is not None:
            lines += [f"{'' if found else 'DIFFERENT: '}{self.result_difference}"]
        return "\n".join(lines)


def _counted(names: Sequence[str]) -> str:
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items())


def compared(options: argparse.Namespace, tolerance: Tolerance) -> DiffReport:
    """Run the method that the options name in both ways, and compare.

    Raises:
        NotSupportedError: PyTorch is wanted, and is not installed.
        TscError: an archive or the inputs are the cause.
    """
    by_torch = options.against == "torch"
    if by_torch:
        if importlib.util.find_spec("torch") is None:
            raise NotSupportedError("--against torch: requires PyTorch, which is not installed")
        import_module("torch")
    first = _run(options, options.archive, by_torch=False)
    second = _run(options, options.archive if by_torch else options.other, by_torch=by_torch)
    return _report(options, first, second, tolerance)


def _run(options: argparse.Namespace, archive: str, *, by_torch: bool) -> OperatorRun:
    called = subject(argparse.Namespace(**{**vars(options), "archive": archive}), is_frozen=False)
    called.module.eval()
    return operator_run(called.method, called.arguments, options.seed, by_torch=by_torch)


def _report(
    options: argparse.Namespace, first: OperatorRun, second: OperatorRun, tolerance: Tolerance
) -> DiffReport:
    pairs = list(_pairs(first.operators, second.operators))
    same = [(a, b) for a, b in pairs if a is not None and b is not None]
    found, count = None, 0
    for a, b in same:
        count += 1
        wrong = value_difference(a.value, b.value, tolerance)
        if wrong is not None:
            number = 1 + next(i for i, operator in enumerate(first.operators) if operator is a)
            found = OperatorDifference(
                a.operator, number, [list(a.places), list(b.places)], list(a.reads), wrong
            )
            break
    errors = [first.error, second.error]
    result = value_difference(first.result, second.result, tolerance) if errors == [None, None] else None
    raises_alike = (first.error is None) == (second.error is None)
    return DiffReport(
        options.archive,
        "torch" if options.against else options.other,
        options.method,
        count,
        [a.operator for a, b in pairs if a is not None and b is None],
        [b.operator for a, b in pairs if a is None and b is not None],
        found,
        result,
        errors,
        found is None and result is None and raises_alike,
    )


def _pairs(
    first: Sequence[OperatorResult], second: Sequence[OperatorResult]
) -> Iterator[tuple[OperatorResult | None, OperatorResult | None]]:
    """Operators that ran in both, in their order, and those that ran in one alone."""
    names = [[result.operator for result in run] for run in (first, second)]
    for tag, i, j, k, m in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(first[i:j], second[k:m], strict=True)
        else:
            yield from ((a, None) for a in first[i:j])
            yield from ((None, b) for b in second[k:m])


def value_difference(first: object, second: object, tolerance: Tolerance) -> ValueDifference | None:
    """How `second` is different, or None."""
    before, after = dict(leaves(first)), dict(leaves(second))
    if before.keys() != after.keys():
        return ValueDifference("result", f"parts {list(after)} instead of {list(before)}")
    found = (_leaf_difference(path, before[path], after[path], tolerance) for path in before)
    return next((wrong for wrong in found if wrong is not None), None)


def _leaf_difference(path: str, a: Any, b: Any, tolerance: Tolerance) -> ValueDifference | None:
    if is_array(a) and is_array(b):
        return _array_difference(path, a, b, tolerance)
    if isinstance(a, (bool, int, float, complex)) and isinstance(b, (bool, int, float, complex)):
        return None if a == b or (a != a and b != b) else ValueDifference(path, f"{b!r} instead of {a!r}")
    if isinstance(a, str) and isinstance(b, str) and a != b:
        return ValueDifference(path, f"{b!r:.80} instead of {a!r:.80}")
    same = is_array(a) == is_array(b) and (a is None) == (b is None)
    return None if same else ValueDifference(path, f"{type(b).__name__} instead of {type(a).__name__}")


def _array_difference(path: str, a: Array, b: Array, tolerance: Tolerance) -> ValueDifference | None:
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return ValueDifference(path, f"{b.dtype}{list(b.shape)} instead of {a.dtype}{list(a.shape)}")
    if not a.size:
        return None
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    x, y = a.astype(wide), b.astype(wide)
    with np.errstate(all="ignore"):
        apart = np.abs(x - y)
        same = (a == b) | (np.isnan(x) & np.isnan(y))
        apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
        wrong = apart > tolerance.limits(a)
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(wrong, apart, -1.0)), a.shape))
    greatest = float(apart[place])
    finite = np.abs(x)[np.isfinite(x)]
    largest = float(finite.max()) if finite.size else 0.0
    relative = greatest / largest if largest else float("inf")
    where = f" at {list(place)}" if place else ""
    text = (
        f"{b[place]} instead of {a[place]}{where}: the greatest difference is {greatest:.3g}, {relative:.2g} "
        f"of the greatest element; {int(wrong.sum())} of {a.size} elements differ"
    )
    return ValueDifference(path, text, greatest, relative, int(wrong.sum()))
