"""Reshapes that cost nothing: the layout under which the same memory is seen in another shape."""

from xdsl.dialects import tensor

from tsc.analysis.layouts import Layout, layout_of


def view_layout(layout: Layout, op: tensor.CollapseShapeOp | tensor.ExpandShapeOp) -> Layout | None:
    """The layout of the result of `op` over the memory of its operand, or None where elements would have to move."""
    plain = layout_of(op.result.type)
    result = Layout.row_major(plain.shape, plain.element)
    if layout.panels is not None or layout.has_halo:
        return None
    if layout.is_row_major:
        return result
    groups = [[i.value.data for i in group.data] for group in op.reassociation.data]
    if isinstance(op, tensor.ExpandShapeOp):
        return result.with_order([d for source in layout.order for d in groups[source]])
    return _collapsed(layout, result, groups)


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
