"""`unread_draws`: random numbers that a program draws for nothing; `may_draw_for_nothing`: whether it might,
seen before its calls are inlined.

PyTorch's compiler drops what nobody needs, draws among it, and what is drawn later depends on that. So the
same is dropped here: what is needed is marked from the results and effects of a function, and from writes to
memory that is, or may be, read; all else goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from tsc.analysis.known_values import UNKNOWN_CALLS, constant_of, is_list_mutated
from tsc.analysis.memory_aliases import ANYTHING, AliasSets, Place, has_memory, is_container
from tsc.analysis.operator_effects import acts, draws, is_removable
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import (
    PrimCallMethodOp,
    PrimGetAttrOp,
    PrimIfOp,
    PrimListConstructOp,
    PrimListUnpackOp,
    PrimLoopOp,
    PrimSetAttrOp,
    PrimTupleIndexOp,
    PrimTupleUnpackOp,
)
from tsc.dialects.walking import walk

CALLS = (CallOp, PrimCallMethodOp)
Called = Callable[[Operation], Sequence[FuncOp]]
"""The functions that a call may be of, where they are known."""


def unread_draws(root: FuncOp) -> frozenset[Operation]:
    """Draws below `root` whose numbers nobody needs, with what only computes with those, or writes into them.
    Of a branch or a loop that is among them, what is inside is not.
    """
    body = list(walk(root))
    if not any(map(draws, body)):
        return frozenset()
    needs = _Needs(root, body)
    found: set[Operation] = set()
    for op in body:  # what is made comes before what takes it
        if not needs.needs(op) and (draws(op) or _takes_one_of(op, found)):
            found.add(op)
    for op in reversed(body):  # and what is taken goes after what takes it
        uses = (use.operation for result in op.results for use in result.uses)
        if op in found and not all(_is_below(user, found) for user in uses):
            found.discard(op)
    return frozenset(op for op in found if not _is_below(op.parent_op(), found))


def may_draw_for_nothing(function: FuncOp, called: Called, may_draw: Callable[[Operation], bool]) -> bool:
    """Whether `function` might draw what nobody needs, itself or in a function that it calls: once calls are
    inlined, `unread_draws` tells. `may_draw` says it of a call.
    """
    body = list(walk(function))
    drawing = [op for op in body if draws(op) or (isinstance(op, CALLS) and may_draw(op))]
    if not drawing:
        return False
    needs = _Needs(function, body, called)
    return not all(needs.needs(op) for op in drawing) or not all(
        needs.needs_all_of(result) for op in drawing if isinstance(op, CALLS) for result in op.results
    )


class _Needs:
    """What is needed of a function: marked from the end."""

    def __init__(self, root: FuncOp, body: Sequence[Operation], called: Called | None = None) -> None:
        """`body` is all that is in `root`. What is `called` is thought to do nothing but give results."""
        self._called = called
        self._sets = AliasSets(root, frozenset(filter(_makes_tensors, body)))
        self._outside = self._places(v for v in [*root.body.block.args, *self._shared(body)] if has_memory(v))
        self._needed: set[Operation] = set()
        self._read: set[SSAValue] = set()
        self._writers: dict[Place, list[Operation]] = {}
        self._pending: list[Operation] = []
        for op in body:
            self._begin_with(op, root)
        while self._pending:
            self._take(self._pending.pop())

    def needs(self, op: Operation) -> bool:
        """Whether something needs it."""
        return op in self._needed

    def needs_all_of(self, value: SSAValue) -> bool:
        """Whether a value is needed, and of a tuple all that is in it. (Of other containers: unknown.)"""
        users = [use.operation for use in value.uses]
        if not is_container(value) or any(isinstance(user, ReturnOp) for user in users):
            return value in self._read
        taken: set[Any] = set()
        for user in users:
            if isinstance(user, PrimTupleIndexOp) and user.results[0] in self._read:
                taken.add(constant_of(user.operands[1]))
            elif isinstance(user, PrimTupleUnpackOp):
                taken |= {i for i, part in enumerate(user.results) if part in self._read}
        count = len(value.type.data) if isinstance(value.type, tt.TupleType) else None
        return count is not None and taken >= set(range(count))

    # --- memory ---

    def _places(self, values: Iterable[SSAValue]) -> set[Place]:
        return {place for value in values for place in self._sets.places(value)}

    def _shared(self, body: Iterable[Operation]) -> list[SSAValue]:
        """Values that are, or whose memory is, in others' hands."""
        found: list[SSAValue] = []
        for op in body:
            if isinstance(op, (*UNKNOWN_CALLS, PrimSetAttrOp)) and not self._is_call(op):
                found += [*op.operands, *op.results]
            elif isinstance(op, PrimGetAttrOp):
                found += op.results
            elif isinstance(op, AtenOp):
                found += _in_containers(op)
        return found

    def _is_call(self, op: Operation) -> bool:
        return self._called is not None and isinstance(op, CALLS)

    def _is_outside(self, value: SSAValue) -> bool:
        return self._sets.own(value) in self._outside

    # --- marking ---

    def _begin_with(self, op: Operation, root: FuncOp) -> None:
        """Mark `op` if it is needed whatever reads its results; and note what it writes to."""
        if op is root or self._is_call(op):
            return
        if op.parent_op() is root and not op.next_op:
            self._mark(op)
        elif isinstance(op, (PrimIfOp, PrimLoopOp)):
            if any(draws(inner) for inner in walk(op)):  # those in it that are not needed go; it stays
                self._mark(op)
        elif isinstance(op, AtenOp) and op.schema.mutates and not acts(op):
            written = [o for o, a in zip(op.operands, op.schema.arguments, strict=False) if a.is_written]
            for value in written:
                self._writers.setdefault(self._sets.own(value), []).append(op)
            if any(map(self._is_outside, written)):
                self._mark(op)
        elif not op.has_trait(IsTerminator) and not is_removable(op):
            self._mark(op)

    def _mark(self, op: Operation) -> None:
        if op not in self._needed:
            self._needed.add(op)
            self._pending.append(op)

    def _take(self, op: Operation) -> None:
        """Mark what `op`, which is needed, needs itself."""
        for index, value in enumerate(op.operands):
            if not self._is_ignored(op, index):
                self._want(value)
        parent = op.parent_op()
        if parent is not None and not isinstance(parent, FuncOp):
            self._mark(parent)
        for region in op.regions:
            end = region.block.last_op
            assert end is not None
            self._mark(end)

    def _want(self, value: SSAValue) -> None:
        self._read.add(value)
        if not isinstance(value.owner, Block):
            self._mark(value.owner)
        elif isinstance(loop := value.owner.parent_op(), PrimLoopOp):
            self._mark(loop)
        for place in self._sets.places(value):
            for writer in self._writers.pop(place, ()):
                self._mark(writer)

    def _is_ignored(self, op: Operation, index: int) -> bool:
        """Whether nothing that `op` calls looks at an argument."""
        called = self._called(op) if self._called is not None and self._is_call(op) else ()
        return bool(called) and not any(function.body.block.args[index].first_use for function in called)


