"""The literals that a function's source writes out, with their places."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tsc.errors import SourceRange
from tsc.frontend.sources import Source
from tsc.frontend.unit import Function
from tsc.printing.graph import Place
from tsc.printing.import_function import Literals


def literals_of(function: Function) -> Literals:
    """The literals in the body of `function`, in the order they are evaluated."""
    found: dict[tuple[type, Any], Place] = {}
    for statement in function.definition.body:
        for node in _constants(statement):
            found.setdefault((type(node.value), repr(node.value)), _place(function.source, node))
    return Literals(found, _negated(function))


def _negated(function: Function) -> dict[tuple[type, Any], Place]:
    found: dict[tuple[type, Any], Place] = {}
    for node in ast.walk(function.definition):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            held = node.operand.value if isinstance(node.operand, ast.Constant) else None
            if isinstance(held, (int, float)):
                found.setdefault((type(held), repr(-held)), _place(function.source, node))
    return found


def ranges_of(function: Function) -> dict[Place, SourceRange]:
    """Every place in the source of `function`, with the widest range that begins there."""
    found: dict[Place, SourceRange] = {}
    for node in ast.walk(function.definition):
        if not hasattr(node, "lineno"):
            continue
        where = function.source.range(node, function.short_name)
        place = where.file, where.line, where.column
        if place not in found or found[place].end_column < where.end_column:
            found[place] = where
    return found


def _constants(node: ast.AST) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Constant):
        yield node
    for child in _evaluated(node):
        yield from _constants(child)


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node in evaluation order: values before targets, annotations not at all."""
    fields = [f for f in node._fields if f not in ("annotation", "returns", "decorator_list")]
    if "targets" in fields or "target" in fields:
        fields.sort(key=lambda f: f in ("target", "targets"))
    for name in fields:
        held = getattr(node, name, None)
        for child in held if isinstance(held, list) else [held]:  # pyright: ignore[reportUnknownVariableType]
            if isinstance(child, ast.AST):
                yield child


def _place(source: Source, node: ast.AST) -> Place:
    where = source.range(node)
    return where.file, where.line, where.column
