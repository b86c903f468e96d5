"""Pass `eliminate-dead-code`: operations whose results nobody uses go."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation

from tsc.analysis.operator_effects import is_removable, may_read_outside
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.passes import Rewriting


@dataclass(frozen=True)
class EliminateDeadCode(Rewriting):
    """Remove operations without effects and uses; unused results of branches and loops go with what
    computed them.

    Requires: nothing.
    Leaves: operations that write, draw random numbers whose result is used, print or raise. Where it
    `leaves_gathers`, those too: what became dead by what a compilation knows (a size, say, or that all of it
    is overwritten) runs in PyTorch, and its indices may be out of range.

    ```mlir
    %0 = torch.aten.add.Tensor ...   // never used
    // nothing
    ```
    """

    name = "eliminate-dead-code"
    leaves_gathers: bool = False
    """Until `check-bounds` has seen them."""

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Remove dead operations everywhere in the module."""
        return eliminate_dead_code(module, self.leaves_gathers)


def eliminate_dead_code(root: Operation, leaves_gathers: bool = False) -> bool:
    """Remove dead operations below `root`; whether there were any."""
    changed = False
    for region in root.regions:
        for block in region.blocks:
            changed |= _sweep(block, leaves_gathers)
    return changed


def _sweep(block: Block, leaves_gathers: bool) -> bool:
    changed = False
    op = block.last_op
    while op is not None:
        previous = op.prev_op
        if not _is_dead(op, leaves_gathers):
            if isinstance(op, PrimIfOp):
                op, dropped = _drop_if_results(op)
                changed |= dropped
            elif isinstance(op, PrimLoopOp):
                op, dropped = _drop_carried(op)
                changed |= dropped
            changed |= eliminate_dead_code(op, leaves_gathers)
        if _is_dead(op, leaves_gathers):
            op.detach()
            op.erase()
            changed = True
        op = previous
    return changed


def _is_dead(op: Operation, leaves_gathers: bool) -> bool:
    if any(r.first_use for r in op.results) or not is_removable(op):
        return False
    return not (leaves_gathers and may_read_outside(op))


def _drop_if_results(op: PrimIfOp) -> tuple[Operation, bool]:
    keep = [i for i, r in enumerate(op.results) if r.first_use]
    if len(keep) == len(op.results):
        return op, False
    for region in op.regions:
        end = region.block.last_op
        assert end is not None
        end.operands = [end.operands[i] for i in keep]
    regions = [op.detach_region(r) for r in list(op.regions)]
    made = PrimIfOp.create(
        operands=list(op.operands),
        result_types=[op.results[i].type for i in keep],
        regions=regions,
        location=op.location,
    )
    return _swap(op, made, keep), True


def _drop_carried(op: PrimLoopOp) -> tuple[Operation, bool]:
    """Drop carried values that are neither used after the loop nor, but for being carried, inside it."""
    body = op.regions[0].block
    end = body.last_op
    assert end is not None
    keep: list[int] = []
    for i, result in enumerate(op.results):
        argument = body.args[i + 1]
        uses = [u for u in argument.uses if not (u.operation is end and u.index == i + 1)]
        if result.first_use or uses:
            keep.append(i)
    if len(keep) == len(op.results):
        return op, False
    drop = [i for i in range(len(op.results)) if i not in keep]
    end.operands = [end.operands[0], *(end.operands[i + 1] for i in keep)]
    for i in reversed(drop):
        body.erase_arg(body.args[i + 1])
    operands = [*op.operands[:2], *(op.operands[i + 2] for i in keep)]
    made = PrimLoopOp.create(
        operands=operands, result_types=[op.results[i].type for i in keep],
        regions=[op.detach_region(op.regions[0])],
        location=op.location,
    )  # fmt: skip
    return _swap(op, made, keep), True


def _swap(old: Operation, new: Operation, keep: list[int]) -> Operation:
    block = old.parent
    assert block is not None
    block.insert_op_before(new, old)
    for result, i in zip(new.results, keep, strict=True):
        result.name_hint = old.results[i].name_hint
        old.results[i].replace_all_uses_with(result)
    old.detach()
    old.erase()
    return new
