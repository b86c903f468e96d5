"""The multiply-add micro-kernel: a tile of accumulators and the loops along the depth that fill it."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, VectorType
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.dialects.loop_builder import LoopBuilder, vector_type
from tsc.dialects.loop_index import Index
from tsc.dims import certainly_equal, is_known, planned
from tsc.passes.schedules.tiles import Tile

UNROLL = 4


@dataclass(frozen=True)
class DepthLoop:
    """One loop along the depth: its trip count, and the distance of its steps in the data."""

    size: int
    stride: int


@dataclass(frozen=True)
class MicroKernel:
    """Accumulates ``data[row, k] * weights[k, column]`` over the whole depth.

    Weights lie in panels, ``tile.vectors`` vectors for each step along the depth, the loops in the order of
    `depth`.
    `casts` widen an element of data and weights (None: they are of the accumulators' type).
    """

    builder: LoopBuilder
    data: SSAValue
    weights: SSAValue
    depth: Sequence[DepthLoop]
    tile: Tile
    lanes: int
    element: Attribute
    casts: tuple[Operation | None, Operation | None] = (None, None)

    @property
    def vector_type(self) -> VectorType[Attribute]:
        """The type of an accumulator."""
        return vector_type(self.element, self.lanes)

    def run(self, rows: Sequence[Index], weights: Index, initial: Sequence[SSAValue]) -> list[SSAValue]:
        """The accumulators (row by row) after the whole depth; `rows` are where the data of each row
        starts.
        """
        ways = self.tile.ways if self._splits() else 1
        zero = self.builder.broadcast(self.builder.zero(self.element), self.lanes)
        sums = [*initial, *[zero] * ((ways - 1) * len(initial))]
        sums = self._loops(0, list(rows), weights, sums, ways)
        count = len(initial)
        result = sums[:count]
        for way in range(1, ways):
            result = [
                self._add(a, b) for a, b in zip(result, sums[way * count : (way + 1) * count], strict=True)
            ]
        return result

    def _splits(self) -> bool:
        """Whether the innermost loop is long enough for several copies of the accumulators."""
        return self.tile.ways > 1 and planned(self.depth[-1].size) >= 2 * self.tile.ways

    def _width(self) -> int:
        return self.tile.vectors * self.lanes

    def _loops(
        self, level: int, rows: list[Index], weights: Index, sums: list[SSAValue], ways: int
    ) -> list[SSAValue]:
        """The loops from `level` inwards."""
        loop_ = self.depth[level]
        if level == len(self.depth) - 1:
            return self.innermost(rows, weights, sums, ways)
        inner = self._width()
        for loop in self.depth[level + 1 :]:
            inner *= loop.size
        with self.builder.loop(0, loop_.size, 1, sums) as loop:
            offset = loop.index * loop_.stride
            moved = [offset + row for row in rows]
            loop.carry(self._loops(level + 1, moved, weights + loop.index * inner, loop.carried, ways))
        return loop.results

    def innermost(
        self, rows: Sequence[Index], weights: Index, sums: Sequence[SSAValue], ways: int
    ) -> list[SSAValue]:
        """The accumulators after the innermost loop along the depth: unrolled steps; a short loop is unrolled
        whole.
        """
        size, stride = self.depth[-1].size, self.depth[-1].stride
        is_short = is_known(size) and size <= 2 * UNROLL and ways == 1
        unroll = max(1, size) if is_short else max(UNROLL, ways)
        whole = size // unroll * unroll
        if not certainly_equal(whole, 0):
            with self.builder.loop(0, whole, unroll, sums) as loop:
                moved = [loop.index * stride + row for row in rows]
                panel = weights + loop.index * self._width()
                carried = list(loop.carried)
                for step in range(unroll):
                    self._step(moved, panel, step, stride, carried, step % ways)
                loop.carry(carried)
            sums = loop.results
        sums = list(sums)
        if not is_known(size):
            return self._rest(rows, weights, (whole, size), stride, sums)
        for step in range(whole, size):
            self._step(rows, weights, step, stride, sums, 0)
        return sums

    def _rest(
        self, rows: Sequence[Index], weights: Index, steps: tuple[int, int], stride: int, sums: list[SSAValue]
    ) -> list[SSAValue]:
        """The last steps of a loop of unknown length, one by one."""
        with self.builder.loop(*steps, 1, sums) as loop:
            moved = [loop.index * stride + row for row in rows]
            carried = list(loop.carried)
            self._step(moved, weights + loop.index * self._width(), 0, stride, carried, 0)
            loop.carry(carried)
        return loop.results

    def _step(
        self, rows: Sequence[Index], weights: Index, step: int, stride: int, sums: list[SSAValue], way: int
    ) -> None:
        """One value of the depth for all accumulators of one way; updates `sums`."""
        vectors = self.tile.vectors
        columns = [self._weights(weights + (step * self._width() + j * self.lanes)) for j in range(vectors)]
        first = way * len(rows) * vectors
        for i, row in enumerate(rows):
            value = self.builder.broadcast(self._datum(row + stride * step), self.lanes)
            for j, column in enumerate(columns):
                at = first + i * vectors + j
                sums[at] = self._multiply_add(value, column, sums[at])

    def _datum(self, at: Index) -> SSAValue:
        return self._cast(self.builder.load(self.data, at), self.casts[0], self.element)

    def _weights(self, at: Index) -> SSAValue:
        return self._cast(self.builder.load(self.weights, at, self.lanes), self.casts[1], self.vector_type)

    def _cast(self, value: SSAValue, cast: Operation | None, type_: Attribute) -> SSAValue:
        if cast is None:
            return value
        op = type(cast).create(operands=[value], result_types=[type_], properties=dict(cast.properties))
        return self.builder.add(op)

    def _multiply_add(self, a: SSAValue, b: SSAValue, c: SSAValue) -> SSAValue:
        if not isinstance(self.element, AnyFloat):
            return self.builder.binary(arith.AddiOp, self.builder.binary(arith.MuliOp, a, b), c)
        if self.lanes > 1:
            return self.builder.fma(a, b, c)
        return self._add(self.builder.binary(arith.MulfOp, a, b), c)

    def _add(self, a: SSAValue, b: SSAValue) -> SSAValue:
        op = arith.AddfOp if isinstance(self.element, AnyFloat) else arith.AddiOp
        return self.builder.binary(op, a, b)
