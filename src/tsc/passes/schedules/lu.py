"""Schedules of `tsc.lu`, block after block of columns, and of `tsc.exchange_rows`."""

from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import EXACT, LoopBuilder
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_matrices import ExchangeRowsOp, LuOp
from tsc.dims import is_one
from tsc.passes.schedules.cholesky import ROW_BY_ROW
from tsc.passes.schedules.flow import as_index, compare, compare_floats, select
from tsc.passes.schedules.kernel import ScheduleBuilder
from tsc.passes.schedules.matrix_rows import (
    BLOCK,
    ROWS,
    Info,
    Matrix,
    Tile,
    by_blocks,
    copy,
    each_matrix,
    exchange,
    less_product,
    tiles,
    vectors_of,
)
from tsc.passes.schedules.substitution import Rows, Substitution

SMALLEST, LARGER = {32: 2.0**-120, 64: 2.0**-1010}, 2.0**30
"""What has an inverse that is a number; and by what smaller pivots, and what is divided by them, are
multiplied before.
"""


def emit_exchange_rows(kernel: ScheduleBuilder, op: ExchangeRowsOp) -> None:
    """The rows of all batches."""
    builder = kernel.builder
    _, rows, columns = shape_of(op.source)
    with each_matrix(kernel, op, ROW_BY_ROW) as batch:
        source, target = (Matrix.of(kernel, v, batch) for v in (op.source, op.results[0]))
        pivots = _Pivots.of(kernel, op.pivots, batch)
        copy(kernel, source, target, rows * columns)
        with builder.loop(0, rows) as loop:
            row = builder.index(rows - 1) - loop.index if op.flag("backwards") else loop.index
            exchange(kernel, target, row, pivots.row(row, rows), columns)


@dataclass(frozen=True)
class _Pivots:
    """With which row, counted from 1, each one was exchanged."""

    builder: LoopBuilder
    buffer: SSAValue
    base: Index

    @staticmethod
    def of(kernel: ScheduleBuilder, value: SSAValue, batch: Index) -> "_Pivots":
        """Those of one matrix."""
        batches, rows = shape_of(value)
        base = kernel.builder.index(0) if is_one(batches) else batch * rows
        return _Pivots(kernel.builder, kernel.memory[value].buffer, base)

    def row(self, number: Index, rows: int) -> Index:
        """The row that one was exchanged with."""
        found = as_index(self.builder, self.builder.load(self.buffer, self.base + number))
        return found.minimum(rows).maximum(1) - 1

    def put(self, number: Index, row: Index) -> None:
        """Say with which row one is exchanged."""
        value = self.builder.add(arith.IndexCastOp((row + 1).ssa, i32))
        self.builder.store(value, self.buffer, self.base + number)


def emit_lu(kernel: ScheduleBuilder, op: LuOp) -> None:
    """The factors of all batches."""
    size = shape_of(op.operands[0])[1]
    packed, pivots, info = op.results
    with each_matrix(kernel, op, ROW_BY_ROW) as batch:
        source, target = (Matrix.of(kernel, v, batch) for v in (op.operands[0], packed))
        copy(kernel, source, target, size * size)
        places = _Pivots.of(kernel, pivots, batch)
        _Factors(kernel, target, size, places, Info.of(kernel, info, batch)).emit()


