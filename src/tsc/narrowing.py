"""Type tests that narrow a Python value to a type whose arguments are known to the type checker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np


def is_array(value: object) -> TypeGuard[np.ndarray[Any, Any]]:
    """Whether `value` is a NumPy array."""
    return isinstance(value, np.ndarray)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether `value` is a list or a tuple."""
    return isinstance(value, (list, tuple))


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether `value` is a list."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether `value` is a tuple."""
    return isinstance(value, tuple)


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Whether `value` is a dictionary."""
    return isinstance(value, dict)
