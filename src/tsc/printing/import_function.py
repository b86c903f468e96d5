"""From a ``func.func`` of stage `torch` to a `Graph`: what PyTorch has no node for disappears, constants
move to the front, and what nobody reads is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, NameLoc
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir import Block as IRBlock
from xdsl.traits import MemoryEffectKind, get_effects

from tsc.analysis.operator_effects import draws
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.schema import REQUIRED
from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.torch_types import TorchType
from tsc.printing.graph import CONSTANT, ENTER, EXIT, Block, Graph, Node, Place, Value
from tsc.printing.simplify import number_recorded_values, number_values, simplify
from tsc.printing.spelling import FunctionType

_TERMINATORS = ("func.return", "torch.prim.If.yield", "torch.prim.Loop.condition")
_LITERALS = (ops.NonValueTensorLiteralOp, ops.ValueTensorLiteralOp)

_PLACELESS = (
    ops.PrimListConstructOp,
    ops.PrimTupleConstructOp,
    ops.PrimDictConstructOp,
    ops.PrimUncheckedCastOp,
    ops.PrimListUnpackOp,
    ops.PrimTupleUnpackOp,
    ops.PrimIsInstanceOp,
)
"""What PyTorch prints without a source location."""


def _key(value: object) -> tuple[type, Any]:
    return cast("type[Any]", type(value)), repr(value)


@dataclass(frozen=True)
class Literals:
    """The constants a function's source writes out, in order, each with its first place; see
    `literals_of`.
    """

    places: dict[tuple[type, Any], Place]
    negated: dict[tuple[type, Any], Place] = field(default_factory=dict[tuple[type, Any], Place])
    """Numbers written with a minus, which are no literals to PyTorch, but have a place."""

    def is_written(self, value: object) -> bool:
        """Whether `value` is a number that the source writes out."""
        return type(value) in (int, float, complex) and _key(value) in self.places

    def place(self, value: object) -> Place | None:
        """Where `value` is written."""
        key = _key(value)
        return self.places.get(key) or self.negated.get(key)


@dataclass(frozen=True)
class EnumConstant:
    """A member of an enum, as the value of a constant."""

    qualified_name: str
    member: str

    def __str__(self) -> str:
        return f"{self.qualified_name}.{self.member}"


@dataclass(frozen=True, eq=False)
class TensorConstant:
    """A tensor, as the value of a constant; the array stays where it is."""

    array: Any

    def __str__(self) -> str:
        return "<Tensor>"


def import_function(
    function: FuncOp,
    names: Sequence[str],
    literals: Literals | None = None,
    pool: ConstantPool | None = None,
    *,
    is_traced: bool = False,
) -> Graph:
    """The graph of a function whose parameters are called `names`; `pool` has the arrays of its constants.

    Constants of a trace stay where they were recorded; others are pooled at the start.
    """
    importer = _Importer(literals or Literals({}), pool, is_traced)
    top = Block()
    importer.block(function.body.block, top)
    for value, name in zip(top.arguments, names, strict=True):
        value.hint = name
    graph = Graph(top)
    top.body[:0] = importer.pooled()
    simplify(graph)
    if is_traced:
        number_recorded_values(graph)
    else:
        number_values(graph)
    return graph


class _Importer:
    def __init__(self, literals: Literals, pool: ConstantPool | None, is_traced: bool) -> None:
        self.literals = literals
        self.is_traced = is_traced
        self.pool = pool
        self.values: dict[SSAValue, Value] = {}
        self.constants: dict[Any, Node] = {}

    # --- constants ---

    def pooled(self) -> list[Node]:
        """All constants, in the order PyTorch's pooling leaves: literals of the source last, in order, the
        others before them, last met first.
        """
        written = [n for n in self.constants.values() if self._is_number_of_source(n)]
        order = {place: i for i, place in enumerate(self.literals.places.values())}
        written.sort(key=lambda n: order[cast("Place", n.place)])
        others = [n for n in self.constants.values() if not self._is_number_of_source(n)]
        return [*reversed(others), *written]

    def _is_number_of_source(self, node: Node) -> bool:
        return self.literals.is_written(node.attributes.get("value"))

    def constant(self, key: Any, attributes: dict[str, Any], kind: TorchType, place: Place | None) -> Value:
        """The one constant node for `key`."""
        if key not in self.constants:
            node = Node(CONSTANT, attributes=attributes, place=place, is_removable=True)
            node.results = [Value(kind, definition=node)]
            self.constants[key] = node
        return self.constants[key].results[0]

    def _literal_constant(self, op: ops.ConstantOp) -> Value:
        value, kind = op.python_value, cast("TorchType", op.results[0].type)
        place = self.literals.place(value)
        if place is None and value is True and self._opens_loop(op):
            place = place_of(next(iter(op.results[0].uses)).operation.location)
        attributes = {} if value is None else {"value": value}
        return self.constant((kind, type(value), repr(value)), attributes, kind, place)

    def _opens_loop(self, op: Operation) -> bool:
        return any(isinstance(u.operation, ops.PrimLoopOp) for u in op.results[0].uses)

    # --- structure ---

    def block(self, source: IRBlock, target: Block) -> None:
        """All of `source` as nodes of `target`."""
        target.arguments = [self.define(a) for a in source.args]
        for op in source.ops:
            if op.name in _TERMINATORS:
                target.end.operands = self.uses(op.operands)
            else:
                self.operation(op, target)

    def define(self, ssa: SSAValue, definition: Node | None = None) -> Value:
        """The new value for an SSA value."""
        made = Value(cast("TorchType", ssa.type), ssa.name_hint, definition=definition)
        self.values[ssa] = made
        return made

    def uses(self, operands: Iterable[SSAValue]) -> list[Value]:
        """The values for SSA operands."""
        return [self.values[o] for o in operands]

    def operation(self, op: Operation, target: Block) -> None:
        """One operation: a node, a constant, or nothing."""
        if isinstance(op, ops.DerefineOp):
            self.values[op.results[0]] = self.values[op.operands[0]]
        elif self.is_traced and isinstance(op, (ops.ConstantOp, *_LITERALS)):
            target.body.append(self._recorded_constant(op))
        elif isinstance(op, ops.ConstantOp):
            self.values[op.results[0]] = self._literal_constant(op)
        elif isinstance(op, _LITERALS):
            held = None if self.pool is None else literal_array(self.pool, op)
            kind = cast("TorchType", op.results[0].type)
            value = TensorConstant(held)
            self.values[op.results[0]] = self.constant(op, {"value": value}, kind, None)
        elif isinstance(op, ops.PrimCreateObjectOp) and "member" in op.attributes:
            self._enum_member(op)
        else:
            target.body.append(self.node(op))

    def _recorded_constant(self, op: Operation) -> Node:
        """A constant of a trace, where it was recorded."""
        if isinstance(op, ops.ConstantOp):
            held = op.python_value
        else:
            literal = cast("ops.NonValueTensorLiteralOp | ops.ValueTensorLiteralOp", op)
            held = TensorConstant(None if self.pool is None else literal_array(self.pool, literal))
        place = None if held is None else place_of(op.location)
        attributes = {} if held is None else {"value": held}
        node = Node(CONSTANT, attributes=attributes, place=place, is_removable=True)
        node.results = [self.define(r, node) for r in op.results]
        for result in node.results:
            result.hint = None
        return node

    def _enum_member(self, op: Operation) -> None:
        kind = cast("TorchType", op.results[0].type)
        member = op.attributes["member"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        held = EnumConstant(kind.data, member)  # pyright: ignore[reportUnknownArgumentType]
        self.values[op.results[0]] = self.constant(held, {"value": held}, kind, None)

    def node(self, op: Operation) -> Node:
        """The node of an operation, with its blocks."""
        place = None if isinstance(op, _PLACELESS) else place_of(op.location)
        node = Node(_kind(op), self.uses(op.operands), place=place)
        node.is_removable, node.draws = _only_computes(op), draws(op)
        self._specialize(op, node)
        node.regions = [Block() for _ in op.regions]
        for region, block in zip(op.regions, node.regions, strict=True):
            self.block(region.block, block)
        node.results = [self.define(r, node) for r in op.results]
        if isinstance(op, ops.PrimTupleConstructOp) and isinstance(op.results[0].type, tt.TupleType):
            node.results[0].torch_type = tt.TupleType(tuple(o.torch_type for o in node.operands))
        if ENTERS in op.attributes or LEAVES in op.attributes:
            _make_end(node, ENTER if ENTERS in op.attributes else EXIT)
        return node

    def _specialize(self, op: Operation, node: Node) -> None:
        """What a node has beyond its kind: attributes, a schema, the order of its operands."""
        if isinstance(op, AtenOp):
            node.signature = op.schema
            if not self.is_traced:
                self._pool_default_lists(op, node)
        elif isinstance(op, (ops.PrimGetAttrOp, ops.PrimSetAttrOp, ops.PrimCallMethodOp)):
            node.attributes["name"] = op.attributes["name"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        elif isinstance(op, ops.PrimDictConstructOp):
            n = len(node.operands) // 2
            pairs = zip(node.operands[:n], node.operands[n:], strict=True)
            node.operands = [value for pair in pairs for value in pair]
        elif isinstance(op, ops.PrimIsInstanceOp):
            named = [t.data for t in op.attributes["types"].data]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
            known = {t.torchscript(): t for t in op.attributes["torch_types"].data}  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
            node.attributes["types"] = list(known.get(name, name) for name in named)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType]
        elif isinstance(op, CallOp):
            self._add_callee(node, op.callee.root_reference.data)
        elif isinstance(op, ops.PrimForkOp) and "callee" not in op.attributes:
            node.attributes["name"] = op.attributes["name"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        elif isinstance(op, ops.PrimForkOp):
            self._add_callee(node, op.attributes["callee"].root_reference.data)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
        elif isinstance(op, ops.PrimPythonOp):
            node.attributes["name"] = op.attributes["callee"].root_reference.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    def _add_callee(self, node: Node, name: str) -> None:
        """The function called, as the first operand."""
        kind = FunctionType(name)
        callee = self.constant(kind, {"name": name.rpartition(".")[2]}, kind, None)
        node.operands.insert(0, callee)

    def _pool_default_lists(self, op: AtenOp, node: Node) -> None:
        """Lists the frontend built for a default argument: one constant, as in PyTorch."""
        for i, (argument, operand) in enumerate(zip(op.schema.arguments, node.operands, strict=False)):
            default = argument.default
            if default is REQUIRED or not _is_default(operand, default, argument.broadcast_size):
                continue
            elements = [o.definition.attributes.get("value") for o in operand.definition.operands]  # pyright: ignore[reportOptionalMemberAccess]
            if elements and op.operands[i].owner.location == op.location:  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                key = (operand.torch_type, repr(elements))
                node.operands[i] = self.constant(key, {"value": elements}, operand.torch_type, None)


def _make_end(node: Node, operator: str) -> None:
    """Make a call of a context's method what PyTorch has in its place at an end of a ``with`` block."""
    node.operator, node.operands, node.place = operator, node.operands[:1], None
    del node.attributes["name"]
    if operator == EXIT:
        node.results[0].torch_type = tt.TENSOR


