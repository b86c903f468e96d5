"""Lists, tuples, dicts, casts and exceptions of the `torch` dialect."""

from __future__ import annotations

from typing import Self

from xdsl.ir import SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from tsc.dialects.torch_base import (
    DefaultFormatOp,
    TorchOp,
    parse_function_type,
    parse_operand_list,
    parse_types,
    print_operands,
    print_types,
)


class _FunctionalTypeOp(TorchOp):
    def print(self, printer: Printer) -> None:
        """Print ``%a, %b : (A, B) -> R``."""
        print_operands(printer, self)
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``%a, %b : (A, B) -> R``."""
        unresolved = parse_operand_list(parser)
        parser.parse_punctuation(":")
        signature = parse_function_type(parser)
        operands = parser.resolve_operands(unresolved, signature.inputs.data, parser.pos)
        return cls.create(operands=operands, result_types=signature.outputs.data)


class PrimListConstructOp(_FunctionalTypeOp):
    """``torch.prim.ListConstruct %a, %b : (A, B) -> !torch.list<A>``: a new list."""

    name = "torch.prim.ListConstruct"


class PrimTupleConstructOp(DefaultFormatOp):
    """``torch.prim.TupleConstruct %a, %b : A, B -> !torch.tuple<A, B>``."""

    name = "torch.prim.TupleConstruct"
    trait_list = (Pure(),)


class PrimListUnpackOp(DefaultFormatOp):
    """``%0:2 = torch.prim.ListUnpack %list : L -> A, A``: raises unless the length fits."""

    name = "torch.prim.ListUnpack"


class PrimTupleUnpackOp(DefaultFormatOp):
    """``%0:2 = torch.prim.TupleUnpack %tuple : T -> A, B``."""

    name = "torch.prim.TupleUnpack"
    trait_list = (Pure(),)


class PrimTupleIndexOp(DefaultFormatOp):
    """``torch.prim.TupleIndex %tuple, %i : T, !torch.int -> A``."""

    name = "torch.prim.TupleIndex"
    trait_list = (Pure(),)


class PrimDictConstructOp(TorchOp):
    """``torch.prim.DictConstruct keys(%k : K) values(%v : V) -> D``: a new dict."""

    name = "torch.prim.DictConstruct"

    def print(self, printer: Printer) -> None:
        """Print the keys, then the values."""
        n = len(self.operands) // 2
        for word, values in (("keys", self.operands[:n]), ("values", self.operands[n:])):
            printer.print_string(f" {word}(")
            printer.print_list(values, printer.print_ssa_value)
            if values:
                printer.print_string(" : ")
                print_types(printer, [v.type for v in values])
            printer.print_string(")")
        printer.print_string(" -> ")
        printer.print_attribute(self.results[0].type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the keys, then the values."""
        operands: list[SSAValue] = []
        for word in ("keys", "values"):
            parser.parse_keyword(word)
            with parser.in_parens():
                unresolved = parse_operand_list(parser)
                if unresolved:
                    parser.parse_punctuation(":")
                    operands += parser.resolve_operands(unresolved, parse_types(parser), parser.pos)
        parser.parse_punctuation("->")
        return cls.create(operands=operands, result_types=[parser.parse_type()])


class DerefineOp(TorchOp):
    """``torch.derefine %x : A to B``: forgets what is known of a type (int to optional<int>)."""

    name = "torch.derefine"
    trait_list = (Pure(),)

    def print(self, printer: Printer) -> None:
        """Print both types."""
        print_operands(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.operands[0].type)
        printer.print_string(" to ")
        printer.print_attribute(self.results[0].type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse both types."""
        unresolved = parser.parse_unresolved_operand()
        parser.parse_punctuation(":")
        operand = parser.resolve_operand(unresolved, parser.parse_type())
        parser.parse_keyword("to")
        return cls.create(operands=[operand], result_types=[parser.parse_type()])


class PrimUncheckedCastOp(DefaultFormatOp):
    """``torch.prim.unchecked_cast %x : A -> B``: the program knows that `x` is a B (after ``is not None``,
    say).
    """

    name = "torch.prim.unchecked_cast"
    trait_list = (Pure(),)


class PrimUninitializedOp(DefaultFormatOp):
    """``torch.prim.Uninitialized : T``: a value that is never read."""

    name = "torch.prim.Uninitialized"
    trait_list = (Pure(),)


class PrimIsInstanceOp(DefaultFormatOp):
    """``torch.prim.isinstance %x {types = [...]} : A -> !torch.bool`` (an extension)."""

    name = "torch.prim.isinstance"
    trait_list = (Pure(),)


class PrimRaiseExceptionOp(DefaultFormatOp):
    """``torch.prim.RaiseException %message, %class : !torch.str, ...``: ends the program."""

    name = "torch.prim.RaiseException"
    has_results = False