@dataclass(frozen=True)
class _Factors:
    """Both factors of a matrix, in its place."""

    kernel: ScheduleBuilder
    matrix: Matrix
    size: int
    pivots: _Pivots
    info: Info

    def emit(self) -> None:
        """Factor block after block of columns, and take the products from what is to the right of it."""
        by_blocks(self.kernel, self.size, self._columns, self._beside)

    def _columns(self, first: Index, count: int) -> None:
        """Factor a block of columns, one after the other, with all that is below the diagonal."""
        builder, matrix = self.kernel.builder, self.matrix
        with builder.loop(0, count) as loop:
            at = first + loop.index
            row, size = self._pivot(at)
            self.pivots.put(at, row)
            self.info.note(compare_floats(builder, "oeq", size, builder.zero(size.type)), at)
            exchange(self.kernel, matrix, at, row, self.size)
            self._eliminate(Tile(first, tuple(vectors_of(self.kernel, matrix.type, count))), loop.index, size)

    def _pivot(self, at: Index) -> tuple[Index, SSAValue]:
        """The row with the largest element in a column, from the diagonal on, and how large it is."""
        builder = self.kernel.builder
        with builder.loop(at + 1, self.size, carried=[at.ssa, self._size(at, at)]) as loop:
            row, largest = loop.carried
            size = self._size(loop.index, at)
            is_larger = compare_floats(builder, "ogt", size, largest)
            loop.carry(
                [select(builder, is_larger, loop.index.ssa, row), select(builder, is_larger, size, largest)]
            )
        return Index(builder, loop.results[0]), loop.results[1]

    def _size(self, row: Index, column: Index) -> SSAValue:
        value = self.matrix.element(row, column)
        op = math.AbsFOp.create(operands=[value], result_types=[value.type], properties={"fastmath": EXACT})
        return self.kernel.builder.add(op)

    def _eliminate(self, block: Tile, number: Index, size: SSAValue) -> None:
        """Divide what is below a pivot by it, and take multiples of its row from the rows below; to the right
        of its column alone.
        """
        builder, matrix = self.kernel.builder, self.matrix
        at = block.column + number
        scale, inverse = self._inverse(matrix.element(at, at), size)
        top = [matrix.vector(at, column, lanes) for column, lanes in block.places()]
        sides = [self._sides(offset, lanes, number) for offset, lanes in block.vectors]
        with builder.loop(at + 1, self.size) as loop:
            factor = builder.binary(arith.MulfOp, matrix.element(loop.index, at), scale)
            factor = builder.binary(arith.MulfOp, factor, inverse)
            for value, (column, lanes), (is_right, is_here) in zip(top, block.places(), sides, strict=True):
                before = matrix.vector(loop.index, column, lanes)
                after = less_product(builder, before, factor, value)
                left = select(builder, is_here, builder.broadcast(factor, lanes), before)
                matrix.put(select(builder, is_right, after, left), loop.index, column)

    def _sides(self, offset: int, lanes: int, number: Index) -> tuple[SSAValue, SSAValue]:
        """Which lanes of a vector are to the right of a column of the block, and which one is in it."""
        builder = self.kernel.builder
        if lanes == 1:
            places = builder.index(offset).ssa
        else:
            first = builder.broadcast(builder.index(offset).ssa, lanes)
            places = builder.binary(arith.AddiOp, builder.steps(lanes), first)
        wanted = builder.broadcast(number.ssa, lanes)
        return compare(builder, "ugt", places, wanted), compare(builder, "eq", places, wanted)

    def _inverse(self, pivot: SSAValue, size: SSAValue) -> tuple[SSAValue, SSAValue]:
        """Two numbers that dividing by a pivot is multiplying by; ones, where it is zero."""
        builder, kind = self.kernel.builder, pivot.type
        zero, one = builder.zero(kind), builder.number(1, kind)
        smallest = builder.number(SMALLEST[kind.bitwidth], kind)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        is_small = compare_floats(builder, "olt", size, smallest)
        scale = select(builder, is_small, builder.number(LARGER, kind), one)
        divisor = builder.binary(arith.MulfOp, pivot, scale)
        is_zero = compare_floats(builder, "oeq", size, zero)
        divisor = select(builder, is_zero, one, divisor)
        scale = select(builder, is_zero, one, scale)
        return scale, builder.binary(arith.DivfOp, one, divisor)

    def _beside(self, first: Index) -> None:
        """What is to the right of a block of columns."""
        builder, matrix = self.kernel.builder, self.matrix
        substitution = Substitution(builder, matrix, matrix, matrix, Rows(first), is_unit=True)
        following, rows = first + BLOCK, self.size // ROWS * ROWS
        for tile in tiles(self.kernel, matrix.type, following, self.size):
            substitution.solve(BLOCK, tile)
            with builder.loop(following, rows, ROWS) as loop:
                substitution.reduce(loop.index, ROWS, BLOCK, tile)
            if rows < self.size:
                substitution.reduce(builder.index(rows), self.size - rows, BLOCK, tile)
