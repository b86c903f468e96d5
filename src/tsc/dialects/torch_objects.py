"""Objects of the `torch` dialect: classes, instances, attributes and methods."""

from __future__ import annotations

from typing import Self

from xdsl.dialects.builtin import (
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
)
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator, Pure, SymbolOpInterface

from tsc.dialects.torch_base import (
    DefaultFormatOp,
    TorchOp,
    parse_function_type,
    parse_operand_list,
    parse_types,
    print_operands,
    print_types,
)


def _attribute_name(op: Operation) -> str:
    return op.attributes["name"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


class PrimGetAttrOp(TorchOp):
    """``torch.prim.GetAttr %self["weight"] : M -> T``."""

    name = "torch.prim.GetAttr"

    @property
    def attribute(self) -> str:
        """The name of the attribute."""
        return _attribute_name(self)

    def print(self, printer: Printer) -> None:
        """Print ``%self["weight"] : M -> T``."""
        print_operands(printer, self)
        printer.print_string(f'["{self.attribute}"] : ')
        printer.print_attribute(self.operands[0].type)
        printer.print_string(" -> ")
        printer.print_attribute(self.results[0].type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``%self["weight"] : M -> T``."""
        unresolved = parser.parse_unresolved_operand()
        with parser.in_square_brackets():
            name = parser.parse_str_literal()
        parser.parse_punctuation(":")
        operand = parser.resolve_operand(unresolved, parser.parse_type())
        parser.parse_punctuation("->")
        return cls.create(
            operands=[operand], result_types=[parser.parse_type()], attributes={"name": StringAttr(name)}
        )


class PrimSetAttrOp(TorchOp):
    """``torch.prim.SetAttr %self["n"] = %v : M, T``."""

    name = "torch.prim.SetAttr"

    @property
    def attribute(self) -> str:
        """The name of the attribute."""
        return _attribute_name(self)

    def print(self, printer: Printer) -> None:
        """Print ``%self["n"] = %v : M, T``."""
        printer.print_string(" ")
        printer.print_ssa_value(self.operands[0])
        printer.print_string(f'["{self.attribute}"] = ')
        printer.print_ssa_value(self.operands[1])
        printer.print_string(" : ")
        print_types(printer, self.operand_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``%self["n"] = %v : M, T``."""
        target = parser.parse_unresolved_operand()
        with parser.in_square_brackets():
            name = parser.parse_str_literal()
        parser.parse_punctuation("=")
        value = parser.parse_unresolved_operand()
        parser.parse_punctuation(":")
        operands = parser.resolve_operands([target, value], parse_types(parser), parser.pos)
        return cls.create(operands=operands, attributes={"name": StringAttr(name)})


ENTRY = "tsc.entry"
"""Marks a function that is called from outside, though one beside it calls it too."""
CHOSEN = "tsc.chosen"
"""The attribute of reads of attributes that are declared as interfaces, and read as what they hold."""
ENTERS, LEAVES = "tsc.enters", "tsc.leaves"
"""Attributes of the calls of ``__enter__`` and ``__exit__`` by a ``with``, which exceptions leave too."""


class PrimCallMethodOp(TorchOp):
    """``torch.prim.CallMethod %self["forward"] (%x) : M, (A) -> R``."""

    name = "torch.prim.CallMethod"

    @property
    def method(self) -> str:
        """The name of the method."""
        return _attribute_name(self)

    def print(self, printer: Printer) -> None:
        """Print ``%self["forward"] (%x) : M, (A) -> R``."""
        printer.print_string(" ")
        printer.print_ssa_value(self.operands[0])
        printer.print_string(f'["{self.method}"] (')
        printer.print_list(self.operands[1:], printer.print_ssa_value)
        printer.print_string(") : ")
        printer.print_attribute(self.operands[0].type)
        printer.print_string(", ")
        printer.print_function_type(self.operand_types[1:], self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``%self["forward"] (%x) : M, (A) -> R``."""
        receiver = parser.parse_unresolved_operand()
        with parser.in_square_brackets():
            name = parser.parse_str_literal()
        with parser.in_parens():
            unresolved = parse_operand_list(parser)
        parser.parse_punctuation(":")
        self_type = parser.parse_type()
        parser.parse_punctuation(",")
        signature = parse_function_type(parser)
        types = [self_type, *signature.inputs.data]
        operands = parser.resolve_operands([receiver, *unresolved], types, parser.pos)
        return cls.create(
            operands=operands,
            result_types=signature.outputs.data,
            attributes={"name": StringAttr(name)},
        )


class PrimCreateObjectOp(DefaultFormatOp):
    """``torch.prim.CreateObject : T``: an object without attributes yet."""

    name = "torch.prim.CreateObject"


class PrimForkOp(DefaultFormatOp):
    """``torch.prim.fork``: a call whose result is a future.

    `callee` names a function; or the first operand is an object and `name` its method.
    """

    name = "torch.prim.fork"


class PrimPythonOp(DefaultFormatOp):
    """``torch.prim.PythonOp``: a call of the Python function behind `callee`, which is not compiled."""

    name = "torch.prim.PythonOp"


class AttrOp(TorchOp):
    """``torch.attr private "weight" : !torch.tensor``: an attribute of a class."""

    name = "torch.attr"
    trait_list = (Pure(),)

    @property
    def attribute(self) -> str:
        """The name of the attribute."""
        return _attribute_name(self)

    @property
    def type(self) -> Attribute:
        """The type of the attribute."""
        return self.attributes["type"]

    def print(self, printer: Printer) -> None:
        """Print ``private "weight" : T``."""
        private = "private " if "isPrivate" in self.attributes else ""
        printer.print_string(f' {private}"{self.attribute}" : ')
        printer.print_attribute(self.type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``private "weight" : T``."""
        private = parser.parse_optional_keyword("private")
        name = parser.parse_str_literal()
        parser.parse_punctuation(":")
        attributes: dict[str, Attribute] = {"name": StringAttr(name), "type": parser.parse_type()}
        if private is not None:
            attributes["isPrivate"] = UnitAttr()
        return cls.create(attributes=attributes)


class MethodOp(TorchOp):
    """``torch.method "forward", @function``: a method of a class."""

    name = "torch.method"
    trait_list = (Pure(),)

    @property
    def method(self) -> str:
        """The name of the method."""
        return _attribute_name(self)

    @property
    def function(self) -> str:
        """The symbol of the function."""
        return self.attributes["function"].root_reference.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

    def print(self, printer: Printer) -> None:
        """Print ``private "forward", @function``."""
        private = "private " if "isPrivate" in self.attributes else ""
        printer.print_string(f' {private}"{self.method}", ')
        printer.print_attribute(self.attributes["function"])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``private "forward", @function``."""
        private = parser.parse_optional_keyword("private")
        name = parser.parse_str_literal()
        parser.parse_punctuation(",")
        function = SymbolRefAttr(parser.parse_symbol_name())
        attributes: dict[str, Attribute] = {"name": StringAttr(name), "function": function}
        if private is not None:
            attributes["isPrivate"] = UnitAttr()
        return cls.create(attributes=attributes)


class SlotOp(TorchOp):
    """``torch.slot "weight", %w : T``: the value of an attribute of one object."""

    name = "torch.slot"
    trait_list = (Pure(),)

    @property
    def attribute(self) -> str:
        """The name of the attribute."""
        return _attribute_name(self)

    def print(self, printer: Printer) -> None:
        """Print ``"weight", %w : T``."""
        printer.print_string(f' "{self.attribute}", ')
        printer.print_ssa_value(self.operands[0])
        printer.print_string(" : ")
        printer.print_attribute(self.operands[0].type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``"weight", %w : T``."""
        name = parser.parse_str_literal()
        parser.parse_punctuation(",")
        unresolved = parser.parse_unresolved_operand()
        parser.parse_punctuation(":")
        operand = parser.resolve_operand(unresolved, parser.parse_type())
        return cls.create(operands=[operand], attributes={"name": StringAttr(name)})


class ClassTypeOp(TorchOp):
    """``torch.class_type @name { torch.attr ... torch.method ... }``."""

    name = "torch.class_type"
    trait_list = (NoTerminator(), SymbolOpInterface())

    @property
    def symbol(self) -> str:
        """The qualified name of the class."""
        return self.attributes["sym_name"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

    def print(self, printer: Printer) -> None:
        """Print the members."""
        printer.print_string(" ")
        printer.print_symbol_name(self.symbol)
        printer.print_string(" ")
        printer.print_region(self.regions[0])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the members."""
        name = parser.parse_symbol_name()
        return cls.create(attributes={"sym_name": name}, regions=[parser.parse_region()])


class NnModuleOp(TorchOp):
    """``%m = torch.nn_module { torch.slot ... } : !torch.nn.Module<"cls">``: one object."""

    name = "torch.nn_module"
    trait_list = (NoTerminator(),)

    @property
    def slots(self) -> dict[str, SSAValue]:
        """The values of the attributes."""
        return {op.attribute: op.operands[0] for op in self.regions[0].block.ops if isinstance(op, SlotOp)}

    def slot(self, name: str) -> SSAValue | None:
        """The value of an attribute; None where there is none of that name."""
        for op in self.regions[0].block.ops:
            if isinstance(op, SlotOp) and op.attribute == name:
                return op.operands[0]
        return None

    def print(self, printer: Printer) -> None:
        """Print the slots."""
        printer.print_string(" ")
        printer.print_region(self.regions[0], print_empty_block=False)
        printer.print_string(" : ")
        printer.print_attribute(self.results[0].type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the slots."""
        region: Region = parser.parse_region()
        parser.parse_punctuation(":")
        return cls.create(result_types=[parser.parse_type()], regions=[region])
