"""What a specialization is made for: arguments in words, as patterns, and as the arrays among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.narrowing import is_dict


@dataclass(frozen=True)
class Varying:
    """A number that differs from call to call: a specialization takes it as an argument."""

    number: bool | int | float


def describe(value: Any) -> str | None:
    """An argument as `Specialize` spells it; None for one that a specialization cannot be made for."""
    if isinstance(value, np.ndarray):
        sizes = "".join(f"{n}x" for n in value.shape)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return sizes + dtypes.by_numpy(value.dtype).mlir  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(value, Varying):
        return type(value.number).__name__
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, str):
        return None if set(value) & set("[]{};=") else f"str:{value}"
    if isinstance(value, (list, tuple)):
        parts = [describe(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
        return None if any(p is None for p in parts) else f"[{';'.join(parts)}]"  # pyright: ignore[reportArgumentType, reportCallIssue]
    if is_dict(value):
        pairs = [(describe(k), describe(v)) for k, v in value.items()]
        known = [f"{k}={v}" for k, v in pairs if k is not None and v is not None]
        return f"{{{';'.join(known)}}}" if len(known) == len(pairs) else None
    return None


TENSOR: Any = object()
"""Where a pattern has a tensor."""
_CONSTANTS = frozenset((type(None), bool, int, float, str))


class UnusualValueError(Exception):
    """A value that a pattern has no word for."""


def is_sequence_class(kind: Any) -> bool:
    """Whether values of a class are lists, tuples or named tuples."""
    return kind is tuple or kind is list or (tuple in kind.__mro__ and hasattr(kind, "_fields"))


def pattern_of(value: Any, tensor: type, given: list[Any]) -> Any:
    """What a specialization wants for `value`: `TENSOR` where it is of the class `tensor` (it is appended to
    `given`), the class of a varying number (as an array it is appended, too), constants as they are.

    Raises:
        UnusualValueError: there is something else in it.
    """
    kind = cast("type[Any]", type(value))
    if kind is tensor:
        given.append(value)
        return TENSOR
    if is_sequence_class(kind):
        return (kind, *[pattern_of(v, tensor, given) for v in value])
    if kind is dict:
        return (dict, tuple(value), *[pattern_of(v, tensor, given) for v in value.values()])
    if kind is Varying:
        given.append(np.asarray(value.number))
        return Varying, type(value.number)
    if kind in _CONSTANTS:
        return kind, value
    raise UnusualValueError(kind)


def patterns_of(values: Sequence[Any]) -> list[Any] | None:
    """The patterns of values of the program; None where there is something unusual among them."""
    try:
        return [pattern_of(value, np.ndarray, []) for value in values]
    except UnusualValueError:
        return None


def flatten(values: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
    """The arrays and (as arrays) the varying numbers in `values`, containers entered, in order."""
    found: list[np.ndarray[Any, Any]] = []
    for value in values:
        if isinstance(value, np.ndarray):
            found.append(value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, Varying):
            found.append(np.asarray(value.number))
        elif isinstance(value, (list, tuple)):
            found += flatten(value)  # pyright: ignore[reportUnknownArgumentType]
        elif is_dict(value):
            found += flatten(list(value.values()))
    return found


def regular(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array native code takes: exactly `numpy.ndarray`, C-contiguous, aligned, with NumPy's own dtype
    object.
    """
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    own = np.dtype(array.dtype.type)
    if array.dtype is not own and array.dtype == own:  # it was unpickled, say
        array = array.view(own)
    if array.dtype is not own or not (array.flags.c_contiguous and array.flags.aligned):
        fresh = np.empty(array.shape, own)
        fresh[...] = array
        return fresh
    return array
