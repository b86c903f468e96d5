"""Constant tensors without dims that stand for numbers."""

from __future__ import annotations

from typing import Any

from xdsl.ir import SSAValue

from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_ops import NonValueTensorLiteralOp

SCALAR_FORMS = {f"aten::{name}.Tensor": f"aten::{name}.Scalar" for name in ("add", "sub", "mul", "div")}


def constant_number(op: AtenOp, pool: ConstantPool) -> Any:
    """The number that `op` adds, subtracts, multiplies or divides by, where that is a constant tensor without
    dims; else None.

    PyTorch's executor takes such a tensor as a number, which matters to type promotion: a trace by PyTorch
    holds the 1.5 of ``torch.arange(3) * 1.5`` as a float64 tensor, and the product is float32.
    """
    if op.schema.full_name not in SCALAR_FORMS:
        return None
    literal = op.operands[1].owner
    if not isinstance(literal, NonValueTensorLiteralOp):
        return None
    array = literal_array(pool, literal)
    if array.shape != () or not _is_only_read(literal.results[0]):
        return None
    return array.item()


def _is_only_read(value: SSAValue) -> bool:
    """Whether all users are operators that neither write to `value` nor return a view of it."""
    return all(
        isinstance(use.operation, AtenOp)
        and use.index < len(formals := use.operation.schema.arguments)
        and not formals[use.index].alias
        for use in value.uses
    )
