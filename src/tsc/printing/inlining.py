"""Which nodes a Python printer may write inside the expression that reads them.

Reading an expression evaluates it left to right, operands first. Walking the operands right to left while
walking the nodes backward shows where both orders agree; there, and only there, a value that is read once
needs no variable. Source: PyTorch, torch/csrc/jit/serialization/python_print.cpp (scanNode, canInline).
"""

from __future__ import annotations

from collections.abc import Iterator

from tsc.printing.graph import CONSTANT, ENTER, EXIT, RETURN, Block, Node, Value


def inlined_nodes(top: Block) -> set[Node]:
    """The nodes of a graph that need no statement of their own; constants that are read are among them."""
    found: set[Node] = set()
    _scan_block(top, found)
    return found


def _scan_block(block: Block, found: set[Node]) -> None:
    previous = _previous_nodes(block)
    _scan(block.end, previous, found)
    for node in reversed(block.body):
        if node not in found:
            for inner in node.regions:
                _scan_block(inner, found)
            _scan(node, previous, found)


def _previous_nodes(block: Block) -> dict[Node, Node | None]:
    """For each node the one before it that is no constant."""
    table: dict[Node, Node | None] = {}
    last: Node | None = None
    for node in [*block.body, block.end]:
        table[node] = last
        if node.operator != CONSTANT:
            last = node
    return table


def _scan(node: Node, previous: dict[Node, Node | None], found: set[Node]) -> None:
    point = previous[node]
    pending: list[Iterator[Value]] = [reversed(node.operands)]
    while pending:
        value = next(pending[-1], None)
        if value is None:
            pending.pop()
            continue
        made = value.definition
        if made is None:
            continue
        if made.operator == CONSTANT:
            found.add(made)
        elif made is point and can_inline(value):
            found.add(made)
            point = previous[made]
            pending.append(reversed(made.operands))


def can_inline(value: Value) -> bool:
    """Whether a value may stand inside the expression that reads it, as far as the value alone tells."""
    made = value.definition
    if (
        made is None
        or made.operator in (ENTER, EXIT)
        or len(made.results) != 1
        or len(value.users) != 1
        or made.regions
    ):
        return False
    user, position = value.users[0]
    if value.hint is not None and user.operator != RETURN:
        return False  # it was written as a variable
    if user.operator == "prim::Loop" and position >= 2:
        return False  # else trip count and condition would be evaluated after it
    if user.operator == "prim::fork":
        return False  # the call is made later
    return made.operator != "prim::isinstance"  # its refinement is in the graph already
