"""Schedule of `scatter` kernels: a copy of the base, then the writes in order, whole vectors along a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, func
from xdsl.dialects.linalg.ops import FillOp
from xdsl.ir import SSAValue

from tsc.analysis.affine import Address
from tsc.analysis.kernel_model import KernelModel, body_cost
from tsc.analysis.layouts import element_bytes
from tsc.analysis.target import Target
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import INDEX, Index
from tsc.dialects.tsc import ScatterOp
from tsc.dims import is_known, is_one
from tsc.errors import CodegenError
from tsc.passes.schedules.body import Access, BodyEmitter, Point, load, store, uniform_value
from tsc.passes.schedules.gpu_kernel import GpuKernelBuilder
from tsc.passes.schedules.kernel import ScheduleBuilder, pieces, rest_loops, unflatten

UNCERTAIN = 4
"""Simple operations that a write costs beside those of its vectors: nobody knows where it goes."""
NARROWEST = 4
"""Bytes of an element for which vectors are chosen, where elements have fewer: bodies compute in 32 bits."""


def schedule_scatter(model: KernelModel, target: Target) -> func.FuncOp:
    """Batches are independent, and shared among chunks."""
    kernel = ScheduleBuilder.create(model, target)
    scatter = ScatterEmitter.create(kernel)
    with (
        kernel.chunks(scatter.batches, scatter.cost) as (first, last),
        kernel.builder.loop(first, last) as loop,
    ):
        scatter.copy(loop.index)
        scatter.write(loop.index)
    return kernel.finish()


def gpu_scatter(model: KernelModel, target: Target) -> func.FuncOp:
    """A thread for each column of each batch, which goes down the column: so writes keep their order."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    scatter = ScatterEmitter.create(kernel)
    if scatter.batches * scatter.size:
        with kernel.each(scatter.batches * scatter.size) as number:
            batch, column = unflatten(kernel.builder, number, (scatter.batches, scatter.size))
            with kernel.builder.loop(0, scatter.rows) as loop:
                scatter.copy_part(batch, loop.index, column, 1)
            with kernel.builder.loop(0, scatter.count) as loop:
                scatter.write_part(batch, loop.index, scatter.row(batch, loop.index), column, 1)
    return kernel.finish()


