"""Pass `outline`: what native code can do of a function that Python runs becomes functions of its own."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import is_within
from tsc.analysis.part_plan import PartContents, PartPlan
from tsc.analysis.parts import (
    PART,
    keeps_sizes,
    only_reads,
    reads_attribute,
    reads_mode,
    touching,
    unshared_lists,
)
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimTupleConstructOp, PrimTupleUnpackOp
from tsc.dialects.walking import walk


@dataclass(frozen=True)
class Outline(ModulePass):
    """Make functions, called *parts*, of what native code can do between the operations that Python does.

    Operations that write nowhere and follow one another may change places. Among them, those that compute
    elements (*heavy* ones: a product, a sum) are done in as few parts as their operands allow. What computes
    nothing (*light* ones: views, sizes, numbers made of those) is done in each part that needs it, and once
    more outside where Python needs it too. So a part takes tensors, lists of tensors, and what is true or
    false, and gives what is new. A branch or loop is in a part as a whole, or stays in Python, with parts in
    it. What has sizes that depend on elements is made in Python: a part knows all its sizes when it knows
    those of what it takes.

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
    outlining = _Outlining(function.sym_name.data, refused, keeps_sizes(function))
    outlining.block(function.body.block)
    return outlining.parts


@dataclass
class _Outlining:
    """Makes the parts of one function."""

    function: str
    refused: Container[Operation]
    sizes_are_kept: bool
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
            self._outline(_with_surroundings_first(run), own)
        for op in others:
            self._inside(op)

    def _inside(self, op: Operation) -> None:
        for region in op.regions:
            for inner in region.blocks:
                self.block(inner)

    def _outline(self, run: Sequence[Operation], own: Collection[SSAValue]) -> None:
        plan = PartPlan.of(run, self.refused, own, sizes_are_kept=self.sizes_are_kept)
        if not plan.levels:
            for op in run:
                self._inside(op)
            return
        before, block = run[-1].next_op, run[-1].parent
        assert before is not None
        assert block is not None
        kept = plan.kept()
        parts = plan.parts(kept)
        made = {level: _function(part, self._name(n)) for n, (level, part) in enumerate(parts.items())}
        for op in run:
            op.detach()
        now: dict[SSAValue, SSAValue] = {}
        for level in range(max(parts) + 1):
            block.insert_ops_before([op for op in kept if plan.places[op].after == level], before)
            if level + 1 in parts:
                part = parts[level + 1]
                ops = _calls(part, made[level + 1], now)
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


def _with_surroundings_first(run: Sequence[Operation]) -> list[Operation]:
    """A run in which no branch or loop reads a mode, or an attribute of an object from outside: both were
    read before, and are the same in all the run.
    """
    whole: list[Operation] = []
    for op in run:
        reads: list[Operation] = []
        for inner in list(walk(op)) if op.regions else ():
            is_read = reads_mode(inner) or reads_attribute(inner)
            if is_read and inner is not op and not any(is_within(o, op) for o in inner.operands):
                inner.detach()
                reads.append(inner)
                assert op.parent is not None
                op.parent.insert_op_before(inner, op)
        whole += [*reads, op]
    return whole


def _function(part: PartContents, name: str) -> FuncOp:
    """A part as a function, of copies."""
    block = Block(arg_types=[v.type for v in part.inputs])
    values: dict[SSAValue, SSAValue] = dict(zip(part.inputs, block.args, strict=True))
    for value, argument in zip(part.inputs, block.args, strict=True):
        argument.name_hint = value.name_hint
    for op in part.members:
        copy = op.clone(values)
        block.add_op(copy)
    given = [values[r] for r in part.results]
    if len(given) > 1:
        made = PrimTupleConstructOp.create(
            operands=given, result_types=[tt.TupleType(tuple(v.type for v in given))]
        )
        block.add_op(made)
        given = list(made.results)
    block.add_op(ReturnOp(*given))
    kinds = ([v.type for v in part.inputs], [v.type for v in given])
    return FuncOp(name, kinds, Region(block))


def _calls(
    part: PartContents, function: FuncOp, now: dict[SSAValue, SSAValue]
) -> tuple[CallOp, *tuple[Operation, ...]]:
    """A call of the part, whose results take the places of those outside: `now` says which did."""
    call = CallOp(
        function.sym_name.data, [now.get(v, v) for v in part.inputs], function.function_type.outputs.data
    )
    ops: list[Operation] = []
    given: Sequence[SSAValue] = call.results
    if len(part.results) > 1:
        unpack = PrimTupleUnpackOp.create(operands=call.results, result_types=[r.type for r in part.results])
        ops.append(unpack)
        given = unpack.results
    for old, new in zip(part.results, given, strict=True):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
        now[old] = new
    return (call, *ops)
