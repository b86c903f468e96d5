"""Whether two runs of a function came to the same: results, arguments afterwards, or an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.narrowing import is_array, is_dict, is_sequence

TOLERANCES: dict[DType, float] = {
    dtypes.F64: 1e-6, dtypes.F32: 1e-3, dtypes.F16: 2e-2, dtypes.BF16: 1e-1, dtypes.C64: 1e-3,
    dtypes.C128: 1e-6,
}  # fmt: skip
"""By dtype, how far elements may be apart, relative to the largest: passes may change the order of sums."""


@dataclass
class Outcome:
    """What a run came to."""

    result: Any = None
    arguments: Sequence[Any] = ()
    """The arguments as the run left them."""
    error: str | None = None
    """The exception's message, where it raised."""
    is_unsuited: bool = False
    """Whether it found that the generic tier must do the call."""


def difference(before: Outcome, after: Outcome) -> str | None:
    """What is different after, or None."""
    if before.error is not None or after.error is not None:
        if (before.error is None) == (after.error is None):
            return None
        return f"raises {after.error!r}" if after.error is not None else f"does not raise {before.error!r}"
    return _different("result", before.result, after.result) or _different(
        "argument", list(before.arguments), list(after.arguments)
    )


def _different(where: str, before: object, after: object) -> str | None:
    if is_array(before) or is_array(after):
        return _different_arrays(where, np.asarray(before), np.asarray(after))
    if is_dict(before) and is_dict(after):
        if before.keys() != after.keys():
            return f"{where}: keys {list(after)} instead of {list(before)}"
        parts = [(f"{where}[{key!r}]", before[key], after[key]) for key in before]
    elif is_sequence(before) and is_sequence(after) and not isinstance(before, str):
        if len(before) != len(after):
            return f"{where}: {len(after)} items instead of {len(before)}"
        parts = [(f"{where}[{i}]", b, a) for i, (b, a) in enumerate(zip(before, after, strict=True))]
    else:
        same = before == after or (before != before and after != after)
        return None if same else f"{where}: {after!r:.80} instead of {before!r:.80}"
    return next((found for part in parts if (found := _different(*part))), None)


def _different_arrays(where: str, before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> str | None:
    if (before.shape, before.dtype) != (after.shape, after.dtype):
        return f"{where}: {after.dtype}{list(after.shape)} instead of {before.dtype}{list(before.shape)}"
    tolerance = TOLERANCES.get(dtypes.by_numpy(before.dtype))
    if tolerance is None:
        wrong = before != after
    else:
        wide = np.complex128 if before.dtype.kind == "c" else np.float64
        a, b = before.astype(wide), after.astype(wide)
        finite = np.abs(a[np.isfinite(a)])
        scale = max(1.0, float(finite.max())) if finite.size else 1.0
        wrong = ~np.isclose(a, b, 0, tolerance * scale, equal_nan=True)
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.ndim else ()
    return (
        f"{where}: {after[place]} instead of {before[place]} at {list(place)} "
        f"({int(wrong.sum())} of {wrong.size} elements differ)"
    )
