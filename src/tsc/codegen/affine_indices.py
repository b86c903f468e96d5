"""Index arithmetic as sums ``c0 + c1*v1 + c2*v2``, so that constants gather at the end of an address."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AffineSum:
    """``constant + sum(coefficient * %v<id>)``.

    `terms` are sorted by id, which is the order of definition: an address built in that order has its
    loop-invariant part first, where LLVM can hoist and share it.
    """

    terms: tuple[tuple[int, int], ...] = ()
    constant: int = 0

    def __add__(self, other: "AffineSum | int") -> "AffineSum":
        if isinstance(other, int):
            return AffineSum(self.terms, self.constant + other)
        if not other.terms:
            return AffineSum(self.terms, self.constant + other.constant)
        merged = dict(self.terms)
        for value, coefficient in other.terms:
            merged[value] = merged.get(value, 0) + coefficient
        kept = tuple(sorted((v, c) for v, c in merged.items() if c))
        return AffineSum(kept, self.constant + other.constant)

    def scaled(self, factor: int) -> "AffineSum":
        """The product with a constant."""
        if factor == 1:
            return self
        if factor == 0:
            return AffineSum()
        return AffineSum(tuple((v, c * factor) for v, c in self.terms), self.constant * factor)

    def __sub__(self, other: "AffineSum") -> "AffineSum":
        return self + other.scaled(-1)

    @property
    def is_constant(self) -> bool:
        """Whether no SSA value takes part."""
        return not self.terms


def variable(value: int) -> AffineSum:
    """The sum that is just ``%v<value>``."""
    return AffineSum(((value, 1),))


ZERO = AffineSum()
