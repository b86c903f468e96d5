"""Checks a module of the `loop` stage, where scalar ops of `arith` also act on vectors, as in MLIR."""

from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, VectorType
from xdsl.ir import Operation

ON_VECTORS = (
    arith.CmpfOp,
    arith.CmpiOp,
    arith.SelectOp,
    arith.IndexCastOp,
    arith.FPToSIOp,
    arith.FPToUIOp,
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.TruncIOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
)
"""Ops that MLIR defines on vectors too, while xDSL 0.74 verifies them on scalars only."""


def verify_loop_form(module: ModuleOp) -> None:
    """Verify every op of `module`.

    Raises:
        VerifyException: an op breaks a rule of its dialect.
    """
    for op in module.walk():
        if not is_elementwise_on_vectors(op):
            op.verify(verify_nested_ops=False)


def is_elementwise_on_vectors(op: Operation) -> bool:
    """Whether `op` is one that xDSL does not know on vectors, applied to vectors."""
    return isinstance(op, ON_VECTORS) and any(
        isinstance(v.type, VectorType) for v in (*op.operands, *op.results)
    )
