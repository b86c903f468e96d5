"""Why an operation is in no kernel: the conditions of `fusion`, in words."""

from __future__ import annotations

from xdsl.dialects.func import CallOp
from xdsl.ir import Operation

from tsc.analysis.complex_values import lacks_form
from tsc.analysis.fusion import has_complex, is_checked, reads_values
from tsc.analysis.known_values import UNKNOWN, argument_of
from tsc.analysis.operator_effects import definition_of
from tsc.analysis.parts import LIGHT_KINDS
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimCallMethodOp, PrimForkOp, PrimPythonOp
from tsc.ops.definition import Operator
from tsc.ops.registry import find

CALLS: dict[type[Operation], str] = {
    CallOp: "a function that was not inlined",
    PrimCallMethodOp: "a method that is known only when it is called",
    PrimForkOp: "a call that other threads may run",
    PrimPythonOp: "a call of a Python function that is not compiled",
}


def why_no_kernel(op: Operation) -> str:
    """Why `op`, at stage `fused` and in no group, is not computed by a native kernel."""
    if not isinstance(op, AtenOp):
        return CALLS.get(type(op), "it computes no tensor")
    operator = find(op.schema.full_name)
    if operator is None:
        return "it has no definition"
    if operator.lower is None and operator.composite is None and operator.in_parts is None:
        return "it has no native form"
    return _unknown_operand(op) or _unsuited_result(op) or _unsuited_memory(op, operator)


def lacks_native_form(op: Operation) -> str | None:
    """Why no native code computes an operator for these arguments, whatever is around it; None where that is
    not so, or not known.
    """
    operator = definition_of(op)
    if not isinstance(op, AtenOp) or operator is None:
        return None
    if operator.kind in LIGHT_KINDS or operator.schema.mutates:
        return None  # Python does it as well; a write becomes a value
    if has_complex(op):
        return "it has no native form for complex numbers" if _lacks_complex_form(op) else None
    if operator.lower is None and operator.composite is None:
        may_be_complex = operator.in_parts is not None and _unknown_operand(op) is not None
        return None if may_be_complex else "it has no native form"
    return None if _unknown_operand(op) is not None else _unsuited_arguments(op, operator)


def _lacks_complex_form(op: AtenOp) -> bool:
    """Whether no kernels compute `op` in parts, so far as that is known."""
    return _unknown_operand(op) is None and lacks_form(op, [argument_of(o) for o in op.operands])


def _unsuited_arguments(op: AtenOp, operator: Operator) -> str | None:
    if operator.lowers is not None and not operator.lowers(*map(argument_of, op.operands)):
        return "it has no native form for these arguments"
    return None


def _unknown_operand(op: AtenOp) -> str | None:
    for formal, operand in zip(op.schema.arguments, op.operands, strict=True):
        if argument_of(operand) is UNKNOWN:
            what = "the shape of" if isinstance(operand.type, tt.TensorType) else "the value of"
            return f"{what} its argument '{formal.name}' is not known before it runs"
    return None


def _unsuited_result(op: AtenOp) -> str | None:
    for result in op.results:
        if not isinstance(result.type, tt.TensorType):
            return "its result is no tensor"
        if not result.type.is_static:
            return "the shape of its result is not known before it runs"
    return "it has no native form for complex numbers" if has_complex(op) else None


def _unsuited_memory(op: AtenOp, operator: Operator) -> str:
    unsuited = _unsuited_arguments(op, operator)
    if unsuited is not None:
        return unsuited
    if not reads_values(op) or not all(isinstance(r.type, tt.ValueTensorType) for r in op.results):
        return "its tensors may be written to, or be memory of others that are"
    if operator.bounds is not None and not is_checked(op, operator):
        return "its indices cannot be checked: the function must not be run again, or there is no element"
    if operator.lower is None:
        return "it cannot be expressed by operators with a native form for these arguments"
    if operator.kind == "reshape":
        return "it changes the shape alone, and computes nothing"
    return "callers see that its result is memory of another tensor"
