"""Cuts the ops of a kernel into groups of one canonical form each, and makes a function of each group."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, Region, SSAValue

from tsc.analysis.kernel_model import read_stage
from tsc.dialects.loop_extents import tell_extents
from tsc.dialects.sized import SizeOp
from tsc.dialects.tsc import ScatterOp
from tsc.dialects.tsc_fourier import FourierOp
from tsc.dialects.tsc_matrices import MatrixOp
from tsc.dialects.tsc_order import OrderOp
from tsc.dialects.tsc_places import PlacesOp
from tsc.dialects.tsc_random import RandomOp
from tsc.dialects.walking import walk
from tsc.errors import CodegenError
from tsc.passes.kernels.alignment import reduced_loops
from tsc.passes.kernels.classify import Form, classify
from tsc.passes.schedules.clamped import clampable

SUPPORT = (arith.ConstantOp, tensor.EmptyOp, linalg.FillOp, SizeOp)
"""Cheap ops that every group that needs them repeats."""
RESHAPES = (tensor.CollapseShapeOp, tensor.ExpandShapeOp)


@dataclass
class OutlinedGroup:
    """Ops that become one kernel."""

    ops: list[Operation]
    kind: str
    form: Form | None = None


@dataclass
class OutlinedPiece:
    """A step of the host program that replaces a call: a kernel, or a reshape; with the values in and out."""

    op: func.FuncOp | Operation
    inputs: tuple[SSAValue, ...]
    outputs: tuple[SSAValue, ...]


def is_support(op: Operation) -> bool:
    """Whether `op` goes along with its users: support ops, and padding that only reductions read."""
    if isinstance(op, tensor.PadOp):
        return all(_reads_padding_in_place(use.operation, op) for use in op.result.uses)
    return isinstance(op, SUPPORT)


def _reads_padding_in_place(user: Operation, pad: tensor.PadOp) -> bool:
    """Whether a reduction can read the padded tensor without the padding: from a halo, or with clamped
    indices.
    """
    if not isinstance(user, linalg.GenericOp) or not reduced_loops(user):
        return False
    if any(margin < 0 for margin in (*pad.static_low.get_values(), *pad.static_high.get_values())):
        return False
    stage = read_stage(user)
    padded = [i for i, v in zip(stage.inputs, user.inputs, strict=True) if v is pad.result]
    return all(i.padding is not None and (i.padding.is_zero or clampable(stage, i)) for i in padded)


def group_ops(block: Block) -> list[OutlinedGroup | Operation]:
    """The groups and reshapes of a kernel in order; each group as large as a canonical form allows.

    Raises:
        CodegenError: a single op has no canonical form.
    """
    steps: list[OutlinedGroup | Operation] = []
    for op in block.ops:
        if isinstance(op, linalg.FillOp | tensor.EmptyOp) and _is_returned(op.results[0]):
            steps.append(OutlinedGroup([op], "concat"))
            continue
        if is_support(op) or isinstance(op, func.ReturnOp):
            continue
        if isinstance(op, RESHAPES):
            steps.append(op)
            continue
        last = steps[-1] if steps else None
        extended = _extended(last, op) if isinstance(last, OutlinedGroup) else None
        if extended is not None:
            steps[-1] = extended
        else:
            steps.append(_single(op))
    return steps


def _is_returned(value: SSAValue) -> bool:
    return any(isinstance(use.operation, func.ReturnOp) for use in value.uses)


def _extended(group: OutlinedGroup, op: Operation) -> OutlinedGroup | None:
    if isinstance(op, tensor.InsertSliceOp):
        source = op.source.owner
        if group.kind != "concat" or op.dest.owner is not group.ops[-1] or source in group.ops:
            return None
        group.ops.append(op)
        return group
    if not isinstance(op, linalg.GenericOp) or group.form is None:
        return None
    generics = [g for g in group.ops if isinstance(g, linalg.GenericOp)]
    if _reads_through(op, generics):
        return None
    form = classify([*generics, op])
    return OutlinedGroup([*generics, op], form.kind, form) if form is not None else None


def _reads_through(op: linalg.GenericOp, generics: Sequence[linalg.GenericOp]) -> bool:
    """Whether `op` reads a result of the group through padding, a reshape, or by computed indices."""
    for inner in walk(op):
        for value in inner.operands:
            owner = value.owner
            if isinstance(owner, (tensor.PadOp, *RESHAPES)) and owner.operands[0].owner in generics:
                return True
            if isinstance(inner, tensor.ExtractOp) and owner in generics:
                return True
    return False


def _single(op: Operation) -> OutlinedGroup:
    if isinstance(op, tensor.InsertSliceOp | tensor.PadOp):
        return OutlinedGroup([op], "concat")
    if isinstance(op, linalg.GenericOp):
        form = classify([op])
        if form is not None:
            return OutlinedGroup([op], form.kind, form)
    if isinstance(op, ScatterOp):
        return OutlinedGroup([op], "scatter")
    if isinstance(op, OrderOp):
        return OutlinedGroup([op], "sort")
    if isinstance(op, PlacesOp):
        return OutlinedGroup([op], "places")
    if isinstance(op, FourierOp):
        return OutlinedGroup([op], "fourier")
    if isinstance(op, MatrixOp):
        return OutlinedGroup([op], "matrices")
    if isinstance(op, RandomOp):
        return OutlinedGroup([op], "random")
    raise CodegenError(f"split-kernels: requires ops with a canonical form; got {op.name}")


def outline(function: func.FuncOp, steps: Sequence[OutlinedGroup | Operation]) -> list[OutlinedPiece]:
    """A kernel function for each group, and the steps of the host in order."""
    groups = [s for s in steps if isinstance(s, OutlinedGroup)]
    name = function.sym_name.data
    pieces: list[OutlinedPiece] = []
    for step in steps:
        if isinstance(step, OutlinedGroup):
            title = name if len(groups) == 1 else f"{name}_{groups.index(step)}"
            pieces.append(_Outliner(step, title).run())
        else:
            pieces.append(OutlinedPiece(step, tuple(step.operands), (step.results[0],)))
    return pieces


@dataclass
class _Outliner:
    """Copies the ops of a group into a function of its own."""

    group: OutlinedGroup
    name: str
    block: Block = field(default_factory=Block)
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    inputs: list[SSAValue] = field(default_factory=list[SSAValue])

    def run(self) -> OutlinedPiece:
        """The function, and what it is called with."""
        for op in self.group.ops:
            self._copy(op)
        members = set(self.group.ops)
        made = [r for op in self.group.ops for r in op.results]
        outputs = [r for r in made if _is_used_outside(r, members) or _is_written(r)]
        returned = [self.values[v] for v in outputs]
        self.block.add_op(func.ReturnOp(*returned))
        types = ([v.type for v in self.inputs], [v.type for v in returned])
        function = func.FuncOp(self.name, types, Region(self.block), visibility="private")
        function.attributes["tsc.kind"] = StringAttr(self.group.kind)
        return OutlinedPiece(function, tuple(self.inputs), tuple(outputs))

    def _copy(self, op: Operation) -> None:
        copy = op
        if isinstance(op, linalg.GenericOp):
            assert self.group.form is not None
            copy = self.group.form.renumbered(op)
            self._extracted_tensors(copy)
        operands = [self._value(v) for v in copy.operands]
        if copy is op:
            copy = op.clone()
        copy.operands = operands
        if isinstance(copy, tensor.PadOp):
            self._fill_value(copy)
        self.block.add_op(copy)
        if isinstance(copy, linalg.GenericOp) and self.group.form is not None:
            tell_extents(copy, self.group.form.extents[: len(copy.iterator_types)])
        self.values.update(zip(op.results, copy.results, strict=True))
        for old, new in zip(op.results, copy.results, strict=True):
            new.name_hint = old.name_hint

    def _extracted_tensors(self, op: linalg.GenericOp) -> None:
        for inner in op.body.block.ops:
            if isinstance(inner, tensor.ExtractOp):
                inner.operands[0] = self._value(inner.tensor)

    def _fill_value(self, pad: tensor.PadOp) -> None:
        """The region of a pad yields a constant from outside."""
        last = pad.region.block.last_op
        assert last is not None
        last.operands = [self._value(v) for v in last.operands]

    def _value(self, value: SSAValue) -> SSAValue:
        """The value in the new function: computed there, repeated there, or a new argument."""
        if value in self.values:
            return self.values[value]
        owner = value.owner
        if isinstance(owner, Operation) and is_support(owner):
            operands = [self._value(v) for v in owner.operands]
            copy = owner.clone()
            copy.operands = operands
            if isinstance(copy, tensor.PadOp):
                self._fill_value(copy)
            self.block.add_op(copy)
            self.values.update(zip(owner.results, copy.results, strict=True))
            return self.values[value]
        argument = self.block.insert_arg(value.type, len(self.block.args))
        argument.name_hint = value.name_hint
        self.inputs.append(value)
        self.values[value] = argument
        return argument


def _is_used_outside(value: SSAValue, members: Set[Operation]) -> bool:
    return any(_enclosing(use.operation, value) not in members for use in value.uses)


def _is_written(value: SSAValue) -> bool:
    """Whether a kernel writes it, read or not: memory that it works in, which the host lends as it does
    results, both planes of a transform, all that is told of a matrix, and what is left of a stream.
    """
    owner = value.owner
    is_memory = isinstance(owner, OrderOp) and value is owner.memory
    return is_memory or isinstance(owner, (FourierOp, MatrixOp, RandomOp))


def _enclosing(op: Operation, value: SSAValue) -> Operation:
    """The op of `value`'s block that holds `op`."""
    block = value.owner.parent if isinstance(value.owner, Operation) else value.owner
    while op.parent is not block:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op
