"""What the schedules of matrices share: rows and elements in memory, and tiles of columns."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import i32
from xdsl.ir import Attribute, SSAValue

from tsc.dialects.loop_builder import EXACT, LoopBuilder, element_of, is_vector
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_matrices import MatrixOp
from tsc.dims import is_one
from tsc.passes.schedules.flow import compare, select
from tsc.passes.schedules.kernel import ScheduleBuilder, pieces

ROWS = 4
"""Rows that are computed at one time: each has some vectors in registers."""
BLOCK = 16
"""Rows of a block: a multiple of `ROWS`, and of the lanes of any vector."""
ELEMENTS_AT_ONCE = 8
"""Elements that are moved in the time of one simple operation, about: a chunk should be tens of microseconds
of work, for which it is worth while to wake a thread.
"""


@dataclass(frozen=True)
class Matrix:
    """A matrix in a flat buffer, or its transpose."""

    builder: LoopBuilder
    buffer: SSAValue
    base: Index
    """Where it begins."""
    stride: int
    """Elements from one row to the next."""
    is_transposed: bool = False

    @staticmethod
    def of(kernel: ScheduleBuilder, value: SSAValue, batch: Index) -> "Matrix":
        """One of the matrices of a tensor; the only one, where that is for all."""
        batches, rows, columns = shape_of(value)
        base = kernel.builder.index(0) if is_one(batches) else batch * (rows * columns)
        return Matrix(kernel.builder, kernel.memory[value].buffer, base, columns)

    @property
    def transposed(self) -> "Matrix":
        """The transpose."""
        return replace(self, is_transposed=not self.is_transposed)

    @property
    def type(self) -> Attribute:
        """The type of an element."""
        return element_of(self.buffer.type)

    def element(self, row: Index, column: Index) -> SSAValue:
        """One element."""
        return self.builder.load(self.buffer, self._at(row, column))

    def vector(self, row: Index, column: Index, lanes: int) -> SSAValue:
        """Some neighbours in a row."""
        return self.builder.load(self.buffer, self._at(row, column), lanes)

    def put(self, value: SSAValue, row: Index, column: Index) -> None:
        """Store one element, or some neighbours in a row."""
        self.builder.store(value, self.buffer, self._at(row, column))

    def _at(self, row: Index, column: Index) -> Index:
        major, minor = (column, row) if self.is_transposed else (row, column)
        return self.base + major * self.stride + minor


@dataclass(frozen=True)
class Tile:
    """Neighbouring columns: how far each vector of them is from the first one, and its lanes."""

    column: Index
    vectors: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        offset, lanes = self.vectors[-1]
        return offset + lanes

    def places(self) -> Generator[tuple[Index, int]]:
        """The first column of each vector, and its lanes."""
        for offset, lanes in self.vectors:
            yield self.column + offset, lanes


def most_vectors(kernel: ScheduleBuilder) -> int:
    """Vectors of a tile: what registers there are for `ROWS` rows of them, and what they are computed of."""
    return 4 if kernel.target.vector_registers >= 32 else 2


def tiles(kernel: ScheduleBuilder, element: Attribute, start: Index, stop: int) -> Generator[Tile]:
    """Loops over the columns from `start`, a multiple of the lanes of a vector, to `stop`: wide tiles of
    vectors, single vectors, and what is left.
    """
    builder, lanes = kernel.builder, kernel.lanes_of(element)
    most, whole = most_vectors(kernel), stop // lanes * lanes
    rest = [(offset, width) for offset, width in pieces(stop - whole)]
    wide = tuple((lanes * i, lanes) for i in range(most))
    middle = start + (builder.index(whole) - start) // (lanes * most) * (lanes * most)
    if start.known is not None and middle.known is not None:
        if start.known < middle.known:
            with builder.loop(start, middle, lanes * most) as loop:
                yield Tile(loop.index, wide)
        single = (whole - middle.known) // lanes
        left = [(lanes * i, lanes) for i in range(single)] + [(lanes * single + o, n) for o, n in rest]
        for at in range(0, len(left), most):
            part = left[at : at + most]
            first = part[0][0]
            yield Tile(middle + first, tuple((offset - first, n) for offset, n in part))
        return
    if whole > 0:
        with builder.loop(start, middle, lanes * most) as loop:
            yield Tile(loop.index, wide)
        with builder.loop(middle, whole, lanes) as loop:
            yield Tile(loop.index, ((0, lanes),))
    if rest:
        yield Tile(builder.index(whole), tuple(rest))


@contextmanager
def each_matrix(kernel: ScheduleBuilder, op: MatrixOp, at_once: int) -> Generator[Index]:
    """A loop over the batches of the first result, shared among chunks; so many floating-point operations
    take the time of one simple operation, about.
    """
    batches, rows, columns = shape_of(op.results[0])
    cost = op.operations / at_once + rows * columns / ELEMENTS_AT_ONCE
    with kernel.chunks(batches, cost) as (first, last), kernel.builder.loop(first, last) as loop:
        yield loop.index


def by_blocks(
    kernel: ScheduleBuilder, size: int, factor: Callable[[Index, int], None], beside: Callable[[Index], None]
) -> None:
    """Factor block after block, and do what is to be done beside each that is whole."""
    builder, whole = kernel.builder, size // BLOCK * BLOCK
    if whole:
        with builder.loop(0, whole, BLOCK) as loop:
            factor(loop.index, BLOCK)
            if size > BLOCK:
                beside(loop.index)
    if whole < size:
        factor(builder.index(whole), size - whole)


def copy(kernel: ScheduleBuilder, source: Matrix, target: Matrix, count: int) -> None:
    """All `count` elements."""
    builder, lanes = kernel.builder, kernel.lanes_of(source.type)
    whole = count // lanes * lanes

    def move(at: Index, width: int) -> None:
        value = builder.load(source.buffer, source.base + at, width)
        builder.store(value, target.buffer, target.base + at)

    if whole:
        with builder.loop(0, whole, lanes) as loop:
            move(loop.index, lanes)
    for offset, width in pieces(count - whole):
        move(builder.index(whole + offset), width)


def exchange(kernel: ScheduleBuilder, matrix: Matrix, first: Index, second: Index, columns: int) -> None:
    """Two rows, if they are two."""
    builder = kernel.builder
    with builder.branch(builder.compare("ne", first, second)):
        for tile in tiles(kernel, matrix.type, builder.index(0), columns):
            for column, lanes in tile.places():
                a, b = (matrix.vector(row, column, lanes) for row in (first, second))
                matrix.put(b, first, column)
                matrix.put(a, second, column)


def less_product(builder: LoopBuilder, total: SSAValue, factor: SSAValue, value: SSAValue) -> SSAValue:
    """``total - factor * value``, rounded once; the factor is one number."""
    negative = builder.add(arith.NegfOp(factor, EXACT))
    if is_vector(value):
        return builder.fma(builder.broadcast_to(negative, value.type.get_shape()[0]), value, total)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    op = math.FmaOp.create(
        operands=[negative, value, total], result_types=[total.type], properties={"fastmath": EXACT}
    )
    return builder.add(op)


@dataclass(frozen=True)
class Info:
    """What is told of one matrix: the first place where something was wrong."""

    builder: LoopBuilder
    buffer: SSAValue
    batch: Index

    @staticmethod
    def of(kernel: ScheduleBuilder, value: SSAValue, batch: Index) -> "Info":
        """That of a matrix, of which nothing is known yet."""
        info = Info(kernel.builder, kernel.memory[value].buffer, batch)
        kernel.builder.store(kernel.builder.zero(i32), info.buffer, batch)
        return info

    def note(self, is_wrong: SSAValue, place: Index) -> None:
        """Something may be wrong at a place, which is counted from 1."""
        builder = self.builder
        before = builder.load(self.buffer, self.batch)
        is_first = builder.binary(arith.AndIOp, is_wrong, compare(builder, "eq", before, builder.zero(i32)))
        number = builder.add(arith.IndexCastOp((place + 1).ssa, i32))
        builder.store(select(builder, is_first, number, before), self.buffer, self.batch)


def vectors_of(kernel: ScheduleBuilder, element: Attribute, count: int) -> Sequence[tuple[int, int]]:
    """`count` neighbours as vectors: where each begins, and its lanes."""
    return pieces(count, kernel.lanes_of(element))
