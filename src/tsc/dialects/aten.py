"""Operations made from schemas: `torch.aten.add.Tensor` and its thousands of siblings, each built when first
named.
"""

from __future__ import annotations

from importlib import resources
from typing import ClassVar, Self

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, OpTraits, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from tsc.concurrency import interned
from tsc.dialects import schema as schemas
from tsc.dialects.effects import TorchEffects
from tsc.dialects.schema import Schema
from tsc.dialects.torch_base import parse_function_type
from tsc.dialects.torch_ops import DefaultFormatOp, TorchOp, parse_operand_list, parse_types, print_types

OPERATOR = "torch.operator"


@interned
def _registered() -> frozenset[str]:
    """The operations that torch-mlir has a class for."""
    text = resources.files("tsc.dialects").joinpath("torch_mlir_ops.txt").read_text("utf-8")
    return frozenset(f"torch.{line}" for line in text.split())


class AtenOp(DefaultFormatOp):
    """An operation with one operand per argument of its schema."""

    schema: ClassVar[Schema]
    positions: ClassVar[dict[str, int]]

    def argument(self, name: str) -> SSAValue:
        """The operand for the schema's argument `name`."""
        return self._operands[self.positions[name]]

    def print(self, printer: Printer) -> None:
        """Print as torch-mlir does: variadic operators have parentheses, those it does not know are
        ``torch.operator``.
        """
        if self.name == OPERATOR:
            printer.print_string(f' "{self.schema.op_name.removeprefix("torch.")}"(')
            printer.print_list(self.operands, printer.print_ssa_value)
            printer.print_string(") : ")
            printer.print_function_type(self.operand_types, self.result_types)
            return
        if not self.schema.is_variadic:
            super().print(printer)
            return
        printer.print_string("(")
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_string(") : ")
        print_types(printer, self.operand_types)
        if self.results:
            printer.print_string(" -> ")
            print_types(printer, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        if not cls.schema.is_variadic:
            return super().parse(parser)
        with parser.in_parens():
            unresolved = parse_operand_list(parser)
        parser.parse_punctuation(":")
        types = parse_types(parser) if unresolved else []
        operands = parser.resolve_operands(unresolved, types, parser.pos)
        results = parse_types(parser) if parser.parse_optional_punctuation("->") is not None else []
        return cls.create(operands=operands, result_types=results)

    def verify_(self) -> None:
        """The numbers of operands and results are the schema's."""
        schema = self.schema
        if not schema.is_variadic and len(self._operands) != len(schema.arguments):
            expected = len(schema.arguments)
            raise VerifyException(
                f"{schema.full_name}: requires {expected} operands; got {len(self._operands)}"
            )


def op_class(name: str) -> type[AtenOp] | None:
    """The class of ``torch.aten.add.Tensor``; None when no schema has that name."""
    parts = name.split(".", 3)
    if len(parts) < 3 or parts[0] != "torch":
        return None
    schema = schemas.lookup("::".join(parts[1:3]) + "".join(f".{p}" for p in parts[3:]))
    return None if schema is None else class_of(schema)


@interned
def class_of(schema: Schema) -> type[AtenOp]:
    """The operation class of `schema`."""
    body = {
        "name": schema.op_name if schema.op_name in _registered() else OPERATOR,
        "schema": schema,
        "positions": {a.name: i for i, a in enumerate(schema.arguments)},
        "traits": OpTraits(lambda: (TorchEffects(),)),
        "__doc__": str(schema),
    }
    return type(schema.op_name.replace(".", "_"), (AtenOp,), body)


def torch_name(op: Operation) -> str:
    """``torch.aten.le.float``, also of an operation that is printed as ``torch.operator``."""
    return op.schema.op_name if isinstance(op, AtenOp) else op.name


class OperatorOp(TorchOp):
    """``torch.operator "ns.name"(%a) : (A) -> R``: an operator torch-mlir has no class for, or this version
    no schema.
    """

    name = OPERATOR

    def print(self, printer: Printer) -> None:
        """Print the operator's name, its operands and a function type."""
        printer.print_string(" ")
        printer.print_attribute(self.attributes["name"])
        printer.print_string("(")
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_string(") : ")
        printer.print_function_type(self.operand_types, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Operation:
        """Parse the operator's name, its operands and a function type; of a known schema, its own class."""
        name = parser.parse_str_literal()
        with parser.in_parens():
            unresolved = parse_operand_list(parser)
        parser.parse_punctuation(":")
        signature = parse_function_type(parser)
        operands = parser.resolve_operands(unresolved, signature.inputs.data, parser.pos)
        known = op_class(f"torch.{name}")
        if known is not None:
            return known.create(operands=operands, result_types=signature.outputs.data)
        return cls.create(
            operands=operands, result_types=signature.outputs.data, attributes={"name": StringAttr(name)}
        )
