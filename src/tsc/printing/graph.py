# ruff: noqa: N802 - the methods are PyTorch's
"""A function in PyTorch's graph notation: `Graph`, `Node` and `Value` as plain views, and their text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tsc.dialects.graph_types import graph_type
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.narrowing import is_sequence
from tsc.printing.spelling import INTEGRAL_LIMIT, code_type, quoted, scalar_text

RETURN, CONSTANT = "prim::Return", "prim::Constant"
ENTER, EXIT = "prim::Enter", "prim::Exit"
"""The ends of a ``with`` block, which are nodes of one block."""
Place = tuple[str, int, int]
"""File, line (from 1) and column (from 0)."""


@dataclass(frozen=True)
class GraphType:
    """The type of a value: `str` is the graph's spelling, `annotation_str` the code's."""

    torch_type: TorchType

    def __str__(self) -> str:
        return graph_type(self.torch_type)

    __repr__ = __str__

    @property
    def annotation_str(self) -> str:
        """As an annotation."""
        return code_type(self.torch_type)

    def kind(self) -> str:
        """``TensorType``, ``ListType``, ..."""
        name = type(self.torch_type).__name__
        return "ClassType" if name == "ModuleType" else name


@dataclass(eq=False, repr=False)
class Value:
    """A value of a graph. `hint` is the variable it was written as, `name` what the text calls it."""

    torch_type: TorchType
    hint: str | None = None
    name: str = ""
    definition: Node | None = None
    users: list[tuple[Node, int]] = field(default_factory=list[tuple["Node", int]])

    def debugName(self) -> str:
        """The name, without the percent sign."""
        return self.name

    def type(self) -> GraphType:
        """The type."""
        return GraphType(self.torch_type)

    def node(self) -> Node | None:
        """The node that makes it; None for an input."""
        return self.definition

    def uses(self) -> list[tuple[Node, int]]:
        """The nodes that read it, each with the position among their inputs."""
        return list(self.users)

    def __str__(self) -> str:
        return f"{self.name} defined in ({str(self.definition).strip()})"

    __repr__ = __str__


@dataclass(eq=False, repr=False)
class Block:
    """Nodes in order; `end` is the ``prim::Return`` whose inputs are the results."""

    arguments: list[Value] = field(default_factory=list[Value])
    body: list[Node] = field(default_factory=list["Node"])
    end: Node = field(default_factory=lambda: Node(RETURN))

    def inputs(self) -> Iterator[Value]:
        """The arguments."""
        return iter(self.arguments)

    def outputs(self) -> Iterator[Value]:
        """The results."""
        return iter(self.end.operands)

    def nodes(self) -> Iterator[Node]:
        """The nodes, without the return."""
        return iter(self.body)

    def walk(self) -> Iterator[Node]:
        """All nodes here and in nested blocks, in the order of the text; the returns too."""
        for node in self.body:
            yield node
            for block in node.regions:
                yield from block.walk()
        yield self.end


@dataclass(eq=False, repr=False)
class Node:
    """One node: ``kind[attributes](inputs)``."""

    operator: str
    operands: list[Value] = field(default_factory=list[Value])
    results: list[Value] = field(default_factory=list[Value])
    regions: list[Block] = field(default_factory=list[Block])
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    signature: Schema | None = None
    place: Place | None = None
    is_removable: bool = False
    """Whether the node can go when nobody reads its results."""
    draws: bool = False
    """Whether it draws random numbers: then what it is in may not, see `operator_effects.is_removable`."""

    def kind(self) -> str:
        """``aten::add``."""
        return self.operator

    def inputs(self) -> Iterator[Value]:
        """The operands."""
        return iter(self.operands)

    def outputs(self) -> Iterator[Value]:
        """The results."""
        return iter(self.results)

    def blocks(self) -> Iterator[Block]:
        """The nested blocks."""
        return iter(self.regions)

    def input(self) -> Value:
        """The only operand."""
        (only,) = self.operands
        return only

    def output(self) -> Value:
        """The only result."""
        (only,) = self.results
        return only

    def inputsSize(self) -> int:
        """The number of operands."""
        return len(self.operands)

    def outputsSize(self) -> int:
        """The number of results."""
        return len(self.results)

    def inputsAt(self, i: int) -> Value:
        """Operand `i`."""
        return self.operands[i]

    def outputsAt(self, i: int) -> Value:
        """Result `i`."""
        return self.results[i]

    def schema(self) -> str:
        """The operator's schema; ``(no schema)`` where there is none."""
        return "(no schema)" if self.signature is None else str(self.signature)

    def sourceRange(self) -> str:
        """``file.py:3:11``; empty when the source is not known."""
        return "" if self.place is None else ":".join(str(p) for p in self.place)

    def hasAttribute(self, name: str) -> bool:
        """Whether there is an attribute `name`."""
        return name in self.attributes

    def attributeNames(self) -> list[str]:
        """The names of the attributes."""
        return list(self.attributes)

    def s(self, name: str) -> str:
        """A string attribute."""
        return self.attributes[name]

    def i(self, name: str) -> int:
        """An int attribute."""
        return int(self.attributes[name])

    def f(self, name: str) -> float:
        """A float attribute."""
        return float(self.attributes[name])

    def toIValue(self) -> Any:
        """The value of a constant."""
        return self.attributes.get("value")

    def findNode(self, kind: str, recurse: bool = True) -> Node | None:
        """The first node of a kind in the nested blocks."""
        return next(_of_kind(self.regions, kind, recurse), None)

    def findAllNodes(self, kind: str, recurse: bool = True) -> list[Node]:
        """All nodes of a kind in the nested blocks."""
        return list(_of_kind(self.regions, kind, recurse))

    def header(self) -> str:
        """The node's own line, without indent."""
        head = ", ".join(_declared(r) for r in self.results)
        shown = ", ".join(f"{k}={_attribute(v)}" for k, v in self.attributes.items() if v is not None)
        attributes = f"[{shown}]" if shown else ""
        operands = ", ".join(f"%{o.name}" for o in self.operands)
        comment = f" # {self.sourceRange()}" if self.place is not None else ""
        return f"{head} = {self.operator}{attributes}({operands}){comment}"

    def lines(self, indent: int) -> Iterator[str]:
        """The lines of the node and its blocks."""
        yield "  " * indent + self.header()
        for i, block in enumerate(self.regions):
            arguments = ", ".join(_declared(a) for a in block.arguments)
            yield "  " * (indent + 1) + f"block{i}({arguments}):"
            for node in block.body:
                yield from node.lines(indent + 2)
            yield "  " * (indent + 2) + f"-> ({', '.join('%' + o.name for o in block.end.operands)})"

    def __str__(self) -> str:
        return "\n".join(self.lines(0)) + "\n"

    __repr__ = __str__


