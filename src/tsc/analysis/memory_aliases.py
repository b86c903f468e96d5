"""Which values share memory with which, and which of them the program writes to: flow-insensitive and
conservative.

A container and what it holds are two things: appending to a list writes the list, not the tensors in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import cast

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN_CALLS, is_list_mutated, writes_anything, writes_operand
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import (
    PrimGetAttrOp,
    PrimIfOp,
    PrimListConstructOp,
    PrimLoopOp,
    PrimSetAttrOp,
)
from tsc.dialects.walking import values_below, walk
from tsc.ops.definition import Sharing
from tsc.ops.derivatives.recorded import is_likeness

RETYPED = frozenset(("torch.derefine", "torch.prim.unchecked_cast", "torch.copy.to_tensor", "tsc.memory"))
"""Operations whose result is their operand, seen differently."""
CONSTRUCTED = frozenset(("torch.prim.TupleConstruct", "torch.prim.ListConstruct", "torch.prim.DictConstruct"))
"""Operations whose result holds their operands."""
TAKEN_APART = frozenset(("torch.prim.TupleUnpack", "torch.prim.TupleIndex", "torch.prim.ListUnpack"))
"""Operations whose results were held by their operand."""
ANYTHING = "*"
"""The alias set of a result that may be whatever a container holds, or a default."""
Place = tuple[SSAValue, bool]
"""The memory of a value itself, or (True) of all that it holds."""


class AliasSets:
    """Sets of places that may be the same memory, by union-find."""

    def __init__(self, root: Operation, without: Collection[Operation] = ()) -> None:
        """Those of what is in `root`; as if what operations in `without` give were memory of its own."""
        self._parent: dict[Place, Place] = {}
        self._attributes: dict[str, SSAValue] = {}
        for op in walk(root):
            if op not in without:
                self._visit(op)

    def own(self, value: SSAValue) -> Place:
        """The representative of a value's own memory."""
        return self._find((value, False))

    def held(self, value: SSAValue) -> Place:
        """The representative of what a container holds."""
        return self._find((value, True))

    def places(self, value: SSAValue) -> set[Place]:
        """Everything that can be reached from a value."""
        return {self.own(value), self.held(value)}

    def _find(self, place: Place) -> Place:
        while (parent := self._parent.get(place)) is not None:
            further = self._parent.get(parent)
            if further is None:
                return parent
            self._parent[place] = further  # the way gets shorter each time
            place = further
        return place

    def _union(self, a: Place, b: Place) -> None:
        a, b = self._find(a), self._find(b)
        if a != b:
            self._parent[a] = b

    def _same(self, a: SSAValue, b: SSAValue) -> None:
        self._union(self.own(a), self.own(b))
        self._union(self.held(a), self.held(b))

    def _holds(self, container: SSAValue, element: SSAValue) -> None:
        self._union(self.held(container), self.own(element))
        self._union(self.held(container), self.held(element))

    # --- operations ---

    def _visit(self, op: Operation) -> None:
        if isinstance(op, AtenOp):
            self._operator(op)
        elif op.name in RETYPED:
            self._same(op.results[0], op.operands[0])
        elif op.name in CONSTRUCTED or op.name in TAKEN_APART:
            container = op.results[0] if op.name in CONSTRUCTED else op.operands[0]
            for element in filter(has_memory, op.operands if op.name in CONSTRUCTED else op.results):
                self._holds(container, element)
        elif isinstance(op, PrimIfOp):
            self._branch(op)
        elif isinstance(op, PrimLoopOp):
            self._loop(op)
        elif isinstance(op, (PrimGetAttrOp, PrimSetAttrOp)):
            self._attribute(op)

    def _branch(self, op: PrimIfOp) -> None:
        for region in op.regions:
            end = region.block.last_op
            assert end is not None
            for result, value in zip(op.results, end.operands, strict=True):
                self._same(result, value)

    def _loop(self, op: PrimLoopOp) -> None:
        body = op.regions[0].block
        end = body.last_op
        assert end is not None
        for i, result in enumerate(op.results):
            for value in (op.operands[i + 2], body.args[i + 1], end.operands[i + 1]):
                self._same(result, value)

    def _attribute(self, op: Operation) -> None:
        """Attributes of one name, of whatever object, may be the same."""
        name = cast("StringAttr", op.attributes["name"]).data
        value = op.results[0] if isinstance(op, PrimGetAttrOp) else op.operands[1]
        if has_memory(value):
            self._same(self._attributes.setdefault(name, value), value)

    def _operator(self, op: AtenOp) -> None:
        operands = [(o, f) for o, f in zip(op.operands, op.schema.arguments, strict=False) if has_memory(o)]
        for target, formal in operands:
            if formal.is_written and is_container(target):
                for other, _ in operands:
                    if other is not target:
                        self._holds(target, other)
        if (operator := definition_of(op)) is not None and operator.asks_gradients:
            return  # what it gives is computed
        shared = shared_operands(op)
        for result in filter(has_memory, op.results):
            for operand, _ in operands:
                if operand in shared:
                    self._alias(result, operand)
                elif holds_memory(operand) and holds_memory(result):
                    self._union(self.held(result), self.held(operand))  # a copy of a list, a slice, ...

    def _alias(self, result: SSAValue, operand: SSAValue) -> None:
        if is_container(result) == is_container(operand):
            self._same(result, operand)
        elif is_container(operand):
            self._holds(operand, result)
        else:
            self._holds(result, operand)


