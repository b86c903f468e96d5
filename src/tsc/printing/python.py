"""A function as TorchScript's Python: what ``.code`` shows and archives hold."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.frontend.unit import REQUIRED, FunctionParameter
from tsc.interop.torch import is_tensor
from tsc.printing.graph import CONSTANT, ENTER, EXIT, Block, Graph, Node, Place, Value
from tsc.printing.inlining import inlined_nodes
from tsc.printing.node_text import ExpressionPrinter, constant_text, is_identifier, plain_value
from tsc.printing.simplify import is_for_loop
from tsc.printing.spelling import FunctionType, code_type
from tsc.printing.tables import ConstantTable, Dependencies

RESERVED = frozenset(keyword.kwlist) | {
    "_", "aten", "attribute", "CONSTANTS", "fork", "getattr", "inf", "nan", "infj", "nanj", "ops",
    "__torch__", "uninitialized", "unchecked_cast", "torch", "annotate", "range", "isinstance",
}  # fmt: skip
LONG_LINE = 40
"""Characters from which an expression gets a variable of its own."""


@dataclass(frozen=True)
class Signature:
    """What a function's header says besides its graph."""

    name: str
    parameters: Sequence[FunctionParameter]
    result: TorchType
    self_name: str | None = None
    self_type: TorchType | None = None
    """The type written for ``self``; None leaves it out."""


class CodePrinter:
    """Prints functions; the tables gather what they refer to. Numbers of variables go on from function to
    function, as PyTorch's do.
    """

    def __init__(self, constants: ConstantTable | None = None, used: Dependencies | None = None) -> None:
        self.constants = ConstantTable() if constants is None else constants
        self.used = Dependencies() if used is None else used
        self.lines: list[str] = []
        self.places: list[tuple[int, Place]] = []
        """For lines that come from a place in the user's source: the line's position and the place."""
        self.level = 0
        self._next_number: dict[str, int] = {}

    def text(self) -> str:
        """Everything printed so far."""
        return "".join(f"{line}\n" for line in self.lines)

    def write(self, text: str, place: Place | None = None) -> None:
        """One line at the current indent."""
        if place is not None:
            self.places.append((len(self.lines), place))
        self.lines.append("  " * self.level + text)

    def function(self, graph: Graph, signature: Signature, name: str | None = None) -> None:
        """A ``def``, called `name` where that is not the function's own."""
        _FunctionPrinter(self).function(graph, signature if name is None else replace(signature, name=name))

    def fresh(self, candidate: str, taken: set[str]) -> str:
        """`candidate`, with a number where the name is taken."""
        name = candidate
        while name in taken or name in RESERVED:
            number = self._next_number.get(name, 0)
            self._next_number[name] = number + 1
            name = f"{candidate}{number}"
        taken.add(name)
        return name


