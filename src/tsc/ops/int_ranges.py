"""Ranges of ints: what is known of results before the program runs. Both ends are in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
MOST = 2**48
"""More than there are elements of anything, and more than there are iterations: they would take months."""
ANY_INT: Range = (-(2**63), 2**63 - 1)
COUNT: Range = (0, MOST)
"""Of sizes and lengths."""
PLACE: Range = (-1, MOST)
"""Of places, and of -1 for none."""
Ranging: TypeAlias = Callable[..., Range]
"""Of the ranges of all operands (`ANY_INT` of those that are no ints) that of the result, before it wraps."""


def always(found: Range) -> Ranging:
    """A range that does not depend on operands."""
    return lambda *_: found


def union(a: Range, b: Range) -> Range:
    """What is in one or the other."""
    return min(a[0], b[0]), max(a[1], b[1])


def add(a: Range, b: Range) -> Range:
    """Of sums."""
    return a[0] + b[0], a[1] + b[1]


def negate(a: Range) -> Range:
    """Of opposites."""
    return -a[1], -a[0]


def subtract(a: Range, b: Range) -> Range:
    """Of differences."""
    return add(a, negate(b))


def multiply(a: Range, b: Range) -> Range:
    """Of products."""
    found = [x * y for x in a for y in b]
    return min(found), max(found)


def magnitude(a: Range) -> Range:
    """Of absolute values."""
    return max(a[0], -a[1], 0), max(-a[0], a[1])


def lesser(a: Range, b: Range) -> Range:
    """Of the lesser of two."""
    return min(a[0], b[0]), min(a[1], b[1])


def greater(a: Range, b: Range) -> Range:
    """Of the greater of two."""
    return max(a[0], b[0]), max(a[1], b[1])


def quotient(a: Range, b: Range) -> Range:
    """Of quotients, rounded down: by a positive number none is farther from zero."""
    return (min(a[0], 0), max(a[1], 0)) if b[0] > 0 else union(a, negate(a))


def remainder(a: Range, b: Range) -> Range:
    """Of remainders, which have the sign of the divisor."""
    return min(b[0] + 1, 0), max(b[1] - 1, 0)


def common_bits(a: Range, b: Range) -> Range:
    """Of what is in both: no more than in one that is not negative."""
    known = [r[1] for r in (a, b) if r[0] >= 0]
    return (0, min(known)) if known else ANY_INT


def shifted_down(a: Range, b: Range) -> Range:
    """Of numbers without their lowest bits."""
    return min(a[0], 0), max(a[1], 0)
