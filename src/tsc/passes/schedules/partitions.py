"""Introselect and introsort of items: what `ops/selection.py` does by partitions, as loops."""

from collections.abc import Callable

from xdsl.dialects import arith
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import Index
from tsc.ops.selection import SHORT
from tsc.passes.schedules.flow import (
    Values,
    as_index,
    below,
    choose,
    indices,
    repeat_while,
    select,
    select_index,
)
from tsc.passes.schedules.heaps import heap_select, sort_heap
from tsc.passes.schedules.order_lines import Items

Condition = Callable[[SSAValue], SSAValue]
FEWEST = 3
"""Items that are not partitioned to find one of them."""


def depth_limit(count: int) -> int:
    """After so many partitions of so many items, heaps are taken."""
    return 2 * (count.bit_length() - 1)


def nth_element(items: Items, nth: int, count: int) -> None:
    """Of `count` items, the one that belongs at `nth` is there, and what comes before it in front."""
    builder = items.builder
    wanted = builder.index(nth)

    def is_long(values: Values) -> tuple[SSAValue, Values]:
        first, last, _ = indices(builder, values)
        return builder.compare("sgt", last - first, FEWEST), values

    def narrow(values: Values) -> Values:
        first, last, depth = indices(builder, values)

        def by_heap() -> Values:
            heap_select(items, first, wanted + 1, last)
            items.swap(first, wanted)
            return [first.ssa, first.ssa, depth.ssa]

        def by_partition() -> Values:
            cut = _partition(items, first, last)
            goes_right = builder.compare("sle", cut, wanted)
            low, high = (
                select_index(builder, goes_right, cut, first),
                select_index(builder, goes_right, last, cut),
            )
            return [low.ssa, high.ssa, (depth - 1).ssa]

        return choose(builder, builder.compare("eq", depth, 0), by_heap, by_partition)

    start = [builder.index_constant(n) for n in (0, count, depth_limit(count))]
    first, last, _ = indices(builder, repeat_while(builder, start, is_long, narrow))
    _insertion_sort(items, first, last)


def sort_items(items: Items, count: int) -> None:
    """The first `count` items in order."""
    if count > SHORT:
        _sort_coarsely(items, count)
    _insertion_sort(items, items.builder.index(0), items.builder.index(count))


def _sort_coarsely(items: Items, count: int) -> None:
    """Partition until pieces are short; those that wait are on a stack, no two of the same depth."""
    builder, deepest = items.builder, depth_limit(count)
    stack = _Stack(builder, deepest + 1)
    stack.put(builder.index(0), [builder.index(n) for n in (0, count, deepest)])

    def is_any_left(values: Values) -> tuple[SSAValue, Values]:
        return builder.compare("sgt", Index(builder, values[0]), 0), values

    def take(values: Values) -> Values:
        height = Index(builder, values[0]) - 1
        first, last, depth = stack.get(height)
        return [_split(items, stack, height, first, last, depth).ssa]

    repeat_while(builder, [builder.index_constant(1)], is_any_left, take)


def _split(items: Items, stack: "_Stack", height: Index, first: Index, last: Index, depth: Index) -> Index:
    """Partition one piece, its right part each time onto the stack; the height of that afterwards."""
    builder = items.builder

    def is_long(values: Values) -> tuple[SSAValue, Values]:
        return builder.compare("sgt", Index(builder, values[0]) - first, SHORT), values

    def go_on(values: Values) -> Values:
        last, depth, height = indices(builder, values)

        def by_heap() -> Values:
            heap_select(items, first, last, last)
            sort_heap(items, first, last - first)
            return [first.ssa, depth.ssa, height.ssa]

        def by_partition() -> Values:
            cut = _partition(items, first, last)
            stack.put(height, [cut, last, depth - 1])
            return [cut.ssa, (depth - 1).ssa, (height + 1).ssa]

        return choose(builder, builder.compare("eq", depth, 0), by_heap, by_partition)

    return Index(builder, repeat_while(builder, [last.ssa, depth.ssa, height.ssa], is_long, go_on)[2])


