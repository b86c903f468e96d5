"""Where rows of a matrix lie in the first cache: those a power of two apart meet in the same lines."""

from __future__ import annotations

from math import gcd

from tsc.analysis.target import Target
from tsc.dims import is_known

LINE_BYTES = 64
"""Of a cache line."""
SPAN_BYTES = 4096
"""After so many bytes addresses meet in the same set of lines: there are 64 sets."""
WAYS = 8
"""Lines that a set holds, at least."""
MOST_ROWS = {16: 6, 32: 14}
"""About the rows that a product takes together, by the number of vector registers."""


def rows_collide(target: Target, distance: int, rows: int | None = None) -> bool:
    """Whether rows that a product takes together (about so many as registers allow, where `rows` are not
    given), `distance` bytes apart, are more than a set of lines holds.
    """
    rows = MOST_ROWS.get(target.vector_registers, 0) if rows is None else rows
    if not is_known(distance) or distance <= 0 or target.is_gpu:
        return False
    return -(-rows // (SPAN_BYTES // gcd(distance, SPAN_BYTES))) > WAYS
