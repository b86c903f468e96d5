"""Which tensors of a function require gradients, and while which operations none are recorded."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, writes_anything
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import (
    DerefineOp,
    PrimIfOp,
    PrimListConstructOp,
    PrimListUnpackOp,
    PrimLoopOp,
    PrimTupleConstructOp,
    PrimUncheckedCastOp,
)
from tsc.dialects.tsc import UNRECORDED_WRITE
from tsc.dialects.walking import walk
from tsc.ops.derivatives.recorded import is_differentiable, recorded_arguments, recorded_results

PASSING = (DerefineOp, PrimUncheckedCastOp, PrimListConstructOp, PrimListUnpackOp, PrimTupleConstructOp)
"""Operations whose results require gradients where an operand does."""


class Requiring:
    """Answers which values of a function require gradients; its arguments do not."""

    def __init__(self) -> None:
        self._known: dict[SSAValue, bool] = {}

    def __call__(self, value: SSAValue) -> bool:
        """Whether `value` certainly requires gradients (or holds tensors that do)."""
        if value not in self._known:
            self._known[value] = False  # of what a loop carries: unless something from outside says so
            self._known[value] = self._found(value)
        return self._known[value]

    def _found(self, value: SSAValue) -> bool:
        if isinstance(value, BlockArgument):
            return self._carried(value)
        assert isinstance(value, OpResult)
        op = value.op
        if isinstance(op, AtenOp):
            return self._given(op, value)
        if isinstance(op, (PrimIfOp, PrimLoopOp)):
            ends = [region.block.last_op for region in op.regions]
            first = 1 if isinstance(op, PrimLoopOp) else 0
            given = [end.operands[value.index + first] for end in ends if end is not None]
            if isinstance(op, PrimLoopOp):
                given.append(op.operands[value.index + 2])
            return any(map(self, given))
        return isinstance(op, PASSING) and any(map(self, op.operands))

    def _carried(self, value: BlockArgument) -> bool:
        op = value.block.parent_op()
        if not isinstance(op, PrimLoopOp) or value.index == 0:
            return False
        end = value.block.last_op
        assert end is not None
        return self(op.operands[value.index + 1]) or self(end.operands[value.index])

    def _given(self, op: AtenOp, value: OpResult) -> bool:
        name = op.schema.full_name
        if name == "aten::requires_grad_":
            return constant_of(op.operands[1]) is True
        if name == "aten::grad":
            return constant_of(op.argument("create_graph")) is True
        if name == "prim::grad" or not may_have_gradients(value):
            return False
        if value not in recorded_results(name, op.results):
            return False
        return any(map(self, recorded_arguments(name, op.operands)))


def may_have_gradients(value: SSAValue) -> bool:
    """Whether a value is of a type that may hold tensors with gradients."""
    kind = value.type
    if isinstance(kind, tt.TensorType):
        return kind.dtype is None or is_differentiable(kind.dtype)
    return isinstance(kind, (tt.ListType, tt.OptionalType, tt.TupleType))


def name_requiring(function: FuncOp) -> bool:
    """Where ``x.requires_grad_()`` is called, have what follows read its result: what was computed before
    knows nothing of it. Whether something changed.
    """
    changed = False
    for op in list(_in_order(function.body.block)):
        if isinstance(op, AtenOp) and op.schema.full_name == "aten::requires_grad_":
            changed |= _rename_after(op)
    return changed


def _rename_after(op: AtenOp) -> bool:
    value, result = op.operands[0], op.results[0]
    block = op.parent
    uses = [use for use in value.uses if use.operation is not op and _follows(use.operation, op, block)]
    for use in uses:
        use.operation.operands[use.index] = result
    return bool(uses)


def _follows(later: Operation, op: Operation, block: Block | None) -> bool:
    """Whether `later`, or the operation of the block that it is in, comes behind `op`."""
    current: Operation | None = later
    while current is not None and current.parent is not block:
        current = current.parent_op()
    return current is not None and current is not op and op.is_before_in_block(current)


def _in_order(block: Block) -> Sequence[Operation]:
    found: list[Operation] = []
    for op in block.ops:
        found.append(op)
        for region in op.regions:
            for inner in region.blocks:
                found += _in_order(inner)
    return found


def cut_unrecorded(function: FuncOp) -> bool:
    """Detach what is computed while no gradients are recorded (``with torch.no_grad()``), note what is
    written meanwhile (`UNRECORDED_WRITE`), and forget the modes. Whether there were any.
    """
    ops = _in_order(function.body.block)
    switches = [op for op in ops if _name(op) == "aten::set_grad_enabled"]
    if not switches or any(op.parent is not function.body.block for op in switches):
        return False
    enabled, read = True, dict[SSAValue, bool]()
    for op in list(function.body.block.ops):
        if _name(op) == "aten::is_grad_enabled":
            read[op.results[0]] = enabled
        elif _name(op) == "aten::set_grad_enabled":
            wanted = read.get(op.operands[0], constant_of(op.operands[0]))
            if wanted is UNKNOWN:
                return False
            enabled = bool(wanted)
        elif not enabled:
            _note_writes(op)
            _detach_results(op)
    for op in switches:
        op.detach()
        op.erase()
    return True


def _name(op: Operation) -> str:
    return op.schema.full_name if isinstance(op, AtenOp) else ""


def _note_writes(op: Operation) -> None:
    for inner in walk(op):
        if writes_anything(inner):
            inner.attributes[UNRECORDED_WRITE] = UnitAttr()


def _detach_results(op: Operation) -> None:
    if isinstance(op, AtenOp) and op.schema.mutates:
        return
    after = op.next_op
    assert after is not None
    for result in op.results:
        if isinstance(result.type, tt.TensorType) and may_have_gradients(result):
            uses = list(result.uses)
            made = TorchBuilder(before=after).aten("aten::detach", [result], [result.type]).results[0]
            for use in uses:
                use.operation.operands[use.index] = made
