"""Arithmetic on numbers, or on vectors of them, with constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import f32, i32
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.dialects.loop_builder import EXACT, LoopBuilder, is_vector, vector_type
from tsc.passes.schedules.flow import compare, select

UNIT_BITS = 24
"""Random bits of a float32 in ``[0, 1)``."""


@dataclass(frozen=True)
class Numbers:
    """Builds arithmetic on int32 and float32, on so many of them at one time."""

    builder: LoopBuilder
    lanes: int

    @staticmethod
    def like(builder: LoopBuilder, value: SSAValue) -> Numbers:
        """For as many as `value` is."""
        return Numbers(builder, value.type.get_shape()[0] if is_vector(value) else 1)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]

    def of(self, kind: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """``kind(a, b)``."""
        return self.builder.binary(kind, a, b)

    def constant(self, value: float, element: Attribute) -> SSAValue:
        """A number of some type."""
        return self.builder.broadcast(self.builder.number(value, element), self.lanes)

    def integer(self, value: int) -> SSAValue:
        """The int32 with the bits of `value`."""
        return self.constant((value + 2**31) % 2**32 - 2**31, i32)

    def float(self, value: float) -> SSAValue:
        """The float32 nearest to `value`."""
        return self.constant(value, f32)

    # --- integers ---

    def both(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """The bits that are in both."""
        return self.of(arith.AndIOp, a, b)

    def either(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """The bits that are in either."""
        return self.of(arith.OrIOp, a, b)

    def differing(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """The bits that are in one of them alone."""
        return self.of(arith.XOrIOp, a, b)

    def has(self, bits: SSAValue, mask: int) -> SSAValue:
        """Whether any bit of a mask is set."""
        return compare(self.builder, "ne", self.both(bits, self.integer(mask)), self.integer(0))

    # --- floats ---

    def plus(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a + b``."""
        return self.of(arith.AddfOp, a, b)

    def times(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a * b``."""
        return self.of(arith.MulfOp, a, b)

    def fma(self, a: SSAValue, b: SSAValue, c: SSAValue) -> SSAValue:
        """``a * b + c``, rounded once."""
        if self.lanes > 1:
            return self.builder.fma(a, b, c)
        return self._function(math.FmaOp, a, b, c)

    def negative(self, a: SSAValue) -> SSAValue:
        """``-a``."""
        return self.builder.add(arith.NegfOp(a, EXACT))

    def root(self, a: SSAValue) -> SSAValue:
        """The square root."""
        return self._function(math.SqrtOp, a)

    def polynomial(self, coefficients: Sequence[float], x: SSAValue) -> SSAValue:
        """By Horner's rule, the coefficient of the highest power first."""
        total = self.float(coefficients[0])
        for coefficient in coefficients[1:]:
            total = self.fma(total, x, self.float(coefficient))
        return total

    def choose(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        """`a` where a condition holds, else `b`."""
        return select(self.builder, condition, a, b)

    # --- from one to the other ---

    def bits(self, a: SSAValue) -> SSAValue:
        """The bits of floats."""
        return self.cast(arith.BitcastOp, a, i32)

    def with_bits(self, a: SSAValue) -> SSAValue:
        """The floats with such bits."""
        return self.cast(arith.BitcastOp, a, f32)

    def to_float(self, a: SSAValue) -> SSAValue:
        """Integers as floats."""
        return self.cast(arith.SIToFPOp, a, f32)

    def to_integer(self, a: SSAValue) -> SSAValue:
        """Floats as integers, toward zero."""
        return self.cast(arith.FPToSIOp, a, i32)

    def unit(self, words: SSAValue) -> SSAValue:
        """Random words as numbers in ``[0, 1)``."""
        whole = self.to_float(self.both(words, self.integer(2**UNIT_BITS - 1)))
        return self.times(whole, self.float(2.0**-UNIT_BITS))

    def cast(self, kind: type[Operation], value: SSAValue, element: Attribute) -> SSAValue:
        """What a conversion to other elements makes."""
        made = element if self.lanes == 1 else vector_type(element, self.lanes)
        return self.builder.add(kind.create(operands=[value], result_types=[made]))

    def _function(self, kind: type[Operation], *values: SSAValue) -> SSAValue:
        properties = {"fastmath": EXACT}
        op = kind.create(operands=values, result_types=[values[0].type], properties=properties)
        return self.builder.add(op)
