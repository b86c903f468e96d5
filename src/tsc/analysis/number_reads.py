"""Where a program reads numbers from tensors, and which dtypes hold numbers of each type."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc import dtypes
from tsc.analysis.known_values import spec_of_type
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import ConstantOp, DerefineOp, PrimIfOp, PrimLoopOp
from tsc.dialects.walking import comes_from
from tsc.dtypes import DType

NUMBERS: dict[Attribute, DType] = {tt.INT: dtypes.I64, tt.FLOAT: dtypes.F64, tt.BOOL: dtypes.BOOL}
"""The dtypes that hold numbers of each type exactly."""
SCALARS = ("aten::item", "aten::ScalarImplicit")
"""Operators that give the only element of a tensor as a number of its kind."""
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


def is_rounded_read(op: Operation) -> bool:
    """Whether `op` gives the only element of a value of floats, which may be too large, as an integer."""
    if not isinstance(op, AtenOp) or op.schema.full_name != "aten::Int.Tensor":
        return False
    kind = op.operands[0].type
    spec = spec_of_type(kind) if isinstance(kind, tt.ValueTensorType) else None
    return spec is not None and spec.size == 1 and spec.dtype.is_floating


def is_computed(value: SSAValue) -> bool:
    """Whether an integer is computed from what tensors hold, by branches and in loops, or of numbers that the
    function is given and that are not known, and is none that counts rounds: windows that move with those are
    found by other means.
    """
    is_int = value.type is tt.INT or (value.type is tt.NUMBER and _is_scalar(value.owner))
    return is_int and comes_from(value, _sources)


def is_known_once(value: SSAValue, given: Collection[SSAValue]) -> bool:
    """Whether an integer is known once those that are `given` are."""

    def sources(at: SSAValue) -> Sequence[SSAValue] | None:
        if at in given or isinstance(at.owner, ConstantOp):
            return []
        found = _sources(at)
        return found or None  # what is read, or handed on by branches and loops, is not known

    return comes_from(value, sources)


def _sources(value: SSAValue) -> Sequence[SSAValue] | None:
    """The numbers that one is computed from, none where it is read or known; None where it is neither."""
    owner = value.owner
    if isinstance(owner, Block):
        parent = owner.parent_op()
        is_carried = isinstance(parent, PrimLoopOp) and owner.args[0] is not value
        return [] if is_carried or isinstance(parent, FuncOp) else None
    if isinstance(owner, AtenOp) and owner.schema.full_name not in (*READS, *SCALARS):
        are_numbers = owner.operands and all(o.type in (*NUMBERS, tt.NUMBER) for o in owner.operands)
        return owner.operands if are_numbers else None
    if isinstance(owner, DerefineOp):
        return owner.operands
    return [] if isinstance(owner, (AtenOp, ConstantOp, PrimIfOp, PrimLoopOp)) else None


def _is_scalar(op: object) -> bool:
    return isinstance(op, AtenOp) and op.schema.full_name in SCALARS
