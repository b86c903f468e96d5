"""One node as the Python expression that reads back as that node."""

from __future__ import annotations

import enum
import keyword
import re
from collections.abc import Callable
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.schema import REQUIRED, Argument, Schema
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.unit import EnumValue
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array
from tsc.printing.graph import CONSTANT, Node, Value
from tsc.printing.import_function import EnumConstant, TensorConstant
from tsc.printing.spelling import FunctionType, code_type, quoted, scalar_text
from tsc.printing.tables import ConstantTable

Spell = Callable[[Value], str]
"""How a value is written where it is read: a variable, or an expression."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
_CONVERSIONS = {
    "aten::Int": "int", "aten::Float": "float", "aten::Bool": "bool", "aten::str": "str",
    "prim::Print": "print", "aten::sorted": "sorted",
}  # fmt: skip
_IMPLICIT = ("aten::ScalarImplicit", "aten::FloatImplicit", "aten::IntImplicit", "aten::ComplexImplicit")


def is_identifier(name: str) -> bool:
    """Whether ``self.name`` can be written."""
    return _IDENTIFIER.match(name) is not None and not keyword.iskeyword(name)


def plain_value(value: object) -> Any:
    """A live Python constant as code can spell it: dtypes as their numbers, devices as text."""
    known = torch_interop.constant_of(value)
    return value if known is None else known[1]


def constant_text(value: Any, constants: ConstantTable, kind: TorchType | None = None) -> str:
    """A constant as code."""
    if isinstance(value, TensorConstant):
        return constants.name(value.array)
    if isinstance(value, EnumConstant):
        return str(value)
    if isinstance(value, (enum.Enum, EnumValue)) and isinstance(kind, tt.EnumType):
        return f"{kind.data}.{value.name}"
    if is_array(value):
        return constants.name(value)
    if kind is tt.DEVICE and isinstance(value, str):
        return f"torch.device({quoted(value)})"
    if isinstance(value, list):
        return f"[{', '.join(constant_text(v, constants) for v in value)}]"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, tuple):
        parts = [constant_text(v, constants) for v in value]  # pyright: ignore[reportUnknownVariableType]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if isinstance(value, str) and not value.isascii():
        return constants.name(value)
    return scalar_text(value)


class ExpressionPrinter:
    """Writes nodes as expressions, their operands as `spell` says."""

    def __init__(self, spell: Spell, constants: ConstantTable) -> None:
        self.spell = spell
        self.constants = constants

    def text(self, node: Node) -> str:
        """The expression of `node`."""
        kind = node.operator
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self, node)
        if kind in _CONVERSIONS:
            return f"{_CONVERSIONS[kind]}({self.arguments(node.operands)})"
        if kind in _IMPLICIT:
            return self.annotated(node, self.spell(node.operands[0]))
        return self.call(node)

    def arguments(self, values: list[Value]) -> str:
        """Values separated by commas."""
        return ", ".join(self.spell(v) for v in values)

    def annotated(self, node: Node, text: str) -> str:
        """``annotate(T, text)`` with the type of the node's result."""
        return f"annotate({code_type(node.results[0].torch_type)}, {text})"

    def call(self, node: Node) -> str:
        """``torch.add(x, y)``, without the trailing arguments that are defaults."""
        space, _, name = node.operator.partition("::")
        head = f"torch.{name}" if space == "aten" else f"ops.{space}.{name}"
        schema = node.signature
        if schema is None:
            return f"{head}({self.arguments(_without_trailing_none(node))})"
        formals = _necessary(schema, node.operands)
        parts = [
            f"{formal.name}={self.spell(value)}"
            if formal is not None and formal.kwarg_only
            else self.spell(value)
            for formal, value in formals
        ]
        return f"{head}({', '.join(parts)})"

    # --- forms ---

    def constant(self, node: Node) -> str:
        """A constant, or a function's name."""
        kind = node.results[0].torch_type
        if isinstance(kind, FunctionType):
            return kind.data
        return constant_text(node.attributes.get("value"), self.constants, kind)

    def uninitialized(self, node: Node) -> str:
        """``uninitialized(T)``."""
        return f"uninitialized({code_type(node.results[0].torch_type)})"

    def get_item(self, node: Node) -> str:
        """``xs[i]``."""
        owner = self.spell(node.operands[0])
        return f"{owner if is_identifier(owner) else f'({owner})'}[{self.spell(node.operands[1])}]"

    def tuple_construct(self, node: Node) -> str:
        """``(a, b)``; of a named tuple, its name before that."""
        kind = node.results[0].torch_type
        name = kind.data[0] if isinstance(kind, tt.NamedTupleType) else ""
        return f"{name}({self.arguments(node.operands)}{',' if len(node.operands) == 1 else ''})"

    def tuple_index(self, node: Node) -> str:
        """``(t)[0]``."""
        return f"({self.spell(node.operands[0])})[{self.spell(node.operands[1])}]"

    def list_construct(self, node: Node) -> str:
        """``[a, b]``, annotated where the elements do not tell the type."""
        kind = node.results[0].torch_type
        assert isinstance(kind, tt.ListType)
        text = f"[{self.arguments(node.operands)}]"
        needs = not node.operands or not _is_inferred(kind.data)
        return self.annotated(node, text) if needs else text

    def dict_construct(self, node: Node) -> str:
        """``{k: v}``, annotated where the elements do not tell the type."""
        kind = node.results[0].torch_type
        assert isinstance(kind, tt.DictType)
        pairs = zip(node.operands[::2], node.operands[1::2], strict=True)
        text = f"{{{', '.join(f'{self.spell(k)}: {self.spell(v)}' for k, v in pairs)}}}"
        needs = not node.operands or not _is_inferred(kind.key) or not _is_inferred(kind.value)
        return self.annotated(node, text) if needs else text

    def create_object(self, node: Node) -> str:
        """``Cls.__new__(Cls)``."""
        name = code_type(node.results[0].torch_type)
        return f"{name}.__new__({name})"

    def get_attribute(self, node: Node) -> str:
        """``self.name``, or ``getattr(self, "0")``."""
        owner, name = self.spell(node.operands[0]), node.s("name")
        return f"{owner}.{name}" if is_identifier(name) else f"getattr({owner}, {quoted(name)})"

    def call_function(self, node: Node) -> str:
        """``f(x, )``."""
        callee, *arguments = (self.spell(v) for v in node.operands)
        return f"{callee}({''.join(f'{a}, ' for a in arguments)})"

    def call_method(self, node: Node) -> str:
        """``(m).forward(x, )``."""
        receiver, *arguments = (self.spell(v) for v in node.operands)
        return f"({receiver}).{node.s('name')}({''.join(f'{a}, ' for a in arguments)})"

    def unwrap_optional(self, node: Node) -> str:
        """``torch._unwrap_optional(x)``."""
        text = self.spell(node.operands[0])
        if node.operands[0].torch_type is tt.NONE:
            text = f"annotate({code_type(tt.OptionalType(node.results[0].torch_type))}, {text})"
        return f"torch._unwrap_optional({text})"

    def unchecked_cast(self, node: Node) -> str:
        """``unchecked_cast(T, x)``."""
        return f"unchecked_cast({code_type(node.results[0].torch_type)}, {self.spell(node.operands[0])})"

    def is_instance(self, node: Node) -> str:
        """``isinstance(x, T)``, or a tuple of types."""
        names = [t if isinstance(t, str) else code_type(t) for t in node.attributes["types"]]
        wanted = names[0] if len(names) == 1 else f"({', '.join(names)})"
        return f"isinstance({self.spell(node.operands[0])}, {wanted})"

    def enum_value(self, node: Node) -> str:
        """``(e).value``."""
        return f"({self.spell(node.operands[0])}).{node.operator.removeprefix('prim::Enum').lower()}"

    def percent_format(self, node: Node) -> str:
        """``torch.percentFormat("%d %d", (a, b))``."""
        return f"torch.percentFormat({', '.join(self.spell(v) for v in node.operands)})"

    def to_list(self, node: Node) -> str:
        """``annotate(List[float], x.tolist())``: the type says what the lists hold, and how deep they are."""
        return f"annotate({code_type(node.results[0].torch_type)}, {self.spell(node.operands[0])}.tolist())"

    def python_call(self, node: Node) -> str:
        """``^f(x)``: to look at; nothing reads it back."""
        return f"^{node.s('name').rpartition('.')[2]}({self.arguments(node.operands)})"

    def unsupported(self, node: Node) -> str:
        """Nothing an archive can hold."""
        raise NotSupportedError(f"{node.operator} cannot be written as TorchScript code")


