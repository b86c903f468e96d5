"""Pass `join-sizes`: tensors whose sizes depend on the way that was taken, or differ from round to round."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block

from tsc.analysis.known_values import spec_of_value, writes_anything
from tsc.analysis.memory_aliases import shared_operands
from tsc.analysis.module_functions import functions
from tsc.analysis.shown_results import WrittenMemory
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of, sizes_of
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.dims import is_known
from tsc.passes import Rewriting
from tsc.passes.canonicalize import canonicalize
from tsc.passes.decompose import building_aten
from tsc.passes.find_sizes import find_sizes, may_be_unrolled
from tsc.passes.found.branches import join_branch
from tsc.passes.found.loops import join_loop
from tsc.passes.propagate_constants import propagate_constants
from tsc.passes.refine_types import MOST_TRIALS, refine_block


@dataclass(frozen=True)
class JoinSizes(Rewriting):
    """Let branches give back, and loops carry, tensors with room for the most that their sizes may be, beside
    the sizes, as numbers; behind a branch, and at the beginning of a round, each number is a size.

    Requires: stage `value`, types refined.
    Leaves: what may get larger from round to round of unknown shape, unless each round adds the same, and
    there are so many at most.

    ```mlir
    %r = torch.prim.If %c { yield %a : vtensor<[u0],f32> } else { yield %b : vtensor<[3],f32> }
    // %s, %n = torch.prim.If %c { yield cat(%a, zeros(9 - u0)), u0 } else { yield cat(%b, zeros(6)), 3 }
    // tsc.find_size %n {size = u1}; %r = slice(%s, 0, 0, u1)
    ```
    """

    name = "join-sizes"
    before_writes: bool = False
    """Whether tensors may change yet."""

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Join the sizes of every function of the module."""
        if not sizes_of(ctx).keeps_questions:
            return False  # it would be taken for granted that such sizes are large, in each round
        every = list(functions(module))
        changed = False
        if self.before_writes:
            changed = any([_copy_nothing(op) for f in every for op in walk(f) if isinstance(op, PrimIfOp)])
            every = [f for f in every if any(map(writes_anything, walk(f)))]
        written = WrittenMemory()
        return any([_join(f.body.block, ctx, written, self.before_writes, 0) for f in every]) or changed


def _copy_nothing(op: PrimIfOp) -> bool:
    """Let a branch give back no view that has no elements: ``x[:0]`` beside ``x[mask]`` is memory of its own
    too, as nobody can see. Whether there was one.
    """
    changed = False
    for region in op.regions:
        end = region.block.last_op
        assert end is not None
        for i, value in enumerate(end.operands):
            spec, owner = spec_of_value(value), value.owner
            if spec is None or not isinstance(owner, AtenOp) or not shared_operands(owner):
                continue
            if any(is_known(n) and n == 0 for n in spec.shape):
                aten = building_aten(TorchBuilder(before=end), [])
                copy = aten("clone", value, None)
                copy._type = value.type
                end.operands[i] = copy
                changed = True
    return changed


def _join(block: Block, context: Context, written: WrittenMemory, before_writes: bool, trials: int) -> bool:
    """Join what is in a block; `trials` says in how many copies of loops, one inside the other, it is."""
    changed = False
    for op in list(block.ops):
        if not isinstance(op, (PrimIfOp, PrimLoopOp)):
            continue
        changed |= any([_join(r.block, context, written, before_writes, trials) for r in op.regions])
        if before_writes and may_be_unrolled(op):
            continue
        if isinstance(op, PrimLoopOp):
            if trials >= MOST_TRIALS:
                continue
            sweep = partial(_sweep, context=context, before_writes=before_writes, trials=trials + 1)
            has_changed = join_loop(op, context, sweep)
        else:
            has_changed = join_branch(op, context, written)
        if has_changed or isinstance(op, PrimLoopOp):
            written.forget()
        changed |= has_changed
    return changed


def _sweep(loop: PrimLoopOp, context: Context, before_writes: bool, trials: int) -> bool:
    """Refine what is in a loop, once."""
    body = loop.regions[0].block
    changed = refine_block(body, context, trials)
    changed |= find_sizes(loop, context, before_writes=before_writes)
    changed |= _join(body, context, WrittenMemory(), before_writes, trials)
    changed |= propagate_constants(loop, pool_of(context))
    return canonicalize(loop) or changed
