"""Schedule of `contraction` kernels: register tiles over packed weights, the epilogue applied before the
one store.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue

from tsc.analysis.cache_lines import rows_collide
from tsc.analysis.kernel_model import KernelModel, Operand, body_cost
from tsc.analysis.layouts import element_bytes
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_index import Index
from tsc.dims import certainly_equal, hint_of, is_known, maximum, minimum
from tsc.passes.schedules.body import Access, Point, load, locate, uniform_value
from tsc.passes.schedules.collected_rows import CollectedRows, can_be_collected
from tsc.passes.schedules.contraction_plan import ContractionPlan, plan_contraction, widening_casts
from tsc.passes.schedules.kernel import LoopFrame, ScheduleBuilder, pieces, rest_loops, unflatten, widened
from tsc.passes.schedules.microkernel import MicroKernel
from tsc.passes.schedules.pointwise_loops import PointEmitter
from tsc.passes.schedules.tiles import RowTiles, Tile, accumulator_ways, cut_rows, rest_tiles, whole_tiles

CHUNKS = 16
"""Chunks of a big contraction."""
CHUNK_FLOPS = 400_000
"""A chunk takes at least about 5 microseconds."""
FLOPS_PER_OPERATION = 8
"""Multiply-adds that take as long as one simple operation on an element (which is bound by memory)."""

DEAR = 12
"""Operations on an element from which an epilogue is dear: an exponential, say."""


@dataclass(frozen=True)
class TileRows:
    """The rows of a tile: `count` of them, and the batch and row indices of each."""

    count: int
    place: Callable[[Index | int], tuple[Index, ...]]

    @property
    def points(self) -> list[tuple[Index, ...]]:
        """The indices of all rows."""
        return [self.place(row) for row in range(self.count)]


def schedule_contraction(model: KernelModel, target: Target) -> func.FuncOp:
    """A (batched) matrix product or convolution with its epilogue.

    Raises:
        CodegenError: the weights are not packed, or loops cannot be told apart.
    """
    kernel = ScheduleBuilder.create(model, target)
    stage = model.reductions[0]
    if all(stage.sizes[d] for d in stage.kept):
        ContractionEmitter.create(kernel, plan_contraction(kernel)).emit()
    return kernel.finish()


@dataclass
class ContractionEmitter:
    """Writes the loops of a planned contraction."""

    kernel: ScheduleBuilder
    plan: ContractionPlan
    epilogue: PointEmitter
    initial: Access | None

    @staticmethod
    def create(kernel: ScheduleBuilder, plan: ContractionPlan) -> "ContractionEmitter":
        """Find where the epilogue's operands lie."""
        stage = plan.contraction.stage
        stages = [s for s in kernel.model.stages if s is not stage]
        accesses: dict[tuple[int, int], Access] = {}
        for number, other in enumerate(stages):
            for position, operand in enumerate((*other.inputs, *other.outputs)):
                if operand.value in kernel.memory:
                    accesses[number, position] = _access(kernel, plan, operand, other.sizes)
        returned = {
            o.value: _access(kernel, plan, o, stage.sizes) for o in stage.outputs if o.value in kernel.memory
        }
        init = stage.inits[0]
        initial = None
        if init is not None and init.value in kernel.memory:
            initial = _access(kernel, plan, init, stage.sizes)
        epilogue = PointEmitter(kernel, stages, LoopFrame(plan.order, accesses), returned)
        return ContractionEmitter(kernel, plan, epilogue, initial)

    def emit(self) -> None:
        """Chunks of cells; a cell is one batch entry, a range of rows, and a range of panels."""
        plan, builder = self.plan, self.kernel.builder
        is_static = is_known(plan.tiled_rows)
        cut = (cut_rows if is_static else whole_tiles)(plan.tiled_rows, plan.tile.rows)
        units = prod(plan.outer_rows) if plan.outer_rows else cut.count
        flops = 2 * prod(plan.rows) * plan.panel_count * plan.width * plan.depth_size
        row_cells, panel_cells = self._cells(units, flops)
        row_step, panel_step = -(-units // row_cells), -(-plan.panel_count // panel_cells)
        shape = (prod(plan.batch), -(-units // row_step), -(-plan.panel_count // panel_step))
        self.kernel.notes.append(f"tile {plan.tile.rows}x{plan.width}")
        if is_known(flops) and all(map(is_known, shape)):
            cost = flops / (2 * FLOPS_PER_OPERATION) / (shape[1] * shape[2])
        else:
            cost = maximum(1, flops // (2 * FLOPS_PER_OPERATION * shape[1] * shape[2]))
        with (
            self.kernel.chunks(prod(shape), cost, CHUNKS) as (first, last),
            builder.loop(first, last) as loop,
        ):
            batch, row, panel = unflatten(builder, loop.index, shape)
            panels = _range(panel, panel_step, plan.panel_count)
            self._cell(
                tuple(unflatten(builder, batch, plan.batch)), _range(row, row_step, units), panels, cut
            )

    def _cells(self, units: int, flops: int) -> tuple[int, int]:
        """Into how many ranges rows and panels are cut: enough chunks, and as little read twice as can be."""
        plan = self.plan
        if not all(map(is_known, (units, flops, plan.panel_count, *plan.batch))):
            batch = prod(plan.batch)
            wanted = maximum(1, minimum(CHUNKS, flops * batch // CHUNK_FLOPS) // batch)
            rows = minimum(units, wanted)
            return rows, minimum(plan.panel_count, -(-wanted // rows))
        wanted = max(1, min(CHUNKS, int(flops * prod(plan.batch) // CHUNK_FLOPS)) // prod(plan.batch))
        data = prod(plan.rows) * plan.depth_size
        weights = plan.panel_count * plan.width * plan.depth_size
        options = [(r, -(-wanted // r)) for r in range(1, wanted + 1)]
        options = [(r, p) for r, p in options if r <= units and p <= plan.panel_count]
        if not options:
            return min(units, wanted), min(plan.panel_count, wanted)
        return min(options, key=lambda o: o[0] * weights + o[1] * data)

    def _cell(
        self, batch: tuple[Index, ...], rows: tuple[Index, Index], panels: tuple[Index, Index], cut: RowTiles
    ) -> None:
        """Small weights stay in the cache while rows pass; big ones are read once, panel by panel."""
        plan, builder = self.plan, self.kernel.builder
        weights = hint_of(plan.panel_count * plan.width * plan.depth_size) * element_bytes(plan.element)
        if 2 * weights <= self.kernel.target.l2_bytes:

            def all_panels(rows: TileRows) -> None:
                with builder.loop(*panels) as inner:
                    self._tile(rows, inner.index)

            self._tiles(batch, rows, cut, all_panels)
            return
        with builder.loop(*panels) as outer:
            self._tiles(batch, rows, cut, lambda tile: self._tile(tile, outer.index))

    def _tiles(
        self,
        batch: tuple[Index, ...],
        rows: tuple[Index, Index],
        cut: RowTiles,
        body: Callable[[TileRows], None],
    ) -> None:
        """`body` for every row tile of a cell: the tall ones first, then those with a row less."""
        builder, outer_rows = self.kernel.builder, self.plan.outer_rows
        if not outer_rows:
            self._tile_range(batch, rows, cut, body)
            return
        with builder.loop(*rows) as loop:
            outer = (*batch, *unflatten(builder, loop.index, outer_rows))
            self._tile_range(outer, (builder.index(0), builder.index(cut.count)), cut, body)

    def _tile_range(
        self,
        outer: tuple[Index, ...],
        tiles: tuple[Index, Index],
        cut: RowTiles,
        body: Callable[[TileRows], None],
    ) -> None:
        builder, (first, last) = self.kernel.builder, tiles
        if not is_known(cut.total):
            self._symbolic_range(outer, tiles, cut, body)
            return
        if cut.tall:
            with builder.loop(first, last.minimum(cut.tall)) as loop:
                body(self._rows(outer, loop.index * (cut.rows + 1), cut.rows + 1))
        if cut.tall < cut.count:
            with builder.loop(first.maximum(cut.tall), last) as loop:
                body(self._rows(outer, loop.index * cut.rows + cut.tall, cut.rows))

    def _symbolic_range(
        self,
        outer: tuple[Index, ...],
        tiles: tuple[Index, Index],
        cut: RowTiles,
        body: Callable[[TileRows], None],
    ) -> None:
        """Whole tiles, and of the last one, if it is not whole, ever smaller parts."""
        builder, (first, last), rows = self.kernel.builder, tiles, cut.rows
        whole = builder.index(cut.total // rows)
        with builder.loop(first, last.minimum(whole)) as loop:
            body(self._rows(outer, loop.index * rows, rows))
        at = whole * rows
        left = (last - whole).maximum(0) * (cut.total - cut.total // rows * rows)
        for part in rest_tiles(rows, is_frequent=bool(self.plan.outer_rows)):
            end = at + (left // part) * part
            with builder.loop(at, end, part) as loop:
                body(self._rows(outer, loop.index, part))
            at, left = end, left % part

    def _rows(self, outer: tuple[Index, ...], start: Index, count: int) -> TileRows:
        """The rows of a tile that starts at tiled row `start`."""
        if not self.plan.flat_rows:
            return TileRows(count, lambda row: (*outer, start + row))
        builder, rows = self.kernel.builder, self.plan.rows
        return TileRows(count, lambda row: (*outer, *unflatten(builder, start + row, rows)))

    def _tile(self, rows: TileRows, panel: Index) -> None:
        """One register tile: some rows, all columns of `panel`."""
        plan, builder, points = self.plan, self.kernel.builder, rows.points
        zeros = tuple(builder.index(0) for _ in plan.columns)
        starts = [locate(builder, plan.data.address, (*point, *zeros)) for point in points]
        weights = self.kernel.memory[plan.contraction.weights.value].buffer
        tile = Tile(len(points), plan.tile.vectors, accumulator_ways(len(points), plan.tile.vectors))
        casts = widening_casts(plan.contraction)
        distance = plan.data.address.strides[len(plan.batch) + len(plan.rows) - 1]
        distance *= element_bytes(element_of(plan.data.buffer.type))
        is_collected = can_be_collected(plan.depth) and rows_collide(len(points), distance)
        kind = CollectedRows if is_collected else MicroKernel
        micro = kind(builder, plan.data.buffer, weights, plan.depth, tile, plan.lanes, plan.element, casts)
        zero = self.zero(plan.lanes)
        sums = micro.run(starts, self._panel_start(points[0], panel), [zero] * (len(points) * tile.vectors))
        self._finish(rows, panel, sums)

    def zero(self, lanes: int) -> SSAValue:
        """What accumulators start from: the number that fills the output tensor (a tensor is added at the
        end).
        """
        plan, builder = self.plan, self.kernel.builder
        init = plan.contraction.stage.inits[0]
        if init is None or self.initial is not None:
            return builder.broadcast(builder.zero(plan.element), lanes)
        return builder.broadcast(uniform_value(builder, init.value), lanes)

    def _panel_start(self, point: tuple[Index, ...], panel: Index) -> Index:
        """Where in the packed weights a panel begins."""
        plan = self.plan
        batch = self.kernel.builder.index(0)
        for index, size in zip(point, plan.batch, strict=False):
            batch = batch * size + index
        return (batch * plan.panel_count + panel) * (plan.depth_size * plan.width)

    def _is_dear(self) -> bool:
        """Whether what follows a sum would take registers from the sums, and be long code for each vector of
        them.
        """
        return sum(body_cost(stage.body) for stage in self.epilogue.stages) >= DEAR

    def _finish(self, rows: TileRows, panel: Index, sums: Sequence[SSAValue]) -> None:
        """Apply the epilogue and store; the last panel may hold fewer columns than it is wide."""
        plan, builder = self.plan, self.kernel.builder
        buffer = self._in_memory(sums) if self._is_dear() else None

        def store(at: Index, columns: int) -> None:
            if buffer is None:
                self._store(rows.points, at, sums, columns)
            else:
                self._store_by_row(rows, at, buffer, columns)

        tail, last = prod(plan.columns) % plan.width, plan.panel_count - 1
        if not is_known(tail):
            with builder.branch(builder.compare("slt", panel, prod(plan.columns) // plan.width)) as branch:
                store(panel, plan.width)
            with builder.otherwise(branch):
                self._symbolic_store(rows.points, panel, buffer or self._in_memory(sums), tail)
        elif not tail or last == 0:
            store(panel, tail or plan.width)
        else:
            with builder.branch(builder.compare("slt", panel, last)) as branch:
                store(panel, plan.width)
            with builder.otherwise(branch):
                store(builder.index(last), tail)

    def _in_memory(self, sums: Sequence[SSAValue]) -> SSAValue:
        """The sums of a tile in a buffer of their own, row by row."""
        builder, lanes = self.kernel.builder, self.plan.lanes
        buffer = builder.scratch(self.plan.element, len(sums) * lanes)
        for number, value in enumerate(sums):
            builder.store(value, buffer, builder.index(number * lanes))
        return buffer

    def _parts(self, columns: int) -> list[tuple[int, int]]:
        """Columns of a tile as (parts of) vectors: where each begins, and its lanes."""
        lanes, most = self.plan.lanes, self._most_lanes()
        return [
            (first + start, part)
            for first in range(0, columns, lanes)
            for start, part in pieces(min(lanes, columns - first), most)
        ]

    def _store_by_row(self, rows: TileRows, panel: Index, buffer: SSAValue, columns: int) -> None:
        """A tile that lies in the nearest cache, in a loop over its rows."""
        plan, builder = self.plan, self.kernel.builder
        with builder.loop(0, rows.count) as loop:
            point = rows.place(loop.index)
            for start, lanes in self._parts(columns):
                column = tuple(unflatten(builder, panel * plan.width + start, plan.columns))
                value = builder.load(buffer, loop.index * plan.width + start, lanes)
                self.store_row(Point((*point, *column), len(plan.order.sizes) - 1, lanes), value, {})

    def _store(
        self, points: Sequence[tuple[Index, ...]], panel: Index, sums: Sequence[SSAValue], columns: int
    ) -> None:
        """The tile, one (part of a) vector of columns after the other; what all rows share is loaded once."""
        plan, builder = self.plan, self.kernel.builder
        for start, lanes in self._parts(columns):
            column = tuple(unflatten(builder, panel * plan.width + start, plan.columns))
            loaded: dict[Access, SSAValue] = {}
            for i, point in enumerate(points):
                value = self._part(
                    sums[i * plan.tile.vectors + start // plan.lanes], start % plan.lanes, lanes
                )
                loaded = {a: v for a, v in loaded.items() if self._is_same_for_all_rows(a)}
                self.store_row(Point((*point, *column), len(plan.order.sizes) - 1, lanes), value, loaded)

    def _most_lanes(self) -> int:
        """How long vectors of columns may be: one ends before the innermost column loop does."""
        plan = self.plan
        if len(plan.columns) > 1 and not is_known(plan.columns[-1]):
            return 1
        inner = plan.columns[-1] if len(plan.columns) > 1 else plan.lanes
        return inner & -inner

    def _symbolic_store(
        self, points: Sequence[tuple[Index, ...]], panel: Index, buffer: SSAValue, columns: int
    ) -> None:
        """The first `columns` of a tile in a buffer, an unknown number of them."""
        plan, builder = self.plan, self.kernel.builder
        most = min(plan.lanes, self._most_lanes())
        for loop, lanes in rest_loops(builder, 0, columns, most):
            column = tuple(unflatten(builder, panel * plan.width + loop.index, plan.columns))
            loaded: dict[Access, SSAValue] = {}
            for i, point in enumerate(points):
                value = builder.load(buffer, loop.index + i * plan.width, lanes)
                loaded = {a: v for a, v in loaded.items() if self._is_same_for_all_rows(a)}
                self.store_row(Point((*point, *column), len(plan.order.sizes) - 1, lanes), value, loaded)

    def store_row(self, at: Point, value: SSAValue, loaded: dict[Access, SSAValue]) -> None:
        """Finish the sums at one point: what they start from, the epilogue, the store."""
        builder = self.kernel.builder
        if self.initial is not None:
            start = builder.broadcast_to(load(builder, self.initial, at), at.lanes)
            op = arith.AddfOp if isinstance(self.plan.element, AnyFloat) else arith.AddiOp
            value = builder.binary(op, value, start)
        result = self.plan.contraction.stage.outputs[0].value
        self.epilogue.emit(at, loaded, {result: value})

    def _is_same_for_all_rows(self, access: Access) -> bool:
        first = len(self.plan.batch)
        loops = range(first, first + len(self.plan.rows))
        return not access.address.terms and all(certainly_equal(access.address.strides[d], 0) for d in loops)

    def _part(self, value: SSAValue, start: int, lanes: int) -> SSAValue:
        """Some lanes of an accumulator."""
        builder = self.kernel.builder
        if lanes == self.plan.lanes:
            return value
        if lanes == 1:
            return builder.extract(value, start)
        return builder.shuffle(value, value, list(range(start, start + lanes)))


def _access(kernel: ScheduleBuilder, plan: ContractionPlan, operand: Operand, sizes: Sequence[int]) -> Access:
    rank = len(plan.contraction.stage.sizes)
    address = widened(kernel.address(operand, sizes), rank)
    return Access(kernel.memory[operand.value].buffer, plan.order.apply(address))


def _range(number: Index, step: int, total: int) -> tuple[Index, Index]:
    first = number * step
    last = first + step
    return first, last if certainly_equal(total % step, 0) else last.minimum(total)