_HANDLERS: dict[str, Callable[[ExpressionPrinter, Node], str]] = {
    CONSTANT: ExpressionPrinter.constant,
    "prim::Uninitialized": ExpressionPrinter.uninitialized,
    "aten::__getitem__": ExpressionPrinter.get_item,
    "prim::TupleConstruct": ExpressionPrinter.tuple_construct,
    "prim::TupleIndex": ExpressionPrinter.tuple_index,
    "prim::ListConstruct": ExpressionPrinter.list_construct,
    "prim::DictConstruct": ExpressionPrinter.dict_construct,
    "prim::CreateObject": ExpressionPrinter.create_object,
    "prim::GetAttr": ExpressionPrinter.get_attribute,
    "prim::CallFunction": ExpressionPrinter.call_function,
    "prim::CallMethod": ExpressionPrinter.call_method,
    "aten::_unwrap_optional": ExpressionPrinter.unwrap_optional,
    "prim::unchecked_cast": ExpressionPrinter.unchecked_cast,
    "prim::isinstance": ExpressionPrinter.is_instance,
    "aten::percentFormat": ExpressionPrinter.percent_format,
    "prim::tolist": ExpressionPrinter.to_list,
    "prim::PythonOp": ExpressionPrinter.python_call,
    "prim::EnumValue": ExpressionPrinter.enum_value,
    "prim::EnumName": ExpressionPrinter.enum_value,
    "prim::nn_module": ExpressionPrinter.unsupported,
    "tsc::group": ExpressionPrinter.unsupported,
}


