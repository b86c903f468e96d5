"""Schedule of `tsc.topk`: a heap where they are few of many, else a partition around the last one."""

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_order import TopKOp
from tsc.ops.selection import FEW
from tsc.passes.schedules.flow import below
from tsc.passes.schedules.heaps import make_heap, sift, sort_heap
from tsc.passes.schedules.order_lines import Line, Lines
from tsc.passes.schedules.partitions import nth_element, sort_items

BLOCK = 4
"""Vectors that are compared with the worst of the heap at one time."""


def emit_topk(lines: Lines, op: TopKOp) -> None:
    """The elements with the lowest keys of every line, chosen and ordered by the algorithms that
    `ops/selection.py` describes.
    """
    if not op.count:
        return
    is_few = op.count * FEW <= lines.extent
    cost = 8 * lines.extent / lines.lanes + 40 * op.count if is_few else 12 * lines.extent
    with lines.each(cost) as line:
        if is_few:
            _by_heap(line, op.count)
        else:
            _by_partition(line, op)
        with line.builder.loop(0, op.count) as loop:
            line.deliver(loop.index, line.items.place(loop.index))


def _by_partition(line: Line, op: TopKOp) -> None:
    line.fill_items(line.lines.extent)
    nth_element(line.items, op.count - 1, line.lines.extent)
    if op.in_order:
        sort_items(line.items, op.count - 1)


def _by_heap(line: Line, count: int) -> None:
    """Each element that beats the worst of the heap takes its place."""
    builder, extent = line.builder, line.lines.extent
    first, size = builder.index(0), builder.index(count)
    line.fill_items(count)
    make_heap(line.items, first, size)
    block = BLOCK * line.lines.lanes
    whole = (extent - count) // block * block + count
    with (
        builder.loop(count, whole, block) as loop,
        builder.branch(_any_enters(line, loop.index)),
        builder.loop(loop.index, loop.index + block) as inner,
    ):
        _enter(line, inner.index, size)
    with builder.loop(whole, extent) as loop:
        _enter(line, loop.index, size)
    sort_heap(line.items, first, size)


def _any_enters(line: Line, at: Index) -> SSAValue:
    """Whether any element of a block beats the worst of the heap."""
    builder, lanes = line.builder, line.lines.lanes
    worst = builder.broadcast(line.items.key(builder.index(0)), lanes)
    flags = [below(builder, line.key(at + n * lanes, lanes), worst) for n in range(BLOCK)]
    found = flags[0]
    for flag in flags[1:]:
        found = builder.binary(arith.OrIOp, found, flag)
    return builder.reduce(found, "or")


def _enter(line: Line, at: Index, size: Index) -> None:
    """Let an element into the heap, if it beats the worst there."""
    builder, items = line.builder, line.items
    key = line.key(at)
    with builder.branch(below(builder, key, items.key(builder.index(0)))):
        place = builder.add(arith.IndexCastOp(at.ssa, items.place_type))
        sift(items, builder.index(0), builder.index(0), size, (key, place))
