"""``isinstance`` while a program runs: whether a value has one of several TorchScript types."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.frontend.unit import EnumValue, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_dict, is_list, is_tuple
from tsc.ops.random_source import RandomSource

_SCALARS: dict[TorchType, type] = {
    tt.FLOAT: float,
    tt.STRING: str,
    tt.BOOL: bool,
    tt.COMPLEX: complex,
    tt.DEVICE: str,
    tt.GENERATOR: RandomSource,
}


def is_instance(value: object, wanted: tuple[tuple[TorchType, ...], tuple[str, ...]]) -> bool:
    """Whether `value` has one of the types; bare ``list``, ``tuple`` and ``dict`` are given by name."""
    kinds, names = wanted
    bare = {"list": list, "tuple": tuple, "dict": dict}
    return any(has_type(value, k) for k in kinds) or any(
        n in bare and isinstance(value, bare[n]) for n in names
    )


def has_type(value: object, kind: TorchType) -> bool:
    """Whether `value` belongs to `kind`."""
    if kind is tt.ANY:
        return True
    if kind is tt.NONE:
        return value is None
    if kind is tt.INT:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in _SCALARS:
        return isinstance(value, _SCALARS[kind])
    if isinstance(kind, tt.TensorType):
        return isinstance(value, np.ndarray) or torch_interop.is_tensor(value)
    if isinstance(kind, (tt.ModuleType, tt.ClassType)):
        return isinstance(value, ScriptObject) and value.cls.name == kind.data
    if isinstance(kind, tt.EnumType):
        return _is_member(value, kind)
    return _has_container_type(value, kind)


def _is_member(value: object, kind: tt.EnumType) -> bool:
    """Whether `value` is a member of an enum of that name; the path to it may be another in an archive."""
    if isinstance(value, EnumValue):
        return value.cls.name == kind.data
    return isinstance(value, enum.Enum) and type(value).__name__ == kind.data.rpartition(".")[2]


def _has_container_type(value: Any, kind: TorchType) -> bool:
    if isinstance(kind, tt.OptionalType):
        return value is None or has_type(value, kind.data)
    if isinstance(kind, tt.UnionType):
        return any(has_type(value, k) for k in kind.data)
    if isinstance(kind, tt.ListType):
        return is_list(value) and all(has_type(v, kind.data) for v in value)
    if isinstance(kind, tt.DictType):
        return is_dict(value) and all(
            has_type(k, kind.key) and has_type(v, kind.value) for k, v in value.items()
        )
    if isinstance(kind, tt.InterfaceType):
        return isinstance(value, ScriptObject)
    if isinstance(kind, (tt.TupleType, tt.NamedTupleType)):
        kinds = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data
        is_alike = is_tuple(value) and len(value) == len(kinds)
        return is_alike and all(has_type(v, k) for v, k in zip(value, kinds, strict=True))
    return False
