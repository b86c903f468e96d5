"""Loop and address expressions of the `loop` stage, whose constants fold as they are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType
from xdsl.ir import Operation, SSAValue

from tsc.dialects.size_values import Builder
from tsc.dims import Dim

INDEX = IndexType()


class IndexBuilder(Builder, Protocol):
    """What the operations of expressions are appended to."""

    def index(self, value: Index | int | Dim) -> Index:
        """`value` as an expression."""
        ...

    def symbolic(self, value: Index | int) -> Index | int:
        """A symbolic size as an expression; anything else as it is."""
        ...


@dataclass(frozen=True)
class Index:
    """A non-negative loop or address expression ``value + constant``; constants fold as it is built.

    The constant is added last, so that the code generator can place it in the address of a load.
    """

    builder: IndexBuilder
    value: SSAValue | None
    constant: int = 0

    def __add__(self, other: Index | int) -> Index:
        other = self.builder.symbolic(other)
        if isinstance(other, int):
            return Index(self.builder, self.value, self.constant + other)
        constant = self.constant + other.constant
        if self.value is None or other.value is None:
            return Index(self.builder, self.value or other.value, constant)
        total = self.builder.binary(arith.AddiOp, self.value, other.value)
        return Index(self.builder, total, constant)

    def __sub__(self, other: Index | int) -> Index:
        other = self.builder.symbolic(other)
        if isinstance(other, int):
            return self + -other
        if other.value is None:
            return self + -other.constant
        difference = self.builder.binary(arith.SubiOp, self.ssa, other.ssa)
        return Index(self.builder, difference)

    def __mul__(self, factor: int) -> Index:
        if isinstance(factor, Dim):
            return (
                self._by(arith.MuliOp, factor)
                if self.value is not None
                else self._sized(self.constant * factor)
            )
        if factor == 1:
            return self
        if self.value is None or factor == 0:
            return Index(self.builder, None, self.constant * factor)
        product = self.builder.binary(arith.MuliOp, self.value, self.builder.index_constant(factor))
        return Index(self.builder, product, self.constant * factor)

    def __floordiv__(self, divisor: int) -> Index:
        if isinstance(divisor, Dim):
            return self._by(arith.DivUIOp, divisor)
        if divisor == 1:
            return self
        if self.value is None:
            return Index(self.builder, None, self.constant // divisor)
        quotient = self.builder.binary(arith.DivUIOp, self.ssa, self.builder.index_constant(divisor))
        return Index(self.builder, quotient)

    def __mod__(self, divisor: int) -> Index:
        if isinstance(divisor, Dim):
            return self._by(arith.RemUIOp, divisor)
        if divisor == 1:
            return Index(self.builder, None, 0)
        if self.value is None:
            return Index(self.builder, None, self.constant % divisor)
        remainder = self.builder.binary(arith.RemUIOp, self.ssa, self.builder.index_constant(divisor))
        return Index(self.builder, remainder)

    def minimum(self, other: Index | int) -> Index:
        """The smaller of the two (as signed numbers)."""
        other = self.builder.index(other)
        if self.value is None and other.value is None:
            return Index(self.builder, None, min(self.constant, other.constant))
        return Index(self.builder, self.builder.binary(arith.MinSIOp, self.ssa, other.ssa))

    def maximum(self, other: Index | int) -> Index:
        """The larger of the two (as signed numbers)."""
        other = self.builder.index(other)
        if self.value is None and other.value is None:
            return Index(self.builder, None, max(self.constant, other.constant))
        return Index(self.builder, self.builder.binary(arith.MaxSIOp, self.ssa, other.ssa))

    def _by(self, op: type[Operation], size: int) -> Index:
        return Index(self.builder, self.builder.binary(op, self.ssa, self.builder.index(size).ssa))

    def _sized(self, size: int) -> Index:
        return self.builder.index(size)

    @property
    def known(self) -> int | None:
        """The number, where it is known now."""
        return self.constant if self.value is None else None

    @property
    def ssa(self) -> SSAValue:
        """The expression as one SSA value."""
        constant = self.builder.index_constant(self.constant)
        if self.value is None:
            return constant
        if self.constant == 0:
            return self.value
        return self.builder.binary(arith.AddiOp, self.value, constant)
