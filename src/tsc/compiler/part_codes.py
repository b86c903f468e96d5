"""`PartCodes`: the native codes of one part, for the sizes it was called with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tsc.narrowing import is_array
from tsc.runtime.descriptions import regular
from tsc.runtime.native import MISS
from tsc.runtime.native_results import descends

Run = Callable[..., Any]


class PartCodes:
    """Calls the code that is for the arrays it gets: the one that was last right is tried first."""

    def __init__(self, slow: Run) -> None:
        """`slow` takes calls that none of the codes is for."""
        self._slow = slow
        self._codes: Sequence[tuple[Run, bool]] = ()
        self._last: Sequence[tuple[Run, bool]] = ()
        """The one that was last right."""

    def add(self, strict: Run, checks_bounds: bool) -> None:
        """Take in code whose results, for row-major arrays, are those of the part. Where it `checks_bounds`,
        its last one says that it could not do the call.
        """
        self._last = ((strict, checks_bounds),)
        self._codes = (*self._last, *self._codes)

    def __call__(self, *arrays: Any) -> Any:
        """What the part gives."""
        found = self._try(arrays, self._last)
        if found is MISS:
            dense = _dense(arrays)
            found = MISS if dense is None else self._try(dense, self._codes)
        return self._slow(*arrays) if found is MISS else found

    def _try(self, arrays: Sequence[Any], codes: Sequence[tuple[Run, bool]]) -> Any:
        """What the first of `codes` that is for these arrays gives; `MISS` where there is none."""
        for known in codes:
            code, checks_bounds = known
            flat = code(*arrays)
            if flat is MISS:
                continue
            self._last = (known,)
            if not checks_bounds:
                return flat
            if flat[-1]:
                return MISS
            return flat[0] if len(flat) == 2 else flat[:-1]
        return MISS


def _dense(arrays: Sequence[Any]) -> Sequence[Any] | None:
    """The arrays, with row-major copies of those that have gaps, for which results lie as for those; None
    where there are others.
    """
    dense = list(arrays)
    for number, array in enumerate(arrays):
        if not is_array(array):
            return None
        if not array.flags.c_contiguous:
            if not descends(array):
                return None
            dense[number] = regular(array)
    return dense
