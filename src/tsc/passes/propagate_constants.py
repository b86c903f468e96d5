"""Pass `propagate-constants`: what can be computed now is; branches and loops that are decided go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Block, Operation, Region, SSAValue

from tsc.analysis.constant_numbers import NUMBER_FORMS, ComputedNumbers, number_taken
from tsc.analysis.known_values import UNKNOWN, constant_of, is_within, spec_of_type
from tsc.analysis.module_functions import functions
from tsc.analysis.operator_effects import is_foldable
from tsc.analysis.shown_results import is_in_loop, is_layout_shown, is_shown
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal
from tsc.dialects.context import pool_of
from tsc.dialects.replacing import replace
from tsc.dialects.torch_ops import PrimIfOp, PrimIsInstanceOp, PrimLoopOp, PrimUninitializedOp
from tsc.dialects.tsc import LIES_OTHERWISE
from tsc.dialects.type_tests import is_instance
from tsc.dims import Dim, holds_dim, program_asks
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_array, is_list
from tsc.ops.definition import Operator, ResultLayout, TensorSpec
from tsc.ops.elementwise import specs_of
from tsc.ops.registry import require
from tsc.ops.strides import as_it_lay
from tsc.passes import Rewriting

LARGEST_FACTOR = 3
"""How many times the elements of its operands a folded tensor may have, as weights padded with zeros do:
folding must not blow up the constants."""
LARGEST_GROWTH = 1 << 16
"""Elements a folded tensor may have beyond that."""
LARGEST_LIST = 1 << 12
"""Elements up to which a list becomes constants: each is an operation."""
LARGEST_CREATION = 1 << 22
"""Elements up to which a tensor made from nothing (``zeros``, ``arange``) is made at compile time."""
OBJECTS = (tt.ListType, tt.DictType, tt.TensorType)
"""Types whose values are objects: two that are equal may be one or not."""
PLAIN = (tt.BOOL, tt.INT, tt.STRING)
"""Types whose values are no objects, and equal where they are the same."""
TAKE_NONE = (tt.OptionalType, tt.NoneType, tt.AnyType, tt.VariableType, tt.UnionType)


@dataclass(frozen=True)
class PropagateConstants(Rewriting):
    """Run operators whose operands are constants; inline decided branches; drop loops that never run.

    Requires: nothing. Tensors are folded only where they are values (`!torch.vtensor`).
    Leaves: operators that would raise: they raise when the program runs.

    ```mlir
    %c = torch.aten.gt.int %int2, %int1 : ...
    %r = torch.prim.If %c -> (T) { yield %a } else { yield %b }
    // uses of %r become uses of %a
    ```
    """

    name = "propagate-constants"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Fold everywhere in the module."""
        return any([propagate_constants(function, pool_of(ctx)) for function in functions(module)])


def propagate_constants(root: Operation, pool: ConstantPool) -> bool:
    """Fold below `root`; whether anything changed."""
    changed = False
    for region in root.regions:
        for block in region.blocks:
            changed |= _block(block, pool)
    return changed


def _block(block: Block, pool: ConstantPool) -> bool:
    changed = False
    op = block.first_op
    while op is not None:
        following = op.next_op
        way = decided_way(op)
        if way is not None:
            following, changed = inline_region(op, way), True
        elif isinstance(op, PrimIfOp):
            changed |= propagate_constants(op, pool) | _same_results(op)
        elif isinstance(op, PrimLoopOp):
            if _never_runs(op):
                replace(op, list(op.operands[2:]))
                changed = True
            else:
                changed |= propagate_constants(op, pool)
        elif isinstance(op, AtenOp):
            changed |= _take_number(op, pool) or fold(op, pool)
        elif isinstance(op, PrimIsInstanceOp):
            changed |= _fold_isinstance(op)
        elif op.regions:
            changed |= propagate_constants(op, pool)
        op = following
    return changed


def _never_runs(op: PrimLoopOp) -> bool:
    trips, enter = constant_of(op.operands[0]), constant_of(op.operands[1])
    return enter is False or (trips is not UNKNOWN and trips <= 0)


def decided_way(op: Operation) -> Region | None:
    """The way of a branch that is always taken, where that is known."""
    condition = constant_of(op.operands[0]) if isinstance(op, PrimIfOp) else UNKNOWN
    return None if condition is UNKNOWN else op.regions[0 if condition else 1]


