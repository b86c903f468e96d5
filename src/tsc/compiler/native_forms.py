"""Why functions have no native form, as far as that is known before their kernels are made."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp, ReturnOp

from tsc.analysis.fusion import CHECKS_BOUNDS
from tsc.analysis.memory_aliases import writes_arguments
from tsc.analysis.operator_effects import is_removable, not_repeatable
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.torch_ops import ValueTensorLiteralOp
from tsc.dialects.tsc import RESULT, TAKEN
from tsc.dims import SizeEnvironment

NOT_REPEATABLE = (
    "it keeps state, and a call that raises would be run again, which it must not be: it writes to an "
    "argument as it goes, draws random numbers, prints, warns, or calls code that is not known"
)


def computes(function: FuncOp) -> bool:
    """Whether a function returns tensors: the result of others is made of arguments and constants."""
    end = function.body.block.last_op
    return end is not None and bool(end.operands)


def must_not_be_repeated(function: FuncOp) -> bool:
    """Whether a function that keeps state, at stage `fused`, does what no second call may do again."""
    return TAKEN in function.attributes and (writes_arguments(function) or bool(not_repeatable(function)))


def why_not_native(function: FuncOp, pool: ConstantPool) -> str | None:
    """Why a function at stage `fused` cannot be native code as a whole, so far as that is known before its
    kernels are made.
    """
    if RESULT not in function.attributes:
        return "its result is not made of tensors and constants alone, or may share memory with an argument"
    end = function.body.block.last_op
    assert isinstance(end, ReturnOp)
    if not end.operands and not all(is_removable(op) for op in function.body.block.ops if op is not end):
        return "it computes no tensor"
    for value in [*function.body.block.args, *end.operands]:
        if not isinstance(value.type, tt.ValueTensorType) or not value.type.is_static:
            return f"the shape of '{value.name_hint or 'a result'}' is not known before it runs"
        if isinstance(value.owner, ValueTensorLiteralOp) and value.owner.resource_key in pool.attributes:
            return f"it returns the attribute '{value.owner.resource_key}' itself, not a copy"
    return None


def why_not_checked(function: FuncOp, sizes: SizeEnvironment) -> str | None:
    """Why it would not be seen that sizes are others than was taken for granted."""
    if not sizes.required or CHECKS_BOUNDS in function.attributes:
        return None
    return "it cannot be done again where sizes that it finds are others than was taken for granted"
