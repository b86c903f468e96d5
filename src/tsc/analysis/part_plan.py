"""Where the operations of a function are done that Python runs with native parts: see the pass `outline`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.known_values import constant_of, is_list_mutated
from tsc.analysis.memory_aliases import AliasSets
from tsc.analysis.parts import (
    REGIONS,
    Weight,
    is_timeless,
    makes_memory,
    raises,
    reads_attribute,
    reads_numbers,
    sizes_from,
    touching,
    values_read,
    weight_of,
)
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import DerefineOp, NonValueTensorLiteralOp, ValueTensorLiteralOp
from tsc.dialects.walking import function_of, walk

LITERALS = (NonValueTensorLiteralOp, ValueTensorLiteralOp)


@dataclass
class PartContents:
    """What a part consists of."""

    inputs: list[SSAValue] = field(default_factory=list[SSAValue])
    members: dict[Operation, None] = field(default_factory=dict[Operation, None])
    """Operations, each after those whose results it reads."""
    taken: set[Operation] = field(default_factory=set[Operation])
    """Operations that are members, or become such."""
    results: list[SSAValue] = field(default_factory=list[SSAValue])

    def sort(self, run: Sequence[Operation]) -> None:
        """Put operations that were done before `run` first, and then those of it, all in their order."""
        order = {op: number for number, op in enumerate(run)}
        others = [op for op in self.members if op not in order]
        own = sorted((op for op in self.members if op in order), key=order.__getitem__)
        self.members = dict.fromkeys([*others, *own])


@dataclass(frozen=True)
class _Place:
    """Where an operation of a run is done. Part 1 comes first, part 2 next."""

    weight: Weight
    """`NONE`: Python alone does it."""
    ready: int
    """The first part in which what it reads is known."""
    after: int
    """The part after which Python knows what it reads; of a heavy operation: the one that it is in."""


@dataclass
class _Bundle:
    """The operations of a run that read and write one list, or several that meet: they are done together, in
    their order.
    """

    ops: list[Operation]
    weight: Weight = Weight.LIGHT
    """That of the heaviest; `NONE` if it is that of any."""
    ready: int = 1
    """The first part in which what they read is known."""

    def takes(self, place: _Place, count: int) -> bool:
        """Whether one of them, which would be at `place` alone, moves all. There are no more than `count`
        parts: if they cannot be in one of these, Python makes what they read of their own results.
        """
        if self.weight is Weight.NONE:
            return False
        ready = max(self.ready, place.ready)
        weight = Weight.NONE if ready > count else max(self.weight, place.weight, key=list(Weight).index)
        moves = (weight, ready) != (self.weight, self.ready)
        self.weight, self.ready = weight, ready
        return moves


def _bundles(run: Sequence[Operation], own: Collection[SSAValue]) -> dict[Operation, _Bundle]:
    """The bundles of a run whose `own` lists are written to, by operation."""
    found: dict[Operation, _Bundle] = {}
    for value in (r for op in run for r in op.results if r in own):
        ops = touching(value)
        joined = {id(found[op]): found[op] for op in ops if op in found}
        together = dict.fromkeys([*ops, *(op for bundle in joined.values() for op in bundle.ops)])
        bundle = _Bundle(list(together))
        found.update((op, bundle) for op in bundle.ops)
    return found


@dataclass
class PartPlan:
    """How a run becomes parts, and operations between them."""

    run: Sequence[Operation]
    refused: Container[Operation]
    own: Collection[SSAValue]
    """Lists that are made, read and written to in the run alone."""
    sizes_are_kept: bool
    """Whether tensors have the same sizes throughout the function."""
    bundles: Mapping[Operation, _Bundle]
    places: dict[Operation, _Place] = field(default_factory=dict[Operation, _Place])
    from_data: set[SSAValue] = field(default_factory=set[SSAValue])
    """Numbers, and lists of numbers, that depend on elements of tensors."""

    @classmethod
    def of(
        cls, run: Sequence[Operation], refused: Container[Operation], own: Collection[SSAValue],
        *, sizes_are_kept: bool,
    ) -> PartPlan:  # fmt: skip
        """The plan for a run, in which what is `refused` stays in Python, and what would be torn."""
        stays = {o for op in run for o in walk(op) if o in refused}
        while True:
            plan = cls(run, stays, own, sizes_are_kept, _bundles(run, own))
            while not plan._is_placed():
                pass
            torn = plan._torn()
            if not torn:
                return plan
            stays |= torn

    def _is_placed(self) -> bool:
        """Place all operations, as far as bundles stay where they are."""
        self.places.clear()
        self.from_data.clear()
        for op in self.run:
            place, bundle = self._place(op), self.bundles.get(op)
            if bundle is None:
                self.places[op] = place
                continue
            if bundle.takes(place, len(self.run)):
                return False
            earlier = (self.places[o].after for o in bundle.ops if o in self.places)
            after = bundle.ready if bundle.weight is Weight.HEAVY else max([place.after, *earlier])
            self.places[op] = _Place(bundle.weight, bundle.ready, after)
        return True

    def _torn(self) -> set[Operation]:
        """Operations that make memory which a branch or loop in a part may give on, and that would be done in
        several places: then two of the results are not the one memory that they are in the program. A literal
        is the program's own memory, and native code gives copies of it.
        """
        kept = self.kept()
        parts = self.parts(kept).values()
        given = [r for part in parts for r in part.results if isinstance(r.owner, REGIONS)]
        count = Counter(op for part in parts for op in part.members)
        twice = [op for op, n in count.items() if n + (op in kept) > 1 and makes_memory(op)]
        literals = [op for op in count if isinstance(op, LITERALS)]
        if not given or not (twice or literals):
            return set()
        function = function_of(self.run[0])
        assert function is not None
        aliases = AliasSets(function)
        shown = {place for r in given for place in aliases.places(r)}
        return {op for op in (*twice, *literals) if any(aliases.own(r) in shown for r in op.results)}

    @property
    def levels(self) -> set[int]:
        """The numbers of the parts."""
        return {place.ready for place in self.places.values() if place.weight is Weight.HEAVY}

    def _place(self, op: Operation) -> _Place:
        read = values_read(op)
        if reads_numbers(op) or any(value in self.from_data for value in read):
            self.from_data.update(r for r in op.results if not isinstance(r.type, tt.TensorType))
        is_refused = any(o in self.refused for o in walk(op)) or sizes_from(op, self.from_data)
        is_native = not is_refused and all(map(self._is_at_hand, read))
        weight = weight_of(op, self.own) if is_native else Weight.NONE
        ready = max(map(self._ready, read), default=1)
        after = ready if weight is Weight.HEAVY else max(map(self._after, read), default=0)
        return _Place(weight, ready, after)

    def _is_at_hand(self, value: SSAValue) -> bool:
        """Whether a part can have `value`: given, if it is a tensor (or perhaps None), or true or false; or
        made in it.
        """
        if isinstance(value.type, tt.TensorType) or value.type == tt.BOOL or _is_optional_tensor(value):
            return True
        if _is_list_of_tensors(value) and (isinstance(value.owner, Block) or reads_attribute(value.owner)):
            return value in self.own or not is_list_mutated(value)
        owner = value.owner
        if isinstance(owner, Block):
            return False
        if owner in self.places:
            return self.places[owner].weight is not Weight.NONE
        return self._is_made_anew(owner)

    def _is_made_anew(self, op: Operation) -> bool:
        """Whether a part can do once more what was done before it."""
        may_be_later = is_timeless(op, sizes_are_kept=self.sizes_are_kept)
        return may_be_later and all(map(self._is_at_hand, op.operands))

    def _ready(self, value: SSAValue) -> int:
        place = self.places.get(value.owner) if isinstance(value.owner, Operation) else None
        if place is None:
            return 1
        return place.after + 1 if place.weight is Weight.NONE else place.ready

    def _after(self, value: SSAValue) -> int:
        place = self.places.get(value.owner) if isinstance(value.owner, Operation) else None
        return 0 if place is None else place.after

    def _is_required(self, op: Operation) -> bool:
        """Whether `op` is done even where nobody needs its results."""
        return self.places[op].weight is Weight.LIGHT and raises(op)

    def parts(self, kept: Container[Operation]) -> dict[int, PartContents]:
        """The parts, by level, where Python does what is `kept`."""
        parts = {level: self._part(level) for level in sorted(self.levels)}
        passed = {value for part in parts.values() for value in part.inputs}
        for part in parts.values():
            heavy = [op for op in part.members if self._is_heavy(op)]
            part.results = [
                r for op in heavy for r in op.results if r in passed or self._is_read_outside(r, kept)
            ]
        return parts

    def _part(self, level: int) -> PartContents:
        part = PartContents()
        for op in self.run:
            place = self.places[op]
            if place.ready == level and (place.weight is Weight.HEAVY or self._is_required(op)):
                self._take(op, part, level)
        part.sort(self.run)
        return part

    def _take(self, op: Operation, part: PartContents, level: int) -> None:
        """Put what `op` reads and then `op` itself into a part."""
        if op in part.taken:
            return
        together = self.bundles[op].ops if op in self.bundles else [op]
        part.taken.update(together)
        for value in (v for member in together for v in values_read(member)):
            owner = value.owner
            if isinstance(owner, Operation) and self._is_member(value, owner, level):
                self._take(owner, part, level)
            elif value not in part.inputs:
                part.inputs.append(value)
        part.members.update(dict.fromkeys(together))

    def _is_member(self, value: SSAValue, owner: Operation, level: int) -> bool:
        """Whether what makes `value` is done in part `level`."""
        place = self.places.get(owner)
        if place is None and _is_optional_tensor(value):
            return isinstance(owner, DerefineOp) and constant_of(value) is None
        if place is None and isinstance(value.type, tt.TensorType):
            return isinstance(owner, LITERALS) and owner not in self.refused
        if place is None:  # what is true or false may also be given
            return value.type != tt.BOOL or self._is_made_anew(owner)
        return place.weight is Weight.LIGHT or (place.weight is Weight.HEAVY and place.ready == level)

    def kept(self) -> dict[Operation, None]:
        """What Python does, in the order of the run."""
        kept: set[Operation] = set()
        count = -1
        while count < len(kept):
            count = len(kept)
            for op in reversed(self.run):
                if self._is_kept(op, kept):
                    kept.update(self.bundles[op].ops if op in self.bundles else [op])
        return {op: None for op in self.run if op in kept}

    def _is_kept(self, op: Operation, kept: Container[Operation]) -> bool:
        """Whether Python does `op`, as it does what is `kept`."""
        place = self.places[op]
        if place.weight is not Weight.LIGHT:
            return place.weight is Weight.NONE
        is_lost = self._is_required(op) and place.ready not in self.levels
        return is_lost or any(self._is_read_outside(r, kept) for r in op.results)

    def _is_heavy(self, op: Operation) -> bool:
        return op in self.places and self.places[op].weight is Weight.HEAVY

    def _is_read_outside(self, result: SSAValue, kept: Container[Operation]) -> bool:
        """Whether Python reads a result."""
        block = self.run[0].parent
        assert block is not None
        users = [block.find_ancestor_op_in_block(use.operation) for use in result.uses]
        return any(user is None or user not in self.places or user in kept for user in users)


def _is_optional_tensor(value: SSAValue) -> bool:
    return isinstance(value.type, tt.OptionalType) and isinstance(value.type.data, tt.TensorType)


def _is_list_of_tensors(value: SSAValue) -> bool:
    return isinstance(value.type, tt.ListType) and isinstance(value.type.data, tt.TensorType)
