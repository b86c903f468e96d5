"""Where rows of a matrix lie in the first cache: those a power of two apart meet in the same lines."""

from __future__ import annotations

from math import gcd

from tsc.dims import is_known

LINE_BYTES = 64
"""Of a cache line."""
SPAN_BYTES = 4096
"""After so many bytes addresses meet in the same set of lines: there are 64 sets."""
WAYS = 8
"""Lines that a set holds, at least."""


def rows_collide(rows: int, distance: int) -> bool:
    """Whether so many rows, `distance` bytes apart, are more than a set of lines holds."""
    if not is_known(distance) or distance <= 0:
        return False
    return -(-rows // (SPAN_BYTES // gcd(distance, SPAN_BYTES))) > WAYS