def _is_default(operand: Value, default: object, broadcast_size: int | None) -> bool:
    made = operand.definition
    if made is None or made.operator != "prim::ListConstruct":
        return False
    elements = [o.definition.attributes.get("value") if o.definition else None for o in made.operands]
    if isinstance(default, (int, float)) and broadcast_size is not None:
        return elements == [default] * broadcast_size
    return isinstance(default, (list, tuple)) and elements == list(default)  # pyright: ignore[reportUnknownArgumentType]


def _only_computes(op: Operation) -> bool:
    """Whether an operation may go when nobody reads its results: it reads and allocates at most."""
    if not op.results:
        return False
    effects = get_effects(op)
    harmless = (MemoryEffectKind.READ, MemoryEffectKind.ALLOC)
    return effects is not None and all(e.kind in harmless for e in effects)


def _kind(op: Operation) -> str:
    """``prim::If`` of ``torch.prim.If``, ``aten::add`` of ``torch.aten.add.Tensor``."""
    if isinstance(op, AtenOp):
        return op.schema.name
    if isinstance(op, CallOp):
        return "prim::CallFunction"
    if op.name == "torch.operator":
        space, _, name = op.attributes["name"].data.partition(".")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        return f"{space}::{name.partition('.')[0]}"  # pyright: ignore[reportUnknownMemberType]
    return op.name.removeprefix("torch.").replace(".", "::", 1)


def place_of(location: Attribute) -> Place | None:
    """File, line and column of a location; of inlined code, its own place."""
    if isinstance(location, CallSiteLoc):
        return place_of(location.callee)
    if isinstance(location, NameLoc):
        return place_of(location.location)
    if isinstance(location, FileLineColLoc):
        return location.filename.data, location.line.data, location.column.data
    return None
