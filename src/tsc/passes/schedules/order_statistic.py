"""Schedule of `tsc.order_statistic`: a key is found bit by bit, by counting keys; or ranks tell."""

from xdsl.dialects import arith
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import vector_type
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_order import BLOCK_ITEMS, OrderStatisticOp, rounded_up
from tsc.passes.schedules.body import Access, Point, load
from tsc.passes.schedules.flow import Values, as_index, below, compare, repeat_while, select
from tsc.passes.schedules.order_lines import Line, Lines
from tsc.passes.schedules.ranks import rank_of, store_ranks
from tsc.passes.schedules.scatter import operand_access

SHORT = 32
"""Elements of a line up to which each is compared with every other."""
BLOCK = 4
"""Vectors that are counted in one round of the loop: their sums do not wait for each other."""


def emit_order_statistic(lines: Lines, op: OrderStatisticOp) -> None:
    """One element of each line."""
    extent, ranks = lines.extent, operand_access(lines.kernel, op.ranks)
    with lines.each(2 * extent * op.key_bits / lines.lanes) as line:
        rank = _rank(line, ranks)
        if extent <= SHORT:
            _by_rank(line, rank)
        else:
            _by_bits(line, rank)


def _by_rank(line: Line, wanted: Index) -> None:
    builder = line.builder
    store_ranks(line)
    with (
        builder.loop(0, line.lines.extent) as loop,
        builder.branch(builder.compare("eq", rank_of(line, loop.index), wanted)),
    ):
        line.deliver(builder.index(0), loop.index.ssa)


def _by_bits(line: Line, rank: Index) -> None:
    line.fill_items(line.lines.extent, has_places=False)
    _pad(line)
    key, earlier = _find_key(line, rank)
    line.deliver(line.builder.index(0), _find_place(line, key, rank - earlier).ssa)


def _rank(line: Line, ranks: Access | SSAValue) -> Index:
    builder = line.builder
    if isinstance(ranks, Access):
        ranks = load(builder, ranks, Point((line.batch, line.column), 1))
    return as_index(builder, ranks).maximum(0).minimum(line.lines.extent - 1)


def _pad(line: Line) -> None:
    """The highest key, which is below none, up to a whole number of blocks."""
    builder, kind = line.builder, line.lines.key_type
    extent = line.lines.extent
    with builder.loop(extent, rounded_up(extent, _block(line))) as loop:
        builder.store(builder.number(-1, kind), line.items.keys, loop.index)


def _lanes(line: Line) -> int:
    return line.lines.kernel.lanes_of(line.lines.key_type)


def _block(line: Line) -> int:
    """Elements of a block; slots have room for whole blocks of `BLOCK_ITEMS`."""
    return min(BLOCK * _lanes(line), BLOCK_ITEMS)


def _find_key(line: Line, rank: Index) -> tuple[SSAValue, Index]:
    """The greatest key that no more than `rank` others are below, and how many are."""
    builder, kind, bits = line.builder, line.lines.key_type, line.lines.op.key_bits
    start = [builder.zero(kind), builder.index_constant(0)]
    with builder.loop(0, bits, carried=start) as loop:
        found, earlier = loop.carried
        number = builder.add(arith.IndexCastOp((builder.index(bits - 1) - loop.index).ssa, kind))
        bit = builder.binary(arith.ShLIOp, builder.number(1, kind), number)
        tried = builder.binary(arith.OrIOp, found, bit)
        count = _count_below(line, tried)
        fits = builder.compare("sle", count, rank)
        loop.carry([select(builder, fits, tried, found), select(builder, fits, count.ssa, earlier)])
    return loop.results[0], Index(builder, loop.results[1])


def _count_below(line: Line, key: SSAValue) -> Index:
    builder, kind, lanes = line.builder, line.lines.key_type, _lanes(line)
    vectors = _block(line) // lanes
    limit = builder.broadcast(key, lanes)
    zeros = [builder.broadcast(builder.zero(kind), lanes)] * vectors
    stop = rounded_up(line.lines.extent, _block(line))
    with builder.loop(0, stop, _block(line), carried=zeros) as loop:
        flags = [below(builder, line.items.key(loop.index + n * lanes, lanes), limit) for n in range(vectors)]
        wide = kind if lanes == 1 else vector_type(kind, lanes)
        counts = [builder.add(arith.ExtUIOp.create(operands=[f], result_types=[wide])) for f in flags]
        pairs = zip(loop.carried, counts, strict=True)
        loop.carry([builder.binary(arith.AddiOp, total, count) for total, count in pairs])
    total = loop.results[0]
    for other in loop.results[1:]:
        total = builder.binary(arith.AddiOp, total, other)
    return as_index(builder, builder.reduce(total, "add"))


def _find_place(line: Line, key: SSAValue, skipped: Index) -> Index:
    """The place of an element with this key, after so many others that have it too."""
    builder = line.builder

    def is_another(values: Values) -> tuple[SSAValue, Values]:
        at, left = values
        here = Index(builder, at)
        same = compare(builder, "eq", line.items.key(here), key)
        rest = builder.binary(arith.SubiOp, left, builder.add(arith.ExtUIOp(same, i64)))
        more = builder.add(arith.CmpiOp(rest, builder.zero(i64), "sge"))
        inside = builder.compare("slt", here, line.lines.extent - 1)
        return builder.binary(arith.AndIOp, more, inside), [at, rest]

    def go_on(values: Values) -> Values:
        return [(Index(builder, values[0]) + 1).ssa, values[1]]

    left = builder.add(arith.IndexCastOp(skipped.ssa, i64))
    return Index(builder, repeat_while(builder, [builder.index_constant(0), left], is_another, go_on)[0])
