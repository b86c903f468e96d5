"""Writes branches and loops as Python's."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Sequence

from xdsl.ir import Block, Operation, SSAValue, Use

from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_ops as ops
from tsc.dialects.aten import AtenOp
from tsc.runtime.python_text import NAMING, PythonText, grouped

UNBOUNDED = 2**63 - 1
"""The trip count of a loop that a condition ends."""


class PythonControl(PythonText):
    """The text of blocks, and of the operations that have some."""

    _unread: frozenset[Operation] = frozenset()

    @abstractmethod
    def operation(self, op: Operation) -> None:
        """One operation."""

    def block(self, block: Block) -> None:
        """All operations of a block."""
        for op in block.ops:
            if op not in self._unread:
                self.operation(op)

    def _PrimIfOp(self, op: ops.PrimIfOp) -> None:  # noqa: N802 - named after the operation
        waiting = self.waiting.get(self.name(op.operands[0]))
        reads = waiting is not None and waiting.reads
        condition = self.taken(op.operands[0])
        self.settle_reads()
        self.settle_readers(op)
        start = len(self.lines)
        is_empty = [not op.results and len(list(region.block.ops)) <= 1 for region in op.regions]
        if is_empty[0] and not is_empty[1]:
            self.write(f"if not {grouped(condition)}:")
            self._branch(op, op.regions[1].block)
            return
        self.write(f"if {condition}:")
        first = self._branch(op, op.regions[0].block)
        if is_empty[1]:
            return
        self.current = op
        self.write("else:")
        second = self._branch(op, op.regions[1].block)
        self.current = op
        if first is not None and second is not None:
            self.drop_lines(start)
            self.assign_later(op, _chosen(condition, first, second), reads=reads)
        elif self.lines[-1].strip() == "pass" and self.lines[-2].strip() == "else:":
            self.drop_lines(len(self.lines) - 2)

    def _branch(self, op: Operation, block: Block) -> str | None:
        """A branch; its only value, where it is an expression and nothing else is in it."""
        self.indent += 1
        before = len(self.lines)
        waiting = {*self.waiting}
        self._name_yields(op.results, block)
        self.block(block)
        end = block.last_op
        value = None
        if op.results and end is not None:
            if len(self.lines) == before and len(op.results) == 1:
                value = self._value_of(end.operands[0])
            self._give(op.results, end.operands)
        if len(self.lines) == before:
            self.write("pass")
        self._leave(waiting)
        return value

    def _name_yields(self, results: Sequence[SSAValue], block: Block) -> None:
        """Let what a branch makes to give it have the names of what is given."""
        end = block.last_op
        for result, value in zip(results, () if end is None else end.operands, strict=False):
            owner = value.owner
            if isinstance(owner, Operation) and owner.parent is block and len(list(value.uses)) == 1:
                self.names.setdefault(value, self.name(result))

    def _give(self, targets: Sequence[SSAValue], values: Sequence[SSAValue]) -> None:
        """``a, b = c, d``, but for those that have the name already."""
        pairs = list(zip(map(self.name, targets), map(self.name, values), strict=True))
        for target, value in pairs:
            if target == value and value in self.waiting:
                self.settle(value)
        others = [pair for pair in pairs if pair[0] != pair[1]]
        if others:
            self.write(f"{', '.join(a for a, _ in others)} = {', '.join(b for _, b in others)}")

    def _value_of(self, value: SSAValue) -> str | None:
        """An expression that may be done later than here."""
        name = self.name(value)
        waiting = self.waiting.get(name)
        return name if waiting is None else None if waiting.reads else waiting.text

    def _leave(self, waiting: Collection[str]) -> None:
        """End a block, before which these variables were `waiting`: nobody reads others any more."""
        self.indent -= 1
        for name in [name for name in self.waiting if name not in waiting]:
            del self.waiting[name]

    def _PrimIfYieldOp(self, op: Operation) -> None:  # noqa: N802
        """Written by the branch's `_PrimIfOp`."""

    def _PrimLoopOp(self, op: ops.PrimLoopOp) -> None:  # noqa: N802
        body = op.regions[0].block
        counter, *carried = body.args
        end = body.last_op
        assert end is not None
        if carried:
            self.write(f"{self.arguments(carried)} = {self.arguments(op.operands[2:])}")
        self.settle_readers(op)
        self._reuse(carried, body)
        trips, enter = op.operands[:2]
        is_counted = _is_constant(enter, True) and _is_constant(end.operands[0], True)
        is_while = _is_constant(trips, UNBOUNDED) and not counter.uses
        if is_counted:
            self.write(f"for {self.name(counter)} in range({self.name(trips)}):")
        elif is_while:
            self.write(f"while {self.name(enter)}:")
        else:
            self.write(f"for {self.name(counter)} in range({self.name(trips)} if {self.name(enter)} else 0):")
        self.indent += 1
        before = len(self.lines)
        waiting = {*self.waiting}
        self.block(body)
        if is_counted:
            self._give(carried, end.operands[1:])
        else:
            self._give_and_leave(carried, end.operands[0], end.operands[1:])
        if len(self.lines) == before:
            self.write("pass")
        self._leave(waiting)
        if op.results:
            self.write(f"{self.arguments(op.results)} = {self.arguments(carried)}")

    def _reuse(self, carried: Sequence[SSAValue], body: Block) -> None:
        """Let what is next have the variable of what is, where nobody reads that any more by then."""
        end = body.last_op
        assert end is not None
        for before, after in zip(carried, end.operands[1:], strict=True):
            if after not in self.names and _is_last_to_read(after, before, body):
                self.names[after] = self.name(before)
                self.reused.add(self.name(before))

    def _give_and_leave(
        self, carried: Sequence[SSAValue], goes_on: SSAValue, values: Sequence[SSAValue]
    ) -> None:
        """The end of an iteration, perhaps the last: the condition is one on values before they change."""
        pairs = zip(map(self.name, carried), map(self.name, values), strict=True)
        names = {target for target, value in pairs if target != value or value in self.waiting}
        condition = self.complete(self.name(goes_on))
        if names & {*re.findall(r"\w+", condition)}:
            condition = self.constant_name("go_on")
            self.write(f"{condition} = {self.name(goes_on)}")
        else:
            self.taken(goes_on)
        self._give(carried, values)
        self.write(f"if not {condition}:")
        self.write("    break")

    def _PrimLoopConditionOp(self, op: Operation) -> None:  # noqa: N802
        """Written by the loop's `_PrimLoopOp`."""


