"""Pass `settle-modes`: what a program asks about gradients and autocasting, in calls that nothing records."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tsc.analysis.module_functions import functions
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.replacing import replace
from tsc.dialects.torch_ops import PrimIfOp
from tsc.dialects.walking import walk
from tsc.passes import Rewriting
from tsc.passes.differentiate import ASKING

AUTOCAST = ("aten::is_autocast_enabled", "aten::is_autocast_cpu_enabled")
ENABLED, REQUIRES = "aten::is_grad_enabled", "prim::requires_grad"
MAKING = (*ASKING, "aten::requires_grad_", "aten::set_grad_enabled", "aten::set_data")
"""Operators after which a tensor may require gradients though the call began with none that does."""


@dataclass(frozen=True)
class SettleModes(Rewriting):
    """Answer questions whose answers follow from there being nothing that records the call: it is not in
    ``torch.autocast``; and where gradients are enabled, no tensor requires any.

    Requires: compiled code runs such calls alone.
    Leaves: whether gradients are enabled.

    ```mlir
    %g = torch.aten.is_grad_enabled
    torch.prim.If %g { %r = torch.prim.requires_grad %x; ... }    // %r = false
    ```
    """

    name = "settle-modes"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Answer the questions of every function of the module."""
        return any([_settle(function) for function in functions(module)])


def _settle(function: FuncOp) -> bool:
    asked = [op for op in walk(function) if _name(op) in (*AUTOCAST, ENABLED)]
    if not asked:
        return False
    no = [op for op in asked if _name(op) in AUTOCAST]
    if not any(_name(op) in MAKING for op in walk(function)):
        no += [inner for op in asked if _name(op) == ENABLED for inner in _requirements(op)]
    for op in no:
        replace(op, [TorchBuilder(before=op).constant(False)])
    return bool(no)


def _requirements(enabled: Operation) -> list[Operation]:
    """Where it is asked whether a tensor requires gradients, in what is done if they are `enabled`."""
    branches = [use.operation for use in enabled.results[0].uses if isinstance(use.operation, PrimIfOp)]
    return [op for branch in branches for op in walk(branch.regions[0].block) if _name(op) == REQUIRES]


def _name(op: Operation) -> str | None:
    return op.schema.full_name if isinstance(op, AtenOp) else None
