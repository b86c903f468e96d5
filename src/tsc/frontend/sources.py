"""Where code comes from: the text of a function or of an archive's file, its AST, and ranges in it."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType
from typing import Any, cast
from weakref import WeakKeyDictionary

from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, StringAttr, UnknownLoc

from tsc.archive.quiet_parsing import parsed_quietly
from tsc.errors import CompileError, FrontendError, NestingError, NotSupportedError, SourceRange

OVERLOAD_MARKS = ("_overload", "_overload_method")
"""What PyTorch calls its decorators of overloads; in `tsc.nn` it is Python's, imported under another name."""
UNSAID = "_"
"""What stands for the result of a type comment that says nothing of it."""
TRACED = "<traced>"
"""The file of functions that were traced: their source is never read."""


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
        if self.original is not None:
            _remember(where)
        return location_of(where)


ARCHIVED_LINES: dict[tuple[str, int], str] = {}
"""Lines of source that archives tell, by file and number; empty where two archives differ."""
MOST_LINES = 1 << 17


def _remember(where: SourceRange) -> None:
    if len(ARCHIVED_LINES) >= MOST_LINES:
        ARCHIVED_LINES.clear()
    if ARCHIVED_LINES.setdefault((where.file, where.line), where.text) != where.text:
        ARCHIVED_LINES[where.file, where.line] = ""


def line_of(file: str, line: int) -> str:
    """The text of a line that was compiled; empty where it is not known. No file is opened: an archive may
    name any.
    """
    told = ARCHIVED_LINES.get((file, line))
    if told is not None:
        return told
    held = linecache.cache.get(file)
    lines = held[2] if held is not None and len(held) == 4 else []
    return lines[line - 1] if 0 < line <= len(lines) else ""


def parsed(text: str, what: str = "TorchScript source", file: str = "<string>") -> ast.Module:
    """The statements of a text.

    Raises:
        FrontendError: the text is not Python; `what` was expected.
        NestingError: it nests deeper than Python reads.
    """
    return cast("ast.Module", _parsed(text, "exec", what, file))


