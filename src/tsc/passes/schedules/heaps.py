"""Heaps of items, the greatest key first: what `ops/selection.py` does with heaps, as loops."""

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tsc.dialects.loop_index import Index
from tsc.passes.schedules.flow import Values, below, indices, repeat_while, select_index
from tsc.passes.schedules.order_lines import Items

Item = tuple[SSAValue, SSAValue]


def make_heap(items: Items, first: Index, size: Index) -> None:
    """Bring `size` items into the order of a heap."""
    with items.builder.loop(0, size // 2) as loop:
        parent = size // 2 - loop.index - 1
        sift(items, first, parent, size, items.item(first + parent))


def sort_heap(items: Items, first: Index, size: Index) -> None:
    """The items of a heap from the lowest key to the greatest."""
    with items.builder.loop(0, size - 1) as loop:
        last = size - loop.index - 1
        pop(items, first, last, first + last)


def heap_select(items: Items, first: Index, middle: Index, last: Index) -> None:
    """Bring the lowest keys of all in front of `middle`, as a heap."""
    builder, size = items.builder, middle - first
    make_heap(items, first, size)
    with (
        builder.loop(middle, last) as loop,
        builder.branch(below(builder, items.key(loop.index), items.key(first))),
    ):
        pop(items, first, size, loop.index)


def pop(items: Items, first: Index, size: Index, to: Index) -> None:
    """The greatest goes to `to`; what was there into the heap."""
    item = items.item(to)
    items.put(to, items.item(first))
    sift(items, first, items.builder.index(0), size, item)


def sift(items: Items, first: Index, top: Index, size: Index, item: Item) -> None:
    """Let a hole at `top` sink to a leaf, then `item` rise from there; places count from `first`."""
    hole = _only_child(items, first, size, _sink(items, first, top, size))
    hole = _rise(items, first, top, hole, item[0])
    items.put(first + hole, item)


def _sink(items: Items, first: Index, top: Index, size: Index) -> Index:
    """The greater of two children moves up, as long as there are two."""
    builder = items.builder
    parents = (size - 1) // 2

    def has_two(values: Values) -> tuple[SSAValue, Values]:
        return builder.compare("slt", Index(builder, values[0]), parents), values

    def move_up(values: Values) -> Values:
        right = (Index(builder, values[0]) + 1) * 2
        is_lower = below(builder, items.key(first + right), items.key(first + right - 1))
        child = select_index(builder, is_lower, right - 1, right)
        items.put(first + Index(builder, values[0]), items.item(first + child))
        return [child.ssa]

    return Index(builder, repeat_while(builder, [top.ssa], has_two, move_up)[0])


def _only_child(items: Items, first: Index, size: Index, hole: Index) -> Index:
    """The last item of an even number has no sibling."""
    builder = items.builder
    has_one = builder.compare("eq", hole * 2 + 2, size)
    child = select_index(builder, has_one, hole * 2 + 1, hole)
    with builder.branch(has_one):
        items.put(first + hole, items.item(first + child))
    return child


def _rise(items: Items, first: Index, top: Index, hole: Index, key: SSAValue) -> Index:
    """Parents with lower keys move down."""
    builder = items.builder

    def is_above(values: Values) -> tuple[SSAValue, Values]:
        hole = Index(builder, values[0])
        is_inside = builder.compare("sgt", hole, top)
        parent = select_index(builder, is_inside, hole - 1, top) // 2
        is_lower = below(builder, items.key(first + parent), key)
        return builder.binary(arith.AndIOp, is_inside, is_lower), [hole.ssa, parent.ssa]

    def move_down(values: Values) -> Values:
        hole, parent = indices(builder, values)
        items.put(first + hole, items.item(first + parent))
        return [parent.ssa]

    return Index(builder, repeat_while(builder, [hole.ssa], is_above, move_down)[0])
