"""Pass `unroll-loops`: a loop of known length becomes its rounds."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of
from tsc.analysis.module_functions import functions
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dialects.walking import walk
from tsc.dims import holds_dim
from tsc.passes import Rewriting

FEW_ROUNDS = 3
"""How many rounds are written out though they are long."""
UNROLLED = "tsc.unrolled"
"""The attribute of functions that says how many operations unrolling has made."""


@dataclass(frozen=True)
class UnrollLoops(Rewriting):
    """Unroll loops that run a known number of times without a condition of their own, the inner ones first,
    as long as the rounds of a function are at most `max_operations` in all.

    Requires: `propagate-constants`, so that the numbers of rounds are known.
    Leaves: loops that may stop early, and those too long.

    ```mlir
    torch.prim.Loop %int2, %true, init(%x) { ^bb0(%i, %a): ... }
    // the body twice, with %i = 0 and %i = 1
    ```
    """

    name = "unroll-loops"
    max_operations: int = 8_000
    max_of_few: int = 8_000
    """The same where only loops of few rounds (`FEW_ROUNDS`) are left: what they give may be of another shape
    in each.
    """

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Unroll in every function of the module, inner loops first."""
        limits = self.max_operations, self.max_of_few
        return any([unroll_loops(function, *limits) for function in functions(module)])


def unroll_loops(root: Operation, limit: int, limit_of_few: int) -> bool:
    """Unroll below `root`; whether there was a loop to unroll."""
    changed = False
    unrolled = root.attributes.get(UNROLLED)
    before = made = int(unrolled.value.data) if isinstance(unrolled, IntegerAttr) else 0
    for op in reversed([op for op in walk(root) if isinstance(op, PrimLoopOp)]):
        rounds = rounds_of(op)
        size = (rounds or 0) * sum(1 for _ in walk(op))
        if rounds is not None and made + size <= (limit_of_few if rounds <= FEW_ROUNDS else limit):
            _unroll(op, rounds)
            made += size
            changed = True
    if made != before:
        root.attributes[UNROLLED] = IntegerAttr(made, 64)
    return changed


def rounds_of(op: PrimLoopOp) -> int | None:
    """How often a loop runs, if that is known and it has no condition of its own."""
    trips, enter = constant_of(op.operands[0]), constant_of(op.operands[1])
    end = op.regions[0].block.last_op
    assert end is not None
    if trips is UNKNOWN or holds_dim(trips) or enter is not True or constant_of(end.operands[0]) is not True:
        return None
    return max(trips, 0)


def _unroll(op: PrimLoopOp, rounds: int) -> None:
    body = op.regions[0].block
    block = op.parent
    assert block is not None
    builder = TorchBuilder(before=op)
    carried: list[SSAValue] = list(op.operands[2:])
    for i in range(rounds):
        values: dict[SSAValue, SSAValue] = dict(zip(body.args, [builder.constant(i), *carried], strict=True))
        for inner in body.ops:
            if inner is body.last_op:
                carried = [values.get(o, o) for o in inner.operands[1:]]
                break
            block.insert_op_before(inner.clone(values), op)
    for result, value in zip(op.results, carried, strict=True):
        result.replace_all_uses_with(value)
    op.detach()
    op.erase()
