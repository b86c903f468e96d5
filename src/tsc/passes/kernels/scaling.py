"""Factors for the results of a product, one for each place along a dim."""

from __future__ import annotations

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.passes.kernels.compose import make_generic


def multiply_by(product: linalg.GenericOp, factors: SSAValue, dim: int) -> linalg.GenericOp:
    """Have what reads `product` read its result times `factors`, of which dim `dim` of the result has one for
    each place.
    """
    result = product.results[0]
    kind, rank, block = result.type, len(shape_of(result)), product.parent
    assert block is not None
    body = Block(arg_types=[element_of(kind)] * 3)
    scaled = arith.MulfOp(body.args[0], body.args[1])
    body.add_ops([scaled, linalg.YieldOp(scaled.result)])
    everywhere, along = AffineMap.identity(rank), AffineMap(rank, 0, (AffineExpr.dimension(dim),))
    empty = tensor.EmptyOp([], kind)
    made = make_generic(
        [(result, everywhere), (factors, along)], [(empty.results[0], everywhere)],
        [IteratorTypeAttr(IteratorType.PARALLEL)] * rank, body, StringAttr("scale"),
    )  # fmt: skip
    for use in list(result.uses):
        if use.operation is not made:
            use.operation.operands[use.index] = made.results[0]
    block.insert_ops_after([empty, made], product)
    return made