def _is_last_to_read(after: SSAValue, before: SSAValue, body: Block) -> bool:
    """Whether nothing in the body of a loop reads `before` once `after` is there, but a branch that may give
    the one as the other.
    """
    owner = after.owner
    if not isinstance(owner, Operation) or owner.parent is not body or isinstance(owner, ops.ConstantOp):
        return False
    if sum(use.operation is body.last_op for use in after.uses) != 1:
        return False
    order = {op: number for number, op in enumerate(body.ops)}
    for use in before.uses:
        outer = body.find_ancestor_op_in_block(use.operation)
        if outer is None or order[outer] > order[owner] or _has_other_name(use):
            return False
        if outer is owner and use.operation is not owner and not _gives_back(use, owner, after):
            return False
    return True


def _has_other_name(use: Use) -> bool:
    """Whether what reads a value gives it another name, under which it may be read later."""
    op = use.operation
    if isinstance(op, AtenOp):
        operator = definition_of(op)
        form = None if operator is None else operator.python
        return form is not None and form.gives_first and use.index == 0 and bool(op.results[0].uses)
    return isinstance(op, NAMING)


def _gives_back(use: Use, owner: Operation, after: SSAValue) -> bool:
    """Whether a branch of `owner` does nothing with a value but give it as its result `after`."""
    is_branch = isinstance(owner, ops.PrimIfOp) and use.operation.parent_op() is owner
    return is_branch and isinstance(use.operation, ops.PrimIfYieldOp) and owner.results[use.index] is after


def _chosen(condition: str, a: str, b: str) -> str:
    """``a if condition else b``."""
    if (a, b) == ("True", "False"):
        return condition
    if b == "False":
        return f"{grouped(condition)} and {grouped(a)}"
    if a == "True":
        return f"{grouped(condition)} or {grouped(b)}"
    return f"{grouped(a)} if {grouped(condition)} else {grouped(b)}"


def _is_constant(value: SSAValue, wanted: object) -> bool:
    owner = value.owner
    return isinstance(owner, ops.ConstantOp) and owner.python_value == wanted
