"""Copies out the weights of a matrix product that are a part or a permutation of another tensor."""

from xdsl.dialects import tensor
from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Block
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from tsc.analysis.affine import substitute, used_dims
from tsc.analysis.kernel_model import KernelStage, Operand, dims_of, multiplied, read_stage
from tsc.dialects.loop_builder import element_of
from tsc.dialects.sized import sized
from tsc.passes.kernels.classify import is_contraction
from tsc.passes.kernels.compose import make_generic, replace_input


def isolate_weights(op: linalg.GenericOp) -> None:
    """Copy one operand of a multiply-add, if neither can be packed as it is.

    ``sum(q[0, i, k] * q[1, j, k])`` -> ``w[j, k] = q[1, j, k]`` and ``sum(q[0, i, k] * w[j, k])``; the copy
    becomes a kernel that writes the panels the product reads.
    """
    stage = read_stage(op)
    factors = multiplied(stage)
    if factors is None or is_contraction(stage):
        return
    ends = [e.position for e in stage.outputs[0].map.results if isinstance(e, AffineDimExpr)][-1:]
    for position in sorted(factors, key=lambda f: dims_of(stage.inputs[f].map).isdisjoint(ends)):
        other = stage.inputs[factors[0] + factors[1] - position]
        if _can_be_copied(stage, stage.inputs[position], other):
            _copy(op, stage, position)
            return


def _can_be_copied(stage: KernelStage, operand: Operand, other: Operand) -> bool:
    """Whether the operand has columns of its own, and no window moves over it."""
    columns = dims_of(operand.map) - dims_of(other.map)
    is_simple = operand.padding is None and all(len(used_dims(e)) <= 1 for e in operand.map.results)
    return is_simple and any(stage.sizes[d] != 1 for d in columns)


def _copy(op: linalg.GenericOp, stage: KernelStage, position: int) -> None:
    operand = stage.inputs[position]
    loops = sorted(dims_of(operand.map))
    renumbered: dict[int, AffineExpr] = {d: AffineExpr.dimension(n) for n, d in enumerate(loops)}
    source = AffineMap(len(loops), 0, tuple(substitute(e, renumbered) for e in operand.map.results))
    element = element_of(operand.value.type)
    empty = tensor.EmptyOp([], TensorType(element, sized([stage.sizes[d] for d in loops])))
    body = Block(arg_types=[element, element])
    body.add_op(linalg.YieldOp(body.args[0]))
    target = (empty.results[0], AffineMap.identity(len(loops)))
    parallel = [IteratorTypeAttr.parallel()] * len(loops)
    copy = make_generic([(operand.value, source)], [target], parallel, body, StringAttr("copy"))
    block = op.parent
    assert block is not None
    block.insert_ops_before([empty, copy], op)
    through = AffineMap(len(stage.sizes), 0, tuple(AffineExpr.dimension(d) for d in loops))
    replace_input(op, position, copy.results[0], through)
