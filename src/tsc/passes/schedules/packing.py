"""Schedule of `pack` kernels: a matrix operand is copied into the panels that a contraction reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import func
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from tsc.analysis.affine import Address, LoopOrder, merge_loops
from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.loop_index import Index
from tsc.dims import certainly_equal, is_known
from tsc.errors import CodegenError
from tsc.passes.schedules.body import Access, Point, load
from tsc.passes.schedules.kernel import ScheduleBuilder, pieces, rest_loops, unflatten
from tsc.passes.schedules.transpose import load_transposed


def schedule_pack(model: KernelModel, target: Target) -> func.FuncOp:
    """One argument, one packed result of the same logical shape."""
    kernel = ScheduleBuilder.create(model, target)
    source, sizes, width = pack_source(kernel)
    result = Access(kernel.memory[model.results[0]].buffer, Address(0, ()))
    if all(n for group in sizes[:2] for n in group) and prod(sizes[2]):
        PackEmitter(kernel, source, result, sizes, width).emit()
    return kernel.finish()


Sizes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Trip counts of the batch, column and depth loops."""


def pack_source(kernel: ScheduleBuilder) -> tuple[Access, Sizes, int]:
    """The source over its batch, column and depth loops, their sizes, and the width of a panel.

    Raises:
        CodegenError: the kernel is not one copy into a packed result.
    """
    model = kernel.model
    source, result = kernel.memory[model.arguments[0]], kernel.memory[model.results[0]]
    panels = result.layout.panels
    if panels is None or len(model.stages) != 1:
        raise CodegenError(f"{model.func.sym_name.data}: requires one copy into a packed result")
    (stage,) = model.stages
    address = kernel.address(stage.inputs[0], stage.sizes)
    loops = stage.outputs[0].map.results
    batch, columns, depth = groups = [
        merge_loops(stage.sizes, [address], _loops(loops, dims), set())
        for dims in (panels.batch, panels.columns, panels.depth)
    ]
    order = LoopOrder(tuple(g for m in groups for g in m.groups), tuple(n for m in groups for n in m.sizes))
    sizes = (batch.sizes, columns.sizes, depth.sizes)
    return Access(source.buffer, order.apply(address)), sizes, panels.width


def _loops(expressions: Sequence[AffineExpr], dims: Sequence[int]) -> list[int]:
    """The loops that index some dims of the result (none for a dim of size one)."""
    chosen = (expressions[d] for d in dims)
    return [e.position for e in chosen if isinstance(e, AffineDimExpr)]


@dataclass
class PackEmitter:
    """Writes the copy. `sizes` are the trip counts of the batch, column and depth loops of the source's
    address.
    """

    kernel: ScheduleBuilder
    source: Access
    target: Access
    sizes: Sizes
    width: int

    def emit(self) -> None:
        """Chunks over batch entries and panels."""
        batch, columns, depth = (prod(s) for s in self.sizes)
        builder, count = self.kernel.builder, -(-columns // self.width)
        with (
            self.kernel.chunks(batch * count, 2 * self.width * depth) as (first, last),
            builder.loop(first, last) as loop,
        ):
            entry, panel = unflatten(builder, loop.index, (batch, count))
            outer = tuple(unflatten(builder, entry, self.sizes[0]))
            start = loop.index * (depth * self.width)
            if not is_known(columns):
                self._symbolic_panel(outer, panel, start, columns)
                return
            self._whole_or_last(outer, panel, start, count, columns - (count - 1) * self.width)

    def _whole_or_last(
        self, outer: tuple[Index, ...], panel: Index, start: Index, count: int, tail: int
    ) -> None:
        """The last panel holds `tail` columns."""
        builder = self.kernel.builder
        if tail == self.width or count == 1:
            self._panel(outer, panel, start, tail)
            return
        with builder.branch(builder.compare("slt", panel, count - 1)) as branch:
            self._panel(outer, panel, start, self.width)
        with builder.otherwise(branch):
            self._panel(outer, panel, start, tail)

    def _symbolic_panel(self, outer: tuple[Index, ...], panel: Index, start: Index, columns: int) -> None:
        """A panel, of which perhaps only some columns are there: the others are zero."""
        builder, whole = self.kernel.builder, columns // self.width
        with builder.branch(builder.compare("slt", panel, whole)) as branch:
            self._panel(outer, panel, start, self.width)
        with builder.otherwise(branch):
            self._zeros(start, self.width)
            for loop, lanes in rest_loops(builder, 0, columns - whole * self.width, self._lanes()):
                self._columns(outer, panel * self.width + loop.index, start + loop.index, lanes)

    def _panel(self, outer: tuple[Index, ...], panel: Index, start: Index, columns: int) -> None:
        """All depth steps of one panel, vector by vector; what lies beyond `columns` is zero."""
        lanes = self._lanes()
        for first in range(0, self.width, lanes):
            valid = min(lanes, columns - first)
            for offset, part in pieces(max(0, valid)):
                column = panel * self.width + (first + offset)
                self._columns(outer, column, start + (first + offset), part)
            if valid < lanes:
                self._zeros(start + (first + max(0, valid)), lanes - max(0, valid))

    def _lanes(self) -> int:
        lanes = self.kernel.lanes_of(self.kernel.memory[self.kernel.model.results[0]].layout.element)
        while lanes > 1 and self.width % lanes:
            lanes //= 2
        inner = self.sizes[1][-1]
        if len(self.sizes[1]) > 1 and not is_known(inner):
            return 1
        while lanes > 1 and len(self.sizes[1]) > 1 and inner % lanes:
            lanes //= 2
        return lanes

    def _columns(self, outer: tuple[Index, ...], column: Index, start: Index, lanes: int) -> None:
        """`lanes` columns of a panel over the whole depth."""
        builder, (_, columns, depth) = self.kernel.builder, self.sizes
        at = (*outer, *unflatten(builder, column, columns))
        total, last = prod(depth), len(at) + len(depth) - 1
        if lanes > 1 and self.source.address.strides[last] == 1 and certainly_equal(depth[-1] % lanes, 0):
            self._blocks(at, start, lanes, total // lanes)
            return
        with builder.loop(0, total) as loop:
            dims = (*at, *unflatten(builder, loop.index, depth))
            value = load(builder, self.source, Point(dims, len(at) - 1, lanes))
            builder.store(value, self.target.buffer, start + loop.index * self.width)

    def _blocks(self, at: tuple[Index, ...], start: Index, lanes: int, count: int) -> None:
        """The source lies along the depth: square blocks are turned in registers."""
        builder, depth = self.kernel.builder, self.sizes[2]
        with builder.loop(0, count) as loop:
            step = loop.index * lanes
            dims = (*at, *unflatten(builder, step, depth))
            point = Point(dims, len(at) - 1, lanes)
            rows = load_transposed(builder, self.source, point, len(dims) - 1, lanes)
            for number, row in enumerate(rows):
                builder.store(row, self.target.buffer, start + (step + number) * self.width)

    def _zeros(self, start: Index, count: int) -> None:
        builder = self.kernel.builder
        element = self.kernel.memory[self.kernel.model.results[0]].layout.element
        with builder.loop(0, prod(self.sizes[2])) as loop:
            for offset, part in pieces(count):
                zero = builder.broadcast(builder.zero(element), part)
                builder.store(zero, self.target.buffer, start + loop.index * self.width + offset)
