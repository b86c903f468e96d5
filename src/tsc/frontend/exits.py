"""Rewrites a function so that ``return``, ``break`` and ``continue`` need no jumps.

``return v`` sets the hidden variables ``$returned`` and ``$value``; ``break`` and ``continue`` set
``$broke`` and ``$continued``; what follows runs only while they are false. Where a branch certainly returns,
what follows moves into the other branch, so that types refined by the condition stay refined.
"""

from __future__ import annotations

import ast
from typing import TypeVar

RETURNED, VALUE = "$returned", "$value"

Statement = TypeVar("Statement", bound=ast.stmt)
Node = TypeVar("Node", bound=ast.AST)


def is_hidden(name: str) -> bool:
    """Whether this is a variable made here."""
    return name.startswith("$")


def needs_rewriting(body: list[ast.stmt]) -> bool:
    """Whether anything but one final ``return`` leaves early."""
    inner = body[:-1] if body and isinstance(body[-1], ast.Return) else body
    return any(isinstance(n, (ast.Return, ast.Break, ast.Continue)) for s in inner for n in _walk(s))


def _walk(node: ast.AST) -> list[ast.AST]:
    """All nodes below, not entering nested functions."""
    found = [node]
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.Lambda)):
            found += _walk(child)
    return found


def rewrite(definition: ast.FunctionDef) -> list[ast.stmt]:
    """The body without early exits; it ends with one ``return``."""
    body = definition.body
    if not needs_rewriting(body):
        return body
    end = body[-1]
    rewriter = _Rewriter()
    returns = _contains_return_in_flow(body)
    statements = rewriter.block([*body] if not returns else [*body, _at(ImplicitReturn(None), end)])
    first = [_assign(RETURNED, ast.Constant(False), body[0])] if rewriter.uses_returned else []
    if not returns:
        return [*first, *statements]
    return [*first, *statements, _at(ast.Return(_name(VALUE, end)), end)]


def _contains_return_in_flow(body: list[ast.stmt]) -> bool:
    return any(isinstance(n, ast.Return) for s in body for n in _walk(s))


def always_leaves(statements: list[ast.stmt]) -> bool:
    """Whether control certainly does not reach the end of `statements`."""
    for statement in statements:
        if isinstance(statement, (ast.Return, ast.Raise)):
            return True
        if (
            isinstance(statement, ast.If)
            and statement.orelse
            and always_leaves(statement.body)
            and always_leaves(statement.orelse)
        ):
            return True
        if isinstance(statement, ast.With) and always_leaves(statement.body):
            return True
    return False


class ImplicitReturn(ast.Return):
    """The ``return None`` that a function ends with when it ends without one."""


class ImplicitNone(ast.Assign):
    """What an `ImplicitReturn` becomes."""


class UnusedCall(ast.Raise):
    """The whole body of a function marked with ``unused``."""


