"""Tensors of lists of numbers that are not known: each number a tensor, and these joined."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, is_list_mutated, unwrapped
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dialects.walking import walk
from tsc.dtypes import DType
from tsc.passes.decompose import building_aten

OF_LISTS = ("aten::tensor", "aten::as_tensor.list")
OF_NUMBERS: dict[Attribute, str] = {
    tt.INT: "aten::tensor.int", tt.FLOAT: "aten::tensor.float", tt.BOOL: "aten::tensor.bool",
}  # fmt: skip


def spread_lists(function: FuncOp, pool: ConstantPool) -> None:
    """``tensor([n, 1])`` -> ``cat([unsqueeze(tensor(n)), tensor([1])])``, where a number is not known."""
    for op in [op for op in walk(function) if isinstance(op, AtenOp) and op.schema.full_name in OF_LISTS]:
        held = unwrapped(op.operands[0]).owner
        kind = op.results[0].type
        if not isinstance(held, PrimListConstructOp) or is_list_mutated(held.results[0]):
            continue
        numbers = [unwrapped(number) for number in held.operands]
        if not isinstance(kind, tt.TensorType) or kind.dtype is None or not numbers:
            continue
        is_known = all(constant_of(number) is not UNKNOWN for number in numbers)
        if is_known or any(number.type not in OF_NUMBERS for number in numbers):
            continue
        builder = TorchBuilder(before=op)
        parts = [_tensor_of(number, kind.dtype, builder, pool) for number in numbers]
        joined = parts[0] if len(parts) == 1 else building_aten(builder, [])("cat", parts, 0)
        if joined.type == kind:
            op.results[0].replace_all_uses_with(joined)
            wrapped = op.operands[0].owner
            _erase(op)
            for unused in (wrapped, held):
                if isinstance(unused, Operation) and unused.parent and not list(unused.results[0].uses):
                    _erase(unused)


def _erase(op: Operation) -> None:
    op.detach()
    op.erase()


def _tensor_of(number: SSAValue, dtype: DType, builder: TorchBuilder, pool: ConstantPool) -> SSAValue:
    known = constant_of(number)
    if known is not UNKNOWN:
        return builder.insert(literal(pool, "number", np.asarray([known], dtype.numpy))).results[0]
    operands = [number, builder.constant(dtype.code), builder.constant(None), builder.constant(False)]
    tensor = builder.aten(OF_NUMBERS[number.type], operands, [tt.ValueTensorType(((), dtype))]).results[0]
    return building_aten(builder, [])("unsqueeze", tensor, 0)
