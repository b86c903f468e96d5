"""``isinstance`` as far as static types decide it."""

from __future__ import annotations

from collections.abc import Sequence

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType

BARE = {"list": tt.ListType, "tuple": (tt.TupleType, tt.NamedTupleType), "dict": tt.DictType}
"""Containers of anything, by the names that ``isinstance`` gives them."""
_NUMBERS = (tt.INT, tt.FLOAT, tt.COMPLEX)


def is_instance(kind: TorchType, wanted: Sequence[TorchType], names: Sequence[str] = ()) -> bool | None:
    """Whether a value of type `kind` has one of the types `wanted`, or is a container of `names` (keys of
    `BARE`): always, never, or None where only the value itself tells.
    """
    parts = _parts(kind)
    if parts is not None:
        return _same([is_instance(part, wanted, names) for part in parts])
    if any(isinstance(kind, BARE[name]) for name in names):
        return True
    found = [has_type(kind, w) for w in wanted]
    if kind is tt.ANY and names:
        found.append(None)
    return True if True in found else None if None in found else False


def has_type(kind: TorchType, wanted: TorchType) -> bool | None:
    """Whether a value of type `kind` has type `wanted`: always, never, or None where only the value tells."""
    if kind is wanted or wanted is tt.ANY:
        return True
    parts = _parts(kind)
    if parts is not None:
        return _same([has_type(part, wanted) for part in parts])
    options = _parts(wanted)
    if options is not None:
        return is_instance(kind, options)
    if kind is tt.ANY or isinstance(kind, (tt.ClassType, tt.InterfaceType)):
        return None
    if kind is tt.NUMBER:
        return None if wanted in _NUMBERS else False
    if wanted is tt.NUMBER:
        return kind in _NUMBERS
    return _has_structure(kind, wanted)


def _has_structure(kind: TorchType, wanted: TorchType) -> bool | None:
    if isinstance(kind, tt.TensorType):
        return isinstance(wanted, tt.TensorType)
    if isinstance(kind, tt.ListType) and isinstance(wanted, tt.ListType):
        return has_type(kind.data, wanted.data)
    if isinstance(kind, tt.DictType) and isinstance(wanted, tt.DictType):
        return _all([has_type(kind.key, wanted.key), has_type(kind.value, wanted.value)])
    if isinstance(wanted, tt.TupleType) and isinstance(kind, (tt.TupleType, tt.NamedTupleType)):
        elements = kind.data if isinstance(kind, tt.TupleType) else kind.elements
        if len(elements) != len(wanted.data):
            return False
        return _all([has_type(e, w) for e, w in zip(elements, wanted.data, strict=True)])
    return False


def _parts(kind: TorchType) -> list[TorchType] | None:
    """The types a value of an optional or a union may have; None for other types."""
    if isinstance(kind, tt.OptionalType):
        return [kind.data, tt.NONE]
    return list(kind.data) if isinstance(kind, tt.UnionType) else None


def _same(answers: Sequence[bool | None]) -> bool | None:
    return answers[0] if all(a is answers[0] for a in answers) else None


def _all(answers: Sequence[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True
