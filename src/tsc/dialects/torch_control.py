"""Control flow of the `torch` dialect: ``prim.If`` and ``prim.Loop``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from xdsl.ir import SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, Pure, RecursiveMemoryEffect

from tsc.dialects.torch_base import (
    TorchOp,
    YieldingOp,
    parse_function_type,
    parse_operand_list,
    parse_types,
    print_operands,
    print_types,
)


class PrimIfYieldOp(YieldingOp):
    """``torch.prim.If.yield %a : T``: the values of a branch."""

    name = "torch.prim.If.yield"


class PrimIfOp(TorchOp):
    """``torch.prim.If %c -> (T) { ... } else { ... }``."""

    name = "torch.prim.If"
    trait_list = (RecursiveMemoryEffect(),)

    @property
    def condition(self) -> SSAValue:
        """The bool that chooses."""
        return self.operands[0]

    def print(self, printer: Printer) -> None:
        """Print with both branches."""
        print_operands(printer, self)
        printer.print_string(" -> (")
        print_types(printer, self.result_types)
        printer.print_string(") ")
        printer.print_region(self.regions[0], print_entry_block_args=False)
        printer.print_string(" else ")
        printer.print_region(self.regions[1], print_entry_block_args=False)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse with both branches."""
        condition = parser.parse_operand()  # pyright: ignore[reportDeprecated]
        parser.parse_punctuation("->")
        results = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        then = parser.parse_region()
        parser.parse_keyword("else")
        return cls.create(operands=[condition], result_types=results, regions=[then, parser.parse_region()])


class PrimLoopConditionOp(TorchOp):
    """``torch.prim.Loop.condition %go_on, iter(%x : T)``: ends a loop body."""

    name = "torch.prim.Loop.condition"
    trait_list = (IsTerminator(), Pure())

    def print(self, printer: Printer) -> None:
        """Print the condition and the carried values."""
        printer.print_string(" ")
        printer.print_ssa_value(self.operands[0])
        printer.print_string(", iter(")
        carried = self.operands[1:]
        if carried:
            printer.print_list(carried, printer.print_ssa_value)
            printer.print_string(" : ")
            print_types(printer, self.operand_types[1:])
        printer.print_string(")")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the condition and the carried values."""
        condition = parser.parse_operand()  # pyright: ignore[reportDeprecated]
        parser.parse_punctuation(",")
        parser.parse_keyword("iter")
        carried: Sequence[SSAValue] = ()
        with parser.in_parens():
            unresolved = parse_operand_list(parser)
            if unresolved:
                parser.parse_punctuation(":")
                carried = parser.resolve_operands(unresolved, parse_types(parser), parser.pos)
        return cls.create(operands=[condition, *carried])


class PrimLoopOp(TorchOp):
    """``torch.prim.Loop %trips, %enter, init(%x) { ^bb0(%i: !torch.int, %x: T): ... } : (...) -> T``."""

    name = "torch.prim.Loop"
    trait_list = (RecursiveMemoryEffect(),)

    def print(self, printer: Printer) -> None:
        """Print with the body."""
        printer.print_string(" ")
        printer.print_list(self.operands[:2], printer.print_ssa_value)
        printer.print_string(", init(")
        printer.print_list(self.operands[2:], printer.print_ssa_value)
        printer.print_string(") ")
        printer.print_region(self.regions[0])
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse with the body."""
        trips = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        enter = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        parser.parse_keyword("init")
        with parser.in_parens():
            carried = parse_operand_list(parser)
        body = parser.parse_region()
        parser.parse_punctuation(":")
        signature = parse_function_type(parser)
        operands = parser.resolve_operands([trips, enter, *carried], signature.inputs.data, parser.pos)
        return cls.create(operands=operands, result_types=signature.outputs.data, regions=[body])