def shared_operands(op: AtenOp) -> list[SSAValue]:
    """The operands that a result of `op` may be memory of; of an operator without definition, all."""
    operator = definition_of(op)
    with_memory = [(o, f) for o, f in zip(op.operands, op.schema.arguments, strict=False) if has_memory(o)]
    if operator is None:
        return [o for o, _ in with_memory]
    if operator.sharing is Sharing.ALONE:
        return [o for o, _ in with_memory if not _holds_several(o)]
    if operator.sharing is Sharing.SOMETIMES:
        with_memory = with_memory[:1] if is_likeness(op.schema.full_name) else with_memory
        return [o for o, _ in with_memory if not _differ_in_dtype(o, op.results)]
    if any(r.alias == ANYTHING for r in operator.schema.results):
        return [o for o, _ in with_memory]
    return [o for o, f in with_memory if operator.schema.aliases and f.alias]


def _holds_several(value: SSAValue) -> bool:
    """Whether a list certainly holds more than one tensor."""
    owner = value.owner
    return isinstance(owner, PrimListConstructOp) and len(owner.operands) > 1 and not is_list_mutated(value)


def is_argument(value: SSAValue) -> bool:
    """Whether `value` is, or is a view of, an argument of its function."""
    while isinstance(op := value.owner, AtenOp) and shared_operands(op)[:1] == list(op.operands[:1]) != []:
        value = op.operands[0]
    return isinstance(value.owner, Block) and isinstance(value.owner.parent_op(), FuncOp)


def memory_sources(value: SSAValue) -> list[SSAValue]:
    """The values that `value` may be memory of, was taken out of, or holds; none where it is its own."""
    owner = value.owner
    if isinstance(owner, Block):
        loop = owner.parent_op()
        place = owner.args.index(value) - 1
        return _carried(loop, place) if isinstance(loop, PrimLoopOp) and place >= 0 else []
    if isinstance(owner, PrimLoopOp):
        return _carried(owner, owner.results.index(value))
    if isinstance(owner, PrimIfOp):
        place = owner.results.index(value)
        ends = [region.block.last_op for region in owner.regions]
        return [end.operands[place] for end in ends if end is not None]
    stored = [
        o for use in value.uses if writes_operand(use.operation, use.index) for o in use.operation.operands
    ]
    held = [o for o in stored if is_container(value) and o is not value and has_memory(o)]
    if isinstance(owner, AtenOp):
        return shared_operands(owner) + held
    passes_on = owner.name in RETYPED | CONSTRUCTED | TAKEN_APART
    return [*(filter(has_memory, owner.operands) if passes_on else ()), *held]


def _carried(loop: PrimLoopOp, place: int) -> list[SSAValue]:
    """What the value that a loop carries at a place is at first, and after a round."""
    end = loop.regions[0].block.last_op
    assert end is not None
    return [loop.operands[place + 2], end.operands[place + 1]]


