"""Schedule of `tsc.cholesky`: the upper factor, block after block of rows, which lie along memory."""

from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import EXACT, LoopBuilder
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_matrices import CholeskyOp
from tsc.passes.schedules.flow import compare_floats
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
    less_product,
    tiles,
    vectors_of,
)
from tsc.passes.schedules.substitution import Rows, Substitution

ROW_BY_ROW = 64
"""What is done at one time: much of the work waits for the row before."""


def emit_cholesky(kernel: ScheduleBuilder, op: CholeskyOp) -> None:
    """The factors of all batches. A lower one is the transpose of the upper one of the transpose."""
    size = shape_of(op.operands[0])[1]
    with each_matrix(kernel, op, ROW_BY_ROW) as batch:
        source, target = (Matrix.of(kernel, v, batch) for v in (op.operands[0], op.results[0]))
        copy(kernel, source, target, size * size)
        if not op.flag("upper"):
            _mirror(kernel.builder, target, size)
        _Factor(kernel, target, size, Info.of(kernel, op.results[1], batch)).emit()
        if not op.flag("upper"):
            _mirror(kernel.builder, target.transposed, size)
        _clear(kernel.builder, target if op.flag("upper") else target.transposed, size)


def _mirror(builder: LoopBuilder, matrix: Matrix, size: int) -> None:
    """What is below the diagonal, above it: some columns at a time, so that as many rows are written to."""
    with builder.loop(0, size, BLOCK) as blocks:
        first, last = blocks.index, blocks.index + BLOCK
        with builder.loop(first + 1, size) as rows, builder.loop(first, rows.index.minimum(last)) as columns:
            matrix.put(matrix.element(rows.index, columns.index), columns.index, rows.index)


def _clear(builder: LoopBuilder, matrix: Matrix, size: int) -> None:
    """Zeros below the diagonal."""
    with builder.loop(1, size) as rows, builder.loop(0, rows.index) as columns:
        matrix.put(builder.zero(matrix.type), rows.index, columns.index)


@dataclass(frozen=True)
class _Factor:
    """The upper factor of what is in the upper triangle, in its place; what is below means nothing."""

    kernel: ScheduleBuilder
    matrix: Matrix
    size: int
    info: Info

    def emit(self) -> None:
        """Factor block after block, and take the products of its rows from what is below it."""
        by_blocks(self.kernel, self.size, self._diagonal, self._beside)

    def _diagonal(self, first: Index, count: int) -> None:
        """Factor a block on the diagonal, row after row."""
        builder, matrix = self.kernel.builder, self.matrix
        block = Tile(first, tuple(vectors_of(self.kernel, matrix.type, count)))
        with builder.loop(0, count) as loop:
            row = first + loop.index
            square = matrix.element(row, row)
            self.info.note(_is_not_positive(builder, square), row)
            root = _root(builder, square)
            values: list[SSAValue] = []
            for column, lanes in block.places():
                value = matrix.vector(row, column, lanes)
                values.append(builder.binary(arith.DivfOp, value, builder.broadcast(root, lanes)))
                matrix.put(values[-1], row, column)
            with builder.loop(loop.index + 1, count) as below:
                factor = matrix.element(row, first + below.index)
                for value, (column, lanes) in zip(values, block.places(), strict=True):
                    left = matrix.vector(first + below.index, column, lanes)
                    left = less_product(builder, left, factor, value)
                    matrix.put(left, first + below.index, column)

    def _beside(self, first: Index) -> None:
        """What is to the right of a block, and what is below that down to the diagonal."""
        builder, matrix = self.kernel.builder, self.matrix
        substitution = Substitution(builder, matrix.transposed, matrix, matrix, Rows(first), is_unit=False)
        following, rows = first + BLOCK, self.size // ROWS * ROWS
        for tile in tiles(self.kernel, matrix.type, following, self.size):
            substitution.solve(BLOCK, tile)
            stop = (tile.column + (tile.width + ROWS - 1)) // ROWS * ROWS
            with builder.loop(following, stop.minimum(rows), ROWS) as loop:
                substitution.reduce(loop.index, ROWS, BLOCK, tile)
            if rows < self.size:
                substitution.reduce(builder.index(rows), self.size - rows, BLOCK, tile)


def _root(builder: LoopBuilder, value: SSAValue) -> SSAValue:
    op = math.SqrtOp.create(operands=[value], result_types=[value.type], properties={"fastmath": EXACT})
    return builder.add(op)


def _is_not_positive(builder: LoopBuilder, value: SSAValue) -> SSAValue:
    """NaN is not."""
    return compare_floats(builder, "ule", value, builder.zero(value.type))
