"""All operations of a piece of IR, in order. (xDSL's own `walk` goes through three generators for each level
an operation is nested in, which was a tenth of a compilation.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.ir import Block, Operation, Region


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


def _first_operations(regions: Sequence[Region]) -> list[Operation]:
    """The first operation of each block that has any, the last block's first."""
    return _first([block for region in regions for block in region.blocks])


def _first(blocks: Sequence[Block]) -> list[Operation]:
    return [block.first_op for block in reversed(blocks) if block.first_op is not None]
