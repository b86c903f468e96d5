"""``with`` blocks, and the local functions of archives (``fork``)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from tsc.errors import UnsupportedNodeError
from tsc.frontend.sugared import Constant, ScriptFunctionRef, Special, Sugared
from tsc.frontend.unit import Function

if TYPE_CHECKING:
    from tsc.frontend.statements import StatementReader

GRAD_MODES: dict[str, bool | None] = {
    "no_grad": False, "enable_grad": True, "inference_mode": False, "set_grad_enabled": None,
}  # fmt: skip
"""Contexts that say whether gradients are recorded; None: the argument says."""
IGNORED = frozenset(("record_function", "strict_fusion", "fuser", "optimized_execution"))
"""Contexts that mean nothing to this runtime."""


def _set_grad_mode(reader: StatementReader, item: ast.withitem, mode: bool | None) -> Callable[[], None]:
    """Record gradients or do not, until left: it matters where PyTorch's operators run."""
    given = item.context_expr.args if isinstance(item.context_expr, ast.Call) else []
    wanted = reader.builder.constant(mode) if mode is not None else reader.value(given[0])
    before = reader.builder.aten("aten::is_grad_enabled", []).results[0]
    reader.builder.aten("aten::set_grad_enabled", [wanted])
    return lambda: reader.builder.aten("aten::set_grad_enabled", [before]) and None


def enter_context(
    reader: StatementReader, item: ast.withitem, node: ast.AST
) -> tuple[Sugared, Callable[[], None]]:
    """Enter one item of a ``with``: what ``as`` binds, and how to leave."""
    callee = item.context_expr.func if isinstance(item.context_expr, ast.Call) else item.context_expr
    read = reader.read(callee)
    if isinstance(read, Special) and read.name in GRAD_MODES:
        return Constant(None), _set_grad_mode(reader, item, GRAD_MODES[read.name])
    if isinstance(read, Special) and read.name in IGNORED:
        return Constant(None), lambda: None
    manager = reader.plain(reader.read(item.context_expr), node)
    entered = reader.magic("__enter__", [manager], node)
    if entered is None:
        raise reader.error(
            f"With item expression must be an object with __enter__ and __exit__; got {manager.describe()}",
            node,
        )

    def leave() -> None:
        nothing = [Constant(None)] * 3
        reader.magic("__exit__", [manager, *nothing], node)

    return entered, leave


def define_local_function(reader: StatementReader, node: ast.FunctionDef) -> None:
    """A function inside a function: only archives have them, for ``fork``."""
    if not node.name.startswith("__forked_function"):
        raise reader.error("function definitions aren't supported", node, UnsupportedNodeError)
    name = reader.unit.unique_name(f"{reader.function.name}.{node.name}")
    function = Function(name, node, reader.source, reader.function.resolver)
    reader.unit.functions[name] = function
    reader.environment[node.name] = ScriptFunctionRef(function)