def _makes_tensors(op: Operation) -> bool:
    """Whether an operator makes tensors as far as its schema says, which is what PyTorch goes by: a dropout
    that drops nothing gives its argument.
    """
    is_made = isinstance(op, AtenOp) and not op.schema.aliases
    return is_made and all(isinstance(result.type, tt.TensorType) for result in op.results)


def _in_containers(op: AtenOp) -> list[SSAValue]:
    """What of an operator's operands and results may be in any list or dict: PyTorch does not follow these.
    It knows what it has just put into a list, and the parts that `chunk` gives.
    """
    first = op.operands[0] if op.operands else None
    if first is not None and isinstance(first.owner, PrimListConstructOp) and not is_list_mutated(first):
        return []
    uses = [use.operation for result in op.results for use in result.uses]
    if op.schema.name == "aten::chunk" and all(isinstance(user, PrimListUnpackOp) for user in uses):
        return []
    return [
        *(o for o, formal in zip(op.operands, op.schema.arguments, strict=False) if formal.enters_container),
        *(r for r, formal in zip(op.results, op.schema.results, strict=False) if formal.alias == ANYTHING),
    ]


def _takes_one_of(op: Operation, made: Set[Operation]) -> bool:
    """Whether `op`, or something in it, takes what one of `made` gives."""
    return any(operand.owner in made for inner in walk(op) for operand in inner.operands)


def _is_below(op: Operation | None, roots: Set[Operation]) -> bool:
    """Whether `op` is one of `roots`, or (at any depth) in one."""
    while op is not None and op not in roots:
        op = op.parent_op()
    return op is not None
