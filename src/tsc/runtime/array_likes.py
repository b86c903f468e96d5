"""What people have in place of arrays: lists of numbers, buffers, and whatever shows its memory or makes an
array of itself (pandas, PIL, JAX, CuPy on the CPU).
"""

from __future__ import annotations

import array
from typing import Any, cast

import numpy as np

from tsc.errors import ArgumentError
from tsc.narrowing import is_list, is_tuple

_NUMBERS: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float32, complex: np.complex64}
"""What Python's numbers become in a tensor."""
_BUFFERS: tuple[type, ...] = (memoryview, array.array)


def array_like(value: object, name: str) -> np.ndarray[Any, Any] | None:
    """The array that `value` is, or has, given as the argument `name`; it shares the memory, where there is
    some. None where it is nothing of the kind.

    Lists of Python's floats become float32, as ``tensor`` makes them; arrays keep their dtype.

    Raises:
        ArgumentError: it has an array, but none that can be a tensor here.
    """
    try:
        if is_list(value) or is_tuple(value):
            return _of_list(value)
        is_buffer = isinstance(value, _BUFFERS) or hasattr(value, "__array_interface__")
        if is_buffer or (hasattr(value, "__array__") and not isinstance(value, type)):
            return np.asarray(cast("Any", value))
        if hasattr(value, "__dlpack__") and not isinstance(value, type):
            return np.from_dlpack(cast("Any", value))
    except (ValueError, TypeError, BufferError, RuntimeError) as error:
        kind = type(value).__name__
        raise ArgumentError(
            f"argument '{name}': requires an array of numbers on the CPU; the {kind} given says: {error}"
        ) from None
    return None


def _of_list(value: list[Any] | tuple[Any, ...]) -> np.ndarray[Any, Any] | None:
    """The array of (nested) lists of numbers, or of arrays; None where there is something else in them."""
    leaf: Any = value
    while (is_list(leaf) or is_tuple(leaf)) and leaf:
        leaf = leaf[0]
    if not (
        type(leaf) in _NUMBERS
        or is_list(leaf)
        or is_tuple(leaf)
        or isinstance(leaf, (np.ndarray, np.generic))
    ):
        return None
    made = np.asarray(value)
    if isinstance(leaf, (np.ndarray, np.generic)):
        return made
    kind = _NUMBERS[{"b": bool, "i": int, "u": int, "f": float, "c": complex}.get(made.dtype.kind, float)]
    return made.astype(kind, copy=False)
