"""Checks that xDSL's verifier does not make: every operand is defined before it is used, in a scope that
reaches it.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsolatedFromAbove

from tsc.errors import IRError


def verify_dominance(module: ModuleOp) -> None:
    """Check a module whose regions have one block each.

    Raises:
        IRError: an operand is used where its definition does not reach.
    """
    for region in module.regions:
        for block in region.blocks:
            _block(block, set())


def _block(block: Block, visible: set[SSAValue]) -> None:
    scope = visible | set(block.args)
    for op in block.ops:
        _operation(op, scope)
        scope.update(op.results)


def _operation(op: Operation, scope: set[SSAValue]) -> None:
    for i, operand in enumerate(op.operands):
        if operand not in scope:
            raise IRError(
                f"{op.name}: operand {i} requires a definition that reaches it; got one that does not"
            )
    inner = set[SSAValue]() if op.has_trait(IsolatedFromAbove) or op.name == "func.func" else scope
    for region in op.regions:
        for block in region.blocks:
            _block(block, inner)
