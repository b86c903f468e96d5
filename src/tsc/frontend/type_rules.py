"""How types relate when a program is read: what a value may be seen as, with and without None."""

from __future__ import annotations

from xdsl.ir import SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.frontend import calls
from tsc.frontend.annotations import optional, union


def may_be_none(kind: TorchType) -> bool:
    """Whether a value of this type can be None: of Any, PyTorch says no."""
    return (
        isinstance(kind, tt.OptionalType)
        or kind is tt.NONE
        or (isinstance(kind, tt.UnionType) and tt.NONE in kind.data)
    )


def without_none(kind: TorchType) -> TorchType:
    """What is left of a type once it is known not to be None."""
    if isinstance(kind, tt.OptionalType):
        return kind.data
    if isinstance(kind, tt.UnionType):
        return union([m for m in kind.data if m is not tt.NONE])
    return kind


def unify(a: TorchType, b: TorchType) -> TorchType | None:
    """The type two values can both be seen as without changing them; None when there is none."""
    if a is b:
        return a
    if isinstance(a, tt.TensorType) and isinstance(b, tt.TensorType):
        return tt.TENSOR
    if a is tt.NONE or b is tt.NONE:
        return optional(b if a is tt.NONE else a)
    if isinstance(a, tt.OptionalType) or isinstance(b, tt.OptionalType):
        inner = unify(without_none(a), without_none(b))
        return None if inner is None else optional(inner)
    if isinstance(a, tt.TupleType) and isinstance(b, tt.TupleType) and len(a.data) == len(b.data):
        parts = [unify(x, y) for x, y in zip(a.data, b.data, strict=True)]
        return None if any(p is None for p in parts) else tt.TupleType(tuple(parts))
    if calls.fits(a, b, {}):
        return b
    return a if calls.fits(b, a, {}) else None


def element_hint(hint: TorchType | None) -> TorchType | None:
    """The type of the elements that a list wanted as `hint` holds; None when `hint` wants no list."""
    hint = hint.data if isinstance(hint, tt.OptionalType) else hint
    return hint.data if isinstance(hint, tt.ListType) else None


def list_in(kind: TorchType) -> tt.ListType | None:
    """The list that values of this type are, unless they are None."""
    inner = kind.data if isinstance(kind, tt.OptionalType) else kind
    return inner if isinstance(inner, tt.ListType) else None


def is_empty_list(value: SSAValue, wanted: TorchType) -> bool:
    """Whether a list without elements stands for the list that is wanted."""
    is_empty = isinstance(value.owner, ops.PrimListConstructOp) and not value.owner.operands
    return is_empty and list_in(wanted) is not None