@dataclass
class ScatterEmitter:
    """Writes the loops; `batches` of `rows` times `size` elements, in each `count` writes of a row."""

    kernel: ScheduleBuilder
    op: ScatterOp
    base: Access | SSAValue
    positions: Access | SSAValue
    values: Access | SSAValue
    """What fills an operand may also be one number; of no positions, any."""
    result: Access
    batches: int
    rows: int
    size: int
    count: int

    @staticmethod
    def create(kernel: ScheduleBuilder) -> "ScatterEmitter":
        """Read the only operation of the kernel.

        Raises:
            CodegenError: the kernel is another one.
        """
        (result,) = kernel.model.results
        op = result.owner
        if not isinstance(op, ScatterOp):
            raise CodegenError(f"scatter: requires one tsc.scatter; got {result}")
        (batches, rows, size), (_, writes), (_, count, _) = (shape_of(v) for v in op.operands)
        count = (count if is_one(writes) else writes) if rows * size and writes and count else 0
        base, positions, values, written = (operand_access(kernel, v) for v in (*op.operands, result))
        assert isinstance(written, Access)
        positions = (
            _repeated(positions, shape_of(op.positions)) if isinstance(positions, Access) else positions
        )
        values = _repeated(values, shape_of(op.values)) if isinstance(values, Access) else values
        return ScatterEmitter(kernel, op, base, positions, values, written, batches, rows, size, count)

    @property
    def lanes(self) -> int:
        """Elements of a row per vector."""
        widest = max(element_bytes(a.type) for a in self.op.body.args)
        return self.kernel.target.lanes(8 * max(widest, NARROWEST))

    @property
    def cost(self) -> float:
        """Simple operations of a batch."""
        if not all(map(is_known, (self.rows, self.size, self.count))):
            body = body_cost(self.op.body) + 3
            return self.size * (self.rows + self.count * body) // self.lanes + self.count * UNCERTAIN
        write = self.size * (body_cost(self.op.body) + 3) / self.lanes + UNCERTAIN
        return self.rows * self.size / self.lanes + self.count * write

    def copy(self, batch: Index) -> None:
        """Bring the rows of a batch into the result."""
        builder = self.kernel.builder
        strides = [a.address.strides for a in (self.base, self.result) if isinstance(a, Access)]
        if all(s[2] == 1 and s[1] == self.size for s in strides):
            first = builder.index(0)
            self._line(self.rows * self.size, lambda at, lanes: self.copy_part(batch, first, at, lanes))
            return
        with builder.loop(0, self.rows) as row:
            self._line(self.size, lambda at, lanes: self.copy_part(batch, row.index, at, lanes))

    def write(self, batch: Index) -> None:
        """All writes into a batch, in order."""
        with self.kernel.builder.loop(0, self.count) as loop:
            row = self.row(batch, loop.index)
            self._line(self.size, lambda at, lanes: self.write_part(batch, loop.index, row, at, lanes))

    def _line(self, extent: int, emit: Callable[[Index, int], None]) -> None:
        """Whole vectors along memory, then smaller ones."""
        builder, lanes = self.kernel.builder, self.lanes
        if not is_known(extent):
            for loop, part in rest_loops(builder, 0, extent, lanes):
                emit(loop.index, part)
            return
        whole = extent // lanes * lanes
        with builder.loop(0, whole, lanes) as loop:
            emit(loop.index, lanes)
        for start, part in pieces(extent - whole):
            emit(builder.index(whole + start), part)

    def row(self, batch: Index, write: Index) -> Index:
        """Where a write goes: never outside."""
        builder = self.kernel.builder
        found = self._read(self.positions, Point((batch, write), 1))
        at = Index(builder, builder.add(arith.IndexCastOp(found, INDEX)))
        # In this order: of a size that is found to be 0, there is still room for an element.
        return at.minimum(self.rows - 1).maximum(0)

    def copy_part(self, batch: Index, row: Index, column: Index, lanes: int) -> None:
        """Bring some neighbours into the result."""
        point = Point((batch, row, column), 2, lanes)
        store(self.kernel.builder, self._read(self.base, point), self.result, point)

    def write_part(self, batch: Index, write: Index, row: Index, column: Index, lanes: int) -> None:
        """Do (a part of) one write to some neighbours."""
        builder, body = self.kernel.builder, self.op.body
        place, source = Point((batch, row, column), 2, lanes), Point((batch, write, column), 2, lanes)
        reads = zip(body.args, (self.result, self.values), (place, source), strict=True)
        arguments = [self._read(access, at) if a.first_use else None for a, access, at in reads]
        last = body.last_op
        assert last is not None
        made = BodyEmitter(builder, lanes, (), None, {}).run_block(body, arguments, last.operands)
        store(builder, made[0], self.result, place)

    def _read(self, operand: Access | SSAValue, point: Point) -> SSAValue:
        return load(self.kernel.builder, operand, point) if isinstance(operand, Access) else operand


def operand_access(kernel: ScheduleBuilder, value: SSAValue) -> Access | SSAValue:
    """A tensor in memory, or the number it is filled with."""
    if isinstance(value.owner, FillOp):
        return uniform_value(kernel.builder, value.owner.inputs[0])
    memory = kernel.memory[value]
    return Access(memory.buffer, Address(memory.layout.base, memory.layout.strides))


def _repeated(operand: Access, shape: Sequence[int]) -> Access:
    """Dims of one element are read again and again."""
    strides = zip(shape, operand.address.strides, strict=True)
    repeated = tuple(0 if n == 1 else stride for n, stride in strides)
    return Access(operand.buffer, Address(operand.address.offset, repeated))
