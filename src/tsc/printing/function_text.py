"""Functions of a unit in PyTorch's notations: the one place that knows where names, literals and constants
come from.
"""

from __future__ import annotations

from typing import Any

from xdsl.dialects.func import FuncOp

from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.frontend.sources import TRACED
from tsc.frontend.unit import Function
from tsc.printing.graph import Graph
from tsc.printing.import_function import import_function
from tsc.printing.python import CodePrinter, Signature
from tsc.printing.source_literals import literals_of


class ConstantMap:
    """``code_with_constants[1]``: the tensors that the code calls ``CONSTANTS.c0``, ``c1``, ..."""

    def __init__(self, values: list[Any]) -> None:
        self.const_mapping = {f"c{i}": value for i, value in enumerate(values)}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("c") and name in self.const_mapping:
            return self.const_mapping[name]
        raise AttributeError(name)


def graph_of(function: Function, op: FuncOp, pool: ConstantPool) -> Graph:
    """The graph of `op`, which is `function` at some stage; `pool` holds its constants."""
    return _graph_of(function, op, pool, is_traced=function.source.file == TRACED)


def _graph_of(function: Function, op: FuncOp, pool: ConstantPool, *, is_traced: bool) -> Graph:
    names = [p.name for p in function.parameters]
    if len(op.body.block.args) > len(names):
        names.insert(0, function.definition.args.args[0].arg)
    return import_function(op, names, literals_of(function), pool, is_traced=is_traced)


def signature_of(function: Function, *, with_self_type: bool) -> Signature:
    """The header of a compiled function; archives want the type of ``self``, ``.code`` leaves it out."""
    own, written = function.self_type, function.definition.args
    has_self = len(written.args) + len(written.kwonlyargs) > len(function.parameters)
    self_name = written.args[0].arg if has_self else "self"
    return Signature(
        function.short_name,
        tuple(function.parameters),
        function.result or tt.NONE,
        None if own is None else self_name,
        own if with_self_type else None,
    )


def code_of(function: Function, op: FuncOp, pool: ConstantPool) -> tuple[str, list[Any]]:
    """The code of one function, and the values of its ``CONSTANTS``."""
    printer = CodePrinter()
    graph = _graph_of(function, op, pool, is_traced=False)
    printer.function(graph, signature_of(function, with_self_type=False))
    return printer.text(), printer.constants.values
