"""`is_same_tensor`: whether two values are one tensor: not only one memory, but one object; `asks_which`."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from tsc.analysis.known_values import unwrapped
from tsc.analysis.memory_aliases import shared_operands
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimListUnpackOp
from tsc.dialects.tsc import DISTINCT
from tsc.dims import is_known


def is_same_tensor(a: SSAValue, b: SSAValue) -> bool | None:
    """Whether two values are certainly (True), or certainly not (False), the same tensor."""
    a, b = unwrapped(a), unwrapped(b)
    if not _is_object(a) or not _is_object(b):
        return None
    if a is b:
        return True
    if _differ_in_kind(a.type, b.type):
        return False
    ours, theirs = _origins(a), _origins(b)
    if ours is None or theirs is None:
        return None
    if len(ours) == 1 and ours == theirs:
        return True
    are_others = all(_are_others(one, other) for one in ours for other in theirs)
    return False if are_others else None


def asks_which(op: Operation) -> bool:
    """Whether `op` asks whether two tensors are one."""
    operator = definition_of(op)
    if operator is None or not operator.compares_objects:
        return False
    return all(isinstance(operand.type, tt.TensorType) for operand in op.operands)


def _is_object(value: SSAValue) -> bool:
    """Whether it is a tensor in memory. Immutable ones that are one value may be views, or copies, of it."""
    return isinstance(value.type, tt.TensorType) and not isinstance(value.type, tt.ValueTensorType)


def _differ_in_kind(a: object, b: object) -> bool:
    """Whether sizes or elements are of two kinds."""
    assert isinstance(a, tt.TensorType)
    assert isinstance(b, tt.TensorType)
    if a.sizes is None or b.sizes is None or a.dtype is None or b.dtype is None:
        return False
    if a.dtype is not b.dtype or len(a.sizes) != len(b.sizes):
        return True
    pairs = zip(a.sizes, b.sizes, strict=True)
    return any(is_known(m) and is_known(n) and m != n and -1 not in (m, n) for m, n in pairs)


def _origins(value: SSAValue) -> frozenset[SSAValue] | None:
    """The tensors, as they were made or came, of which `value` is one; None where not all are known."""
    value = unwrapped(value)
    owner = value.owner
    if isinstance(owner, Block):
        return frozenset((value,)) if isinstance(owner.parent_op(), FuncOp) else None
    if isinstance(owner, PrimIfOp):
        place = owner.results.index(value)
        ends = [region.block.last_op for region in owner.regions]
        return _of_any([end.operands[place] for end in ends if end is not None])
    if isinstance(owner, PrimListUnpackOp):
        return frozenset((value,)) if _makes_objects(owner.operands[0].owner) else None
    if not isinstance(owner, AtenOp):
        return None
    if _makes_objects(owner):
        return frozenset((value,))
    if owner.schema.mutates or any(not isinstance(r.type, tt.TensorType) for r in owner.results):
        return None
    given = _of_any(shared_operands(owner))
    return None if given is None else given | {value}


def _of_any(values: list[SSAValue]) -> frozenset[SSAValue] | None:
    found: set[SSAValue] = set()
    for value in values:
        origins = _origins(value) if _is_object(value) else None
        if origins is None:
            return None
        found |= origins
    return frozenset(found)


def _makes_objects(op: object) -> bool:
    """Whether all tensors that `op` gives are objects of its own."""
    operator = definition_of(op) if isinstance(op, AtenOp) else None
    if operator is None or operator.schema.mutates:
        return False
    assert isinstance(op, AtenOp)
    return not operator.may_give_argument or not shared_operands(op)


def _are_others(a: SSAValue, b: SSAValue) -> bool:
    """Whether two origins certainly are two tensors: what a function makes is nothing that it was given."""
    if a is b:
        return False
    if not isinstance(a, BlockArgument) or not isinstance(b, BlockArgument):
        return True
    function = a.owner.parent_op()
    assert isinstance(function, FuncOp)
    return {a, b} <= set(distinct_arguments(function))


def mark_distinct(function: FuncOp, arguments: Sequence[BlockArgument]) -> None:
    """Note that no two of these arguments are one tensor."""
    function.attributes[DISTINCT] = DenseArrayBase.from_list(i64, [a.index for a in arguments])


def distinct_arguments(function: FuncOp) -> list[BlockArgument]:
    """Those of which that is noted."""
    places = function.attributes.get(DISTINCT)
    if not isinstance(places, DenseArrayBase):
        return []
    return [function.body.block.args[int(place)] for place in places.iter_values()]