class _FunctionPrinter:
    def __init__(self, out: CodePrinter) -> None:
        self.out = out
        self.taken: set[str] = set()
        self.variables: dict[Value, str] = {}
        self.inline_text: dict[Value, str] = {}
        self.inlined: set[Node] = set()
        self.split_from: dict[Node, int] = {}
        self.is_entered = False
        """Whether the line before opens a ``with`` block."""
        self.expressions = ExpressionPrinter(self.spell, out.constants)

    # --- names ---

    def spell(self, value: Value) -> str:
        """A value where it is read."""
        return self.variables[value] if value in self.variables else self.inline_text[value]

    def name(self, value: Value) -> str:
        """Give `value` a variable."""
        base = "_" if value.hint is None else _valid(value.hint)
        self.variables[value] = self.out.fresh(base, self.taken)
        return self.variables[value]

    # --- functions ---

    def function(self, graph: Graph, signature: Signature) -> None:
        """The header and the body."""
        self.header(graph, signature)
        self.out.level += 1
        self.inlined = inlined_nodes(graph.top)
        for node in _constants_in_order(graph.top):
            self.constant(node)
        self.block(graph.top)
        returned = list(graph.outputs())
        made = returned[0].definition if returned else None
        place = made.place if made is not None and made in self.inlined else None
        self.out.write(f"return {', '.join(self.spell(v) for v in returned)}", place)
        self.out.level -= 1

    def header(self, graph: Graph, signature: Signature) -> None:
        """``def name(self: T, x: Tensor) -> Tensor:``, a line for each parameter."""
        values, parts = list(graph.inputs()), list[str]()
        if signature.self_name is not None:
            written = self.out.fresh(signature.self_name, self.taken)
            if len(values) > len(signature.parameters):  # freezing drops a self that nobody reads
                self.variables[values.pop(0)] = written
            kind = signature.self_type
            parts.append(written if kind is None else f"{written}: {code_type(kind)}")
        untold = _without_written_default(signature.parameters)
        for position, (value, parameter) in enumerate(zip(values, signature.parameters, strict=True)):
            self.out.used.add_type(parameter.type)
            is_written = parameter.default is not REQUIRED and position >= untold
            default = f"={self._default(parameter)}" if is_written else ""
            parts.append(f"{self._parameter(value, parameter.name)}: {code_type(parameter.type)}{default}")
        self.out.used.add_type(signature.result)
        listed = ",\n    ".join(parts)
        self.out.write(f"def {signature.name}({listed}) -> {code_type(signature.result)}:")

    def _parameter(self, value: Value, name: str) -> str:
        self.variables[value] = self.out.fresh(name, self.taken)
        return self.variables[value]

    def _default(self, parameter: FunctionParameter) -> str:
        value: Any = plain_value(parameter.default)
        if parameter.broadcast_size is not None and isinstance(value, (int, float)):
            value = [value] * parameter.broadcast_size
        return constant_text(value, self.out.constants, parameter.type)

    # --- statements ---

    def block(self, block: Block, is_followed: bool = True) -> None:
        """The statements of a block."""
        nodes = [n for n in block.body if n.operator != CONSTANT]
        if not nodes and not is_followed:
            self.out.write("pass")
        for node in nodes:
            self.node(node)

    def node(self, node: Node) -> None:
        """One node: a statement, or the text of an expression for later."""
        self._depend(node)
        statement = _STATEMENTS.get(node.operator)
        self.is_entered &= node.operator == EXIT
        if statement is not None:
            statement(self, node)
            return
        text = self.expressions.text(node)
        if node not in self.inlined:
            self.define(node, text)
            return
        self.inline_text[node.results[0]] = text
        if self.is_long(text):
            self.split_long(node.results[0])

    def constant(self, node: Node) -> None:
        """A constant: written where it is read, unless it is long."""
        text = self.expressions.text(node)
        kind = node.results[0].torch_type
        if isinstance(kind, FunctionType):
            self.out.used.add_function(kind.data)
            text = self.out.used.function_name(kind.data)
        self.out.used.add_type(kind)
        if self.is_long(text):
            self.define(node, text)
        else:
            self.inline_text[node.results[0]] = text

    def is_long(self, text: str) -> bool:
        """Whether an expression gets a line of its own."""
        return len(text) + 2 * self.out.level >= LONG_LINE

    def define(self, node: Node, text: str) -> None:
        """``a, b = text``."""
        names = ", ".join([self.name(v) for v in node.results])
        self.out.write(f"{names} = {text}" if names else text, node.place)

    def _depend(self, node: Node) -> None:
        for value in (*node.operands, *node.results):
            self.out.used.add_type(value.torch_type)
        for kind in node.attributes.get("types", ()):
            if isinstance(kind, TorchType):
                self.out.used.add_type(kind)

    # --- long expressions ---

    def split_long(self, value: Value) -> None:
        """Give `value` a variable, and before it every inlined expression that is evaluated before it."""
        user, position = value.users[0]
        found: list[Value] = []
        self._collect(user, position, found)
        for other in reversed(found):
            made = other.definition
            assert made is not None
            self.define(made, self.inline_text[other])

    def _collect(self, user: Node, position: int, found: list[Value]) -> None:
        while True:
            is_known = user in self.split_from
            first = self.split_from[user] + 1 if is_known else 0
            for i in range(position, first - 1, -1):
                made = user.operands[i].definition
                if made is not None and made.operator != CONSTANT and made in self.inlined:
                    found.append(user.operands[i])
            self.split_from[user] = position
            if is_known or user not in self.inlined:
                return
            user, position = user.results[0].users[0]
            position -= 1  # the use itself is still being written

    # --- statements of their own ---

    def unpack(self, node: Node) -> None:
        """``a, b, = x``: the last comma makes it an unpacking when it is read back."""
        names = "".join(f"{self.name(v)}, " for v in node.results)
        self.out.write(f"{names}= {self.spell(node.operands[0])}", node.place)

    def set_attribute(self, node: Node) -> None:
        """``self.n = x``."""
        owner, value = (self.spell(v) for v in node.operands)
        assert is_identifier(node.s("name"))
        self.out.write(f"{owner}.{node.s('name')} = {value}", node.place)

    def fork(self, node: Node) -> None:
        """A function that makes the call, and ``fork`` of it."""
        name = self.out.fresh("__forked_function", self.taken)
        printer = self.expressions
        call = printer.call_method(node) if "name" in node.attributes else printer.call_function(node)
        self.out.write(f"def {name}():")
        self.out.write(f"  return {call}", node.place)
        self.define(node, f"fork({name})")

    def enter(self, node: Node) -> None:
        """``with c as x:``; what follows is its body."""
        (entered,) = node.results
        name = f" as {self.name(entered)}" if entered.users else ""
        self.out.write(f"with {self.spell(node.operands[0])}{name}:", node.place)
        self.out.level += 1
        self.is_entered = True

    def leave(self, node: Node) -> None:
        """The end of the body."""
        if self.is_entered:
            self.out.write("pass")
        self.out.level -= 1

    def branch(self, node: Node) -> None:
        """``if`` and ``else``, each ending in assignments to the results."""
        for value in node.results:
            self.name(value)
        self.out.write(f"if {self.spell(node.operands[0])}:", node.place)
        for i, block in enumerate(node.regions):
            if i == 1:
                self.out.write("else:")
            pairs = list(zip(node.results, block.end.operands, strict=True))
            if i == 1 or not any(_needs_annotation(target, value) for target, value in pairs):
                self.nested(block, node.results, block.end.operands)
                continue
            self.out.level += 1
            self.block(block)
            for target, value in pairs:  # one by one: only a single assignment can be annotated
                self.out.write(f"{self._annotated(target, value, ' :')} = {self.spell(value)}")
            self.out.level -= 1

    def _annotated(self, target: Value, value: Value, colon: str = ":") -> str:
        """The variable of `target`, with its type where `value` has another."""
        name = self.spell(target)
        return name if _is_same_type(target, value) else f"{name}{colon} {code_type(target.torch_type)}"

    def nested(self, block: Block, targets: Sequence[Value], values: Sequence[Value]) -> None:
        """A block, indented, and the assignment of its results."""
        self.out.level += 1
        self.block(block, is_followed=bool(targets))
        self.assign(targets, values)
        self.out.level -= 1

    def assign(self, targets: Sequence[Value], values: Sequence[Value]) -> None:
        """``a, b = x, y``: all at once, as the results of a block are."""
        if targets:
            left, right = (", ".join(self.spell(v) for v in vs) for vs in (targets, values))
            self.out.write(f"{left} = {right}")

    def loop(self, node: Node) -> None:
        """``for`` or ``while``; the results are the carried variables."""
        body = node.regions[0]
        for result, argument in zip(node.results, body.arguments[1:], strict=True):
            self.variables[argument] = self.name(result)
        for result, initial in zip(node.results, node.operands[2:], strict=True):
            self.out.write(f"{self._annotated(result, initial)} = {self.spell(initial)}")
        counter = body.arguments[0]
        self.name(counter)
        if is_for_loop(node):
            self.out.write(f"for {self.spell(counter)} in range({self.spell(node.operands[0])}):", node.place)
            self.nested(body, body.arguments[1:], body.end.operands[1:])
            return
        # Nobody reads the counter of a while loop: its variable holds the condition.
        self.out.write(f"{self.spell(counter)} = {self.spell(node.operands[1])}")
        self.out.write(f"while {self.spell(counter)}:", node.place)
        self.nested(body, body.arguments, body.end.operands)