class Graph:
    """A function as PyTorch's ``.graph``: its `str` is the text."""

    def __init__(self, top: Block) -> None:
        self.top = top

    def inputs(self) -> Iterator[Value]:
        """The parameters."""
        return self.top.inputs()

    def outputs(self) -> Iterator[Value]:
        """The results."""
        return self.top.outputs()

    def nodes(self) -> Iterator[Node]:
        """The nodes of the outermost block."""
        return self.top.nodes()

    def block(self) -> Block:
        """The outermost block."""
        return self.top

    def return_node(self) -> Node:
        """The node that returns."""
        return self.top.end

    def findNode(self, kind: str, recurse: bool = True) -> Node | None:
        """The first node of a kind."""
        return next(_of_kind([self.top], kind, recurse), None)

    def findAllNodes(self, kind: str, recurse: bool = True) -> list[Node]:
        """All nodes of a kind."""
        return list(_of_kind([self.top], kind, recurse))

    def copy(self) -> Graph:
        """The graph itself: it never changes."""
        return self

    def text(self, *, source_ranges: bool = True) -> str:
        """The text, with or without the source locations."""
        parameters = ",\n      ".join(_declared(v) for v in self.inputs())
        lines = [f"graph({parameters}):"]
        for node in self.nodes():
            lines += node.lines(1)
        lines.append(f"  return ({', '.join('%' + o.name for o in self.outputs())})")
        if not source_ranges:
            lines = [line.partition(" # ")[0] for line in lines]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__


def _of_kind(blocks: list[Block], kind: str, recurse: bool) -> Iterator[Node]:
    for block in blocks:
        for node in block.body:
            if node.operator == kind:
                yield node
            if recurse:
                yield from _of_kind(node.regions, kind, recurse)


def _declared(value: Value) -> str:
    return f"%{value.name} : {graph_type(value.torch_type)}"


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if is_sequence(value):
        opening, closing = "[]" if isinstance(value, list) else "()"
        return opening + ", ".join(_element(v) for v in value) + closing
    if isinstance(value, float):
        return scalar_text(value) if abs(value) < INTEGRAL_LIMIT else f"{value:.17g}"
    if isinstance(value, (int, complex)):
        return scalar_text(value)
    return quoted(value) if isinstance(value, str) else str(value)


def _element(value: object) -> str:
    if isinstance(value, TorchType):
        return graph_type(value)
    return (
        scalar_text(value) if value is None or isinstance(value, (bool, int, float, complex, str)) else "..."
    )