def inline_region(op: Operation, region: Region) -> Operation | None:
    """Move the chosen branch in front of `op` and drop `op`; the operation to go on with."""
    block = op.parent
    assert block is not None
    inner = region.block
    end = inner.last_op
    assert end is not None
    values = list(end.operands)
    end.detach()
    end.erase()
    first = inner.first_op
    for moved in list(inner.ops):
        moved.detach()
        block.insert_op_before(moved, op)
    following = first if first is not None else op.next_op
    replace(op, values)
    return following


def _same_results(op: PrimIfOp) -> bool:
    """Results for which both branches yield the same outer value, or equal constants, are that."""
    ends = [r.block.last_op for r in op.regions]
    changed = False
    for i, result in enumerate(op.results):
        a, b = (e.operands[i] for e in ends)  # pyright: ignore[reportOptionalMemberAccess]
        if not result.first_use:
            continue
        known = constant_of(a)
        if result.type in PLAIN and known is not UNKNOWN and _is_same_constant(known, constant_of(b)):
            result.replace_all_uses_with(TorchBuilder(before=op).constant(known))
            changed = True
            continue
        if (a is b and not is_within(a, op)) or (
            isinstance(b.owner, PrimUninitializedOp) and not is_within(a, op)
        ):
            result.replace_all_uses_with(a)
            changed = True
        elif isinstance(a.owner, PrimUninitializedOp) and not is_within(b, op):
            result.replace_all_uses_with(b)
            changed = True
    return changed


def _is_same_constant(a: Any, b: Any) -> bool:
    return type(a) is type(b) and not isinstance(a, Dim) and a == b


def _take_number(op: AtenOp, pool: ConstantPool) -> bool:
    """Replace a constant tensor that stands for a number by the number; whether it was."""
    if (name := op.schema.full_name) not in NUMBER_FORMS:
        return False
    number = number_taken(op, pool)
    if number is None:
        return False
    builder = TorchBuilder(before=op)
    operands = [op.operands[0], builder.constant(number), *op.operands[2:]]
    replace(op, list(builder.aten(NUMBER_FORMS[name], operands, [r.type for r in op.results]).results))
    return True


def fold(op: AtenOp, pool: ConstantPool) -> bool:
    """Replace `op` by constants when it can be run now; whether it was."""
    if not is_foldable(op) or _compares_objects(op):
        return False
    operator = require(op.schema.full_name)
    tells_memory = operator.may_share or is_in_loop(op)  # of another result, or of another round
    if tells_memory and any(isinstance(r.type, tt.TensorType) and is_shown(r) for r in op.results):
        return False
    arguments: list[Any] = []
    gives_tensors = any(isinstance(r.type, tt.TensorType) for r in op.results)
    numbers = None if gives_tensors else ComputedNumbers(pool)
    for i, operand in enumerate(op.operands):
        value = constant_of(operand, pool) if numbers is None else numbers.of(operand)
        if value is UNKNOWN and i == 0 and operator.reads_shape_only and not _shows_layout(op, operator):
            value = _stand_in(operand)
        if value is UNKNOWN or not _may_be(value, op, i):
            return False
        arguments.append(value)
    if gives_tensors and holds_dim(arguments):
        return False  # tensors of symbolic sizes are made when the program runs
    try:
        if _is_large(operator, arguments):
            return False
        with program_asks(arguments):
            results = operator.eager(*arguments)
    except OPERATOR_FAILURES:
        return False  # the call is wrong: it stays, and raises when the program runs
    parts = list(results) if len(op.results) > 1 else [results]
    if not all(_is_materializable(p, r, arguments) for p, r in zip(parts, op.results, strict=True)):
        return False
    builder = TorchBuilder(before=op)
    made = [materialize(builder, pool, p, r) for p, r in zip(parts, op.results, strict=True)]
    _mark_unless_shown(op, operator, made)
    replace(op, made)
    return True


def _compares_objects(op: AtenOp) -> bool:
    """Whether the answer is about which objects the operands are, and not about what they hold."""
    is_asked = require(op.schema.full_name).compares_objects
    return is_asked and all(isinstance(operand.type, OBJECTS) for operand in op.operands)


def _mark_unless_shown(op: AtenOp, operator: Operator, made: Sequence[SSAValue]) -> None:
    """Mark the constants in place of `op` if their arrays do not show how its results lie in PyTorch."""
    if _lies_otherwise(op, operator):
        for value in made:
            assert isinstance(value.owner, Operation)
            value.owner.attributes[LIES_OTHERWISE] = UnitAttr()


