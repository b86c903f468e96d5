"""A method and its inputs into the pass that changes what it does, and the smallest program that shows it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from tsc.compiler.cases import Case, Fault, case_of
from tsc.compiler.fusion_report import is_operator, operator_name
from tsc.dialects.walking import walk
from tsc.errors import SourceRange, VerificationError
from tsc.runtime.exceptions import places_of
from tsc.tools.case_files import write_case
from tsc.tools.reduction import Reduction, size_of
from tsc.tools.verifying import verified


@dataclass(frozen=True)
class CaseSize:
    """How large a program is."""

    operators: int
    elements: int
    """Of arguments."""


@dataclass(frozen=True)
class OperatorPlace:
    """An operator that is left, and where it is in the program."""

    operator: str
    places: list[SourceRange]


@dataclass(frozen=True)
class BisectReport:
    """Which pass is at fault, and the program that shows it; its `str` is a page of text."""

    archive: str
    method: str
    culprit: Fault | None
    other_difference: str | None
    """What differs, though no pass alone does that."""
    before: CaseSize | None
    after: CaseSize | None
    tries: int
    program: str | None
    """The smallest program, as MLIR."""
    operators: list[OperatorPlace]
    files: list[str]
    not_reduced: str | None
    """Why there is no smaller program."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing is at fault."""
        return self.culprit is None and self.other_difference is None

    def __str__(self) -> str:
        lines = [f"{self.archive}: {self.method}"]
        if self.culprit is None:
            said = "no pass changes what it does" if self.is_equal else f"DIFFERENT: {self.other_difference}"
            return "\n".join([*lines, said])
        lines += [f"DIFFERENT: {self.culprit.text}"]
        if self.not_reduced is not None:
            return "\n".join([*lines, f"not reduced: {self.not_reduced}"])
        assert self.before is not None
        assert self.after is not None
        lines += [
            f"reduced from {self.before.operators} operators and {self.before.elements} elements of "
            f"arguments to {self.after.operators} and {self.after.elements}, in {self.tries} tries:",
        ]
        for left in self.operators:
            where = " > ".join(f"{p.file.rpartition('/')[2]}:{p.line}" for p in reversed(left.places))
            lines.append(f"  {left.operator}  {where or '(compiler)'}")
        return "\n".join([*lines, "", self.program or "", *(f"written: {name}" for name in self.files)])


def bisected(options: argparse.Namespace) -> BisectReport:
    """Find the pass, and reduce the program.

    Raises:
        TscError: the archive or the inputs are the cause, or the method fails on them as it was loaded.
        OSError: the program cannot be written.
    """
    report, error = verified(options)
    if error is None:
        return _report(options, other_difference=report.first_difference)
    fault = Fault.of(error)
    case = case_of(error)
    refusal = _why_not_reduced(case, fault)
    if case is None or refusal is not None:
        return _report(options, fault, not_reduced=refusal)
    before = size_of(case)
    reduction = Reduction(case, fault)
    least = reduction.run()
    found = least.first_fault(fault.stage) or fault
    files = [] if options.output is None else write_case(least, found, options.output)
    return _report(options, fault, before=before, least=least, tries=reduction.tries, files=files)


def _why_not_reduced(case: Case | None, fault: Fault) -> str | None:
    if case is None:
        return "the pass works on the module as a whole, of which a function alone is no smaller case"
    try:
        found = case.first_fault(fault.stage)
    except VerificationError:
        raise
    except Exception as error:  # whatever a wrong pass leads to
        return f"the function alone ends in {type(error).__name__}: {error}"
    return None if fault.is_same(found) else "the function alone does not show it"


def _report(
    options: argparse.Namespace, fault: Fault | None = None, *, other_difference: str | None = None,
    before: tuple[int, int] | None = None, least: Case | None = None, tries: int = 0,
    files: list[str] | None = None, not_reduced: str | None = None,
) -> BisectReport:  # fmt: skip
    return BisectReport(
        options.archive,
        options.method,
        fault,
        other_difference,
        None if before is None else CaseSize(*before),
        None if least is None else CaseSize(*size_of(least)),
        tries,
        None if least is None else str(least.module),
        [] if least is None else list(_places(least)),
        files or [],
        not_reduced,
    )


def _places(case: Case) -> Iterator[OperatorPlace]:
    for op in walk(case.function):
        if is_operator(op):
            yield OperatorPlace(operator_name(op), places_of(op.location, case.name))
