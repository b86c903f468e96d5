"""Brings a fresh `Graph` into PyTorch's shape: loops that are a ``for`` or a ``while`` but not both, nothing
that nobody reads, a name for every value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.printing.graph import CONSTANT, Block, Graph, Node, Value

MAX_TRIPS = 2**63 - 1


def simplify(graph: Graph) -> None:
    """All simplifications, in order."""
    for node in list(graph.top.walk()):
        if node.operator == "prim::Loop" and is_modified_loop(node):
            _make_while(graph, node)
    while True:
        link_uses(graph)
        if not _drop_dead(graph.top):
            break
    link_uses(graph)


def link_uses(graph: Graph) -> None:
    """Write down who reads each value."""
    for node in graph.top.walk():
        for value in node.results:
            value.users = []
        for block in node.regions:
            for value in block.arguments:
                value.users = []
    for value in graph.top.arguments:
        value.users = []
    for node in graph.top.walk():
        for i, operand in enumerate(node.operands):
            operand.users.append((node, i))


# --- loops ---


def constant_value(value: Value) -> object:
    """The Python value of a constant; the value itself for anything else."""
    made = value.definition
    return made.attributes.get("value") if made is not None and made.operator == CONSTANT else value


def is_for_loop(loop: Node) -> bool:
    """Whether a ``prim::Loop`` is a ``for``: counted, and left only at the end."""
    runs_on = all(constant_value(c) is True for c in (loop.operands[1], loop.regions[0].end.operands[0]))
    return runs_on and is_counted(loop)


def is_counted(loop: Node) -> bool:
    """Whether the trip count matters."""
    counter = loop.regions[0].arguments[0]
    return constant_value(loop.operands[0]) != MAX_TRIPS or bool(counter.users)


def is_modified_loop(loop: Node) -> bool:
    """Whether a loop has both a trip count and a condition: Python has no statement for that."""
    return constant_value(loop.operands[0]) != MAX_TRIPS and not is_for_loop(loop)


def _make_while(graph: Graph, loop: Node) -> None:
    """``for i in range(n)`` with a condition: `i` becomes a carried variable that the condition compares."""
    front = graph.top.body
    body = loop.regions[0]
    trips, enter = loop.operands[:2]
    home = next(b for b in _blocks(graph.top) if loop in b.body)
    first, limit = _front_constant(front, 0), _front_constant(front, MAX_TRIPS)
    before: list[Node] = []
    starts = _conjunction(before, _operator(before, "aten::lt.int", [first, trips]), enter)
    home.body[home.body.index(loop) : home.body.index(loop)] = before
    proceed = body.end.operands[0]
    counter = body.arguments[0]
    after: list[Node] = []
    following = _operator(after, "aten::add.int", [counter, _front_constant(front, 1)])
    proceeds = _conjunction(after, _operator(after, "aten::lt.int", [following, trips]), proceed)
    body.body += after
    body.end.operands = [proceeds, following, *body.end.operands[1:]]
    body.arguments.insert(0, Value(tt.INT))
    loop.operands = [limit, starts, first, *loop.operands[2:]]
    loop.results.insert(0, Value(tt.INT, definition=loop))


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for node in block.body:
        for inner in node.regions:
            yield from _blocks(inner)


def _front_constant(front: list[Node], value: int) -> Value:
    for node in front:
        held = node.attributes.get("value")
        if node.operator == CONSTANT and type(held) is int and held == value:
            return node.results[0]
    node = Node(CONSTANT, attributes={"value": value}, is_removable=True)
    node.results = [Value(tt.INT, definition=node)]
    front.insert(0, node)
    return node.results[0]


def _operator(nodes: list[Node], full_name: str, operands: list[Value]) -> Value:
    schema = schemas.lookup(full_name)
    assert schema is not None, full_name
    node = Node(schema.name, operands, signature=schema, is_removable=True)
    node.results = [Value(schema.results[0].type, definition=node)]
    nodes.append(node)
    return node.results[0]


def _conjunction(nodes: list[Node], a: Value, b: Value) -> Value:
    return a if constant_value(b) is True else _operator(nodes, "aten::__and__.bool", [a, b])


# --- dead code ---


def _drop_dead(block: Block) -> bool:
    """Remove nodes and carried values that nobody reads, last first; whether anything went."""
    changed = False
    for node in reversed(list(block.body)):
        for inner in node.regions:
            changed |= _drop_dead(inner)
        if node.operator == "prim::If":
            changed |= _drop_if_results(node)
        elif node.operator == "prim::Loop":
            changed |= _drop_carried(node)
        if is_dead(node):
            block.body.remove(node)
            for value in node.operands:
                value.users = [u for u in value.users if u[0] is not node]
            changed = True
    return changed


def is_dead(node: Node) -> bool:
    """Whether a node only computes what nobody reads."""
    return not any(r.users for r in node.results) and is_removable(node)


def is_removable(node: Node) -> bool:
    """Whether a node, with everything inside it, does nothing but compute."""
    if node.regions:
        return all(is_removable(n) and not n.draws for b in node.regions for n in b.body)
    return node.is_removable


def _drop_if_results(node: Node) -> bool:
    unread = [i for i, r in enumerate(node.results) if not r.users]
    for i in reversed(unread):
        del node.results[i]
        for block in node.regions:
            del block.end.operands[i]
    return bool(unread)


def _drop_carried(node: Node) -> bool:
    """Carried values read neither after the loop nor in it, but perhaps to hand themselves on."""
    body = node.regions[0]
    unread = [
        i
        for i, r in enumerate(node.results)
        if not r.users and all(user is body.end and at == i + 1 for user, at in body.arguments[i + 1].users)
    ]
    for i in reversed(unread):
        del node.results[i]
        del node.operands[i + 2]
        del body.arguments[i + 1]
        del body.end.operands[i + 1]
    return bool(unread)


# --- names ---


def number_values(graph: Graph) -> None:
    """Names as PyTorch gives them: ``x.1``, ``x.5`` for variables, the last at the top plain."""
    declared = list(_values(graph))
    last = _last_of_each(graph)
    first: dict[str | None, Value] = {}
    for value in declared:
        first.setdefault(value.hint, value)
    counts = Counter(v.hint for v in declared if v.hint is not None)
    seen: Counter[str | None] = Counter()
    number = 0
    for value in declared:
        if value.hint is None:
            number += 1
            value.name = str(number)
            continue
        seen[value.hint] += 1
        is_plain = last.get(value.hint) is value and counts[value.hint] > 1
        is_first_read = _is_read(value) and seen[value.hint] == 1
        is_self = value.definition is None and value.hint == "self"
        is_bare = is_self or is_first_read or (is_plain and not _is_read(first[value.hint]))
        value.name = value.hint if is_bare else f"{value.hint}.{seen[value.hint]}"


def number_recorded_values(graph: Graph) -> None:
    """Names as PyTorch's tracer gives them: the last value called ``x`` is ``x``, those before it ``x.1``,
    ``x.3``; numbers count all values.
    """
    declared = list(_values(graph))
    counts = Counter(v.hint for v in declared if v.hint is not None)
    seen: Counter[str] = Counter()
    for number, value in enumerate(declared):
        if value.hint is None:
            value.name = str(number)
            continue
        seen[value.hint] += 1
        is_last = seen[value.hint] == counts[value.hint]
        value.name = value.hint if is_last else f"{value.hint}.{2 * seen[value.hint] - 1}"


def _is_read(value: Value) -> bool:
    """Whether the value is an attribute, which has the attribute's name."""
    return value.definition is not None and value.definition.operator == "prim::GetAttr"


def _values(graph: Graph) -> Iterator[Value]:
    """All values, in the order of the text."""
    yield from graph.top.arguments
    for node in graph.top.walk():
        yield from node.results
        for block in node.regions:
            yield from block.arguments


def _last_of_each(graph: Graph) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for node in graph.top.body:
        found.update({r.hint: r for r in node.results if r.hint is not None})
    return found
