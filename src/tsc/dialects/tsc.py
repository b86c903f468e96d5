"""The `tsc` dialect: what torch-mlir has no word for. One operation, the fusion group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Block, Dialect, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, Pure

from tsc.dialects.torch_base import parse_function_type
from tsc.dialects.torch_ops import TorchOp, parse_operand_list, parse_types, print_operands, print_types


class YieldOp(TorchOp):
    """``tsc.yield %a : T``: the results of a group."""

    name = "tsc.yield"
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


class GroupOp(TorchOp):
    """``tsc.group "kind" (%a, %b) { ^bb0(%x: A, %y: B): ... tsc.yield } : (A, B) -> R``: operators that
    become one kernel.

    The region sees only its arguments: what the group reads is what its operands say.
    """

    name = "tsc.group"
    trait_list = (Pure(),)

    @classmethod
    def make(cls, kind: str, operands: Sequence[SSAValue], results: Sequence[Attribute], body: Block) -> Self:
        """A group of the kind named in `docs/architecture.md` with the given body."""
        return cls.create(
            operands=operands,
            result_types=results,
            attributes={"kind": StringAttr(kind)},
            regions=[Region(body)],
        )

    @property
    def kind(self) -> str:
        """How the group is scheduled: ``pointwise``, ``row``, ``contraction``, ``window``, ``concat``."""
        attribute = self.attributes["kind"]
        assert isinstance(attribute, StringAttr)
        return attribute.data

    @property
    def body(self) -> Block:
        """The operators."""
        return self.regions[0].block

    def print(self, printer: Printer) -> None:
        """Print the kind, the operands, the body and the signature."""
        printer.print_string(f' "{self.kind}" (')
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_string(") ")
        printer.print_region(self.regions[0])
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the kind, the operands, the body and the signature."""
        kind = parser.parse_str_literal()
        with parser.in_parens():
            unresolved = parse_operand_list(parser)
        region = parser.parse_region()
        parser.parse_punctuation(":")
        signature = parse_function_type(parser)
        operands = parser.resolve_operands(unresolved, signature.inputs.data, parser.pos)  # pyright: ignore
        attributes: dict[str, Attribute] = {"kind": StringAttr(kind)}
        return cls.create(
            operands=operands,
            result_types=signature.outputs.data,
            attributes=attributes,
            regions=[region],  # pyright: ignore
        )


Tsc = Dialect("tsc", [GroupOp, YieldOp])
