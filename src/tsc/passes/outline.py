"""Pass `outline`: what native code can do of a function that Python runs becomes functions of its own."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.parts import (
    PART,
    Weight,
    is_timeless,
    only_reads,
    raises,
    reads_mode,
    reads_numbers,
    sizes_from,
    touching,
    unshared_lists,
    values_read,
    weight_of,
)
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import (
    NonValueTensorLiteralOp,
    PrimTupleConstructOp,
    PrimTupleUnpackOp,
    ValueTensorLiteralOp,
)

LITERALS = (NonValueTensorLiteralOp, ValueTensorLiteralOp)


@dataclass(frozen=True)
class Outline(ModulePass):
    """Make functions, called *parts*, of what native code can do between the operations that Python does.

    Operations that write nowhere and follow one another may change places. Among them, those that compute
    elements (*heavy* ones: a product, a sum) are done in as few parts as their operands allow. What computes
    nothing (*light* ones: views, sizes, numbers made of those) is done in each part that needs it, and once
    more outside where Python needs it too. So a part takes tensors (and is made anew for what is true of
    those that are true or false), and gives what is new. A branch or
    loop is in a part as a whole, or stays in Python, with parts in it. What has sizes that depend on elements
    is made in Python: a part knows all its sizes when it knows those of what it takes.

    Requires: stage `frozen`.
    Leaves: everything that writes, draws, prints, or has no native form; heavy operations that need a number
    or list that Python made.

    ```mlir
    %h = torch.aten.__getitem__.Dict_str %state, %name
    %y = torch.aten.tanh %h : ...
    %z = torch.aten.mul.Tensor %y, %h : ...
    torch.aten._set_item.str %state, %name, %z
    // %h = ...; %z = func.call @part0.f(%h); ... (and a function with tanh and mul)
    ```
    """

    name = "outline"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Outline in every function of the module."""
        for function in [f for f in op.ops if isinstance(f, FuncOp)]:
            op.body.block.add_ops(part for _, part in outline(function))


def outline(function: FuncOp, refused: Container[Operation] = ()) -> list[tuple[CallOp, FuncOp]]:
    """Outline in one function: the calls of its parts, and these, which are in no module yet. Operations that
    are `refused` stay in Python, though they may have a native form for other shapes; of branches and loops
    among them, what is inside may be in parts.
    """
    outlining = _Outlining(function.sym_name.data, refused)
    outlining.block(function.body.block)
    return outlining.parts


@dataclass
class _Outlining:
    """Makes the parts of one function."""

    function: str
    refused: Container[Operation]
    parts: list[tuple[CallOp, FuncOp]] = field(default_factory=list[tuple[CallOp, FuncOp]])

    def block(self, block: Block) -> None:
        """Outline in a block, and in the branches and loops that stay."""
        own = unshared_lists(block)
        while True:
            runs = _runs(block, own)
            of_run = {op: number for number, run in enumerate(runs) for op in run}
            divided = {v for v in own if len({of_run.get(op, -1) for op in touching(v)}) > 1}
            if not divided:
                break
            own -= divided
        others = [op for op in block.ops if op not in of_run]
        for run in runs:
            self._outline(_with_modes_first(run), own)
        for op in others:
            self._inside(op)

    def _inside(self, op: Operation) -> None:
        for region in op.regions:
            for inner in region.blocks:
                self.block(inner)

    def _outline(self, run: Sequence[Operation], own: Collection[SSAValue]) -> None:
        plan = _Plan.of(run, self.refused, own)
        if not plan.levels:
            for op in run:
                self._inside(op)
            return
        before, block = run[-1].next_op, run[-1].parent
        assert before is not None
        assert block is not None
        kept = plan.kept()
        parts = plan.parts(kept)
        made = {level: part.function(self._name(n)) for n, (level, part) in enumerate(parts.items())}
        for op in run:
            op.detach()
        now: dict[SSAValue, SSAValue] = {}
        for level in range(max(parts) + 1):
            block.insert_ops_before([op for op in kept if plan.places[op].after == level], before)
            if level + 1 in parts:
                part = parts[level + 1]
                ops = part.calls(made[level + 1], now)
                block.insert_ops_before(ops, before)
                self.parts.append((ops[0], made[level + 1]))
        for op in reversed(run):
            if op not in kept:
                op.erase(safe_erase=False)
        for op in kept:
            self._inside(op)

    def _name(self, number: int) -> str:
        return f"{PART}{len(self.parts) + number}.{self.function}"


def _runs(block: Block, own: Collection[SSAValue]) -> list[list[Operation]]:
    """The operations of a block that may change places, as far as they follow one another. They write to
    nothing but their `own` lists.
    """
    runs: list[list[Operation]] = [[]]
    for op in block.ops:
        if only_reads(op, own):
            runs[-1].append(op)
        elif runs[-1]:
            runs.append([])
    assert not runs[-1], "blocks end with a terminator, which is in no run"
    return runs[:-1]