def literal_value(node: ast.expr) -> Any:
    """The value of an expression of constants.

    Raises:
        CompileError: it is no such expression.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise CompileError(f"a constant must be a literal; got {ast.unparse(node):.60}") from None


def parsed_annotation(text: str) -> ast.expr:
    """The expression of a type that stands in a string or a comment.

    Raises:
        FrontendError: it is none.
        NestingError: it nests deeper than Python reads.
    """
    return cast("ast.Expression", _parsed(text, "eval", "a type", "<annotation>")).body


def parsed_signature(text: str) -> ast.FunctionType:
    """The types of a comment ``(int, Tensor) -> int``; without an arrow, it says nothing of the result.

    Raises:
        FrontendError: it is no such comment.
        NestingError: it nests deeper than Python reads.
    """
    whole = text if "->" in text else f"{text} -> {UNSAID}"
    return cast("ast.FunctionType", _parsed(whole, "func_type", "types of a function", "<annotation>"))


def _parsed_with_comments(text: str) -> ast.Module:
    """Statements with their type comments: of two in the place of one, the first."""
    try:
        return ast.parse(text, type_comments=True)
    except SyntaxError:
        once = _SECOND_COMMENT.sub(r"\1", text)
        if once == text:
            raise
        return ast.parse(once, type_comments=True)


_SECOND_COMMENT = re.compile(r"(^[ \t]*#[ \t]*type:[^\n]*\n)(?:[ \t]*#[ \t]*type:[^\n]*)", re.MULTILINE)


def _parsed(text: str, mode: str, what: str, file: str) -> ast.AST:
    try:
        return _parsed_with_comments(text) if mode == "exec" else parsed_quietly(text, mode)
    except SyntaxError as error:
        where = SourceRange(file, error.lineno or 1, (error.offset or 1) - 1, text=error.text or "")
        raise FrontendError(f"expected {what}: {error.msg}", where) from None
    except ValueError as error:
        raise FrontendError(f"expected {what}: {error}") from None
    except (RecursionError, MemoryError):
        raise NestingError(f"expected {what}: it nests too deep to be read") from None


def location_of(where: SourceRange | None) -> LocationAttr:
    """An MLIR location for a source range."""
    if where is None:
        return UnknownLoc()
    return FileLineColLoc(StringAttr(where.file), IntAttr(where.line), IntAttr(where.column))


_SOURCES = WeakKeyDictionary[Any, tuple[ast.FunctionDef, Source]]()
"""What was read of functions: each class of modules inherits the same sixty methods."""


def function_source(function: Any) -> tuple[ast.FunctionDef, Source]:
    """The AST, which is not to be changed, and the source of a live Python function.

    Raises:
        NotSupportedError: its source cannot be read, or it is not a ``def``.
    """
    if not isinstance(function, FunctionType):
        return _read(function)
    known = _SOURCES.get(function)
    if known is None:
        known = _SOURCES.setdefault(function, _read(function))
    return known


def _read(function: Any) -> tuple[ast.FunctionDef, Source]:
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "<unknown>"
    except (OSError, TypeError):
        name = getattr(function, "__qualname__", repr(function))
        raise NotSupportedError(f"script: requires the source of '{name}', which cannot be read") from None
    raw = "".join(lines)
    indent = len(lines[0]) - len(lines[0].lstrip())
    text = _dedented(raw, indent)
    tree = parsed(text, file=file)
    source = Source(file, text, first, indent)
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise NotSupportedError(
            f"script: requires a function written with def; got {type(definition).__name__}"
        )
    return definition, source


def _dedented(text: str, indent: int) -> str:
    """`text` without the indent of its first line; lines inside a string may have less."""
    whole = textwrap.dedent(text)
    if not whole[:1].isspace():
        return whole
    return "".join(line[indent:] if line[:indent].isspace() else line for line in text.splitlines(True))


@cache
def _definitions_with_overloads(file: str) -> dict[str, list[ast.FunctionDef]]:
    """The functions of a file by their qualified name, each as often as it is defined; none of a file that
    declares no overloads.
    """
    text = "".join(linecache.getlines(file))
    found: dict[str, list[ast.FunctionDef]] = {}
    if "overload" not in text:
        return found
    try:
        _add_definitions(ast.parse(text, type_comments=True).body, "", found)
    except SyntaxError:
        found.clear()
    return found


def qualified_name(live: Any) -> str:
    """What a program calls a live function or class: its module and its own name, as in PyTorch; not the
    functions and classes that it is defined in, which may be in the program themselves.
    """
    module = getattr(live, "__module__", None) or "__main__"
    name = live.__name__.replace("<lambda>", "_lambda")
    return f"__torch__.{name}" if module == "__main__" else f"__torch__.{module}.{name}"


def overload_declarations(function: Any) -> list[ast.FunctionDef]:
    """The signatures that ``@_overload`` or ``@_overload_method`` declares beside a function, in order.

    They are read from the source: PyTorch forgets its own record of them once it has compiled them.
    """
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    if file is None:
        return []
    name = ".".join(p for p in function.__qualname__.split(".") if p != "<locals>")
    defined = _definitions_with_overloads(file).get(name, [])
    return [n for n in defined if any(_is_overload(d, function) for d in n.decorator_list)]


def _add_definitions(body: list[ast.stmt], path: str, found: dict[str, list[ast.FunctionDef]]) -> None:
    """Add the functions defined in a block, in the branches of its ``if`` statements, and in the functions
    and classes defined there: in the last of those of one name.
    """
    inner: dict[str, list[ast.stmt]] = {}

    def add(statements: list[ast.stmt]) -> None:
        for node in statements:
            if isinstance(node, ast.If):
                add([*node.body, *node.orelse])
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                inner[node.name] = node.body
            if isinstance(node, ast.FunctionDef):
                found.setdefault(path + node.name, []).append(node)

    add(body)
    for name, statements in inner.items():
        _add_definitions(statements, f"{path}{name}.", found)


def _is_overload(decorator: ast.expr, function: Any) -> bool:
    name = ast.unparse(decorator).rpartition(".")[2]
    meant = getattr(function.__globals__.get(name), "__name__", name)
    return meant in OVERLOAD_MARKS or name == "torchscript_overload"
