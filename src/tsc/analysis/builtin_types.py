"""Tests that narrow a type or attribute of xDSL's builtin dialect. Its own `isa` takes a constraint apart
each time, which compiling does thousands of times.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from xdsl.dialects.builtin import IntegerAttr, MemRefType, VectorType
from xdsl.ir import Attribute


def is_memref(value: object) -> TypeGuard[MemRefType[Attribute]]:
    """Whether `value` is the type of a ranked buffer."""
    return isinstance(value, MemRefType)


def is_vector(value: object) -> TypeGuard[VectorType[Attribute]]:
    """Whether `value` is the type of a vector."""
    return isinstance(value, VectorType)


def is_integer(value: object) -> TypeGuard[IntegerAttr[Any]]:
    """Whether `value` is an integer as an attribute."""
    return isinstance(value, IntegerAttr)
