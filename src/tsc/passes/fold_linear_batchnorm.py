"""Pass `fold-linear-batchnorm`: batch norm after a linear layer goes into its weights."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tsc.analysis.weights import linear_of
from tsc.dialects.context import pool_of
from tsc.dialects.walking import walk
from tsc.passes.fold_conv_batchnorm import fold_batch_norm


@dataclass(frozen=True)
class FoldLinearBatchnorm(ModulePass):
    """``batch_norm(linear(x, w, b))`` -> ``linear(x, w * s, (b - mean) * s + beta)`` with ``s = gamma /
    sqrt(var + eps)``.

    Requires: `freeze`; the linear layer's result is two-dimensional and used by the batch norm alone.
    Leaves: batch norms in training mode, or whose linear layer has other users.

    ```mlir
    %1 = torch.aten.linear %x, %w, %b
    %2 = torch.aten.batch_norm %1, ...
    // %1 = torch.aten.linear %x, %w2, %b2; uses of %2 become uses of %1
    ```
    """

    name = "fold-linear-batchnorm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fold everywhere in the module."""
        for candidate in list(walk(op)):
            if candidate.name == "torch.aten.batch_norm":
                fold_batch_norm(candidate, pool_of(ctx), linear_of)
