"""Complex numbers in memory, as a transform reads and writes them: planes of reals, or neighbours of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder, element_of, is_vector
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index

Complex = tuple[SSAValue, SSAValue]


@dataclass(frozen=True)
class Planes:
    """Rows of complex numbers, `stride` elements apart, of which the first `columns` are meant. Without an
    imaginary plane the numbers are real: zeros are read there, and what is written is dropped.

    Where there is one column, vectors go along the rows; otherwise along the columns.
    """

    builder: LoopBuilder
    real: SSAValue
    real_base: Index
    imag: SSAValue | None
    imag_base: Index
    stride: int
    columns: int
    scale: float = 1.0
    """What is multiplied by what is written."""
    is_turned: bool = False
    """Whether real and imaginary parts have changed places."""

    @property
    def is_dense(self) -> bool:
        """Whether a row begins where the one before ends."""
        return self.stride == self.columns

    def scaled(self, scale: float) -> Self:
        """The same, in which a multiple is written."""
        return replace(self, scale=scale)

    def turned(self, turns: bool) -> Self:
        """The same with real and imaginary parts exchanged, if `turns`: an inverse transform of those is one
        that is not.
        """
        return replace(self, is_turned=self.is_turned != turns)

    def load(self, row: Index, column: Index, lanes: int) -> Complex:
        """A number, or neighbours."""
        at = row * self.stride + column
        real = self.builder.load(self.real, self.real_base + at, lanes)
        if self.imag is None:
            imag = self.builder.broadcast(self.builder.zero(element_of(self.real.type)), lanes)
        else:
            imag = self.builder.load(self.imag, self.imag_base + at, lanes)
        return (imag, real) if self.is_turned else (real, imag)

    def store(self, value: Complex, row: Index, column: Index, lanes: int) -> None:
        """Write a number, or neighbours."""
        del lanes
        at = row * self.stride + column
        real, imag = self._written(value)
        self.builder.store(real, self.real, self.real_base + at)
        if self.imag is not None:
            self.builder.store(imag, self.imag, self.imag_base + at)

    def load_back(self, row: Index, column: Index, lanes: int) -> Complex:
        """A number; where vectors go along the rows, with those before it, from the last to the first."""
        if self.columns > 1 or lanes == 1:
            return self.load(row, column, lanes)
        real, imag = self.load(row - (lanes - 1), column, lanes)
        return _reversed(self.builder, real, lanes), _reversed(self.builder, imag, lanes)

    def store_back(self, value: Complex, row: Index, column: Index, lanes: int) -> None:
        """Write what `load_back` reads."""
        if self.columns > 1 or lanes == 1:
            self.store(value, row, column, lanes)
            return
        turned = tuple(_reversed(self.builder, part, lanes) for part in value)
        self.store((turned[0], turned[1]), row - (lanes - 1), column, lanes)

    def store_apart(self, values: Sequence[Complex], row: Index, lanes: int) -> None:
        """Write the lanes of some vectors by turns: all first ones, then all second ones."""
        builder = self.builder
        written = [self._written(v) for v in values]
        planes = [(self.real, self.real_base, 0), (self.imag, self.imag_base, 1)]
        for buffer, base, part in planes:
            if buffer is None:
                continue
            store_by_turns(builder, [w[part] for w in written], buffer, base + row, lanes)

    def _written(self, value: Complex) -> Complex:
        real, imag = reversed(value) if self.is_turned else value
        if self.scale != 1.0:
            real, imag = (_scaled(self.builder, part, self.scale) for part in (real, imag))
        return real, imag


@dataclass(frozen=True)
class PackedPlanes(Planes):
    """Real numbers in rows, two of which are one complex number."""

    @classmethod
    def of(cls, planes: Planes) -> Self:
        """The packed numbers of some rows of real ones."""
        return cls(**{name: getattr(planes, name) for name in planes.__dataclass_fields__})

    @property
    def is_dense(self) -> bool:
        """Real and imaginary parts lie by turns."""
        return False

    def load(self, row: Index, column: Index, lanes: int) -> Complex:
        """A number, or neighbours."""
        at = self.real_base + row * (2 * self.stride) + column
        if self.columns > 1 or lanes == 1:
            real, imag = (self.builder.load(self.real, at + n * self.stride, lanes) for n in (0, 1))
        else:
            both = [self.builder.load(self.real, at + n * lanes, lanes) for n in (0, 1)]
            real, imag = (
                self.builder.shuffle(both[0], both[1], list(range(n, 2 * lanes, 2))) for n in (0, 1)
            )
        return (imag, real) if self.is_turned else (real, imag)

    def store(self, value: Complex, row: Index, column: Index, lanes: int) -> None:
        """Write a number, or neighbours."""
        at = self.real_base + row * (2 * self.stride) + column
        parts = self._written(value)
        if self.columns == 1:
            store_by_turns(self.builder, parts, self.real, at, lanes)
            return
        for number, part in enumerate(parts):
            self.builder.store(part, self.real, at + number * self.stride)

    def store_apart(self, values: Sequence[Complex], row: Index, lanes: int) -> None:
        """Write the lanes of some vectors by turns."""
        parts = [part for value in values for part in self._written(value)]
        store_by_turns(self.builder, parts, self.real, self.real_base + row * 2, lanes)


def store_by_turns(
    builder: LoopBuilder, vectors: Sequence[SSAValue], buffer: SSAValue, at: Index, lanes: int
) -> None:
    """Write the lanes of some vectors by turns: all first ones, then all second ones."""
    count = len(vectors)
    if lanes == 1 or count & (count - 1) == 0:
        for number, vector in enumerate(_interleaved(builder, vectors, lanes)):
            builder.store(vector, buffer, at + number * lanes)
        return
    for lane in range(lanes):
        for number, vector in enumerate(vectors):
            builder.store(builder.extract(vector, lane), buffer, at + (lane * count + number))


def _interleaved(builder: LoopBuilder, vectors: Sequence[SSAValue], lanes: int) -> list[SSAValue]:
    """The lanes of some vectors by turns, as vectors; the number of those is a power of two."""
    if lanes == 1 or len(vectors) == 1:
        return list(vectors)
    even, odd = (_interleaved(builder, vectors[start::2], lanes) for start in (0, 1))
    low = [n // 2 + n % 2 * lanes for n in range(lanes)]
    high = [lane + lanes // 2 for lane in low]
    return [builder.shuffle(a, b, mask) for a, b in zip(even, odd, strict=True) for mask in (low, high)]


def _reversed(builder: LoopBuilder, value: SSAValue, lanes: int) -> SSAValue:
    return builder.shuffle(value, value, list(reversed(range(lanes))))


def _scaled(builder: LoopBuilder, value: SSAValue, scale: float) -> SSAValue:
    factor = builder.number(scale, element_of(value.type))
    lanes = shape_of(value)[0] if is_vector(value) else 1
    return builder.binary(arith.MulfOp, value, builder.broadcast(factor, lanes))
