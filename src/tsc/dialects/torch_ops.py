"""The operations of the `torch` dialect that have a text format of their own, gathered from the modules
that define them.

Everything PyTorch describes by a schema is made on demand in `tsc.dialects.aten`. The text is torch-mlir's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, StringAttr, f64, i1, i64

from tsc.dialects import torch_types as tt
from tsc.dialects.sized import dim_attribute
from tsc.dialects.torch_base import (
    DefaultFormatOp,
    TorchOp,
    parse_operand_list,
    parse_types,
    print_attributes,
    print_operands,
    print_types,
)
from tsc.dialects.torch_constants import (
    ConstantBoolOp,
    ConstantComplexOp,
    ConstantDeviceOp,
    ConstantFloatOp,
    ConstantIntOp,
    ConstantNoneOp,
    ConstantOp,
    ConstantStrOp,
    NonValueTensorLiteralOp,
    SymbolicIntOp,
    ValueTensorLiteralOp,
)
from tsc.dialects.torch_containers import (
    DerefineOp,
    PrimDictConstructOp,
    PrimIsInstanceOp,
    PrimListConstructOp,
    PrimListUnpackOp,
    PrimRaiseExceptionOp,
    PrimTupleConstructOp,
    PrimTupleIndexOp,
    PrimTupleUnpackOp,
    PrimUncheckedCastOp,
    PrimUninitializedOp,
)
from tsc.dialects.torch_control import (
    PrimIfOp,
    PrimIfYieldOp,
    PrimLoopConditionOp,
    PrimLoopOp,
)
from tsc.dialects.torch_objects import (
    AttrOp,
    ClassTypeOp,
    MethodOp,
    NnModuleOp,
    PrimCallMethodOp,
    PrimCreateObjectOp,
    PrimForkOp,
    PrimGetAttrOp,
    PrimPythonOp,
    PrimSetAttrOp,
    SlotOp,
)
from tsc.dims import Dim

__all__ = [
    "CONSTANT_MAKERS",
    "STRUCTURAL_OPS",
    "AttrOp",
    "ClassTypeOp",
    "ConstantBoolOp",
    "ConstantComplexOp",
    "ConstantDeviceOp",
    "ConstantFloatOp",
    "ConstantIntOp",
    "ConstantNoneOp",
    "ConstantOp",
    "ConstantStrOp",
    "DefaultFormatOp",
    "DerefineOp",
    "MethodOp",
    "NnModuleOp",
    "NonValueTensorLiteralOp",
    "PrimCallMethodOp",
    "PrimCreateObjectOp",
    "PrimDictConstructOp",
    "PrimForkOp",
    "PrimGetAttrOp",
    "PrimIfOp",
    "PrimIfYieldOp",
    "PrimIsInstanceOp",
    "PrimListConstructOp",
    "PrimListUnpackOp",
    "PrimLoopConditionOp",
    "PrimLoopOp",
    "PrimPythonOp",
    "PrimRaiseExceptionOp",
    "PrimSetAttrOp",
    "PrimTupleConstructOp",
    "PrimTupleIndexOp",
    "PrimTupleUnpackOp",
    "PrimUncheckedCastOp",
    "PrimUninitializedOp",
    "SlotOp",
    "SymbolicIntOp",
    "TorchOp",
    "ValueTensorLiteralOp",
    "parse_operand_list",
    "parse_types",
    "print_attributes",
    "print_operands",
    "print_types",
]

STRUCTURAL_OPS: tuple[type[TorchOp], ...] = (
    ConstantNoneOp, ConstantIntOp, ConstantFloatOp, ConstantBoolOp, ConstantStrOp, ConstantDeviceOp,
    ConstantComplexOp, SymbolicIntOp,
    ValueTensorLiteralOp, NonValueTensorLiteralOp, PrimIfOp, PrimIfYieldOp, PrimLoopOp, PrimLoopConditionOp,
    PrimListConstructOp, PrimTupleConstructOp, PrimListUnpackOp, PrimTupleUnpackOp, PrimTupleIndexOp,
    PrimDictConstructOp,
    DerefineOp, PrimUncheckedCastOp, PrimUninitializedOp, PrimIsInstanceOp, PrimRaiseExceptionOp,
    PrimGetAttrOp, PrimSetAttrOp, PrimCallMethodOp, PrimCreateObjectOp, PrimForkOp, PrimPythonOp, AttrOp,
    MethodOp, SlotOp,
    ClassTypeOp, NnModuleOp,
)  # fmt: skip

CONSTANT_MAKERS: dict[type, Callable[[Any], ConstantOp]] = {
    bool: lambda v: ConstantBoolOp.create(
        result_types=[tt.BOOL], attributes={"value": IntegerAttr(-int(v), i1)}
    ),
    int: lambda v: ConstantIntOp.create(result_types=[tt.INT], attributes={"value": IntegerAttr(v, i64)}),
    float: lambda v: ConstantFloatOp.create(result_types=[tt.FLOAT], attributes={"value": FloatAttr(v, f64)}),
    str: lambda v: ConstantStrOp.create(result_types=[tt.STRING], attributes={"value": StringAttr(v)}),
    type(None): lambda v: ConstantNoneOp.create(result_types=[tt.NONE]),
    complex: lambda v: ConstantComplexOp.create(
        result_types=[tt.COMPLEX], attributes={"real": FloatAttr(v.real, f64), "imag": FloatAttr(v.imag, f64)}
    ),
    Dim: lambda v: SymbolicIntOp.create(result_types=[tt.INT], attributes={"value": dim_attribute(v)}),
}
"""How to make the constant operation of a Python scalar."""