class _Stack:
    """Pieces that wait: where each begins and ends, and how often it may still be partitioned."""

    def __init__(self, builder: LoopBuilder, most: int) -> None:
        self.builder = builder
        self.memory = builder.scratch(i64, 3 * most)

    def put(self, height: Index, numbers: list[Index]) -> None:
        """Write an entry."""
        for position, number in enumerate(numbers):
            value = self.builder.add(arith.IndexCastOp(number.ssa, i64))
            self.builder.store(value, self.memory, height * 3 + position)

    def get(self, height: Index) -> list[Index]:
        """Read one."""
        loaded = [self.builder.load(self.memory, height * 3 + position) for position in range(3)]
        return [as_index(self.builder, value) for value in loaded]


def _partition(items: Items, first: Index, last: Index) -> Index:
    """Split around the median of three, which stands at `first`; where the second part begins.

    Neither scan leaves the piece: of the three, one is no lower than the median and one no greater.
    """
    builder = items.builder
    middle = first + (last - first) // 2
    items.swap(first, _median(items, first + 1, middle, last - 1))
    pivot = items.key(first)

    def have_not_met(values: Values) -> tuple[SSAValue, Values]:
        low = _scan(items, Index(builder, values[0]), 1, lambda key: below(builder, key, pivot))
        high = _scan(items, Index(builder, values[1]) - 1, -1, lambda key: below(builder, pivot, key))
        return builder.compare("slt", low, high), [low.ssa, high.ssa]

    def exchange(values: Values) -> Values:
        low, high = indices(builder, values)
        items.swap(low, high)
        return [(low + 1).ssa, high.ssa]

    return Index(builder, repeat_while(builder, [(first + 1).ssa, last.ssa], have_not_met, exchange)[0])


def _scan(items: Items, start: Index, step: int, goes_on: Condition) -> Index:
    """The first place, in one direction, whose key does not let the scan go on."""
    builder = items.builder

    def test(values: Values) -> tuple[SSAValue, Values]:
        return goes_on(items.key(Index(builder, values[0]))), values

    def advance(values: Values) -> Values:
        return [(Index(builder, values[0]) + step).ssa]

    return Index(builder, repeat_while(builder, [start.ssa], test, advance)[0])


def _median(items: Items, a: Index, b: Index, c: Index) -> Index:
    """Which of three has the key in the middle."""
    builder = items.builder
    keys = [items.key(at) for at in (a, b, c)]
    is_lower = below(builder, keys[0], keys[1])
    low, high = select_index(builder, is_lower, a, b), select_index(builder, is_lower, b, a)
    low_key, high_key = (
        select(builder, is_lower, keys[0], keys[1]),
        select(builder, is_lower, keys[1], keys[0]),
    )
    rest = select_index(builder, below(builder, low_key, keys[2]), c, low)
    return select_index(builder, below(builder, high_key, keys[2]), high, rest)


def _insertion_sort(items: Items, first: Index, last: Index) -> None:
    builder = items.builder
    with builder.loop(first + 1, last) as loop:
        key, place = items.item(loop.index)

        def is_greater(values: Values) -> tuple[SSAValue, Values]:
            at = Index(builder, values[0])
            is_inside = builder.compare("sgt", at, first)
            before = select_index(builder, is_inside, at - 1, first)
            is_lower = below(builder, key, items.key(before))
            return builder.binary(arith.AndIOp, is_inside, is_lower), values

        def move(values: Values) -> Values:
            at = Index(builder, values[0])
            items.put(at, items.item(at - 1))
            return [(at - 1).ssa]

        hole = Index(builder, repeat_while(builder, [loop.index.ssa], is_greater, move)[0])
        items.put(hole, (key, place))
