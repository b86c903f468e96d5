"""Programs with the same statements, of which others are needed: experiments on whether two answers differ
because an operator whose result nothing needs was dropped, although it would raise.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

FUNCTIONS = ("subject", "forward", "helper")
COMPOUND = (ast.If, ast.For, ast.While)
CHANGING = (set(dir(list)) - set(dir(tuple))) | (set(dir(dict)) - set(dir(MappingProxyType)))
"""The methods of containers that those of constant ones do not have."""
Rewrite = Callable[[ast.stmt], list[ast.stmt]]

MISSING = """
class Missing:
    def __bool__(self):
        raise RuntimeError('a value is missing')


"""
"""What stands for a value that could not be computed: nothing takes it."""


def without_what_raises(body: str) -> str:
    """The program for Python, where a statement that raises is left out, and what is written to its values:
    only what else needs them, or what it writes to, fails.
    """
    return MISSING + _rewritten(_spelled_out(body), _tried)


def with_all_needed(body: str) -> str:
    """The program where each value that is computed is looked at, so that none can be dropped."""
    return _rewritten(body, _looked_at)


def _spelled_out(body: str) -> str:
    """The program with ``n = n + 1`` for ``n += 1`` where `n` begins as a number, which is not changed."""
    tree = ast.parse(body)
    numbers = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    class SpelledOut(ast.NodeTransformer):
        def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
            if not isinstance(node.target, ast.Name) or node.target.id not in numbers:
                return node
            value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
            return ast.Assign([node.target], value)

    return ast.unparse(ast.fix_missing_locations(SpelledOut().visit(tree)))


def _rewritten(body: str, rewrite: Rewrite) -> str:
    tree = ast.parse(body)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name in FUNCTIONS:
            function.body = _each(function.body, rewrite)
    return ast.unparse(ast.fix_missing_locations(tree))


def _each(statements: list[ast.stmt], rewrite: Rewrite) -> list[ast.stmt]:
    made: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, COMPOUND):
            statement.body = _each(statement.body, rewrite)
            statement.orelse = _each(statement.orelse, rewrite)
        made += rewrite(statement)
    return made


def _tried(statement: ast.stmt) -> list[ast.stmt]:
    is_writing = any(map(_writes, ast.walk(statement)))
    if is_writing and isinstance(statement, COMPOUND):
        return _tried_as_far_as_its_head(statement)
    if is_writing or not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr, *COMPOUND)):
        written = _written(statement)
        if written is None:
            return [statement]
        there = ast.parse(f"not isinstance({written}, Missing)", mode="eval").body
        return [ast.If(there, [_or_lost([statement], [written], [])], [])]
    return [_or_lost([statement], _assigned(statement), [])]


def _or_lost(tried: list[ast.stmt], names: Iterable[str], then: list[ast.stmt]) -> ast.stmt:
    """What is tried, and then done; where it raises, the values of some variables are missing."""
    lost = [ast.parse(f"{name} = Missing()").body[0] for name in names]
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [*lost, ast.Pass()])
    return ast.Try(tried, [handler], then, [])


def _tried_as_far_as_its_head(statement: ast.If | ast.For | ast.While) -> list[ast.stmt]:
    """A compound statement that writes: where what it goes by (a condition, what is iterated over) cannot be
    computed, everything that it assigns or writes to is missing.
    """
    if any(isinstance(node, ast.Return) for node in ast.walk(statement)):
        return [statement]
    head = statement.iter if isinstance(statement, ast.For) else statement.test
    changed = [statement, *(node for node in ast.walk(statement) if isinstance(node, ast.stmt))]
    lost = {name for node in changed for name in (*_assigned(node), _written(node)) if name is not None}
    ask = "iter" if isinstance(statement, ast.For) else "bool"
    look = ast.Expr(ast.parse(f"{ask}({ast.unparse(head)})", mode="eval").body)
    return [_or_lost([look], sorted(lost), [statement])]


def _writes(node: ast.AST) -> bool:
    """Whether a part of a statement changes a tensor, a container or an object."""
    if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        return True
    if isinstance(node, ast.Attribute):
        return node.attr in CHANGING or (node.attr.endswith("_") and not node.attr.endswith("__"))
    return isinstance(node, (ast.AugAssign, ast.Return)) or (
        isinstance(node, ast.keyword) and node.arg == "out"
    )


def _written(statement: ast.stmt) -> str | None:
    """The variable that a statement which is one write writes to, or to a view of it: ``x`` of
    ``x.t()[0].add_(1)``.
    """
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        node: ast.AST = statement.targets[0]
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        node = statement.value.func
    elif isinstance(statement, ast.AugAssign):
        node = statement.target
    else:
        return None
    if isinstance(node, ast.Name) and not isinstance(statement, ast.AugAssign):
        return None
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) and node.id not in ("self", "torch", "F") else None


def _looked_at(statement: ast.stmt) -> list[ast.stmt]:
    looks = [_look(name) for name in _assigned(statement)]
    if isinstance(statement, ast.For):
        statement.body = [*looks, *statement.body]
        return [statement]
    if isinstance(statement, (ast.If, ast.While)):
        return [_look(ast.unparse(statement.test)), statement]
    if isinstance(statement, ast.Expr):
        return [_look(ast.unparse(statement.value))]
    return [statement, *looks]


def _look(expression: str) -> ast.stmt:
    return ast.parse(f"assert str({expression}) != ''").body[0]


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement itself gives values."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in filter(None, targets):
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
