"""Which operations may be dropped, repeated or merged."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.traits import IsTerminator, MemoryEffectKind, get_effects

from tsc.analysis.known_values import UNKNOWN, UNKNOWN_CALLS, constant_of
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.ops.copies import CHANNELS_LAST
from tsc.ops.definition import Effect, Operator
from tsc.ops.registry import find

SURE = {"train": False, "training": False, "dropout_p": 0.0}
"""Arguments with which operators that may draw random numbers draw none."""


def definition_of(op: Operation) -> Operator | None:
    """The definition of a schema operation; None for one that has none, and for other operations."""
    return find(op.schema.full_name) if isinstance(op, AtenOp) else None


def draws(op: Operation) -> bool:
    """Whether `op` may draw random numbers."""
    operator = definition_of(op)
    return operator is not None and operator.draws and isinstance(op, AtenOp) and not _is_sure(op)


def _is_sure(op: AtenOp) -> bool:
    """Whether `op` is told to drop nothing."""
    found = ((name, value) for name, value in SURE.items() if name in op.positions)
    return any(constant_of(op.argument(name)) == value for name, value in found)


def acts(op: Operation) -> bool:
    """Whether `op` does something that is seen outside: prints, warns, sets a state."""
    operator = definition_of(op)
    return operator is not None and operator.effect is Effect.ACTS


def not_repeatable(root: Operation) -> Operation | None:
    """Something below `root` that is not the same, or must not be done, when it is run once more."""
    return next((op for op in walk(root) if isinstance(op, UNKNOWN_CALLS) or draws(op) or acts(op)), None)


def changes_shapes(root: Operation) -> bool:
    """Whether something below `root` gives a tensor other sizes in place: no type tells them then."""
    operators = (definition_of(op) for op in walk(root))
    return any(operator is not None and operator.changes_shape for operator in operators)


def asks_gradients(root: Operation) -> bool:
    """Whether something below `root` asks for gradients."""
    operators = (definition_of(op) for op in walk(root))
    return any(operator is not None and operator.asks_gradients for operator in operators)


def is_removable(op: Operation) -> bool:
    """Whether `op` may go when nobody uses its results.

    A branch or a loop in which something is drawn may not, as in PyTorch: draws that nobody reads go from it
    first, and what is left is read, if only by the next iteration.
    """
    if (
        op.has_trait(IsTerminator)
        or op.name in ("func.func", "builtin.module")
        or (not op.results and not op.regions)
    ):
        return False
    if isinstance(op, (PrimIfOp, PrimLoopOp)):
        inner = (o for r in op.regions for b in r.blocks for o in b.ops if not o.has_trait(IsTerminator))
        return all(is_removable(o) and not draws(o) for o in inner)
    if acts(op):
        return False
    effects = get_effects(op)  # draws may go, as in PyTorch
    return effects is not None and all(e.kind is not MemoryEffectKind.WRITE for e in effects)


def may_read_outside(root: Operation) -> bool:
    """Whether `root`, or something in its regions, raises where an element of an index is out of range."""
    operators = (definition_of(op) for op in walk(root))
    return any(operator is not None and operator.bounds is not None for operator in operators)


def is_pure(op: Operation) -> bool:
    """Whether `op` always gives the same results for the same operands, and makes no new mutable object."""
    if op.regions or op.has_trait(IsTerminator):
        return False
    if isinstance(op, AtenOp) and not is_foldable(op):
        return False
    effects = get_effects(op)
    return effects is not None and not effects


def is_foldable(op: Operation) -> bool:
    """Whether `op` may be run at compile time when its operands are constants."""
    operator = definition_of(op)
    return (
        operator is not None
        and operator.effect is Effect.NONE
        and not operator.draws
        and not operator.schema.mutates
    )


def reads_layout(op: Operation) -> bool:
    """Whether what `op` gives depends on how its first operand lies in memory."""
    operator = definition_of(op)
    return operator is not None and operator.reads_layout


def wants_layout(op: Operation) -> bool:
    """Whether `op` is told, or may be, to lay its result out with channels last, and not row-major."""
    if not isinstance(op, AtenOp) or "memory_format" not in op.positions:
        return False
    wanted = constant_of(op.argument("memory_format"))
    return wanted is UNKNOWN or wanted in CHANNELS_LAST


def is_layout_read(value: SSAValue) -> bool:
    """Whether something asks how `value`, or a view of it, lies in memory."""
    for use in value.uses:
        operator = definition_of(use.operation)
        if operator is None:
            continue
        if operator.reads_layout or (operator.may_share and any(map(is_layout_read, use.operation.results))):
            return True
    return False