def _lies_otherwise(op: AtenOp, operator: Operator) -> bool:
    if LIES_OTHERWISE in op.attributes:
        return True
    return operator.result_layout is not ResultLayout.ROW_MAJOR and any(
        LIES_OTHERWISE in operand.owner.attributes
        for operand in op.operands
        if isinstance(operand.owner, Operation)
    )


def _is_large(operator: Operator, arguments: list[Any]) -> bool:
    """Whether the result is beyond what folding may make, where that is known before it is made."""
    if operator.length is not None:
        return operator.length(*arguments) > LARGEST_LIST
    if operator.infer is None:
        return False
    inferred: Any = operator.infer(*specs_of(arguments))
    parts = cast("list[Any]", list(inferred) if isinstance(inferred, (tuple, list)) else [inferred])  # pyright: ignore[reportUnknownArgumentType]
    return any(isinstance(p, TensorSpec) and p.size > _largest(arguments) for p in parts)


def _largest(arguments: list[Any]) -> int:
    """How many elements a tensor made of `arguments` may have."""
    given = [_stored(a) for a in arguments if isinstance(a, np.ndarray)]  # pyright: ignore[reportUnknownArgumentType]
    return LARGEST_FACTOR * sum(given) + LARGEST_GROWTH if given else LARGEST_CREATION


def _stored(array: np.ndarray[Any, Any]) -> int:
    """The elements of an array that are not one another's memory."""
    return prod(n for n, stride in zip(array.shape, array.strides, strict=True) if stride)


def _may_be(value: object, op: AtenOp, position: int) -> bool:
    """Whether the schema takes such a value there. Where it does not, None, or a number in place of a tensor,
    comes from a cast that never runs: the branch it is in is about to go.
    """
    if op.schema.is_variadic:
        return True
    kind = op.schema.arguments[position].type
    if value is None:
        return isinstance(kind, TAKE_NONE)
    return not isinstance(kind, tt.TensorType) or isinstance(value, np.ndarray)


def _shows_layout(op: AtenOp, operator: Operator) -> bool:
    """Whether callers see that the result lies as the operand, which each call may give other strides."""
    return operator.result_layout.follows_operands and any(map(is_layout_shown, op.results))


def _stand_in(value: SSAValue) -> Any:
    """An array of the shape and dtype of `value`, whose elements do not matter; `UNKNOWN` if those are not
    known.
    """
    spec = spec_of_type(value.type) if isinstance(value.type, tt.ValueTensorType) else None
    return (
        UNKNOWN
        if spec is None or holds_dim(spec.shape)
        else np.broadcast_to(np.zeros((), spec.dtype.numpy), spec.shape)
    )


def _is_materializable(part: object, result: SSAValue, arguments: list[Any]) -> bool:
    kind = result.type
    if isinstance(part, np.ndarray):
        return isinstance(kind, tt.ValueTensorType) and part.size <= _largest(arguments)
    if isinstance(part, list):
        is_plain = isinstance(kind, tt.ListType) and kind.data in (tt.INT, tt.FLOAT, tt.BOOL, tt.STRING)
        return is_plain and len(part) <= LARGEST_LIST  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(part, tuple):
        return False
    if isinstance(part, Dim):
        return True
    if isinstance(part, int) and not -(2**63) <= part < 2**63:
        return False
    return part is None or isinstance(part, (bool, int, float, complex, str))


def materialize(builder: TorchBuilder, pool: ConstantPool, value: Any, result: SSAValue) -> SSAValue:
    """A computed value as constants in the IR."""
    if is_array(value):
        stored = np.asarray(as_it_lay(value, value))
        return builder.insert(literal(pool, result.name_hint or "folded", stored)).results[0]
    if is_list(value):
        kind = result.type
        assert isinstance(kind, tt.ListType)
        return builder.list(kind.data, [builder.constant(v) for v in value])
    if result.type is tt.DEVICE and isinstance(value, str):
        return builder.device(value)
    return builder.constant(value)


def _fold_isinstance(op: PrimIsInstanceOp) -> bool:
    value = constant_of(op.operands[0])
    if value is not None or op.operands[0].type is tt.ANY:
        return False
    wanted = list[Any](op.attributes["torch_types"])  # pyright: ignore[reportArgumentType]
    replace(op, [TorchBuilder(before=op).constant(is_instance(tt.NONE, wanted) is True)])
    return True
