"""Pass `remove-dropout`: dropout outside training is the identity."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tsc.analysis.known_values import constant_of
from tsc.analysis.operator_effects import definition_of
from tsc.dialects.aten import AtenOp
from tsc.dialects.walking import walk


@dataclass(frozen=True)
class RemoveDropout(ModulePass):
    """Replace ``dropout(x, p, train=False)`` by ``x``.

    Requires: `train` folded to a constant (`freeze`).
    Leaves: dropout while training.

    ```mlir
    %1 = torch.aten.dropout %x, %p, %false : ...   // uses of %1 become uses of %x
    ```
    """

    name = "remove-dropout"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Remove dropout everywhere in the module."""
        for candidate in list(walk(op)):
            if not isinstance(candidate, AtenOp) or not _is_dropout(candidate):
                continue
            train, p = constant_of(candidate.argument("train")), constant_of(candidate.argument("p"))
            if train is False or p == 0.0:
                candidate.results[0].replace_all_uses_with(candidate.operands[0])
                candidate.detach()
                candidate.erase()


def _is_dropout(op: AtenOp) -> bool:
    """Whether `op` draws only while training, and gives its first argument otherwise."""
    operator = definition_of(op)
    may_draw = operator is not None and operator.draws
    return may_draw and len(op.results) == 1 and op.positions.keys() >= {"p", "train"}
