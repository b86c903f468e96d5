"""Whose memory an array shows."""

from __future__ import annotations

from tsc.dtypes import Array
from tsc.narrowing import is_array


def root_of(array: Array) -> Array:
    """The array whose memory `array` is a view of."""
    while is_array(array.base):
        array = array.base
    return array
