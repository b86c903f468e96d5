"""Products of a small constant matrix and vectors of values, in as few operations as its form allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder, element_of, is_vector, width_of
from tsc.dtypes import Array

Term = tuple[float, SSAValue]
"""A factor, and what it multiplies."""


@dataclass(frozen=True)
class SmallMatrix:
    """Writes ``matrix @ values``. Zeros cost nothing and ones no product; of columns, and of rows, that
    differ in signs alone, sums and differences are made once.
    """

    builder: LoopBuilder
    rows: Array

    def times(self, values: Sequence[SSAValue]) -> list[SSAValue]:
        """One value for each row."""
        rows = self._over_pairs(values)
        done: dict[int, SSAValue] = {}
        for number, row in enumerate(rows):
            if number in done:
                continue
            other = next((n for n in range(number + 1, len(rows)) if _mirrors(row, rows[n])), None)
            if other is None or other in done:
                done[number] = self._sum(row)
                continue
            signs = {id(v): f for f, v in rows[other]}
            even = self._sum([(f, v) for f, v in row if signs[id(v)] == f])
            odd = self._sum([(f, v) for f, v in row if signs[id(v)] != f])
            done[number] = self.builder.binary(arith.AddfOp, even, odd)
            done[other] = self.builder.binary(arith.SubfOp, even, odd)
        return [done[number] for number in range(len(rows))]

    def _over_pairs(self, values: Sequence[SSAValue]) -> list[list[Term]]:
        """The terms of each row, columns that differ in signs alone taken together."""
        columns = list(range(len(values)))
        terms: list[list[Term]] = [[] for _ in self.rows]
        while columns:
            first = columns.pop(0)
            other = next((c for c in columns if self._are_alike(first, c)), None)
            if other is None:
                for row, found in zip(self.rows, terms, strict=True):
                    found.append((float(row[first]), values[first]))
                continue
            columns.remove(other)
            total = self.builder.binary(arith.AddfOp, values[first], values[other])
            difference = self.builder.binary(arith.SubfOp, values[first], values[other])
            for row, found in zip(self.rows, terms, strict=True):
                found.append((float(row[first]), total if row[first] == row[other] else difference))
        return [[(f, v) for f, v in row if f != 0] for row in terms]

    def _are_alike(self, a: int, b: int) -> bool:
        """Whether two columns agree up to signs, so often that it saves products."""
        pairs = [(row[a], row[b]) for row in self.rows]
        is_same = all(abs(x) == abs(y) for x, y in pairs)
        kinds = [x == y for x, y in pairs if x]
        return is_same and len(kinds) > 2 and 0 < sum(kinds) < len(kinds)

    def _sum(self, terms: Sequence[Term]) -> SSAValue:
        """What terms come to; one whose factor is 1 comes first."""
        ordered = sorted(terms, key=lambda term: term[0] != 1.0)
        factor, value = ordered[0]
        total = (
            value if factor == 1.0 else self.builder.binary(arith.MulfOp, value, self._factor(factor, value))
        )
        for factor, value in ordered[1:]:
            if abs(factor) == 1.0:
                op = arith.AddfOp if factor > 0 else arith.SubfOp
                total = self.builder.binary(op, total, value)
            else:
                total = self._add_product(total, factor, value)
        return total

    def _add_product(self, total: SSAValue, factor: float, value: SSAValue) -> SSAValue:
        constant = self._factor(factor, value)
        if is_vector(value):
            return self.builder.fma(value, constant, total)
        product = self.builder.binary(arith.MulfOp, value, constant)
        return self.builder.binary(arith.AddfOp, total, product)

    def _factor(self, factor: float, like: SSAValue) -> SSAValue:
        number = self.builder.number(factor, element_of(like.type))
        return self.builder.broadcast(number, width_of(like.type))


def _mirrors(a: Sequence[Term], b: Sequence[Term]) -> bool:
    """Whether two rows have the same values with the same factors up to signs, some of which differ."""
    if [id(v) for _, v in a] != [id(v) for _, v in b]:
        return False
    pairs = [(x, y) for (x, _), (y, _) in zip(a, b, strict=True)]
    differing = sum(x != y for x, y in pairs)
    return all(abs(x) == abs(y) for x, y in pairs) and 0 < differing < len(pairs)
