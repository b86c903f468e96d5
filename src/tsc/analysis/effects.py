"""Which operations may be dropped, repeated or merged."""

from __future__ import annotations

from xdsl.ir import Operation
from xdsl.traits import IsTerminator, MemoryEffectKind, get_effects

from tsc.dialects.aten import AtenOp, torch_name
from tsc.dialects.effects import is_random
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.ops.registry import find


def is_removable(op: Operation) -> bool:
    """Whether `op` may go when nobody uses its results."""
    if (
        op.has_trait(IsTerminator)
        or op.name in ("func.func", "builtin.module")
        or (not op.results and not op.regions)
    ):
        return False
    if isinstance(op, (PrimIfOp, PrimLoopOp)):
        return all(
            is_removable(o) or o.has_trait(IsTerminator) for r in op.regions for b in r.blocks for o in b.ops
        )
    effects = get_effects(op)
    if effects is None:
        return is_random(op) and not _writes(op)
    return all(e.kind is not MemoryEffectKind.WRITE for e in effects)


def _writes(op: Operation) -> bool:
    return isinstance(op, AtenOp) and op.schema.mutates


def is_pure(op: Operation) -> bool:
    """Whether `op` always gives the same results for the same operands, and makes no new mutable object."""
    if op.regions or op.has_trait(IsTerminator):
        return False
    effects = get_effects(op)
    return effects is not None and not effects


def is_foldable(op: Operation) -> bool:
    """Whether `op` may be run at compile time when its operands are constants."""
    if (
        not isinstance(op, AtenOp)
        or op.schema.mutates
        or is_random(op)
        or torch_name(op).startswith("torch.prim.Print")
    ):
        return False
    operator = find(op.schema.full_name)
    return operator is not None and torch_name(op) not in (
        "torch.aten.warn",
        "torch.aten.is_grad_enabled",
        "torch.prim.Enter",
        "torch.prim.Exit",
    )
