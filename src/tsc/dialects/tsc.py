"""The `tsc` dialect: what torch-mlir has no word for. One operation, the fusion group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Block, Dialect, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from tsc.dialects.torch_base import YieldingOp, parse_function_type
from tsc.dialects.torch_ops import TorchOp, parse_operand_list


class YieldOp(YieldingOp):
    """``tsc.yield %a : T``: the results of a group."""

    name = "tsc.yield"


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
        operands = parser.resolve_operands(unresolved, signature.inputs.data, parser.pos)
        attributes: dict[str, Attribute] = {"kind": StringAttr(kind)}
        return cls.create(
            operands=operands,
            result_types=signature.outputs.data,
            attributes=attributes,
            regions=[region],
        )


Tsc = Dialect("tsc", [GroupOp, YieldOp])
