"""Ranks of the elements of a short line: each is compared with every other, which has no branches."""

from xdsl.dialects import arith
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder, vector_type
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_order import half_of
from tsc.passes.schedules.flow import as_index, below, compare
from tsc.passes.schedules.order_lines import Line


def store_ranks(line: Line) -> None:
    """Find out how many elements come before each. There is room for twice as many items; the ranks stand
    among the places, in the second half.
    """
    builder, extent, lanes, items = line.builder, line.lines.extent, line.lines.lanes, line.items
    line.fill_items(extent)
    with builder.loop(0, extent, lanes) as block:
        keys = items.key(block.index, lanes)
        own = builder.load(items.places, block.index, lanes)
        zero = builder.broadcast(builder.zero(i32), lanes)
        with builder.loop(0, extent, carried=[zero]) as other:
            key = builder.broadcast(items.key(other.index), lanes)
            place = builder.broadcast(items.place(other.index), lanes)
            is_first = builder.binary(
                arith.AndIOp, compare(builder, "eq", key, keys), below(builder, place, own)
            )
            is_before = builder.binary(arith.OrIOp, below(builder, key, keys), is_first)
            other.carry([builder.binary(arith.AddiOp, other.carried[0], _counted(builder, is_before, lanes))])
        builder.store(other.results[0], items.places, _second_half(line) + block.index)


def rank_of(line: Line, at: Index) -> Index:
    """The rank of an element."""
    return as_index(line.builder, line.items.place(_second_half(line) + at))


def _second_half(line: Line) -> Index:
    return line.builder.index(half_of(line.lines.extent))


def _counted(builder: LoopBuilder, flags: SSAValue, lanes: int) -> SSAValue:
    """Flags as numbers."""
    kind = i32 if lanes == 1 else vector_type(i32, lanes)
    return builder.add(arith.ExtUIOp.create(operands=[flags], result_types=[kind]))
