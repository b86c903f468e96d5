"""Variables without a value, and how the errors of one function are collected."""

from __future__ import annotations

import ast
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from tsc.errors import CompileError, SourceRange, TscError
from tsc.frontend.sugared import Sugared

if TYPE_CHECKING:
    from tsc.frontend.reader_base import Reader


class KnownError(CompileError):
    """What was read stands on something whose error has been collected; it says nothing new."""


class Undefined(Sugared):
    """A variable that only one of two branches assigned, or each with another type: using it is an error."""

    def __init__(self, name: str, where: str = "", mismatch: CompileError | None = None) -> None:
        self.name = name
        self.where = where
        self.mismatch = mismatch

    def value(self, reader: Reader, node: ast.AST) -> NoReturn:
        if self.mismatch is not None:
            raise self.mismatch
        if self.where:
            raise reader.undefined(self.name, f"{self.name} is not defined in {self.where}", node)
        raise reader.undefined(self.name, f"undefined value {self.name}", node)


class Poisoned(Undefined):
    """A variable whose assignment could not be read."""

    def value(self, reader: Reader, node: ast.AST) -> NoReturn:
        raise reader.error(f"{self.name} has an error", node, KnownError)


class ErrorLog:
    """The errors of one function, in the order they were met."""

    def __init__(self) -> None:
        self.errors: list[TscError] = []
        self.known: KnownError | None = None
        self.undefined: set[str] = set()
        """Names that were found undefined: each is reported once."""

    @contextmanager
    def collecting(self, where: SourceRange) -> Generator[None, None, None]:
        """Errors end the context and are kept; one without a place gets `where`."""
        try:
            yield
        except KnownError as error:
            self.known = error
        except TscError as error:
            error.where = error.where or where
            self._add(error)

    def _add(self, error: TscError) -> None:
        if all((e.message, e.where) != (error.message, error.where) for e in self.errors):
            self.errors.append(error)

    def raise_all(self) -> None:
        """Raise the first error, which tells of the others too; nothing where there is none."""
        if not self.errors:
            if self.known is not None:
                raise self.known
            return
        first, *others = self.errors
        first.others += [e for e in others if e is not first]
        raise first
