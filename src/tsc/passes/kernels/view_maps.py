"""Reshapes that cost nothing: the layout under which the same memory is seen in another shape."""

from xdsl.dialects import tensor

from tsc.analysis.layouts import Layout, layout_of


def view_layout(layout: Layout, op: tensor.CollapseShapeOp | tensor.ExpandShapeOp) -> Layout | None:
    """The layout of the result of `op` over the memory of its operand, or None where elements would have to
    move.
    """
    plain = layout_of(op.result.type)
    result = Layout.row_major(plain.shape, plain.element)
    groups = [[i.value.data for i in group.data] for group in op.reassociation.data]
    if layout.panels is not None:
        return None
    if layout.is_row_major:
        return result
    if isinstance(op, tensor.ExpandShapeOp):
        return _expanded(layout, result, groups)
    return _collapsed(layout, result, groups) if not layout.has_halo else None


def _expanded(layout: Layout, result: Layout, groups: list[list[int]]) -> Layout | None:
    """A halo must be around dims that stay whole."""
    low, high = ([0] * len(result.shape) for _ in range(2))
    for source, group in enumerate(groups):
        if not layout.low[source] and not layout.high[source]:
            continue
        if len(group) != 1:
            return None
        low[group[0]], high[group[0]] = layout.low[source], layout.high[source]
    order = [d for source in layout.order for d in groups[source]]
    return result.with_order(order).with_halo(low, high)


def halo_through(
    op: tensor.CollapseShapeOp | tensor.ExpandShapeOp, low: tuple[int, ...], high: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The halo the operand of a reshape needs so that its result has this one (none where dims are split or
    joined).
    """
    groups = [[i.value.data for i in group.data] for group in op.reassociation.data]
    rank = len(layout_of(op.src.type).shape)
    if not isinstance(op, tensor.ExpandShapeOp):
        return (0,) * rank, (0,) * rank
    whole = [group[0] if len(group) == 1 else None for group in groups]
    return tuple(0 if d is None else low[d] for d in whole), tuple(0 if d is None else high[d] for d in whole)


def _collapsed(layout: Layout, result: Layout, groups: list[list[int]]) -> Layout | None:
    """Every group must lie together in memory, in its own order; dims of size one lie anywhere."""
    memory = [d for d in layout.order if layout.shape[d] != 1]
    position: list[tuple[int, int]] = []
    for number, group in enumerate(groups):
        wide = [d for d in group if layout.shape[d] != 1]
        if not wide:
            position.append((-1, number))
            continue
        start = memory.index(wide[0])
        if memory[start : start + len(wide)] != wide:
            return None
        position.append((start, number))
    return result.with_order([number for _, number in sorted(position)])
