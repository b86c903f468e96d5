"""Tensors that a branch gives back with sizes that depend on the way that was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import spec_of_value
from tsc.analysis.shown_results import WrittenMemory, is_free
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimIfOp, PrimUninitializedOp
from tsc.dims import certainly_equal, maximum, most_of
from tsc.ops.definition import TensorSpec
from tsc.passes.decompose import building_aten
from tsc.passes.found.rooms import NUMBER, Room, bind, new_size, number_of

Ways = tuple[int | None, ...]
"""A size on each way; None where there is no tensor."""


@dataclass
class _Joint:
    """The sizes that the results of a branch have, in symbols that are defined behind it."""

    op: PrimIfOp
    context: Context
    ways: dict[str, Ways] = field(default_factory=dict[str, Ways])
    symbols: dict[str, int] = field(default_factory=dict[str, int])

    def size(self, ways: Ways) -> int:
        """The size that is one of these."""
        known = [size for size in ways if size is not None]
        if all(certainly_equal(known[0], size) for size in known) and len(known) == len(ways):
            return known[0]
        key = str(ways)
        if key not in self.symbols:
            self.ways[key] = ways
            self.symbols[key] = new_size(self.context, maximum(*map(most_of, known)))
        return self.symbols[key]


def join_branch(op: PrimIfOp, context: Context, written: WrittenMemory) -> bool:
    """Give the results of a branch shapes, where both ways have some; whether there was such a result."""
    ends = [region.block.last_op for region in op.regions]
    joint = _Joint(op, context)
    shapes: dict[int, list[int]] = {}
    rooms: dict[int, Room] = {}
    for i, result in enumerate(op.results):
        kind = result.type
        if not isinstance(kind, tt.TensorType) or kind.is_static:
            continue
        specs = _specs([end.operands[i] for end in ends if end is not None])
        if specs is None or not is_free(result, written):
            continue
        known = next(spec for spec in specs if spec is not None)
        ways = [tuple(spec and spec.shape[d] for spec in specs) for d in range(known.ndim)]
        shapes[i] = [joint.size(sizes) for sizes in ways]
        rooms[i] = Room(type(kind), known.dtype, [most_of(size) for size in shapes[i]])
    if shapes:
        _rewrite(joint, ends, shapes, rooms)
    return bool(shapes)


def _specs(values: Sequence[SSAValue]) -> list[TensorSpec | None] | None:
    """What a result is on each way: None where it is nothing that is read. None where that is not known, or
    does not fit together.
    """
    specs = [spec_of_value(v) for v in values]
    there = [spec for spec in specs if spec is not None]
    unread = [isinstance(v.owner, PrimUninitializedOp) for v in values]
    if not there or any(
        spec is None and not is_unread for spec, is_unread in zip(specs, unread, strict=True)
    ):
        return None
    fits = len({(spec.ndim, spec.dtype) for spec in there}) == 1
    return [None if is_unread else s for s, is_unread in zip(specs, unread, strict=True)] if fits else None


def _rewrite(
    joint: _Joint, ends: Sequence[Operation | None], shapes: dict[int, list[int]], rooms: dict[int, Room]
) -> None:
    pool = pool_of(joint.context)
    for way, end in enumerate(ends):
        assert end is not None
        operands = list(end.operands)
        for i, room in rooms.items():
            operands[i] = room.filled(operands[i], end)
        sizes = [ways[way] for ways in joint.ways.values()]
        numbers = [number_of(0 if size is None else size, pool, end) for size in sizes]
        end.operands = [*operands, *numbers]
    kinds = [rooms[i].type if i in rooms else r.type for i, r in enumerate(joint.op.results)]
    made = rebuilt(joint.op, joint.op.operands, [*kinds, *[NUMBER] * len(joint.ways)])
    following = made.next_op
    assert following is not None
    count = len(kinds)
    for symbol, number in zip(joint.symbols.values(), made.results[count:], strict=True):
        bind(symbol, number, following)
    for i, room in rooms.items():
        take(made.results[i], room, shapes[i], following)


def take(
    result: SSAValue, room: Room, shape: Sequence[int], before: Operation, *, is_copied: bool = False
) -> None:
    """Let everybody who reads a tensor with room read what lies in it, perhaps in memory of its own."""
    readers = list(result.uses)
    taken = room.taken(result, shape, before)
    if is_copied:
        taken = building_aten(TorchBuilder(before=before), [])("clone", taken, None)
    for use in readers:
        use.operation.operands[use.index] = taken
    taken.name_hint = result.name_hint
