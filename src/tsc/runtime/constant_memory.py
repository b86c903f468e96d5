"""Where the constants of a function lie: what writes there would change them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds


class ConstantMemory:
    """The addresses of arrays."""

    def __init__(self, constants: Iterable[np.ndarray[Any, Any]]) -> None:
        arrays = [array for array in constants if array.size]
        self._ranges = _joined(sorted(byte_bounds(array) for array in arrays))
        self._begins = [begin for begin, _ in self._ranges]

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not self._ranges

    def holds(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether a part of `array` may be a constant."""
        if not self._ranges or not array.size:
            return False
        low, high = byte_bounds(array)
        before = bisect_right(self._begins, high - 1) - 1
        return before >= 0 and self._ranges[before][1] > low


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges that overlap as one, in order."""
    made: list[tuple[int, int]] = []
    for begin, end in ranges:
        if made and begin < made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((begin, end))
    return made