_STATEMENTS = {
    "prim::If": _FunctionPrinter.branch,
    "prim::Loop": _FunctionPrinter.loop,
    "prim::TupleUnpack": _FunctionPrinter.unpack,
    "prim::ListUnpack": _FunctionPrinter.unpack,
    "prim::SetAttr": _FunctionPrinter.set_attribute,
    "prim::fork": _FunctionPrinter.fork,
    ENTER: _FunctionPrinter.enter,
    EXIT: _FunctionPrinter.leave,
}


def _needs_annotation(target: Value, value: Value) -> bool:
    """Whether the other branch must be told the type that joins both: where types alone do not join."""
    wide = (tt.OptionalType, tt.UnionType, tt.AnyType, tt.InterfaceType)
    return not _is_same_type(target, value) and isinstance(target.torch_type, wide)


def _is_same_type(a: Value, b: Value) -> bool:
    are_tensors = isinstance(a.torch_type, tt.TensorType) and isinstance(b.torch_type, tt.TensorType)
    return are_tensors or a.torch_type is b.torch_type


def _valid(hint: str) -> str:
    name = re.sub(r"\W", "_", hint)
    return f"_{name}" if not name or name[0].isdigit() else name


def _constants_in_order(top: Block) -> Iterator[Node]:
    """The constants of a function in the order they are first read."""
    seen: set[Node] = set()
    for node in top.walk():
        for operand in node.operands:
            made = operand.definition
            if made is not None and made.operator == CONSTANT and made not in seen:
                seen.add(made)
                yield made


def _without_written_default(parameters: Sequence[FunctionParameter]) -> int:
    """How many parameters there are up to the last whose default is a tensor, which code cannot write."""
    return max((i for i, p in enumerate(parameters, 1) if is_tensor(p.default)), default=0)
