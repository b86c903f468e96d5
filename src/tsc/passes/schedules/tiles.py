"""Register tiles: how many rows and vectors of columns a multiply-add micro-kernel holds in accumulators."""

from dataclasses import dataclass

from tsc.analysis.target import Target

LATENCY = 4
"""Cycles until a multiply-add's result can be used."""
PER_CYCLE = 2
"""Multiply-adds, and vector loads, a core starts per cycle."""
REST_ROWS = 4
"""Rows of the smaller tiles for what is left of an unknown number of rows; then single rows come."""


@dataclass(frozen=True)
class Tile:
    """`rows` x `vectors` accumulators; `ways` copies of them where there are too few to hide the latency."""

    rows: int
    vectors: int
    ways: int = 1


@dataclass(frozen=True)
class RowTiles:
    """`total` rows as `tall` tiles of ``rows + 1`` followed by tiles of `rows`: two micro-kernels at most."""

    total: int
    count: int
    rows: int
    tall: int

    def start(self, number: int) -> int:
        """The first row of tile `number`."""
        return number * self.rows + min(number, self.tall)


def cut_rows(total: int, most: int) -> RowTiles:
    """The fewest tiles of at most `most` rows, as even as can be."""
    count = max(1, -(-total // most))
    return RowTiles(total, count, total // count, total % count)


def whole_tiles(total: int, most: int) -> RowTiles:
    """Tiles of `most` rows, and perhaps a smaller one: of a symbolic number of rows."""
    return RowTiles(total, -(-total // most), most, 0)


def rest_tiles(rows: int, *, is_frequent: bool = False) -> tuple[int, ...]:
    """The rows of tiles for what is left of an unknown number of rows after tiles of `rows`: few, since each
    is code of its own, unless there is something left again and again.
    """
    if is_frequent:
        return tuple(1 << bit for bit in reversed(range((rows - 1).bit_length())))
    return (REST_ROWS, 1) if rows > REST_ROWS else (1,) if rows > 1 else ()


def step_cycles(rows: int, vectors: int, ways: int = 1) -> float:
    """Cycles of one step along the depth: bound by multiply-adds, by loads, or by latency."""
    products = rows * vectors
    return max(products / PER_CYCLE, (rows + vectors) / PER_CYCLE, LATENCY / ways)


def accumulator_ways(rows: int, vectors: int) -> int:
    """How many copies of the accumulators hide the latency."""
    return max(1, min(4, LATENCY * PER_CYCLE // (rows * vectors)))


def fits(rows: int, vectors: int, registers: int) -> bool:
    """Whether accumulators, one row of weights and one broadcast value fit; a single row reads weights in
    place.
    """
    if rows == 1:
        return vectors + 2 <= registers
    return rows * vectors + vectors + 1 <= registers


def most_rows(target: Target) -> int:
    """The rows that a product of many rows and columns takes together, two vectors of columns wide."""
    return max(r for r in range(1, target.vector_registers) if fits(r, 2, target.vector_registers) or r == 1)


def choose_tile(rows: int, columns: int, depth: int, lanes: int, target: Target) -> Tile:
    """The tile that takes the fewest cycles for a matrix product of these sizes."""
    candidates = [
        (r, v)
        for v in range(1, 9)
        for r in range(1, min(rows, 30) + 1)
        if fits(r, v, target.vector_registers) and (v == 1 or (v - 1) * lanes < columns)
    ]
    best = min(candidates, key=lambda c: (_cycles(rows, columns, depth, lanes, c), -c[0]))
    return Tile(best[0], best[1], accumulator_ways(*best))


def choose_rows(rows: int, vectors: int, depth: int, target: Target) -> Tile:
    """The best number of rows for weights already packed for `vectors` vectors."""
    candidates = [r for r in range(1, min(rows, 30) + 1) if fits(r, vectors, target.vector_registers)]
    best = min(candidates or [1], key=lambda r: (_cycles(rows, vectors, depth, 1, (r, vectors)), -r))
    return Tile(best, vectors, accumulator_ways(best, vectors))


def _cycles(rows: int, columns: int, depth: int, lanes: int, tile: tuple[int, int]) -> float:
    height, vectors = tile
    cut = cut_rows(rows, height)
    panels = -(-columns // (vectors * lanes))
    tall = cut.tall * _tile_cycles(cut.rows + 1, vectors, depth)
    return panels * (tall + (cut.count - cut.tall) * _tile_cycles(cut.rows, vectors, depth))


def _tile_cycles(rows: int, vectors: int, depth: int) -> float:
    """The depth loop, and a price for filling and storing the accumulators."""
    ways = accumulator_ways(rows, vectors)
    return depth * step_cycles(rows, vectors, ways) + 2 * rows * vectors + 20
