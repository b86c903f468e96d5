"""Schedule of `tsc.triangular_solve`: row after row, a tile of columns at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder, width_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_matrices import TriangularSolveOp
from tsc.passes.schedules.kernel import ScheduleBuilder
from tsc.passes.schedules.matrix_rows import ROWS, Matrix, Tile, each_matrix, less_product, tiles

NARROW_ROWS = 2 * ROWS
"""Rows at one time of a single vector: sums that do not wait for each other."""

IN_REGISTERS = 256
"""What is done at one time: most of the work is sums that stay in registers."""


def emit_triangular_solve(kernel: ScheduleBuilder, op: TriangularSolveOp) -> None:
    """The solutions of all batches."""
    _, size, columns = shape_of(op.right)
    start = size - 1 if op.runs_up else 0
    with each_matrix(kernel, op, IN_REGISTERS) as batch:
        factor, source, target = (Matrix.of(kernel, v, batch) for v in (*op.operands, op.results[0]))
        factor = factor.transposed if op.flag("transposed") else factor
        rows = Rows(kernel.builder.index(start), op.runs_up)
        substitution = Substitution(kernel.builder, factor, source, target, rows, op.flag("unit"))
        for tile in tiles(kernel, target.type, kernel.builder.index(0), columns):
            substitution.solve(size, tile)


@dataclass(frozen=True)
class Rows:
    """Rows from one on, downwards or upwards."""

    first: Index
    runs_up: bool = False

    def at(self, number: Index | int) -> Index:
        """The row of a number."""
        return self.first - number if self.runs_up else self.first + number


@dataclass(frozen=True)
class Substitution:
    """Rows of `target`, which are those of `source` less products of a triangle with the rows before."""

    builder: LoopBuilder
    factor: Matrix
    source: Matrix
    target: Matrix
    rows: Rows
    is_unit: bool

    def solve(self, count: int, tile: Tile) -> None:
        """The first rows of the solution, in some columns."""
        together = ROWS if len(tile.vectors) > 1 else NARROW_ROWS
        whole = count // together * together
        if whole:
            with self.builder.loop(0, whole, together) as loop:
                self._solve_rows(loop.index, together, tile)
        if whole < count:
            self._solve_rows(self.builder.index(whole), count - whole, tile)

    def _solve_rows(self, first: Index, count: int, tile: Tile) -> None:
        rows = [self.rows.at(first + i) for i in range(count)]
        values = self._remaining(rows, first, tile)
        for i, row in enumerate(rows):
            for before, known in zip(rows[:i], values[:i], strict=True):
                factor = self.factor.element(row, before)
                values[i] = [
                    less_product(self.builder, v, factor, k) for v, k in zip(values[i], known, strict=True)
                ]
            if not self.is_unit:
                values[i] = self._divided(values[i], self.factor.element(row, row))
            self._store(values[i], row, tile)

    def reduce(self, row: Index, count: int, depth: int, tile: Tile) -> None:
        """Some rows beyond the first `depth`, of which the products with those are taken."""
        rows = [row + i for i in range(count)]
        values = self._remaining(rows, self.builder.index(depth), tile)
        for at, value in zip(rows, values, strict=True):
            self._store(value, at, tile)

    def _remaining(self, rows: Sequence[Index], depth: Index, tile: Tile) -> list[list[SSAValue]]:
        """What is left of `rows` of the source: they stay in registers while the first `depth` rows of the
        target go by.
        """
        vectors = len(tile.vectors)
        given = [self.source.vector(row, column, lanes) for row in rows for column, lanes in tile.places()]
        if depth.known != 0:
            with self.builder.loop(0, depth, carried=given) as loop:
                at = self.rows.at(loop.index)
                known = [self.target.vector(at, column, lanes) for column, lanes in tile.places()]
                left: list[SSAValue] = []
                for i, row in enumerate(rows):
                    factor = self.factor.element(row, at)
                    totals = loop.carried[i * vectors : (i + 1) * vectors]
                    left += [
                        less_product(self.builder, t, factor, k) for t, k in zip(totals, known, strict=True)
                    ]
                loop.carry(left)
            given = loop.results
        return [given[i * vectors : (i + 1) * vectors] for i in range(len(rows))]

    def _divided(self, values: Sequence[SSAValue], divisor: SSAValue) -> list[SSAValue]:
        wide = {n: self.builder.broadcast(divisor, n) for n in {width_of(v.type) for v in values}}
        return [self.builder.binary(arith.DivfOp, v, wide[width_of(v.type)]) for v in values]

    def _store(self, values: Sequence[SSAValue], row: Index, tile: Tile) -> None:
        for value, (column, _) in zip(values, tile.places(), strict=True):
            self.target.put(value, row, column)
