"""Tensors that are made, written to, and handed on, to a loop or by the end of a branch or a round."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.known_values import writes_operand
from tsc.analysis.memory_aliases import AliasSets, Place, shared_operands
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.walking import values_below, walk


def copy_handed_on(function: FuncOp) -> None:
    """Let loops be given, and branches and rounds hand on, copies of tensors that were made and written to,
    where nobody can tell: under the names that the copies get nothing is written, nor under the old ones
    after that.

    ```mlir
    %y = torch.aten.relu %x; torch.aten.add_.Tensor %y, %x; yield %y
    // %y = torch.aten.relu %x; torch.aten.add_.Tensor %y, %x; %c = torch.aten.clone %y; yield %c
    ```
    """
    if not any(isinstance(op, (PrimIfOp, PrimLoopOp)) for op in walk(function)):
        return
    writes = [(op, o) for op in walk(function) for i, o in enumerate(op.operands) if writes_operand(op, i)]
    sets = AliasSets(function)
    places = {sets.own(value) for _, value in writes}
    copies = [_copied(*at) for at in _handed_on(function) if sets.own(at[0].operands[at[1]]) in places]
    while copies:
        sets = AliasSets(function)
        told = [copy for copy in copies if copy.can_be_told(function, sets, writes)]
        if not told:
            return
        for copy in told:
            copy.undo()
            copies.remove(copy)


@dataclass(frozen=True)
class _Copy:
    """A copy that is handed on instead of a tensor."""

    holder: Operation
    """A loop, which is given it, or the end of a branch or a round."""
    position: int
    made: Operation

    def can_be_told(
        self, function: FuncOp, sets: AliasSets, writes: Collection[tuple[Operation, SSAValue]]
    ) -> bool:
        """Whether a program behaves otherwise than with the tensor itself."""
        places: set[Place] = {sets.own(value) for _, value in writes}
        if sets.own(self.made.results[0]) in places:
            return True
        source = self.made.operands[0]
        place = sets.own(source)
        owner, end = source.owner, function.body.block.last_op
        block = owner.parent if isinstance(owner, Operation) else None
        if end is not None and any(place in sets.places(o) for o in end.operands):
            return True  # beside what the loop gives, which may be this
        if place not in places or block is None:
            return False
        if not all(_is_made_below(v, block) for v in values_below(function) if sets.own(v) == place):
            return True
        step = block.find_ancestor_op_in_block(self.holder)
        assert step is not None
        return any(_is_behind(op, step, block) for op, value in writes if sets.own(value) == place)

    def undo(self) -> None:
        """Hand on the tensor itself."""
        self.holder.operands[self.position] = self.made.operands[0]
        self.made.detach()
        self.made.erase()


def _handed_on(function: FuncOp) -> list[tuple[Operation, int]]:
    """Where loops are given, and branches and rounds hand on, tensors that an operator has made as memory of
    their own.
    """
    holders: list[Operation] = []
    for op in walk(function):
        if isinstance(op, PrimLoopOp):
            holders.append(op)
        if isinstance(op, (PrimIfOp, PrimLoopOp)):
            holders += [r.block.last_op for r in op.regions if r.block.last_op is not None]
    return [(h, i) for h in holders for i, o in enumerate(h.operands) if _is_made(o)]


def _is_made(value: SSAValue) -> bool:
    op = value.owner
    if not isinstance(op, AtenOp) or not isinstance(value.type, tt.TensorType):
        return False
    return definition_of(op) is not None and not op.schema.mutates and not shared_operands(op)


def _copied(holder: Operation, position: int) -> _Copy:
    builder, value = TorchBuilder(before=holder), holder.operands[position]
    made = builder.aten("aten::clone", [value, builder.constant(None)], [value.type])
    holder.operands[position] = made.results[0]
    return _Copy(holder, position, made)


def _is_made_below(value: SSAValue, block: Block) -> bool:
    """Whether a value is made by an operation of a block, or within one."""
    owner = value.owner
    if isinstance(owner, Block):
        parent = owner.parent_op()
        return owner is not block and parent is not None and _is_below(parent, block)
    return _is_below(owner, block)


def _is_below(op: Operation, block: Block) -> bool:
    return block.find_ancestor_op_in_block(op) is not None


def _is_behind(op: Operation, first: Operation, block: Block) -> bool:
    """Whether `op` runs in, or after, an operation of a block."""
    step = block.find_ancestor_op_in_block(op)
    return step is None or step is first or not step.is_before_in_block(first)
