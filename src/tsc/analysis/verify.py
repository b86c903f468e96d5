"""Checks that xDSL's verifier does not make: every operand is defined before it is used, in a scope that
reaches it.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.traits import IsolatedFromAbove

from tsc.errors import IRError


def verify_dominance(module: ModuleOp) -> int:
    """Check a module whose regions have one block each; how many operations it has.

    Raises:
        IRError: an operand is used where its definition does not reach.
    """
    return 1 + sum(_block(block, set()) for region in module.regions for block in region.blocks)


def _block(block: Block, visible: set[int]) -> int:
    """Check a block in which the values with these identities are to be seen."""
    scope = visible | set(map(id, block.args))
    count = 0
    for op in block.ops:
        count += _operation(op, scope)
        scope.update(map(id, op.results))
    return count


def _operation(op: Operation, scope: set[int]) -> int:
    for i, operand in enumerate(op.operands):
        if id(operand) not in scope:
            raise IRError(
                f"{op.name}: operand {i} requires a definition that reaches it; got one that does not"
            )
    if not op.regions:
        return 1
    inner = set[int]() if op.has_trait(IsolatedFromAbove) or op.name == "func.func" else scope
    return 1 + sum(_block(block, inner) for region in op.regions for block in region.blocks)
