"""Branches and loops with other operands and results."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Attribute, Operation, SSAValue


def rebuilt(op: Operation, operands: Sequence[SSAValue], kinds: Sequence[Attribute]) -> Operation:
    """A branch or loop with the regions of `op`, in its place: with `operands`, and results of `kinds`, the
    first of which stand for those of `op`.
    """
    regions = [op.detach_region(region) for region in list(op.regions)]
    made = type(op).create(
        operands=operands, result_types=kinds, attributes=op.attributes, regions=regions, location=op.location
    )
    assert op.parent is not None
    op.parent.insert_op_before(made, op)
    for old, new in zip(op.results, made.results, strict=False):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    op.detach()
    op.erase()
    return made
