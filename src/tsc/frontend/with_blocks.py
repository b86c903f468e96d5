"""``with`` blocks, and the local functions of archives (``fork``)."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import UnitAttr
from xdsl.dialects.func import CallOp

from tsc.dialects import torch_types as tt
from tsc.dialects.locations import STRICT_CLASS
from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.torch_ops import PrimCallMethodOp
from tsc.errors import UnsupportedNodeError
from tsc.frontend.sugared import Arguments, Constant, Special, Sugared, SugaredValue
from tsc.frontend.unit import Function, FunctionParameter

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader
    from tsc.frontend.statements import StatementReader

GRAD_MODES: dict[str, bool | None] = {
    "no_grad": False, "enable_grad": True, "inference_mode": False, "set_grad_enabled": None,
}  # fmt: skip
"""Contexts that say whether gradients are recorded; None: the argument says."""
IGNORED = frozenset(("record_function", "fuser", "optimized_execution"))
"""Contexts that mean nothing to this runtime."""


def _enter_strict_block(reader: StatementReader) -> Callable[[], None]:
    """What is compiled from now on must become native code, until left: see `compiler/fusion_report.py`."""

    def leave() -> None:
        reader.strict_blocks -= 1

    reader.strict_blocks += 1
    return leave


def _set_grad_mode(reader: StatementReader, item: ast.withitem, mode: bool | None) -> Callable[[], None]:
    """Record gradients or do not, until left: it matters where PyTorch's operators run."""
    given = item.context_expr.args if isinstance(item.context_expr, ast.Call) else []
    wanted = reader.builder.constant(mode) if mode is not None else reader.value(given[0])
    before = reader.builder.aten("aten::is_grad_enabled", []).results[0]
    reader.builder.aten("aten::set_grad_enabled", [wanted])
    return lambda: reader.builder.aten("aten::set_grad_enabled", [before]) and None


def _check_manager(reader: StatementReader, manager: SugaredValue, node: ast.AST) -> None:
    """Refuse what no ``with`` can enter and leave."""
    if not isinstance(manager.type, (tt.ClassType, tt.InterfaceType, tt.ModuleType)):
        raise reader.error("With item expression must return an object", node)
    cls = reader.unit.class_named(manager.type.data)
    enter, leave = cls.method("__enter__"), cls.method("__exit__")
    if enter is None or leave is None:
        raise reader.error(
            "Object returned by with item expression does not define __enter__ and __exit__ methods", node
        )
    reader.compile_function(leave)
    if len(leave.parameters) != 3:
        raise reader.error("__exit__ must have four arguments", node)


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
    if isinstance(read, Special) and read.name == "strict_fusion":
        return Constant(None), _enter_strict_block(reader)
    manager = reader.plain(reader.read(item.context_expr), node)
    _check_manager(reader, manager, node)
    entered = reader.magic("__enter__", [manager], node)
    assert entered is not None
    _mark(entered, ENTERS)
    is_strict = isinstance(manager.type, tt.ClassType) and manager.type.data == STRICT_CLASS
    leave_strict_block = _enter_strict_block(reader) if is_strict else None

    def leave() -> None:
        if leave_strict_block is not None:
            leave_strict_block()
        nothing = [Constant(None)] * 3
        _mark(reader.magic("__exit__", [manager, *nothing], node), LEAVES)

    return entered, leave


def _mark(called: Sugared | None, attribute: str) -> None:
    if isinstance(called, SugaredValue) and isinstance(called.ssa.owner, PrimCallMethodOp):
        called.ssa.owner.attributes[attribute] = UnitAttr()


def define_local_function(reader: StatementReader, node: ast.FunctionDef) -> None:
    """A function inside a function: only archives have them, for ``fork``."""
    if not node.name.startswith("__forked_function"):
        raise reader.error("function definitions aren't supported", node, UnsupportedNodeError)
    reader.environment[node.name] = ForkedFunction(node)


@dataclass(eq=False)
class ForkedFunction(Sugared):
    """``def __forked_function(): return f(x)``: it may use the variables of the function around it."""

    definition: ast.FunctionDef

    def describe(self) -> str:
        return f"function '{self.definition.name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        last = self.definition.body[-1]
        if len(self.definition.body) == 1 and isinstance(last, ast.Return) and last.value is not None:
            called = reader.read(last.value)
            if isinstance(called, SugaredValue) and isinstance(called.ssa.owner, (CallOp, PrimCallMethodOp)):
                return called  # a call of the program: it needs no function around it
        captured = self._captured(reader)
        function = self._closed(reader, captured, node)
        return reader.call_function(function, Arguments(list(captured.values())), node)

    def _captured(self, reader: CallReader) -> dict[str, SugaredValue]:
        """The variables of the function around that the body reads."""
        names = [n.id for s in self.definition.body for n in ast.walk(s) if isinstance(n, ast.Name)]
        return {
            n: reader.plain(reader.environment[n], self.definition) for n in names if n in reader.environment
        }

    def _closed(self, reader: CallReader, captured: dict[str, SugaredValue], node: ast.AST) -> Function:
        """The function with what it captures as parameters."""
        definition = copy.copy(self.definition)
        definition.args = copy.copy(definition.args)
        definition.args.args = [ast.copy_location(ast.arg(name), node) for name in captured]
        name = reader.unit.unique_name(f"{reader.function.name}_{definition.name}")
        parameters = [FunctionParameter(name, value.type) for name, value in captured.items()]
        made = Function(name, definition, reader.source, reader.function.resolver, parameters=parameters)
        reader.unit.functions[name] = made
        return made
