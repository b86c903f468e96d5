"""Schedule of `sort` kernels: a short line by the ranks of its elements, others digit by digit."""

from collections.abc import Sequence
from functools import partial

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_order import LONGEST, OrderOp, OrderStatisticOp, SortOp, TopKOp, half_of
from tsc.dims import certainly_empty, is_known
from tsc.errors import CodegenError
from tsc.passes.schedules.flow import as_index, choose, compare
from tsc.passes.schedules.kernel import ScheduleBuilder
from tsc.passes.schedules.order_lines import Line, Lines
from tsc.passes.schedules.order_statistic import emit_order_statistic
from tsc.passes.schedules.ranks import rank_of, store_ranks
from tsc.passes.schedules.topk import emit_topk

SHORT = 96
"""Elements of a line up to which each is compared with every other: that has no branches."""
DIGIT_BITS = 8
BUCKETS = 1 << DIGIT_BITS


def schedule_sort(model: KernelModel, target: Target) -> func.FuncOp:
    """Lines are independent, and shared among chunks.

    Raises:
        CodegenError: the kernel is another one, or its lines are too long.
    """
    kernel = ScheduleBuilder.create(model, target)
    op = model.results[0].owner
    if not isinstance(op, OrderOp):
        raise CodegenError(f"sort: requires one operation that puts lines in order; got {model.results[0]}")
    lines = Lines.of(kernel, op)
    if is_known(lines.extent) and lines.extent > LONGEST:
        raise CodegenError(f"sort: requires lines of at most {LONGEST} elements; got {lines.extent}")
    if not certainly_empty((lines.batches, lines.size, lines.extent)):
        _emit(lines, op)
    return kernel.finish()


def _emit(lines: Lines, op: OrderOp) -> None:
    if isinstance(op, TopKOp):
        emit_topk(lines, op)
    elif isinstance(op, OrderStatisticOp):
        emit_order_statistic(lines, op)
    else:
        assert isinstance(op, SortOp)
        emit_sort(lines)


def emit_sort(lines: Lines) -> None:
    """Every line in the order of its keys, equal ones as they stand."""
    extent, lanes = lines.extent, lines.lanes
    cost = extent * (6 + 8 * digits_of(lines.op))
    if not is_known(extent):
        with lines.each(cost) as line:
            is_short = line.builder.compare("sle", line.builder.index(extent), SHORT)
            choose(line.builder, is_short, partial(_by_rank, line), partial(_by_digits, line))
    elif extent <= SHORT:
        with lines.each(4 * extent**2 / lanes + 6 * extent) as line:
            _by_rank(line)
    else:
        with lines.each(cost) as line:
            _by_digits(line)


def _by_rank(line: Line) -> Sequence[SSAValue]:
    """An element goes where its rank says."""
    builder = line.builder
    store_ranks(line)
    with builder.loop(0, line.lines.extent) as loop:
        line.deliver(rank_of(line, loop.index), loop.index.ssa)
    return ()


# --- digits ---


def digits_of(op: OrderOp) -> int:
    """How many digits a key has."""
    return -(-op.key_bits // DIGIT_BITS)


def _by_digits(line: Line) -> Sequence[SSAValue]:
    """Radix sort from the lowest digit (Knuth, The Art of Computer Programming 3, 5.2.5), between the two
    halves of the items. A digit that is the same everywhere is passed over.
    """
    builder, extent, items = line.builder, line.lines.extent, line.items
    half, digits = half_of(extent), digits_of(line.lines.op)
    counts = builder.scratch(i32, digits * BUCKETS)
    count = builder.add(arith.IndexCastOp(builder.index(extent).ssa, i32))
    line.fill_items(extent)
    _count_digits(line, counts, digits)
    with builder.loop(0, digits, carried=[builder.index_constant(0)]) as loop:
        source = Index(builder, loop.carried[0])
        bucket = loop.index * BUCKETS
        first = builder.load(counts, bucket + _digit(line, items.key(source), loop.index))
        is_alike = compare(builder, "eq", first, count)

        def pass_over() -> list[SSAValue]:
            return [source.ssa]

        def distribute() -> list[SSAValue]:
            target = builder.index(half) - source
            _add_up(builder, counts, bucket)
            with builder.loop(0, extent) as inner:
                item = items.item(source + inner.index)
                at = bucket + _digit(line, item[0], loop.index)
                to = builder.load(counts, at)
                builder.store(builder.binary(arith.AddiOp, to, builder.number(1, i32)), counts, at)
                items.put(target + as_index(builder, to), item)
            return [target.ssa]

        loop.carry(choose(builder, is_alike, pass_over, distribute))
    final = Index(builder, loop.results[0])
    with builder.loop(0, extent) as loop:
        line.deliver(loop.index, items.place(final + loop.index))
    return ()


def _digit(line: Line, key: SSAValue, number: Index) -> Index:
    """A digit of a key, counted from the lowest."""
    builder, kind = line.builder, line.lines.key_type
    shift = builder.add(arith.IndexCastOp((number * DIGIT_BITS).ssa, kind))
    moved = builder.binary(arith.ShRUIOp, key, shift)
    return as_index(builder, builder.binary(arith.AndIOp, moved, builder.number(BUCKETS - 1, kind)))


def _count_digits(line: Line, counts: SSAValue, digits: int) -> None:
    """How often each digit occurs, at each position in the keys."""
    builder, one = line.builder, line.builder.number(1, i32)
    lanes = line.lines.kernel.lanes_of(i32)
    with builder.loop(0, digits * BUCKETS, lanes) as loop:
        builder.store(builder.broadcast(builder.zero(i32), lanes), counts, loop.index)
    with builder.loop(0, line.lines.extent) as loop:
        key = line.items.key(loop.index)
        for number in range(digits):
            at = _digit(line, key, builder.index(number)) + number * BUCKETS
            builder.store(builder.binary(arith.AddiOp, builder.load(counts, at), one), counts, at)


def _add_up(builder: LoopBuilder, counts: SSAValue, first: Index) -> None:
    """Counts become the places where the buckets begin."""
    with builder.loop(0, BUCKETS, carried=[builder.zero(i32)]) as loop:
        count = builder.load(counts, first + loop.index)
        builder.store(loop.carried[0], counts, first + loop.index)
        loop.carry([builder.binary(arith.AddiOp, loop.carried[0], count)])
