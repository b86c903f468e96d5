"""Pass `fuse`: operators that one kernel can compute become one `tsc.group`."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.fusion import (
    POINTWISE_KINDS,
    FusionGraph,
    FusionGroup,
    has_complex,
    operations_read,
    reduction_dims,
    spec,
    tensor_operands,
)
from tsc.analysis.memory_aliases import shared_operands
from tsc.analysis.operator_effects import reads_layout
from tsc.analysis.shown_results import is_shown
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import ConstantOp, DerefineOp, PrimListConstructOp, ValueTensorLiteralOp
from tsc.dialects.tsc import RESULT, GroupOp, YieldOp
from tsc.dialects.walking import walk
from tsc.errors import IRError

NO_VIEW_KINDS = ("concat",)
"""Kinds whose kernels read their operands as they lie: a view among them is copied first."""
GROWING_KINDS = frozenset(("pointwise", "row", "window"))
"""Kinds of groups that operators may join; of contractions an option decides."""
EPILOGUE_KINDS = ("contraction", "window")
"""Kinds whose kernels apply pointwise operators to their result before it is stored."""


@dataclass(frozen=True)
class Fuse(ModulePass):
    """Group producers with consumers: pointwise chains, reductions with what feeds and follows them,
    layers with their epilogue.

    Requires: stage `value`, decomposed, types refined.
    Leaves: operators without a native form as they are; views inside every group that reads them.

    ```mlir
    %1 = torch.aten.mul.Tensor %x, %y
    %2 = torch.aten.relu %1
    // %2 = tsc.group "pointwise" (%x, %y) { mul; relu; tsc.yield }
    ```
    """

    name = "fuse"
    contractions: bool = True
    """Whether contractions take the pointwise operators that follow them."""
    max_operators: int = 128
    """What one group may hold: longer chains gain nothing from one kernel, and cost more than their share."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fuse in every block of every function."""
        for function in op.ops:
            if isinstance(function, FuncOp):
                for block in [b for o in [function, *walk(function)] for r in o.regions for b in r.blocks]:
                    if not isinstance(block.parent_op(), GroupOp):
                        fuse_block(block, self, RESULT in function.attributes)


def fuse_block(block: Block, options: Fuse, is_flat: bool = True) -> None:
    """Form the groups of one block and put each in the place of its operators. Where the function's results
    are flat, views among what no kernel reads become copies; of other functions they stay views, and what
    callers see stays memory of what it may be memory of.
    """
    open_kinds = {*GROWING_KINDS, "contraction"} if options.contractions else GROWING_KINDS
    graph = FusionGraph(block)
    groups: list[FusionGroup] = []
    for op in block.ops:
        if has_complex(op) and _placed(graph, op, groups, options.max_operators):
            continue
        if op not in graph.operators or graph.is_free(op) or graph.operators[op].kind == "reshape":
            continue
        if not is_flat and _is_seen_memory(op):
            continue
        if graph.operators[op].kind == "pointwise":
            _bring_together(graph, op, groups, options.max_operators)
        group = _join(graph, op, open_kinds, options.max_operators)
        if group is None:
            group = _start(graph, op)
            groups.append(group)
        group.ops.append(op)
        graph.group_of[op] = group
    _copy_escaping_views(graph, groups, is_flat)
    _emit(graph, groups)


def _placed(graph: FusionGraph, op: Operation, groups: list[FusionGroup], limit: int) -> bool:
    """Whether a part of a complex tensor is given by the kernel that makes the tensor. Parts that are joined
    are made by one kernel where they can be.
    """
    home = graph.home(op)
    if home is not None:
        home.ops.append(op)
        graph.group_of[op] = home
        return True
    sources = [graph.group_of[s] for s in _direct_sources(graph, op) if s in graph.group_of]
    if len(sources) == 2 and sources[0] is not sources[1]:
        _merge(graph, sources[0], sources[1], groups, limit)
    return False


def _bring_together(graph: FusionGraph, op: Operation, groups: list[FusionGroup], limit: int) -> None:
    """Make one group of those that `op` reads, where it can be."""
    first, *others = dict.fromkeys(
        graph.group_of[s] for s in _direct_sources(graph, op) if s in graph.group_of
    ) or [None]
    for other in others:
        if first is not None and other is not None and first.domain == spec(op.results[0]).shape:
            _merge(graph, first, other, groups, limit)


