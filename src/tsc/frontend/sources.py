"""Where code comes from: the text of a function or of an archive's file, its AST, and ranges in it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, StringAttr, UnknownLoc

from tsc.errors import NotSupportedError, SourceRange


@dataclass(eq=False)
class Source:
    """A piece of source text: `first_line` and `indent` place it in its file."""

    file: str
    text: str
    first_line: int = 1
    indent: int = 0
    original: Callable[[int, int], SourceRange | None] | None = None
    """For archives: the user's own range behind the generated code at (line, column)."""
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.text.splitlines()

    def range(self, node: ast.AST, function: str = "") -> SourceRange:
        """The range of an AST node."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        if self.original is not None:
            found = self.original(line, column)
            if found is not None:
                return found
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        end = getattr(node, "end_col_offset", column + 1)
        if getattr(node, "end_lineno", line) != line:
            end = len(text)
        pad = " " * self.indent
        return SourceRange(
            self.file,
            line + self.first_line - 1,
            column + self.indent,
            end + self.indent,
            pad + text,
            function,
        )

    def location(self, node: ast.AST) -> LocationAttr:
        """The range as an MLIR location."""
        where = self.range(node)
        return location_of(where)


def location_of(where: SourceRange | None) -> LocationAttr:
    """An MLIR location for a source range."""
    if where is None:
        return UnknownLoc()
    return FileLineColLoc(StringAttr(where.file), IntAttr(where.line), IntAttr(where.column))


def function_source(function: Any) -> tuple[ast.FunctionDef, Source]:
    """The AST and the source of a live Python function.

    Raises:
        NotSupportedError: its source cannot be read, or it is not a ``def``.
    """
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "<unknown>"
    except (OSError, TypeError):
        name = getattr(function, "__qualname__", repr(function))
        raise NotSupportedError(f"script: requires the source of '{name}', which cannot be read") from None
    raw = "".join(lines)
    text = textwrap.dedent(raw)
    indent = len(lines[0]) - len(lines[0].lstrip()) if text != raw else 0
    tree = ast.parse(text, type_comments=True)
    source = Source(file, text, first, indent)
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise NotSupportedError(
            f"script: requires a function written with def; got {type(definition).__name__}"
        )
    return definition, source
