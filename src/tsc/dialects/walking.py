"""All operations of a piece of IR, in order, and ways back from one. (xDSL's own `walk` goes through three
generators for each level an operation is nested in, which was a tenth of a compilation.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, Region, SSAValue


def walk(root: Operation | Region | Block) -> Iterator[Operation]:
    """The operations in `root`, itself among them, in the order of their text.

    What is given may be erased, and others put beside it: its successor was looked up before, its regions
    are looked at after.
    """
    if isinstance(root, Operation):
        yield root
        ahead = _first_operations(root.regions)
    else:
        ahead = _first_operations([root]) if isinstance(root, Region) else _first([root])
    while ahead:
        op = ahead.pop()
        following = op.next_op
        if following is not None:
            ahead.append(following)
        yield op
        if op.regions:
            ahead += _first_operations(op.regions)


def values_below(root: Operation) -> Iterator[SSAValue]:
    """The results of the operations in `root`, itself among them, and the arguments of their blocks."""
    for op in walk(root):
        yield from op.results
        for region in op.regions:
            for block in region.blocks:
                yield from block.args


def function_of(value: Operation | SSAValue) -> Operation | None:
    """The function that an operation or a value is in; an operation that is one is in itself. None of what is
    in no function.
    """
    at = value if isinstance(value, Operation) else value.owner
    op = at if isinstance(at, Operation) else at.parent_op()
    while op is not None and not isinstance(op, FuncOp):
        op = op.parent_op()
    return op


def comes_from(value: SSAValue, sources: Callable[[SSAValue], Sequence[SSAValue] | None]) -> bool:
    """Whether `sources` tells of `value`, and of all it comes from, what that comes from; None where it is
    not told.
    """
    pending, seen = [value], set[SSAValue]()
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        found = sources(at)
        if found is None:
            return False
        pending += found
    return True


def _first_operations(regions: Sequence[Region]) -> list[Operation]:
    """The first operation of each block that has any, the last block's first."""
    return _first([block for region in regions for block in region.blocks])


def _first(blocks: Sequence[Block]) -> list[Operation]:
    return [block.first_op for block in reversed(blocks) if block.first_op is not None]