class _Rewriter:
    def __init__(self) -> None:
        self.loops: list[str] = []
        self.count = 0
        self.uses_returned = False

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """`statements` without exits."""
        result: list[ast.stmt] = []
        for i, statement in enumerate(statements):
            rest = statements[i + 1 :]
            if isinstance(statement, (ast.Return, ast.Break, ast.Continue)):
                return result + self.leave(statement)
            flags = self.exits_of(statement)
            if isinstance(statement, ast.If):
                if _always_returns(statement.body) and (flags or rest):
                    return [*result, self.branch(statement, statement.body, statement.orelse + rest)]
                if statement.orelse and _always_returns(statement.orelse):
                    return [*result, self.branch(statement, statement.body + rest, statement.orelse)]
            result += self.statement(statement)
            if flags and rest:
                guarded = self.block(rest)
                return [*result, _at(ast.If(_any_of(flags, statement), [ast.Pass()], guarded), statement)]
        return result

    def branch(self, original: ast.If, body: list[ast.stmt], orelse: list[ast.stmt]) -> ast.stmt:
        return _at(ast.If(original.test, self.block(body), self.block(orelse)), original)

    def statement(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.If):
            return [self.branch(statement, statement.body, statement.orelse)]
        if isinstance(statement, ast.With):
            return [_at(ast.With(statement.items, self.block(statement.body)), statement)]
        if isinstance(statement, (ast.For, ast.While)):
            return self.loop(statement)
        return [statement]

    def loop(self, statement: ast.For | ast.While) -> list[ast.stmt]:
        self.count += 1
        tag = str(self.count)
        self.loops.append(tag)
        body = self.block(statement.body)
        self.loops.pop()
        names = {n.id for s in body for n in _walk(s) if isinstance(n, ast.Name) and is_hidden(n.id)}
        before: list[ast.stmt] = []
        stops: list[str] = []
        if f"$broke{tag}" in names:
            before.append(_assign(f"$broke{tag}", ast.Constant(False), statement))
            stops.append(f"$broke{tag}")
        if RETURNED in names:
            stops.append(RETURNED)
        if f"$continued{tag}" in names:
            body = [_assign(f"$continued{tag}", ast.Constant(False), statement), *body]
        rebuilt: ast.For | ast.While
        if isinstance(statement, ast.For):
            rebuilt = ast.For(statement.target, statement.iter, body, statement.orelse)
        else:
            rebuilt = ast.While(statement.test, body, statement.orelse)
        rebuilt.stops = stops  # pyright: ignore[reportAttributeAccessIssue]
        rebuilt.has_exits = bool({f"$broke{tag}", f"$continued{tag}"} & names)  # pyright: ignore[reportAttributeAccessIssue]
        return [*before, _at(rebuilt, statement)]

    def leave(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Return):
            self.uses_returned = True
            value = statement.value or ast.Constant(None)
            if isinstance(statement, ImplicitReturn):
                value = _place(ast.Constant(None), statement)
                missing = _at(ImplicitNone([ast.Name(VALUE, ast.Store())], value), statement)
                return [missing, _assign(RETURNED, ast.Constant(True), statement)]
            return [_assign(VALUE, value, statement), _assign(RETURNED, ast.Constant(True), statement)]
        if not self.loops:
            return [statement]  # which is refused when it is read
        flag = "$broke" if isinstance(statement, ast.Break) else "$continued"
        return [_assign(flag + self.loops[-1], ast.Constant(True), statement)]

    def exits_of(self, statement: ast.stmt) -> list[str]:
        """The flags that may be set once `statement` has run and that make its successors not run."""
        flags: list[str] = []
        nodes = _walk(statement)
        if any(isinstance(n, ast.Return) for n in nodes):
            flags.append(RETURNED)
            self.uses_returned = True
        if not self.loops:
            return flags
        for kind, flag in ((ast.Break, "$broke"), (ast.Continue, "$continued")):
            if any(isinstance(n, kind) for n in _own_loop(statement)):
                flags.append(flag + self.loops[-1])
        return flags


def _own_loop(statement: ast.stmt) -> list[ast.AST]:
    """The nodes of `statement` whose ``break`` and ``continue`` belong to the loop around it."""
    if isinstance(statement, (ast.For, ast.While)):
        return []
    found: list[ast.AST] = [statement]
    for child in ast.iter_child_nodes(statement):
        found += _own_loop(child) if isinstance(child, ast.stmt) else []
    return found


def _always_returns(statements: list[ast.stmt]) -> bool:
    """Whether control leaves the function, by ``return`` somewhere. (After ``break`` and ``continue`` nothing
    is refined and nothing counts as defined, as in PyTorch.)
    """
    nodes = [n for s in statements for n in _walk(s)]
    if any(isinstance(n, (ast.Break, ast.Continue)) for n in nodes):
        return False
    return always_leaves(statements) and any(isinstance(n, ast.Return) for n in nodes)


def _any_of(flags: list[str], like: ast.AST) -> ast.expr:
    names: list[ast.expr] = [_name(f, like) for f in flags]
    return names[0] if len(names) == 1 else _place(ast.BoolOp(ast.Or(), names), like)


def _name(name: str, like: ast.AST) -> ast.expr:
    return _place(ast.Name(name, ast.Load()), like)


def _assign(name: str, value: ast.expr, like: ast.AST) -> ast.stmt:
    return _at(ast.Assign([ast.Name(name, ast.Store())], value), like)


def _at(node: Statement, like: ast.AST) -> Statement:
    return _place(node, like)


def _place(node: Node, like: ast.AST) -> Node:
    ast.copy_location(node, like)
    return ast.fix_missing_locations(node)
