"""Whose memory an array shows."""

from __future__ import annotations

from tsc.dtypes import Array
from tsc.narrowing import is_array


def root_of(array: Array) -> Array:
    """The array whose memory `array` is a view of, also where NumPy's ``as_strided`` made it."""
    while True:
        base = array.base if is_array(array.base) else getattr(array.base, "base", None)
        if not is_array(base):
            return array
        array = base
