"""What all operations of the `torch` dialect share: building with `create`, and torch-mlir's default text
format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import FunctionType
from xdsl.ir import Attribute, Operation, OpTrait, OpTraits, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, Pure

from tsc.dialects.effects import TorchEffects
from tsc.dialects.plain_classes import PlainClass


class TorchOp(Operation, metaclass=PlainClass):
    """A plain operation of the `torch` dialect: built with `create`, parsed and printed by hand (which is
    fast).
    """

    trait_list: ClassVar[tuple[OpTrait, ...]] = (TorchEffects(),)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        traits = cls.trait_list
        cls.traits = OpTraits(lambda: traits)

    @property
    def result(self) -> SSAValue:
        """The first result."""
        return self.results[0]


def print_operands(printer: Printer, op: Operation) -> None:
    """`` %a, %b`` or nothing."""
    if op.operands:
        printer.print_string(" ")
        printer.print_list(op.operands, printer.print_ssa_value)


def print_types(printer: Printer, types: Sequence[Attribute]) -> None:
    """Types separated by commas."""
    printer.print_list(types, printer.print_attribute)


def print_attributes(printer: Printer, op: Operation, hidden: Sequence[str] = ()) -> None:
    """The attribute dictionary, without those the custom format already shows."""
    shown = {k: v for k, v in op.attributes.items() if k not in hidden}
    if shown:
        printer.print_string(" ")
        printer.print_attr_dict(shown)


def parse_operand_list(parser: Parser) -> list[Any]:
    """Zero or more ``%a, %b``, unresolved."""
    parsed = parser.parse_optional_undelimited_comma_separated_list(
        parser.parse_optional_unresolved_operand, parser.parse_unresolved_operand
    )
    return parsed or []


def parse_types(parser: Parser) -> list[Attribute]:
    """One or more types separated by commas."""
    return parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)


def parse_function_type(parser: Parser) -> FunctionType:
    """``(A, B) -> R``."""
    found = parser.parse_type()
    if not isinstance(found, FunctionType):
        parser.raise_error("requires a function type")
    return found


class DefaultFormatOp(TorchOp):
    """``torch.x %a, %b {attributes} : T1, T2 -> R``: torch-mlir's default format."""

    has_results: ClassVar[bool] = True

    def print(self, printer: Printer) -> None:
        """Print in torch-mlir's default format."""
        print_operands(printer, self)
        print_attributes(printer, self)
        printer.print_string(" : ")
        if self.operands:
            print_types(printer, self.operand_types)
            if self.results:
                printer.print_string(" -> ")
        print_types(printer, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse torch-mlir's default format."""
        unresolved = parse_operand_list(parser)
        attributes = parser.parse_optional_attr_dict()
        operands: Sequence[SSAValue] = ()
        results: list[Attribute] = []
        if parser.parse_optional_punctuation(":") is not None:
            if unresolved:
                operands = parser.resolve_operands(unresolved, parse_types(parser), parser.pos)
                if parser.parse_optional_punctuation("->") is not None:
                    results = parse_types(parser)
            else:
                results = parse_types(parser)
        return cls.create(operands=operands, result_types=results, attributes=attributes)


class YieldingOp(TorchOp):
    """A terminator that gives values: ``%a, %b : A, B``, or nothing."""

    trait_list = (IsTerminator(), Pure())

    def print(self, printer: Printer) -> None:
        """Print the values and types."""
        print_operands(printer, self)
        if self.operands:
            printer.print_string(" : ")
            print_types(printer, self.operand_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the values and types."""
        unresolved = parse_operand_list(parser)
        if not unresolved:
            return cls.create()
        parser.parse_punctuation(":")
        return cls.create(operands=parser.resolve_operands(unresolved, parse_types(parser), parser.pos))
