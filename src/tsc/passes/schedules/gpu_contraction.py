"""GPU schedule of `contraction` kernels: a block computes a tile from slices in shared memory."""

from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith, func, math
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.loop_index import Index
from tsc.passes.schedules.body import Access, Point, locate
from tsc.passes.schedules.contraction import ContractionEmitter
from tsc.passes.schedules.contraction_plan import ContractionPlan, plan_contraction, widening_casts
from tsc.passes.schedules.gpu_kernel import THREADS, GpuKernelBuilder
from tsc.passes.schedules.kernel import unflatten

SIDE = 16
"""Threads of a block along rows, and along columns."""
ROWS = 4
"""Rows one thread accumulates."""
DEPTH = 16
"""Steps along the depth that are in shared memory at one time."""


def gpu_contraction(model: KernelModel, target: Target) -> func.FuncOp:
    """A block per tile of 64 rows and one panel of columns."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    stage = model.reductions[0]
    if all(stage.sizes[d] for d in stage.kept):
        plan = plan_contraction(kernel)
        TileEmitter(kernel, plan, ContractionEmitter.create(kernel, plan)).emit()
    return kernel.finish()


@dataclass
class TileEmitter:
    """Writes the loops of one block."""

    kernel: GpuKernelBuilder
    plan: ContractionPlan
    scalar: ContractionEmitter

    @property
    def columns(self) -> int:
        """Columns one thread accumulates."""
        return max(1, self.plan.width // SIDE)

    def emit(self) -> None:
        """Blocks are numbered by batch entry, row tile and panel."""
        plan, kernel, builder = self.plan, self.kernel, self.kernel.builder
        rows = prod(plan.rows)
        tiles = -(-rows // (SIDE * ROWS))
        shape = (prod(plan.batch), tiles, plan.panel_count)
        kernel.blocks = prod(shape)
        entry, tile, panel = unflatten(builder, kernel.block_number(), shape)
        batch = tuple(unflatten(builder, entry, plan.batch))
        data = kernel.shared(plan.element, DEPTH * SIDE * ROWS)
        weights = kernel.shared(plan.element, DEPTH * plan.width)
        thread = kernel.thread()
        start = (entry * plan.panel_count + panel) * (plan.depth_size * plan.width)
        zero = self.scalar.zero(1)
        count = -(-plan.depth_size // DEPTH) * DEPTH
        with builder.loop(0, count, DEPTH, [zero] * (ROWS * self.columns)) as loop:
            self._load_data(data, batch, tile * (SIDE * ROWS), loop.index, thread)
            self._load_weights(weights, start, loop.index, thread)
            kernel.barrier()
            loop.carry(self._multiply(data, weights, thread, loop.carried))
            kernel.barrier()
        self._store(batch, tile * (SIDE * ROWS), panel, thread, loop.results)

    def _load_data(
        self, shared: SSAValue, batch: tuple[Index, ...], first: Index, step: Index, thread: Index
    ) -> None:
        """``shared[k][row]``; steps beyond the depth are zero, rows beyond the last repeat it."""
        plan, builder = self.plan, self.kernel.builder
        rows = SIDE * ROWS
        for part in range(DEPTH * rows // THREADS):
            number = thread + part * THREADS
            k, row = number % DEPTH, number // DEPTH
            at = (first + row).minimum(prod(plan.rows) - 1)
            dims = (*batch, *unflatten(builder, at, plan.rows), *(builder.index(0) for _ in plan.columns))
            depth = (step + k).minimum(plan.depth_size - 1)
            place = locate(builder, plan.data.address, dims)
            sizes = [loop.size for loop in plan.depth]
            for index, loop in zip(unflatten(builder, depth, sizes), plan.depth, strict=True):
                place = place + index * loop.stride
            value = self._cast(builder.load(plan.data.buffer, place), 0)
            inside = builder.compare("slt", step + k, plan.depth_size)
            value = builder.add(arith.SelectOp(inside, value, builder.zero(plan.element)))
            builder.store(value, shared, k * rows + row)

    def _load_weights(self, shared: SSAValue, start: Index, step: Index, thread: Index) -> None:
        """``shared[k][column]``: consecutive in the panel."""
        plan, builder = self.plan, self.kernel.builder
        buffer = self.kernel.memory[plan.contraction.weights.value].buffer
        total = plan.depth_size * plan.width
        for part in range(-(-DEPTH * plan.width // THREADS)):
            number = thread + part * THREADS
            at = step * plan.width + number
            value = self._cast(builder.load(buffer, start + at.minimum(total - 1)), 1)
            inside = builder.compare("slt", at, total)
            value = builder.add(arith.SelectOp(inside, value, builder.zero(plan.element)))
            if (part + 1) * THREADS <= DEPTH * plan.width:
                builder.store(value, shared, number)
                continue
            with builder.branch(builder.compare("slt", number, DEPTH * plan.width)):
                builder.store(value, shared, number)

    def _multiply(
        self, data: SSAValue, weights: SSAValue, thread: Index, sums: list[SSAValue]
    ) -> list[SSAValue]:
        """All steps that are in shared memory, for the rows and columns of this thread."""
        builder, columns = self.kernel.builder, self.columns
        row, column = (thread // SIDE) * ROWS, (thread % SIDE) * columns
        result = list(sums)
        for k in range(DEPTH):
            a = [builder.load(data, row + (k * SIDE * ROWS + i)) for i in range(ROWS)]
            b = [builder.load(weights, column + (k * self.plan.width + j)) for j in range(columns)]
            for i in range(ROWS):
                for j in range(columns):
                    result[i * columns + j] = self._multiply_add(a[i], b[j], result[i * columns + j])
        return result

    def _multiply_add(self, a: SSAValue, b: SSAValue, c: SSAValue) -> SSAValue:
        builder = self.kernel.builder
        if isinstance(self.plan.element, AnyFloat):
            return builder.add(math.FmaOp(a, b, c))
        return builder.binary(arith.AddiOp, builder.binary(arith.MuliOp, a, b), c)

    def _cast(self, value: SSAValue, operand: int) -> SSAValue:
        cast: Operation | None = widening_casts(self.plan.contraction)[operand]
        if cast is None:
            return value
        element: Attribute = self.plan.element
        op = type(cast).create(operands=[value], result_types=[element], properties=dict(cast.properties))
        return self.kernel.builder.add(op)

    def _store(
        self, batch: tuple[Index, ...], first: Index, panel: Index, thread: Index, sums: list[SSAValue]
    ) -> None:
        """Rows and columns that exist, through the epilogue."""
        plan, builder, columns = self.plan, self.kernel.builder, self.columns
        row = first + (thread // SIDE) * ROWS
        column = panel * plan.width + (thread % SIDE) * columns
        for i in range(ROWS):
            for j in range(columns):
                inside = builder.compare("slt", row + i, prod(plan.rows))
                known = builder.compare("slt", column + j, prod(plan.columns))
                with builder.branch(builder.binary(arith.AndIOp, inside, known)):
                    places = (
                        *batch,
                        *unflatten(builder, row + i, plan.rows),
                        *unflatten(builder, column + j, plan.columns),
                    )
                    point = Point(places, len(places) - 1, 1)
                    loaded: dict[Access, SSAValue] = {}
                    self.scalar.store_row(point, sums[i * columns + j], loaded)