def _with_modes_first(run: Sequence[Operation]) -> list[Operation]:
    """A run in which no branch or loop reads a mode: it was read before, and is the same in all the run."""
    whole: list[Operation] = []
    for op in run:
        modes = [o for o in op.walk() if o is not op and not o.operands and reads_mode(o)]
        for mode in modes:
            mode.detach()
        if op.parent is not None:
            op.parent.insert_ops_before(modes, op)
        whole += [*modes, op]
    return whole


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
class _Plan:
    """How a run becomes parts, and operations between them."""

    run: Sequence[Operation]
    refused: Container[Operation]
    own: Collection[SSAValue]
    """Lists that are made, read and written to in the run alone."""
    bundles: Mapping[Operation, _Bundle]
    places: dict[Operation, _Place] = field(default_factory=dict[Operation, _Place])
    from_data: set[SSAValue] = field(default_factory=set[SSAValue])
    """Numbers, and lists of numbers, that depend on elements of tensors."""

    @classmethod
    def of(cls, run: Sequence[Operation], refused: Container[Operation], own: Collection[SSAValue]) -> _Plan:
        """The plan for a run, in which what is `refused` stays in Python."""
        plan = cls(run, refused, own, _bundles(run, own))
        while not plan._is_placed():
            pass
        return plan

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

    @property
    def levels(self) -> set[int]:
        """The numbers of the parts."""
        return {place.ready for place in self.places.values() if place.weight is Weight.HEAVY}

    def _place(self, op: Operation) -> _Place:
        read = values_read(op)
        if reads_numbers(op) or any(value in self.from_data for value in read):
            self.from_data.update(r for r in op.results if not isinstance(r.type, tt.TensorType))
        is_refused = any(o in self.refused for o in op.walk()) or sizes_from(op, self.from_data)
        is_native = not is_refused and all(map(self._is_at_hand, read))
        weight = weight_of(op, self.own) if is_native else Weight.NONE
        ready = max(map(self._ready, read), default=1)
        after = ready if weight is Weight.HEAVY else max(map(self._after, read), default=0)
        return _Place(weight, ready, after)

    def _is_at_hand(self, value: SSAValue) -> bool:
        """Whether a part can have `value`: given, if it is a tensor, or true or false; or made in it."""
        if isinstance(value.type, tt.TensorType) or value.type == tt.BOOL:
            return True
        owner = value.owner
        if isinstance(owner, Block):
            return False
        if owner in self.places:
            return self.places[owner].weight is not Weight.NONE
        return _is_cloned(owner) and all(map(self._is_at_hand, owner.operands))

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

    def parts(self, kept: Container[Operation]) -> dict[int, _Part]:
        """The parts, by level, where Python does what is `kept`."""
        parts = {level: self._part(level) for level in sorted(self.levels)}
        passed = {value for part in parts.values() for value in part.inputs}
        for part in parts.values():
            heavy = [op for op in part.members if self._is_heavy(op)]
            part.results = [
                r for op in heavy for r in op.results if r in passed or self._is_read_outside(r, kept)
            ]
        return parts

    def _part(self, level: int) -> _Part:
        part = _Part()
        for op in self.run:
            place = self.places[op]
            if place.ready == level and (place.weight is Weight.HEAVY or self._is_required(op)):
                self._take(op, part, level)
        part.sort(self.run)
        return part

    def _take(self, op: Operation, part: _Part, level: int) -> None:
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
        if place is None:
            return isinstance(owner, LITERALS) or not isinstance(value.type, tt.TensorType)
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


@dataclass
class _Part:
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

    def function(self, name: str) -> FuncOp:
        """The part as a function, of copies."""
        block = Block(arg_types=[v.type for v in self.inputs])
        values: dict[SSAValue, SSAValue] = dict(zip(self.inputs, block.args, strict=True))
        for value, argument in zip(self.inputs, block.args, strict=True):
            argument.name_hint = value.name_hint
        for op in self.members:
            copy = op.clone(values)
            block.add_op(copy)
        given = [values[r] for r in self.results]
        if len(given) > 1:
            made = PrimTupleConstructOp.create(
                operands=given, result_types=[tt.TupleType(tuple(v.type for v in given))]
            )
            block.add_op(made)
            given = list(made.results)
        block.add_op(ReturnOp(*given))
        kinds = ([v.type for v in self.inputs], [v.type for v in given])
        return FuncOp(name, kinds, Region(block))

    def calls(self, function: FuncOp, now: dict[SSAValue, SSAValue]) -> tuple[CallOp, *tuple[Operation, ...]]:
        """A call of the part, whose results take the places of those outside: `now` says which did."""
        call = CallOp(
            function.sym_name.data, [now.get(v, v) for v in self.inputs], function.function_type.outputs.data
        )
        ops: list[Operation] = []
        given: Sequence[SSAValue] = call.results
        if len(self.results) > 1:
            unpack = PrimTupleUnpackOp.create(
                operands=call.results, result_types=[r.type for r in self.results]
            )
            ops.append(unpack)
            given = unpack.results
        for old, new in zip(self.results, given, strict=True):
            new.name_hint = old.name_hint
            old.replace_all_uses_with(new)
            now[old] = new
        return (call, *ops)


def _is_cloned(op: Operation) -> bool:
    """Whether a part may do again what was done before."""
    return not op.regions and weight_of(op) is Weight.LIGHT and is_timeless(op)
