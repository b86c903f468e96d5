"""Between which bounds the ints of a function are, and which sums and products may go beyond 64 bits."""

from __future__ import annotations

from xdsl.ir import Block, Operation, OpResult, SSAValue

from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import ConstantOp, DerefineOp, PrimIfOp, PrimLoopOp, PrimUncheckedCastOp
from tsc.ops.int_ranges import ANY_INT, MOST, Range, add, subtract, union

LARGEST_STEP = 2**14
"""What is added in each iteration, of which `MOST` still leave the sum within 64 bits."""
UNKNOWN: Range = (2 * ANY_INT[0], 2 * ANY_INT[1])
"""Of results of which nothing is known, before they wrap."""
NAMES = (DerefineOp, PrimUncheckedCastOp)


class IntValues:
    """The ranges of values, each found when it is first asked for."""

    def __init__(self) -> None:
        self._known: dict[SSAValue, Range] = {}

    def may_wrap(self, op: Operation) -> bool:
        """Whether the result of `op` may be beyond 64 bits before it is wrapped."""
        return not _fits(self._computed(op))

    def range_of(self, value: SSAValue) -> Range:
        """The range of a value; while it is being found, in a loop, it may be anything."""
        if value.type is not tt.INT:
            return ANY_INT
        if value not in self._known:
            self._known[value] = ANY_INT
            found = self._found(value)
            self._known[value] = found if _fits(found) else ANY_INT
        return self._known[value]

    def _found(self, value: SSAValue) -> Range:
        owner = value.owner
        if isinstance(owner, Block):
            return self._of_argument(owner, value)
        if isinstance(owner, ConstantOp):
            return (owner.python_value, owner.python_value)
        if isinstance(owner, NAMES):
            return self.range_of(owner.operands[0])
        if isinstance(owner, PrimIfOp):
            first, second = _yielded(owner, value)
            return union(self.range_of(first), self.range_of(second))
        if isinstance(owner, PrimLoopOp) and isinstance(value, OpResult):
            return self.range_of(owner.regions[0].block.args[value.index + 1])
        return self._computed(owner)

    def _computed(self, op: Operation) -> Range:
        operator = definition_of(op) if isinstance(op, AtenOp) else None
        return (
            UNKNOWN
            if operator is None or operator.ranging is None
            else operator.ranging(*map(self.range_of, op.operands))
        )

    def _of_argument(self, block: Block, value: SSAValue) -> Range:
        """The counter of a loop, or what it carries from iteration to iteration."""
        loop = block.parent_op()
        if not isinstance(loop, PrimLoopOp):
            return ANY_INT
        number = next(n for n, argument in enumerate(block.args) if argument is value)
        if number == 0:
            return (0, min(MOST, max(self.range_of(loop.operands[0])[1] - 1, 0)))
        end = block.last_op
        assert end is not None
        first, following = self.range_of(loop.operands[number + 1]), end.operands[number]
        step = self._step(following, value)
        if step is not None and step[0] >= -LARGEST_STEP and step[1] <= LARGEST_STEP:
            return add(first, (min(step[0], 0) * MOST, max(step[1], 0) * MOST))
        return union(first, self.range_of(following))

    def _step(self, value: SSAValue, before: SSAValue) -> Range | None:
        """How much more `value` is than what a loop carried into an iteration; None where it is no sum."""
        if value is before:
            return (0, 0)
        owner = value.owner
        if isinstance(owner, PrimIfOp):
            steps = [self._step(v, before) for v in _yielded(owner, value)]
            return None if steps[0] is None or steps[1] is None else union(steps[0], steps[1])
        if not isinstance(owner, AtenOp) or owner.schema.full_name not in ("aten::add.int", "aten::sub.int"):
            return None
        a, b = owner.operands
        step = self._step(a, before)
        if step is None and owner.schema.name == "aten::add":
            a, b, step = b, a, self._step(b, before)
        if step is None:
            return None
        return (add if owner.schema.name == "aten::add" else subtract)(step, self.range_of(b))


def _yielded(op: PrimIfOp, value: SSAValue) -> tuple[SSAValue, SSAValue]:
    """What both branches give for a result."""
    number = next(n for n, result in enumerate(op.results) if result is value)
    first, second = (region.block.last_op for region in op.regions)
    assert first is not None
    assert second is not None
    return first.operands[number], second.operands[number]


def _fits(found: Range) -> bool:
    return ANY_INT[0] <= found[0] and found[1] <= ANY_INT[1]
