"""Pass `round-weights`: weights of linear layers become numbers of fewer bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tsc.analysis.narrow_weights import rounded
from tsc.analysis.weights import constant_array, replace_operand
from tsc.dialects.aten import AtenOp
from tsc.dialects.context import pool_of
from tsc.dialects.walking import walk
from tsc.errors import IRError
from tsc.options import PRECISIONS

WEIGHTS = {
    "aten::linear": ("weight", 0), "aten::mm": ("mat2", 1), "aten::addmm": ("mat2", 1),
    "aten::matmul": ("other", 1),
}  # fmt: skip
"""By operator: which operand are weights, where it is a constant matrix, and its dim of the outputs."""


@dataclass(frozen=True)
class RoundWeights(ModulePass):
    """Replace the constant float32 weights of matrix products by the nearest ones that `precision` holds:
    ``bf16`` (8 bits of mantissa), or ``int8``: whole numbers from -127 to 127 times a scale for each output.
    They stay float32 here; `narrow-weights` stores them in as few bits as they have.

    Requires: `freeze`.
    Leaves: weights of convolutions and recurrent layers, biases, embeddings.

    ```mlir
    %1 = torch.aten.linear %x, %w, %b
    // %1 = torch.aten.linear %x, %w2, %b
    ```
    """

    name = "round-weights"

    precision: str = "bf16"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Round everywhere in the module.

        Raises:
            IRError: there is no such precision.
        """
        if self.precision not in PRECISIONS:
            raise IRError(f"round-weights: requires precision in {list(PRECISIONS)}; got {self.precision!r}")
        pool = pool_of(ctx)
        for product in list(walk(op)):
            place = WEIGHTS.get(product.schema.full_name) if isinstance(product, AtenOp) else None
            if place is None:
                continue
            assert isinstance(product, AtenOp)
            name, column = place
            weight = constant_array(product.argument(name), pool)
            if weight is not None and weight.ndim == 2 and weight.dtype == np.float32 and weight.size:
                replace_operand(product, name, pool, rounded(weight, self.precision, column), self.precision)
