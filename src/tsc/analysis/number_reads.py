"""Where a program reads numbers from tensors, and which dtypes hold numbers of each type."""

from __future__ import annotations

from xdsl.ir import Attribute, Operation

from tsc import dtypes
from tsc.analysis.known_values import spec_of_type
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dtypes import DType

NUMBERS: dict[Attribute, DType] = {tt.INT: dtypes.I64, tt.FLOAT: dtypes.F64, tt.BOOL: dtypes.BOOL}
"""The dtypes that hold numbers of each type exactly."""
READS: dict[str, tt.TorchType] = {
    "aten::Int.Tensor": tt.INT,
    "aten::Float.Tensor": tt.FLOAT,
    "aten::Bool.Tensor": tt.BOOL,
}
"""Operators that give the only element of a tensor as a number."""


def is_number_read(op: Operation) -> bool:
    """Whether `op` gives the only element of a value, which certainly has one, and is such a number."""
    if not isinstance(op, AtenOp) or op.schema.full_name not in READS:
        return False
    kind = op.operands[0].type
    spec = spec_of_type(kind) if isinstance(kind, tt.ValueTensorType) else None
    if spec is None or spec.size != 1 or spec.dtype.is_complex:
        return False
    return READS[op.schema.full_name] is not tt.INT or not spec.dtype.is_floating
