"""Values that are the same memory under a second name, given the first."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp

from tsc.analysis.known_values import is_within, writes_anything
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.passes.eliminate_dead_code import eliminate_dead_code


def forget_second_names(function: FuncOp) -> None:
    """Let what an in-place operator gives back be what it wrote to, and what branches and loops only pass on
    be what it was before: ``if c: y += 1`` leaves one `y`.
    """
    operations = list(walk(function))
    for op in operations:
        if isinstance(op, AtenOp) and writes_anything(op) and len(op.results) == 1:
            target, result = op.operands[0], op.results[0]
            if result.type == target.type:
                result.replace_all_uses_with(target)
    for op in reversed(operations):
        if isinstance(op, PrimIfOp):
            _forget_branch(op)
        elif isinstance(op, PrimLoopOp):
            _forget_carried(op)
    eliminate_dead_code(function, leaves_gathers=True)


def _forget_branch(op: PrimIfOp) -> None:
    ends = [region.block.last_op for region in op.regions]
    for i, result in enumerate(op.results):
        given = {end.operands[i] for end in ends if end is not None}
        if len(given) == 1 and not is_within(value := given.pop(), op):
            result.replace_all_uses_with(value)


def _forget_carried(op: PrimLoopOp) -> None:
    body = op.regions[0].block
    end = body.last_op
    assert end is not None
    for i, result in enumerate(op.results):
        if end.operands[i + 1] is body.args[i + 1]:
            result.replace_all_uses_with(op.operands[i + 2])
            body.args[i + 1].replace_all_uses_with(op.operands[i + 2])