def _is_inferred(element: TorchType) -> bool:
    """Whether a list display tells this element type."""
    unclear = (tt.OptionalType, tt.UnionType, tt.InterfaceType)
    return not isinstance(element, unclear) and element not in (tt.ANY, tt.NUMBER)


def _without_trailing_none(node: Node) -> list[Value]:
    """The operands of a node without a schema: ``prim::RaiseException``'s class may be missing."""
    operands = list(node.operands)
    while operands and operands[-1].torch_type is tt.NONE:
        operands.pop()
    return operands


def _necessary(schema: Schema, operands: list[Value]) -> list[tuple[Argument | None, Value]]:
    """The arguments to write: no trailing ones that equal their defaults, but always ``out=``."""
    formals: list[Argument | None] = list(schema.arguments)
    formals += [None] * (len(operands) - len(formals))
    pairs = list(zip(formals, operands, strict=True))
    outputs: list[tuple[Argument | None, Value]] = []
    while pairs and pairs[-1][0] is not None and pairs[-1][0].kwarg_only and pairs[-1][0].is_written:
        outputs.insert(0, pairs.pop())
    while pairs and pairs[-1][0] is not None and is_default(pairs[-1][0], pairs[-1][1]):
        pairs.pop()
    return pairs + outputs


def is_default(formal: Argument, value: Value) -> bool:
    """Whether an operand is the default of its argument."""
    made = value.definition
    if formal.default is REQUIRED or made is None:
        return False
    if made.operator == "prim::ListConstruct":
        held: Any = [o.definition.attributes.get("value", o) if o.definition else o for o in made.operands]
    elif made.operator == CONSTANT and not isinstance(value.torch_type, FunctionType):
        held = made.attributes.get("value")
    else:
        return False
    default = formal.default
    if isinstance(held, list):
        if formal.broadcast_size is not None and isinstance(default, (int, float)):
            default = [default] * formal.broadcast_size
        return isinstance(default, (list, tuple)) and held == list(default)  # pyright: ignore[reportUnknownArgumentType]
    return type(held) is type(default) and held == default
