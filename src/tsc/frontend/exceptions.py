"""Reads what ``raise`` raises: a message, and the class of the exception."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from tsc.dialects import torch_types as tt
from tsc.errors import NotSupportedError
from tsc.frontend.sugared import Arguments, SugaredValue, TupleOf

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader


def exception_parts(reader: CallReader, node: ast.Raise) -> tuple[SSAValue, SSAValue]:
    """The message and the class name of a ``raise``."""
    exception = node.exc
    kind: SSAValue = reader.builder.constant(None)
    if exception is None:
        raise reader.error("raise requires an exception", node, NotSupportedError)
    if isinstance(exception, ast.Call):
        parts = [reader.read(a) for a in exception.args]
        if parts:
            message = reader.plain(parts[0] if len(parts) == 1 else TupleOf(parts), node)
            text = (
                message
                if message.type is tt.STRING
                else reader.plain(reader.call_builtin(("aten::str",), Arguments([message]), node), node)
            )
        else:
            text = SugaredValue(reader.builder.constant(""))
        kind = reader.builder.constant(_qualified_exception(reader, exception.func))
        return text.ssa, kind
    if isinstance(exception, ast.Constant):
        raise reader.error("exceptions must derive from BaseException", node)
    return reader.builder.constant(""), kind


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
