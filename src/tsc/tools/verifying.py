"""A method and its inputs into whether compiling changes what it does, and the first pass that does so."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tsc import pipeline
from tsc.analysis.operator_effects import not_repeatable
from tsc.compiler.fusion_report import operator_name
from tsc.compiler.specialization import Specialization
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import OPERATOR_FAILURES, VerificationError
from tsc.frontend.object_graph import assemble
from tsc.narrowing import is_array
from tsc.options import options as settings
from tsc.tools.results import leaves
from tsc.tools.shared_options import Subject, subject
from tsc.verification.comparing import Outcome, difference
from tsc.verification.freezing import FreezingVerifier

AS_LOADED = "freezing and compiling, against the module as it was loaded"


@dataclass(frozen=True)
class VerifyReport:
    """Whether a method does the same at every stage; its `str` is a page of text."""

    archive: str
    method: str
    runs: str | None
    """None where a difference ended the compilation."""
    reason: str | None
    """Why it is not native."""
    checked: list[str]
    not_checked: list[str]
    first_difference: str | None
    is_equal: bool

    def __str__(self) -> str:
        lines = [f"{self.archive}: {self.method}" + ("" if self.runs is None else f" runs {self.runs}")]
        lines += [f"not native: {self.reason}"] if self.reason is not None else []
        lines += [f"  equal after {who}" for who in self.checked]
        lines += [f"  not checked: {why}" for why in self.not_checked]
        if self.first_difference is not None:
            return "\n".join([*lines, f"DIFFERENT: {self.first_difference}"])
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        return f"equal in all {len(self.checked)} checks" if self.checked else "NOTHING WAS CHECKED"


def verified(options: argparse.Namespace) -> tuple[VerifyReport, VerificationError | None]:
    """Compile the method that the options name under verification, and compare with it as it was loaded; also
    the error that names a pass, where one is at fault.

    Raises:
        TscError: the archive or the inputs are the cause, or the method fails on them as it was loaded.
    """
    loaded = subject(options, is_frozen=False)
    loaded.module.eval()
    with _setting("is_native_enabled", False):
        reference, arguments = _called(loaded)
    expected = Outcome(reference, arguments)
    try:
        freezing = _freezing(subject(options, is_frozen=False))
        own = subject(options, is_frozen=True)
        outcome = _outcome(own)
    except VerificationError as error:
        report = VerifyReport(options.archive, options.method, None, None, [], [], error.message, False)
        return report, error
    return _compared(options, own, freezing, expected, outcome), None


def _outcome(own: Subject) -> Outcome:
    """What the method gives that is compiled under verification.

    Raises:
        VerificationError: a pass changes what it does.
    """
    try:
        with _setting("is_verified", True):
            return Outcome(*_called(own))
    except VerificationError:
        raise
    except OPERATOR_FAILURES as error:
        return Outcome(error=str(error).strip().splitlines()[-1])


def _compared(
    options: argparse.Namespace, own: Subject, freezing: Sequence[str], expected: Outcome, outcome: Outcome
) -> VerifyReport:
    """What compiled code gives, against the module as it was loaded."""
    effect = not_repeatable(own.method.entry.function)
    tier, reason = own.tier()
    checked, not_checked = list(dict.fromkeys([*freezing, *_checked(own)])), list[str]()
    found = None
    if effect is not None:
        not_checked.append(
            f"{operator_name(effect)} draws, prints, or calls unknown code: it is not run twice"
        )
    else:
        found = difference(expected, outcome)
        checked += [AS_LOADED] if found is None else []
    if tier == "generic":
        not_checked.append("no pass: nothing is compiled for this call")
    told = None if found is None else f"{AS_LOADED}: {found}"
    is_equal = found is None and bool(checked)
    return VerifyReport(options.archive, options.method, tier, reason, checked, not_checked, told, is_equal)


def _freezing(called: Subject) -> Sequence[str]:
    """The passes down to stage `frozen` after which the method does what it did before; none, where running
    it once more is something else.

    Raises:
        VerificationError: a pass changes what it does.
    """
    called.module.eval()
    method, pool = called.method, ConstantPool()
    module = assemble(method.unit, pool, [method.function], method.receiver)
    verifier = FreezingVerifier(
        method.function.name, pool, method.unit, method.values_of(called.arguments), method.interpreter.call,
        method.receiver,
    )  # fmt: skip
    if verifier.begin(module, method.inlined()[0]):
        pipeline.lower(make_context(pool), module, stop_after="frozen", check=verifier.check)
    return verifier.checked


@contextmanager
def _setting(name: str, value: bool) -> Generator[None]:
    """One of tsc's options changed for a ``with`` block."""
    before = getattr(settings(), name)
    setattr(settings(), name, value)
    try:
        yield
    finally:
        setattr(settings(), name, before)


def _called(called: Subject) -> tuple[Any, list[Any]]:
    """What the method gives, as plain values by their paths, and the arguments as it left them."""
    arguments = copy.deepcopy(called.arguments)
    result = replace(called, arguments=arguments)()
    return {path: _plain(value) for path, value in leaves(result)}, arguments


def _plain(value: Any) -> Any:
    """A value that can be compared: objects of the program by their types alone."""
    is_comparable = value is None or is_array(value) or isinstance(value, (bool, int, float, complex, str))
    return value if is_comparable else type(value).__name__


def _checked(called: Subject) -> Iterator[str]:
    """After what the method, and its parts, were run."""
    versions = called.method._versions.made
    yield from _of(found for version in versions for found in version.specializations.table.values())


def _of(made: Iterable[Specialization | None]) -> Iterator[str]:
    for found in made:
        if found is None:
            continue
        yield from found.compilation.checked
        for number, part in enumerate(found.outlined.parts if found.outlined is not None else ()):
            for who in _of(part.specializations.table.values()):
                yield f"part {number}: {who}"