def _merge(
    graph: FusionGraph, group: FusionGroup, other: FusionGroup, groups: list[FusionGroup], limit: int
) -> None:
    """Make one of two groups of pointwise operators over one domain, where nothing between them waits."""
    if group.kind != "pointwise" or other.kind != "pointwise" or group.domain != other.domain:
        return
    ops = [*group.ops, *other.ops]
    if len(ops) > limit or any(_reads_through_view(graph, op, g) for op in ops for g in (group, other)):
        return
    outside = {graph.group_of.get(source, source) for op in ops for source in graph.reads(op)} - {
        group,
        other,
    }
    if any(graph.depends(source, g) for source in outside for g in (group, other)):
        return
    order = {op: number for number, op in enumerate(graph.block.ops)}
    group.ops = sorted(ops, key=order.__getitem__)
    groups.remove(other)
    graph.group_of |= dict.fromkeys(other.ops, group)


def _is_seen_memory(op: Operation) -> bool:
    """Whether `op` may give memory of its operand to the caller, who sees whose it is."""
    return isinstance(op, AtenOp) and bool(shared_operands(op)) and any(map(is_shown, op.results))


def _start(graph: FusionGraph, op: Operation) -> FusionGroup:
    kind = graph.operators[op].kind
    if kind in POINTWISE_KINDS or kind == "pad":
        return FusionGroup("pointwise", spec(op.results[0]).shape)
    if kind == "reduction":
        assert isinstance(op, AtenOp)
        source = spec(op.operands[0])
        dims = reduction_dims(op)
        if _is_row(source.ndim, dims):
            return FusionGroup("row", source.shape, dims)
        return FusionGroup("window", spec(op.results[0]).shape)
    return FusionGroup(kind, spec(op.results[0]).shape)


def _is_row(ndim: int, dims: tuple[int, ...]) -> bool:
    """Whether the reduced dims are the last ones; two spatial dims of an image are not: channels lie
    innermost there.
    """
    trailing = dims == tuple(range(ndim - len(dims), ndim))
    return trailing and not (ndim >= 4 and len(dims) >= 2 and len(dims) == ndim - 2)


def _join(graph: FusionGraph, op: Operation, open_kinds: Set[str], limit: int) -> FusionGroup | None:
    """The group of a producer, of one of `open_kinds` and with room, that `op` can join, the latest first;
    None when it starts its own.
    """
    kind = graph.operators[op].kind
    if kind not in (*POINTWISE_KINDS, "reduction"):
        return None
    candidates = dict.fromkeys(graph.group_of[s] for s in _direct_sources(graph, op) if s in graph.group_of)
    for group in reversed(candidates):
        fits = _reduction_fits if kind == "reduction" else _pointwise_fits
        is_open = group.kind in open_kinds and len(group.ops) < limit
        if is_open and fits(graph, op, group) and graph.can_join(op, group):
            return group
    return None


def _direct_sources(graph: FusionGraph, op: Operation) -> list[Operation]:
    """The operations in this block whose results `op` reads without a view in between."""
    owners = [v.owner for v in tensor_operands(op)]
    return [
        o for o in owners if isinstance(o, Operation) and o.parent is graph.block and not graph.is_free(o)
    ]


def _pointwise_fits(graph: FusionGraph, op: Operation, group: FusionGroup) -> bool:
    shape = spec(op.results[0]).shape
    if graph.operators[op].kind == "gather":
        return False
    if group.kind in EPILOGUE_KINDS:
        last = group.last
        return (
            shape == group.domain and graph.users(last) == {op} and not _reads_through_view(graph, op, group)
        )
    if group.kind == "pointwise":
        return shape == group.domain and not _reads_through_view(graph, op, group)
    if group.kind == "row":
        outer = tuple(n for i, n in enumerate(group.domain) if i not in group.reduced)
        kept = tuple(1 if i in group.reduced else n for i, n in enumerate(group.domain))
        whole = len(group.reduced) == len(
            group.domain
        )  # one row: what follows its sum is a kernel of one element
        shapes = (group.domain,) if whole else (group.domain, kept, outer)
        return shape in shapes and not _reads_through_view(graph, op, group)
    return False


def _reads_through_view(graph: FusionGraph, op: Operation, group: FusionGroup) -> bool:
    """Whether `op` reads a result of `group` transposed or sliced: then it needs the whole result first."""
    for value in tensor_operands(op):
        owner = value.owner
        if (
            isinstance(owner, Operation)
            and graph.is_free(owner)
            and any(graph.group_of.get(s) is group for s in graph.sources(owner))
        ):
            return True
    return False


def _reduction_fits(graph: FusionGraph, op: Operation, group: FusionGroup) -> bool:
    assert isinstance(op, AtenOp)
    source, dims = spec(op.operands[0]), reduction_dims(op)
    if (
        source.shape != group.domain
        or not _is_row(source.ndim, dims)
        or _reads_through_view(graph, op, group)
    ):
        return False
    if group.kind == "pointwise":
        group.kind, group.reduced = "row", dims
        return True
    return group.kind == "row" and dims == group.reduced


