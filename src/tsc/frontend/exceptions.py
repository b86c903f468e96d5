"""Reads what ``raise`` raises: a message, and the class of the exception."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from tsc.dialects import torch_types as tt
from tsc.errors import NotSupportedError
from tsc.frontend.sugared import Arguments, Sugared, TupleOf

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader


def exception_parts(reader: CallReader, node: ast.Raise) -> tuple[SSAValue, SSAValue]:
    """The message and the class name of a ``raise``."""
    exception = node.exc
    kind: SSAValue = reader.builder.constant(None)
    if exception is None:
        raise reader.error("raise requires an exception", node, NotSupportedError)
    if isinstance(exception, ast.Call):
        text = _message(reader, [reader.read(a) for a in exception.args], node)
        return text, reader.builder.constant(_qualified_exception(reader, exception.func))
    held = reader.read(exception) if isinstance(exception, ast.Name) else None
    if isinstance(held, ExceptionValue):
        return held.message, held.kind
    if isinstance(exception, ast.Constant):
        raise reader.error("exceptions must derive from BaseException", node)
    return reader.builder.constant(""), kind


def _message(reader: CallReader, parts: list[Sugared], node: ast.AST) -> SSAValue:
    """What an exception that is given `parts` says."""
    if not parts:
        return reader.builder.constant("")
    message = reader.plain(parts[0] if len(parts) == 1 else TupleOf(parts), node)
    if message.type is tt.STRING:
        return message.ssa
    return reader.plain(reader.call_builtin(("aten::str",), Arguments([message]), node), node).ssa


@dataclass(eq=False)
class ExceptionValue(Sugared):
    """An exception that was made and not raised yet."""

    message: SSAValue
    kind: SSAValue

    def describe(self) -> str:
        return "exception message"


def made_exception(
    reader: CallReader, cls: type[BaseException], arguments: Arguments, node: ast.AST
) -> ExceptionValue:
    """``ValueError("...")`` as a value."""
    name = f"{cls.__module__}.{cls.__name__}"
    message = _message(reader, list(arguments.positional), node)
    return ExceptionValue(message, reader.builder.constant(name))


def _qualified_exception(reader: CallReader, named: ast.expr) -> str:
    """The class of an exception with its module, as far as the reader knows it."""
    name = ast.unparse(named)
    if hasattr(builtins, name):
        return f"builtins.{name}"
    first = named
    while isinstance(first, ast.Attribute):
        first = first.value
    if not isinstance(first, ast.Name) or reader.function.resolver.lookup(first.id) is None:
        return name
    python = getattr(reader.read(named), "python", None)
    return f"{python.__module__}.{python.__name__}" if isinstance(python, type) else name
