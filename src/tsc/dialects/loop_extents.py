"""How often the loops of a ``linalg.generic`` run: its operands' shapes say it, and where views read parts of
tensors so that they do not, an empty tensor that nobody reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, DenseArrayBase, ShapedType, TensorType, i32
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from tsc.dialects.sized import sized
from tsc.errors import CodegenError


def told_extents(op: GenericOp) -> dict[int, int]:
    """Extents by loop, as far as operand shapes tell; a later operand (a result above all) overrides an
    earlier one, which may be a tensor of which only a part is read.
    """
    found: dict[int, int] = {}
    for value, map_ in zip(op.operands, op.indexing_maps.data, strict=True):
        for expression, size in zip(map_.data.results, shape_of(value), strict=True):
            if isinstance(expression, AffineDimExpr):
                found[expression.position] = size
    return found


def loop_extents(op: GenericOp) -> tuple[int, ...]:
    """The extent of every loop.

    Raises:
        CodegenError: no operand is indexed by some loop alone.
    """
    told = told_extents(op)
    rank = len(op.iterator_types.data)
    missing = [d for d in range(rank) if d not in told]
    if missing:
        raise CodegenError(
            f"linalg.generic: each loop must index some operand alone; loop {missing[0]} does not"
        )
    return tuple(told[d] for d in range(rank))


def tell_extents(op: GenericOp, extents: Sequence[int]) -> None:
    """Make sure that the operands of `op`, which is in a block, tell these extents."""
    told = told_extents(op)
    wrong = [d for d, n in enumerate(extents) if told.get(d) != n]
    if not wrong:
        return
    block, count = op.parent, len(op.inputs)
    assert block is not None
    element = op.body.block.args[count].type  # of the first output
    empty = tensor.EmptyOp([], TensorType(element, sized([extents[d] for d in wrong])))
    block.insert_op_before(empty, op)
    op.body.block.insert_arg(element, count)
    op.operands = [*op.inputs, empty.results[0], *op.outputs]
    op.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [count + 1, len(op.outputs)])
    maps = list(op.indexing_maps.data)
    dims = tuple(AffineExpr.dimension(d) for d in wrong)
    maps.insert(count, AffineMapAttr(AffineMap(len(extents), 0, dims)))
    op.properties["indexing_maps"] = ArrayAttr(maps)


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value.

    Raises:
        CodegenError: `value` is no tensor of known rank.
    """
    type_ = value.type
    if not isinstance(type_, ShapedType):
        raise CodegenError(f"linalg.generic: requires tensors of known rank; got {type_}")
    return type_.get_shape()