def _differ_in_dtype(operand: SSAValue, results: Iterable[SSAValue]) -> bool:
    """Whether results and operand are tensors of different dtypes: a conversion that was needed is a copy."""
    kinds = [v.type for v in (operand, *results)]
    dtypes = [kind.dtype if isinstance(kind, tt.TensorType) else None for kind in kinds]
    return None not in dtypes and dtypes[0] not in dtypes[1:]


def is_container(value: SSAValue) -> bool:
    """Whether a value holds others."""
    kind = value.type.data if isinstance(value.type, tt.OptionalType) else value.type
    return isinstance(kind, (tt.ListType, tt.DictType, tt.TupleType, tt.NamedTupleType, tt.FutureType))


def has_memory(value: SSAValue) -> bool:
    """Whether a value can be written to, or hold what can."""
    return _is_writable(value.type)


def _is_writable(kind: object) -> bool:
    if isinstance(kind, tt.OptionalType):
        return _is_writable(kind.data)
    return kind not in (tt.INT, tt.FLOAT, tt.BOOL, tt.STRING, tt.NONE, tt.DEVICE, tt.NUMBER, tt.COMPLEX)


def holds_memory(value: SSAValue) -> bool:
    """Whether a value is, or may be, a container of what can be written to: not a list of numbers."""
    kind = value.type.data if isinstance(value.type, tt.OptionalType) else value.type
    if kind is tt.ANY or isinstance(kind, tt.UnionType):
        return True
    if isinstance(kind, (tt.ListType, tt.FutureType)):
        return _is_writable(kind.data)
    if isinstance(kind, tt.DictType):
        return _is_writable(kind.value) or _is_writable(kind.key)
    if isinstance(kind, (tt.TupleType, tt.NamedTupleType)):
        return any(_is_writable(t) for t in (kind.data if isinstance(kind, tt.TupleType) else kind.elements))
    return False


def is_seen_twice(view: Operation, function: FuncOp) -> bool:
    """Whether who calls `function` may see that what `view` gives is memory of another result, or of an
    argument.
    """
    end, result = function.body.block.last_op, result_constructions(function)
    given = [o for op in (*result, end) if op is not None for o in op.operands if o.owner not in result]
    outside = list(filter(has_memory, (*given, *function.body.block.args)))
    whole, apart = AliasSets(function, result), AliasSets(function, [view, *result])
    of_all, of_view = (sets.own(view.results[0]) for sets in (whole, apart))
    if not any(of_view in apart.places(value) for value in given):
        return False
    holders = [value for value in outside if of_all in whole.places(value)]
    return len(holders) > 1 or is_container(holders[0])


def result_constructions(function: FuncOp) -> list[Operation]:
    """The operations that construct what a function gives."""
    end = function.body.block.last_op
    return [] if end is None else [made for o in end.operands for made in _construction(o)]


def _construction(value: SSAValue) -> list[Operation]:
    """The operations that construct a value of others."""
    op = value.owner
    if not isinstance(op, Operation) or op.name not in CONSTRUCTED:
        return []
    return [op, *(inner for operand in op.operands for inner in _construction(operand))]


def writes_arguments(function: FuncOp) -> bool:
    """Whether `function` may write to memory that its arguments are, or hold."""
    sets = AliasSets(function)
    outside = {place for a in function.body.block.args if has_memory(a) for place in sets.places(a)}
    return any(
        sets.own(operand) in outside
        for op in walk(function)
        for i, operand in enumerate(op.operands)
        if writes_operand(op, i)
    )


def written_values(root: Operation, without: Collection[Operation] = ()) -> frozenset[SSAValue]:
    """The values whose memory, or what they hold, some operation below `root` may write to; as if what
    operations in `without` give were memory of its own.
    """
    writers = [op for op in walk(root) if writes_anything(op) or isinstance(op, UNKNOWN_CALLS)]
    if not writers:
        return frozenset()
    sets = AliasSets(root, without)
    dirty: set[Place] = set()
    for op in writers:
        if writes_anything(op):
            dirty |= {sets.own(o) for i, o in enumerate(op.operands) if writes_operand(op, i)}
        else:
            for operand in filter(has_memory, op.operands):
                dirty |= sets.places(operand)
    return frozenset(
        value
        for value in values_below(root)
        if sets.own(value) in dirty or (holds_memory(value) and sets.held(value) in dirty)
    )
