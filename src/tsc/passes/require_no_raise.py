"""Pass `require-no-raise`: branches that only raise become requirements."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block

from tsc.analysis.known_values import is_inside
from tsc.analysis.module_functions import functions
from tsc.analysis.operator_effects import not_repeatable
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimIfOp, PrimRaiseExceptionOp
from tsc.dialects.tsc import RequireOp
from tsc.dialects.walking import walk
from tsc.passes import Rewriting
from tsc.passes.propagate_constants import inline_region


@dataclass(frozen=True)
class RequireNoRaise(Rewriting):
    """Where one side of a branch raises, require that the other is taken, and take it: of a call that raises
    the generic tier tells the error.

    Requires: stage `frozen`.
    Leaves: functions that must not be done twice.

    ```mlir
    torch.prim.If %bad { torch.prim.RaiseException %text, %class ... } else { ... }
    // %ok = torch.aten.__not__ %bad; tsc.require %ok; what the other side does
    ```
    """

    name = "require-no-raise"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite every function of the module that allows it."""
        return any([_rewrite(f) for f in functions(module) if not_repeatable(f) is None])


def _rewrite(function: FuncOp) -> bool:
    changed = False
    for op in [o for o in walk(function) if isinstance(o, PrimIfOp)]:
        raising = [_raises(region.block) for region in op.regions]
        if raising.count(True) != 1 or not is_inside(op, function.body):
            continue  # or it went with a branch that raises
        condition, builder = op.operands[0], TorchBuilder(before=op)
        if raising[0]:
            condition = builder.aten("aten::__not__", [condition], [tt.BOOL]).results[0]
        builder.insert(RequireOp.create(operands=[condition], location=op.location))
        inline_region(op, op.regions[raising.index(False)])
        changed = True
    return changed


def _raises(block: Block) -> bool:
    """Whether a block surely raises."""
    return any(isinstance(op, PrimRaiseExceptionOp) for op in block.ops)
