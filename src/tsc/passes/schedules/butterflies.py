"""Short Fourier transforms as straight-line code on scalars or vectors: the butterflies of longer ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from xdsl.dialects import arith, math
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import EXACT, LoopBuilder, element_of, is_vector

Complex = tuple[SSAValue, SSAValue]
"""The real and the imaginary part."""


@dataclass(frozen=True)
class Butterflies:
    """Emits transforms ``X[k] = sum_j x[j] exp(-2 pi i jk / n)`` of values of `lanes` elements."""

    builder: LoopBuilder
    lanes: int

    def transform(self, values: Sequence[Complex]) -> list[Complex]:
        """The transform of as many values as there are."""
        count = len(values)
        if count == 1:
            return list(values)
        if count == 2:
            return [self.add(*values), self.subtract(*values)]
        if count == 4:
            return self._four(values)
        factor = next((f for f in (4, 2, 3, 5, 7, 11, 13) if count % f == 0), count)
        return self._odd(values) if factor == count else self._composed(values, factor)

    def add(self, a: Complex, b: Complex) -> Complex:
        """The sum."""
        return self._binary(arith.AddfOp, a[0], b[0]), self._binary(arith.AddfOp, a[1], b[1])

    def subtract(self, a: Complex, b: Complex) -> Complex:
        """The difference."""
        return self._binary(arith.SubfOp, a[0], b[0]), self._binary(arith.SubfOp, a[1], b[1])

    def multiply(self, a: Complex, b: Complex) -> Complex:
        """The product."""
        real = self.fused(a[0], b[0], self.negative(self._binary(arith.MulfOp, a[1], b[1])))
        return real, self.fused(a[0], b[1], self._binary(arith.MulfOp, a[1], b[0]))

    def scale(self, a: SSAValue, factor: float) -> SSAValue:
        """A real multiple."""
        return self._binary(arith.MulfOp, a, self._number(a, factor))

    def negative(self, a: SSAValue) -> SSAValue:
        """``-a``."""
        return self.builder.add(arith.NegfOp(a, EXACT))

    def fused(self, a: SSAValue, b: SSAValue, c: SSAValue) -> SSAValue:
        """``a * b + c`` rounded once."""
        if is_vector(a):
            return self.builder.fma(a, b, c)
        return self.builder.add(
            math.FmaOp.create(operands=[a, b, c], result_types=[a.type], properties={"fastmath": EXACT})
        )

    def _binary(self, op: type[arith.FloatingPointLikeBinaryOperation], a: SSAValue, b: SSAValue) -> SSAValue:
        return self.builder.binary(op, a, b)

    def _number(self, like: SSAValue, value: float) -> SSAValue:
        return self.builder.broadcast(self.builder.number(value, element_of(like.type)), self.lanes)

    def _four(self, x: Sequence[Complex]) -> list[Complex]:
        even, odd = self.add(x[0], x[2]), self.subtract(x[0], x[2])
        other, turned = self.add(x[1], x[3]), self._turned(self.subtract(x[1], x[3]))
        return [
            self.add(even, other), self.add(odd, turned),
            self.subtract(even, other), self.subtract(odd, turned),
        ]  # fmt: skip

    def _turned(self, a: Complex) -> Complex:
        """``-i a``."""
        return a[1], self.negative(a[0])

    def _composed(self, x: Sequence[Complex], first: int) -> list[Complex]:
        """Transforms of every `second`-th value, roots of unity, and transforms across those.

        Source: Cooley and Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965.
        """
        count = len(x)
        second = count // first
        inner = [self.transform(x[start::second]) for start in range(second)]
        result: list[Complex | None] = [None] * count
        for k in range(first):
            column = [self._rooted(inner[j][k], j * k, count) for j in range(second)]
            result[k::first] = self.transform(column)
        return [r for r in result if r is not None]

    def _rooted(self, a: Complex, power: int, order: int) -> Complex:
        """``a exp(-2 pi i power / order)``."""
        eighth = 8 * power % (8 * order)
        if eighth % order:
            angle = -2 * pi * power / order
            real, imag = (self._number(a[0], f(angle)) for f in (cos, sin))
            return self.multiply(a, (real, imag))
        for _ in range(eighth // order // 2):
            a = self._turned(a)
        return self._turned_half(a) if eighth // order % 2 else a

    def _turned_half(self, a: Complex) -> Complex:
        """``a (1 - i) / sqrt(2)``."""
        total, difference = self._binary(arith.AddfOp, *a), self._binary(arith.SubfOp, a[1], a[0])
        return self.scale(total, 0.5**0.5), self.scale(difference, 0.5**0.5)

    def _odd(self, x: Sequence[Complex]) -> list[Complex]:
        """Of a prime length: values that mirror each other share their cosines and sines."""
        count = len(x)
        pairs = [(x[j], x[count - j]) for j in range(1, count // 2 + 1)]
        sums, differences = [self.add(*p) for p in pairs], [self.subtract(*p) for p in pairs]
        total = x[0]
        for pair in sums:
            total = self.add(total, pair)
        result = [total] * count
        for k in range(1, count // 2 + 1):
            even = self._weighed(sums, [cos(2 * pi * j * k / count) for j in range(1, count // 2 + 1)], x[0])
            odd = self._weighed(differences, [sin(2 * pi * j * k / count) for j in range(1, count // 2 + 1)])
            turned = self._turned(odd)
            result[k], result[count - k] = self.add(even, turned), self.subtract(even, turned)
        return result

    def _weighed(
        self, values: Sequence[Complex], weights: Sequence[float], start: Complex | None = None
    ) -> Complex:
        """The weighed sum, on top of `start`."""
        total = start
        for value, weight in zip(values, weights, strict=True):
            if total is None:
                total = self.scale(value[0], weight), self.scale(value[1], weight)
            else:
                factor = self._number(value[0], weight)
                total = self.fused(value[0], factor, total[0]), self.fused(value[1], factor, total[1])
        assert total is not None
        return total
