"""What is known of an IR value: the Python constant it is, the spec of its tensor, and whether anything may
change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue, Use

from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_ops import (
    ConstantOp,
    DerefineOp,
    PrimCallMethodOp,
    PrimDictConstructOp,
    PrimForkOp,
    PrimIfYieldOp,
    PrimListConstructOp,
    PrimListUnpackOp,
    PrimLoopOp,
    PrimPythonOp,
    PrimTupleConstructOp,
    PrimUncheckedCastOp,
    ValueTensorLiteralOp,
)
from tsc.dialects.walking import function_of, walk
from tsc.ops.definition import Operator, TensorSpec

UNKNOWN: Any = object()
"""What `constant_of` gives when the value is not a constant."""
CONSTRUCTIONS = (PrimTupleConstructOp, PrimListConstructOp, PrimDictConstructOp)
"""Operations that make a container of their operands."""
UNKNOWN_CALLS = (CallOp, PrimCallMethodOp, PrimForkOp, PrimPythonOp)
"""Operations that may write to anything they are given, and to what that holds."""


def unwrapped(value: SSAValue) -> SSAValue:
    """`value` before it was derefined or cast: the same object, of the type it was made with."""
    while isinstance(value.owner, (DerefineOp, PrimUncheckedCastOp)):
        value = value.owner.operands[0]
    return value


def constant_of(value: SSAValue, pool: ConstantPool | None = None) -> Any:
    """The Python value (or, given a `pool`, the array) that `value` certainly is; `UNKNOWN` otherwise."""
    value = unwrapped(value)
    owner = value.owner
    if isinstance(owner, ConstantOp):
        return owner.python_value
    if isinstance(owner, PrimListConstructOp) and not is_list_mutated(value):
        return _all(owner, pool, list)
    if isinstance(owner, PrimTupleConstructOp):
        return _all(owner, pool, tuple)
    if pool is not None and isinstance(owner, ValueTensorLiteralOp):
        return literal_array(pool, owner)
    return UNKNOWN


def _all(owner: Operation, pool: ConstantPool | None, kind: type) -> Any:
    parts = [constant_of(o, pool) for o in owner.operands]
    return UNKNOWN if any(p is UNKNOWN for p in parts) else kind(parts)


def argument_of(value: SSAValue) -> Any:
    """What inference sees of an operand: a spec, a list of specs, a Python constant; `UNKNOWN` where that is
    not enough.
    """
    kind = value.type
    if isinstance(kind, tt.TensorType):
        spec = spec_of_type(kind)
        return UNKNOWN if spec is None else spec
    if isinstance(kind, (tt.ListType, tt.OptionalType, tt.TupleType)):
        inner = unwrapped(value)
        if inner is not value:
            return argument_of(inner)
        owner = value.owner
        if isinstance(owner, PrimListConstructOp) and not is_list_mutated(value):
            parts = [argument_of(o) for o in owner.operands]
            return UNKNOWN if any(p is UNKNOWN for p in parts) else parts
    return constant_of(value)


STAND_INS: dict[Any, Any] = {tt.INT: 0, tt.FLOAT: 1.0, tt.BOOL: True}
"""Numbers of each kind, for those that are not known."""


def inference_arguments(operator: Operator, operands: Sequence[SSAValue]) -> list[Any]:
    """What inference of `operator` sees of its operands: for numbers that are not known, others of the same
    kind where only elements depend on them.
    """
    found = [argument_of(o) for o in operands]
    for i, value in enumerate(found):
        if value is UNKNOWN and operator.decides_elements_only(i):
            found[i] = _stand_in(operands[i])
    return found


def _stand_in(value: SSAValue) -> Any:
    """A number, or a list of numbers, of the kind of one that is not known."""
    inner = unwrapped(value)
    if isinstance(inner.owner, PrimListConstructOp) and not is_list_mutated(inner):
        parts = [_stand_in(o) if argument_of(o) is UNKNOWN else argument_of(o) for o in inner.owner.operands]
        return UNKNOWN if any(part is UNKNOWN for part in parts) else parts
    kind: Any = inner.type
    return STAND_INS.get(kind, UNKNOWN)


def spec_of_type(kind: tt.TensorType) -> TensorSpec | None:
    """The spec of a fully known tensor type, else None."""
    if not kind.is_static:
        return None
    assert kind.sizes is not None
    assert kind.dtype is not None
    return TensorSpec(kind.sizes, kind.dtype)


def spec_of_value(value: SSAValue) -> TensorSpec | None:
    """The spec of a tensor of fully known type; None for others, and for what is no tensor."""
    return spec_of_type(value.type) if isinstance(value.type, tt.TensorType) else None


def known_spec(value: SSAValue) -> TensorSpec:
    """The same of a tensor that has one."""
    found = spec_of_value(value)
    assert found is not None
    return found


def type_of_spec(spec: TensorSpec) -> tt.ValueTensorType:
    """The value type of a spec."""
    return tt.ValueTensorType.of(spec.shape, spec.dtype)


def writes_operand(op: Operation, index: int) -> bool:
    """Whether `op` may write to its operand `index`."""
    if isinstance(op, AtenOp):
        arguments = op.schema.arguments
        return index < len(arguments) and arguments[index].is_written
    return False


def writes_anything(op: Operation) -> bool:
    """Whether `op` may write to one of its operands."""
    return isinstance(op, AtenOp) and op.schema.mutates


def has_all_rounds(loop: PrimLoopOp) -> bool:
    """Whether no condition ends a loop before."""
    end = loop.regions[0].block.last_op
    assert end is not None
    return constant_of(loop.operands[1]) is True and constant_of(end.operands[0]) is True


def is_list_mutated(value: SSAValue) -> bool:
    """Whether a list may change after it was made: it is written, or escapes in a function that writes any
    list at all.
    """
    escapes = False
    for use in value.uses:
        op = use.operation
        if writes_operand(op, use.index):
            return True
        if isinstance(op, (DerefineOp, PrimUncheckedCastOp)):
            if is_list_mutated(op.results[0]):
                return True
        elif isinstance(op, PrimIfYieldOp):
            branch = op.parent_op()
            if branch is not None and is_list_mutated(branch.results[use.index]):
                return True
        else:
            escapes |= _keeps(use)
    return escapes and _writes_lists(function_of(value))


def is_kept(value: SSAValue) -> bool:
    """Whether something else may hold a list, or take it for another: it is returned, passed on, put into a
    container.
    """
    return any(_keeps(use) for use in value.uses)


def _keeps(use: Use) -> bool:
    op = use.operation
    if not isinstance(op, AtenOp):
        return not isinstance(op, PrimListUnpackOp)
    if use.index >= len(op.schema.arguments):
        return not _gives_text(op)
    formal = op.schema.arguments[use.index]
    if not formal.alias:
        return False
    if op.schema.mutates and not formal.is_written:
        return True  # it is put into what is written
    return any(isinstance(r.type, tt.ListType) and r.uses for r in op.results)


def _gives_text(op: Operation) -> bool:
    """Whether `op` gives nothing, or texts: it prints, formats."""
    return all(r.type == tt.STRING for r in op.results)


def is_returned(value: SSAValue) -> bool:
    """Whether a value is, or is part of, what its function gives back."""
    for use in value.uses:
        op = use.operation
        if isinstance(op, ReturnOp):
            return True
        if isinstance(op, (*CONSTRUCTIONS, DerefineOp)) and is_returned(op.results[0]):
            return True
    return False


def is_part_of_result(op: Operation) -> bool:
    """Whether what `op` makes is, or is in, nothing but the result."""
    if isinstance(op, ReturnOp):
        return True
    if not isinstance(op, CONSTRUCTIONS):
        return False
    uses = [use.operation for use in op.results[0].uses]
    return bool(uses) and all(map(is_part_of_result, uses))


def _writes_lists(function: Operation | None) -> bool:
    if function is None:
        return True
    for op in walk(function):
        if isinstance(op, UNKNOWN_CALLS):
            return True
        if writes_anything(op) and any(
            writes_operand(op, i) and isinstance(o.type, (tt.ListType, tt.DictType)) and not _is_alone(o)
            for i, o in enumerate(op.operands)
        ):
            return True
    return False


def _is_alone(value: SSAValue) -> bool:
    """Whether a list was made here, and who writes to it writes to no other."""
    return isinstance(value.owner, PrimListConstructOp) and not is_kept(value)


def is_within(value: SSAValue, op: Operation) -> bool:
    """Whether a value is made (at any depth) in a region of `op`."""
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    while block is not None:
        outer = block.parent_op()
        if outer is op:
            return True
        block = outer.parent if outer is not None else None
    return False


def is_inside(op: Operation, region: Region) -> bool:
    """Whether `op` lies (at any depth) in `region`."""
    block: Block | None = op.parent
    while block is not None:
        if block.parent is region:
            return True
        outer = block.parent_op()
        block = outer.parent if outer is not None else None
    return False