def _copy_escaping_views(graph: FusionGraph, groups: list[FusionGroup], is_flat: bool) -> None:
    """Views that a kernel cannot read as they lie become copies of their own; where `is_flat`, so do those
    that something outside all kernels reads.
    """
    for op in list(graph.block.ops):
        is_free = graph.is_free(op) and op not in graph.group_of
        if not is_free or isinstance(op.results[0].type, tt.ListType):
            continue
        readers = [u.operation for r in op.results for u in r.uses]
        if any(_needs_copy(graph, u, is_flat) for u in readers):
            group = FusionGroup("pointwise", spec(op.results[0]).shape, ops=[op])
            graph.group_of[op] = group
            groups.append(group)


def _needs_copy(graph: FusionGraph, reader: Operation, is_flat: bool) -> bool:
    """Whether `reader` (perhaps a list for an operator) wants its operand in memory of its own."""
    if isinstance(reader, PrimListConstructOp):
        return any(_needs_copy(graph, u.operation, is_flat) for u in reader.results[0].uses)
    if graph.is_free(reader):
        return False
    group = graph.group_of.get(reader)
    if group is None:
        return is_flat and not reads_layout(reader)
    return group.kind in NO_VIEW_KINDS and group.ops[0] is reader


def _emit(graph: FusionGraph, groups: list[FusionGroup]) -> None:
    """Replace the operators of each group by a `tsc.group`, then order the block by its dependencies."""
    for group in groups:
        _emit_group(graph, group)
    _order(graph.block)


def _emit_group(graph: FusionGraph, group: FusionGroup) -> None:
    members = set(group.ops)
    yielded = [r for op in group.ops for r in op.results if any(u.operation not in members for u in r.uses)]
    builder = _GroupBuilder(graph, group)
    for op in group.ops:
        builder.member(op)
    results = [builder.values[r] for r in yielded]
    builder.block.add_op(YieldOp.create(operands=results))
    made = GroupOp.make(group.kind, builder.operands, [r.type for r in yielded], builder.block)
    made.location = group.last.location
    graph.block.insert_op_after(made, group.last)
    for old, new in zip(yielded, made.results, strict=True):
        new.name_hint = old.name_hint
        old.replace_uses_with_if(
            new, lambda use: not _is_within(use.operation, made) and use.operation not in members
        )
    for op in reversed(group.ops):
        if not any(r.first_use for r in op.results):
            graph.operators.pop(op, None)
            op.detach()
            op.erase()


def _is_within(op: Operation, group: GroupOp) -> bool:
    return op.parent is group.body


class _GroupBuilder:
    """Fills the body of one group: members, the views and constants they need, and an argument per tensor
    from outside.
    """

    def __init__(self, graph: FusionGraph, group: FusionGroup) -> None:
        self.graph = graph
        self.members = set(group.ops)
        self.block = Block()
        self.operands: list[SSAValue] = []
        self.values: dict[SSAValue, SSAValue] = {}

    def member(self, op: Operation) -> None:
        """Copy an operator of the group, and before it what it needs."""
        for operand in op.operands:
            self.need(operand)
        copy = op.clone(dict(self.values))
        self.block.add_op(copy)
        for old, new in zip(op.results, copy.results, strict=True):
            self.values[old] = new

    def need(self, value: SSAValue) -> None:
        """Make `value` available in the body."""
        if value in self.values:
            return
        owner = value.owner
        if isinstance(owner, Operation) and self._is_copied(owner):
            self.member(owner)
            return
        argument = self.block.insert_arg(value.type, len(self.block.args))
        argument.name_hint = value.name_hint
        self.values[value] = argument
        self.operands.append(value)

    def _is_copied(self, owner: Operation) -> bool:
        if isinstance(owner, ValueTensorLiteralOp):
            return spec(owner.results[0]).shape == ()  # a number: it goes into the kernel
        if isinstance(owner, (ConstantOp, PrimListConstructOp, DerefineOp)):
            return True
        if owner in self.members or owner.parent is not self.graph.block:
            return False
        return self.graph.is_free(owner) and owner not in self.graph.group_of


def _order(block: Block) -> None:
    """Sort the operations of a block so that each comes after what it reads; otherwise keep their order."""
    done: set[Operation] = set()
    ordered: list[Operation] = []

    def visit(op: Operation) -> None:
        stack = [(op, iter(operations_read(op, block)))]
        entered = {op}
        while stack:
            at, rest = stack[-1]
            following = next((o for o in rest if o not in done), None)
            if following is None:
                stack.pop()
                done.add(at)
                ordered.append(at)
            elif following in entered:
                raise IRError(f"fuse: {following.name} reads its own result: groups depend on each other")
            else:
                entered.add(following)
                stack.append((following, iter(operations_read(following, block))))

    end = block.last_op
    for op in block.ops:
        if op is not end and op not in done:
            visit(op)
    for op in [*ordered, end]:
        assert op is not None
        op.detach()
        block.add_op(op)
