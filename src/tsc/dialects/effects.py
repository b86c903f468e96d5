"""What an operation of the `torch` dialect does to memory: one trait, read by CSE and DCE alike."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from xdsl.ir import Operation
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind

from tsc.dialects import torch_types as tt

_READ: AbstractSet[EffectInstance] = frozenset((EffectInstance(MemoryEffectKind.READ),))
_ALLOCATE: AbstractSet[EffectInstance] = frozenset((EffectInstance(MemoryEffectKind.ALLOC),))
_NONE: AbstractSet[EffectInstance] = frozenset()

_WRITERS = frozenset(
    (
        "torch.prim.RaiseException",
        "torch.prim.SetAttr",
        "torch.prim.CallMethod",
        "torch.prim.PythonOp",
        "torch.operator",
    )
)
_EFFECTFUL_PRIMS = frozenset(
    (
        "torch.prim.Print",
        "torch.prim.Enter",
        "torch.prim.Exit",
        "torch.prim.fork",
        "torch.aten.wait",
        "torch.aten.requires_grad_",
    )
)
_MUTABLE = (tt.ListType, tt.DictType, tt.ModuleType, tt.ClassType)
_NEW_OBJECTS = (
    "torch.prim.CreateObject",
    "torch.prim.ListConstruct",
    "torch.prim.DictConstruct",
    "torch.tensor.literal",
)


def _is_mutable(value_type: object) -> bool:
    if isinstance(value_type, tt.TensorType):
        return not isinstance(value_type, tt.ValueTensorType)
    return isinstance(value_type, _MUTABLE)


class TorchEffects(MemoryEffect):
    """Nothing for operators on values; a read where an operand is mutable; unknown where the operator writes.

    What only an operator's definition tells (draws, warnings) is in `analysis/effects.py`.
    """

    @classmethod
    def get_effects(cls, op: Operation) -> AbstractSet[EffectInstance] | None:
        """The effects, or None when they are unknown."""
        schema = getattr(type(op), "schema", None)
        name = op.name if schema is None else schema.op_name
        if name in _WRITERS or name in _EFFECTFUL_PRIMS:
            return None
        if schema is not None and schema.mutates:
            return None
        if op.name in _NEW_OBJECTS or (schema is not None and any(_is_mutable(r.type) for r in op.results)):
            return _ALLOCATE
        if any(_is_mutable(operand.type) for operand in op.operands):
            return _READ
        return _NONE
