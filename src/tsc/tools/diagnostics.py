"""What is wrong with an input of `tsc-opt`, in one line; and the comments that say what is expected to be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from xdsl.utils.exceptions import DiagnosticException, ParseError, PassFailedException, VerifyException

from tsc.errors import TscError
from tsc.tools.inputs import Chunk

_EXPECTED = re.compile(
    r"expected-error(?:\s*@(?P<line>[+-]\d+|above|below|unknown))?\s*\{\{(?P<text>.*?)\}\}"
)


@dataclass(frozen=True)
class Diagnostic:
    """An error, and where in the input it is: the line is 0 where nobody knows."""

    RAISED: ClassVar = (
        TscError, ParseError, OSError, UnicodeDecodeError,
        VerifyException, DiagnosticException, PassFailedException,
    )  # fmt: skip
    """What says that something is wrong with the input."""

    file: str
    line: int
    column: int
    text: str

    @staticmethod
    def of(error: BaseException, chunk: Chunk) -> Diagnostic:
        """What an exception says about a chunk of the input."""
        file, line, column, text = chunk.name, 0, 0, str(error)
        if isinstance(error, ParseError):
            before = cast("str", error.span.input.content)[: error.span.start]
            line, column = chunk.line + before.count("\n") + 1, len(before) - before.rfind("\n")
            text = error.msg
        elif isinstance(error, TscError) and error.where is not None:
            where = error.where
            file, line, column, text = where.file, where.line, where.column + 1, error.message
        elif isinstance(error, OSError):
            text = error.strerror or text
        return Diagnostic(file, line, column, next(iter(text.splitlines()), type(error).__name__))

    def __str__(self) -> str:
        where = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{where}: error: {self.text}"


@dataclass(frozen=True)
class Expected:
    """A comment ``// expected-error @+1 {{text}}``: an error in the next line whose text has `text` in it."""

    file: str
    own_line: int
    line: int
    text: str

    def is_met_by(self, found: Diagnostic) -> bool:
        """Whether `found` is that error. (Errors of passes know no lines of MLIR text.)"""
        return self.text in found.text and (not self.line or not found.line or self.line == found.line)


def expected_in(chunk: Chunk) -> list[Expected]:
    """The comments of a chunk that expect errors."""
    found: list[Expected] = []
    for number, line in enumerate((chunk.text or "").splitlines(), chunk.line + 1):
        for match in _EXPECTED.finditer(line.partition("//")[2]):
            at = match["line"] or "+0"
            offset = {"above": -1, "below": 1}.get(at)
            where = 0 if at == "unknown" else number + (int(at) if offset is None else offset)
            found.append(Expected(chunk.name, number, where, match["text"]))
    return found


def unmet(expected: Sequence[Expected], found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Errors that no comment expects, and comments whose error did not come."""
    left, surprising = list(expected), list[Diagnostic]()
    for diagnostic in found:
        met = next((e for e in left if e.is_met_by(diagnostic)), None)
        if met is None:
            text = f"unexpected error: {diagnostic.text}"
            surprising.append(Diagnostic(diagnostic.file, diagnostic.line, diagnostic.column, text))
        else:
            left.remove(met)
    missing = [Diagnostic(e.file, e.own_line, 1, f'expected error "{e.text}" was not produced') for e in left]
    return [*surprising, *missing]
