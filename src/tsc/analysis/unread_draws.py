"""`unread_draws`: random numbers that a program draws for nothing."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tsc.analysis.operator_effects import definition_of, draws, is_removable
from tsc.dialects.aten import AtenOp
from tsc.dialects.walking import walk


def unread_draws(root: Operation) -> frozenset[Operation]:
    """Draws below `root` whose numbers nobody needs, with what only computes with those: PyTorch's compiler
    drops them, and what is drawn later depends on that. A draw into memory that the program made is one
    where nobody reads that memory.
    """
    body = list(walk(root))
    dead: set[Operation] = set()
    found: set[Operation] = set()
    for op in reversed(body):
        if all(use.operation in dead for result in op.results for use in result.uses) and is_removable(op):
            dead.add(op)
        elif isinstance(op, AtenOp) and op not in found and draws(op):
            own = _unread_memory(_maker(op), dead)
            found |= own
            dead |= own
    for op in body:
        if op in dead and (draws(op) or any(operand.owner in found for operand in op.operands)):
            found.add(op)
    return frozenset(found)


def _shows_memory(op: Operation) -> bool:
    """Whether what `op` gives is memory of its first operand, to which, and to nothing else, it may write."""
    operator = definition_of(op)
    if operator is None:
        return False
    written = [place for place, argument in enumerate(operator.schema.arguments) if argument.is_written]
    return written == [0] if written else operator.is_view


def _maker(op: Operation) -> Operation | None:
    """What made the memory that `op` gives; None where schemas do not say that it is the program's own."""
    while _shows_memory(op):
        owner = op.operands[0].owner
        if not isinstance(owner, AtenOp):
            return None
        op = owner
    operator = definition_of(op)
    return None if operator is None or operator.schema.aliases else op


def _unread_memory(maker: Operation | None, dead: set[Operation]) -> set[Operation]:
    """All that shows the memory that `maker` makes, or writes to it, and `maker` if it draws; nothing where
    something reads it.
    """
    shown: set[Operation] = set()
    values: list[SSAValue] = [] if maker is None else list(maker.results)
    for value in values:
        for use in value.uses:
            op = use.operation
            if op in dead or op in shown:
                continue
            if use.index or not _shows_memory(op):
                return set()
            shown.add(op)
            values += op.results
    return shown | {maker} if maker is not None and draws(maker) else shown
