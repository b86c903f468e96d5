"""The operations of the `torch` dialect that need a text format of their own: constants, control flow,
containers, objects.

Everything that PyTorch describes by a schema (`torch.aten.*` and most of `torch.prim.*`) is made on demand in
`tsc.dialects.aten`. The text is torch-mlir's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute, Operation, OpTrait, OpTraits, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, NoTerminator, Pure, RecursiveMemoryEffect, SymbolOpInterface

from tsc.dialects import torch_types as tt
from tsc.dialects.effects import TorchEffects

Type = Attribute


class TorchOp(Operation):
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


# --- constants ---


class ConstantOp(TorchOp):
    """A constant; `python_value` is what it stands for."""

    trait_list = (Pure(),)
    result_type: ClassVar[Type]

    @property
    def python_value(self) -> Any:
        """The Python value."""
        raise NotImplementedError


class ConstantNoneOp(ConstantOp):
    """``torch.constant.none``."""

    name = "torch.constant.none"
    result_type = tt.NONE

    @property
    def python_value(self) -> None:
        return None

    def print(self, printer: Printer) -> None:
        """Nothing follows the name."""

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Nothing follows the name."""
        return cls.create(result_types=[tt.NONE])


class ConstantIntOp(ConstantOp):
    """``torch.constant.int 1``."""

    name = "torch.constant.int"
    result_type = tt.INT

    @property
    def python_value(self) -> int:
        return self.attributes["value"].value.data  # pyright: ignore

    def print(self, printer: Printer) -> None:
        """Print the number."""
        printer.print_string(f" {self.python_value}")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the number."""
        value = parser.parse_integer(allow_boolean=False)
        return cls.create(result_types=[tt.INT], attributes={"value": IntegerAttr(value, i64)})


class ConstantFloatOp(ConstantOp):
    """``torch.constant.float 1.000000e+00``."""

    name = "torch.constant.float"
    result_type = tt.FLOAT

    @property
    def python_value(self) -> float:
        return self.attributes["value"].value.data  # pyright: ignore

    def print(self, printer: Printer) -> None:
        """Print as MLIR does: infinities and NaN as bit patterns."""
        printer.print_string(" ")
        printer.print_float(self.python_value, f64)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse a decimal or a bit pattern."""
        start = parser.pos
        number = parser.parse_number()
        text = parser.lexer.input.content[start : parser.pos].strip()
        if text.lower().startswith("0x"):
            number = struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0]
        return cls.create(result_types=[tt.FLOAT], attributes={"value": FloatAttr(float(number), f64)})


class ConstantBoolOp(ConstantOp):
    """``torch.constant.bool true``."""

    name = "torch.constant.bool"
    result_type = tt.BOOL

    @property
    def python_value(self) -> bool:
        return bool(self.attributes["value"].value.data)  # pyright: ignore

    def print(self, printer: Printer) -> None:
        """Print ``true`` or ``false``."""
        printer.print_string(" true" if self.python_value else " false")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``true`` or ``false``."""
        value = parser.parse_boolean()
        return cls.create(result_types=[tt.BOOL], attributes={"value": IntegerAttr(-int(value), i1)})


class ConstantStrOp(ConstantOp):
    """``torch.constant.str "text"``."""

    name = "torch.constant.str"
    result_type = tt.STRING

    @property
    def python_value(self) -> str:
        return self.attributes["value"].data  # pyright: ignore

    def print(self, printer: Printer) -> None:
        """Print the quoted text; bytes outside ASCII as escapes, which MLIR's tools read too."""
        encoded = self.python_value.encode()
        body = "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in encoded)
        printer.print_string(f' "{body}"')

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the quoted text."""
        attribute = parser.parse_attribute()
        data = attribute.data  # pyright: ignore
        text = data.decode() if isinstance(data, bytes) else data  # pyright: ignore
        return cls.create(result_types=[tt.STRING], attributes={"value": StringAttr(text)})  # pyright: ignore


class ConstantDeviceOp(ConstantOp):
    """``torch.constant.device "cpu"``."""

    name = "torch.constant.device"
    result_type = tt.DEVICE

    @property
    def python_value(self) -> str:
        return self.attributes["value"].data  # pyright: ignore

    def print(self, printer: Printer) -> None:
        """Print the quoted device."""
        printer.print_string(f' "{self.python_value}"')

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the quoted device."""
        return cls.create(
            result_types=[tt.DEVICE], attributes={"value": StringAttr(parser.parse_str_literal())}
        )


class ConstantComplexOp(ConstantOp):
    """``torch.constant.complex 1.0, 2.0`` (an extension)."""

    name = "torch.constant.complex"
    result_type = tt.COMPLEX

    @property
    def python_value(self) -> complex:
        return complex(self.attributes["real"].value.data, self.attributes["imag"].value.data)  # pyright: ignore

    def print(self, printer: Printer) -> None:
        """Print the real and the imaginary part."""
        value = self.python_value
        printer.print_string(" ")
        printer.print_float(value.real, f64)
        printer.print_string(", ")
        printer.print_float(value.imag, f64)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the two parts."""
        real = float(parser.parse_number())
        parser.parse_punctuation(",")
        parts = {"real": FloatAttr(real, f64), "imag": FloatAttr(float(parser.parse_number()), f64)}
        return cls.create(result_types=[tt.COMPLEX], attributes=parts)


class _LiteralOp(TorchOp):
    @property
    def value(self) -> DenseResourceAttr | DenseIntOrFPElementsAttr:
        """The elements: inline when few, else the key of an array in the constant pool."""
        return self.attributes["value"]  # pyright: ignore

    @property
    def resource_key(self) -> str | None:
        """The key in the constant pool; None when the elements are inline."""
        value = self.value
        return value.resource_handle.data if isinstance(value, DenseResourceAttr) else None

    def print(self, printer: Printer) -> None:
        """Print ``(dense<...> : tensor<...>) : type``."""
        printer.print_string("(")
        printer.print_attribute(self.value)
        printer.print_string(") : ")
        printer.print_attribute(self.results[0].type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse ``(dense<...> : tensor<...>) : type``."""
        with parser.in_parens():
            value = parser.parse_attribute()
        parser.parse_punctuation(":")
        return cls.create(result_types=[parser.parse_type()], attributes={"value": value})


class ValueTensorLiteralOp(_LiteralOp):
    """``torch.vtensor.literal``: an immutable tensor constant."""

    name = "torch.vtensor.literal"
    trait_list = (Pure(),)


class NonValueTensorLiteralOp(_LiteralOp):
    """``torch.tensor.literal``: the initial contents of a mutable tensor (a parameter, a buffer)."""

    name = "torch.tensor.literal"


# --- control flow ---


class PrimIfYieldOp(TorchOp):
    """``torch.prim.If.yield %a : T``: the values of a branch."""

    name = "torch.prim.If.yield"
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
        condition = parser.parse_operand()
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
        condition = parser.parse_operand()
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
        signature = parser.parse_type()
        operands = parser.resolve_operands([trips, enter, *carried], signature.inputs.data, parser.pos)  # pyright: ignore
        return cls.create(operands=operands, result_types=signature.outputs.data, regions=[body])  # pyright: ignore


# --- containers and casts ---


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
        signature = parser.parse_type()
        operands = parser.resolve_operands(unresolved, signature.inputs.data, parser.pos)  # pyright: ignore
        return cls.create(operands=operands, result_types=signature.outputs.data)  # pyright: ignore


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


# --- objects ---


def _attribute_name(op: Operation) -> str:
    return op.attributes["name"].data  # pyright: ignore


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
        signature = parser.parse_type()
        types = [self_type, *signature.inputs.data]  # pyright: ignore
        operands = parser.resolve_operands([receiver, *unresolved], types, parser.pos)  # pyright: ignore
        return cls.create(
            operands=operands,
            result_types=signature.outputs.data,
            attributes={"name": StringAttr(name)},  # pyright: ignore
        )


class PrimCreateObjectOp(DefaultFormatOp):
    """``torch.prim.CreateObject : T``: an object without attributes yet."""

    name = "torch.prim.CreateObject"


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
        return self.attributes["function"].root_reference.data  # pyright: ignore

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
        return self.attributes["sym_name"].data  # pyright: ignore

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


STRUCTURAL_OPS: tuple[type[TorchOp], ...] = (
    ConstantNoneOp, ConstantIntOp, ConstantFloatOp, ConstantBoolOp, ConstantStrOp, ConstantDeviceOp,
    ConstantComplexOp,
    ValueTensorLiteralOp, NonValueTensorLiteralOp, PrimIfOp, PrimIfYieldOp, PrimLoopOp, PrimLoopConditionOp,
    PrimListConstructOp, PrimTupleConstructOp, PrimListUnpackOp, PrimTupleUnpackOp, PrimTupleIndexOp,
    PrimDictConstructOp,
    DerefineOp, PrimUncheckedCastOp, PrimUninitializedOp, PrimIsInstanceOp, PrimRaiseExceptionOp,
    PrimGetAttrOp, PrimSetAttrOp, PrimCallMethodOp, PrimCreateObjectOp, AttrOp, MethodOp, SlotOp,
    ClassTypeOp, NnModuleOp,
)  # fmt: skip

CONSTANT_MAKERS: dict[type, Callable[[Any], ConstantOp]] = {
    bool: lambda v: ConstantBoolOp.create(
        result_types=[tt.BOOL], attributes={"value": IntegerAttr(-int(v), i1)}
    ),
    int: lambda v: ConstantIntOp.create(result_types=[tt.INT], attributes={"value": IntegerAttr(v, i64)}),
    float: lambda v: ConstantFloatOp.create(result_types=[tt.FLOAT], attributes={"value": FloatAttr(v, f64)}),
    str: lambda v: ConstantStrOp.create(result_types=[tt.STRING], attributes={"value": StringAttr(v)}),
    type(None): lambda v: ConstantNoneOp.create(result_types=[tt.NONE]),
    complex: lambda v: ConstantComplexOp.create(
        result_types=[tt.COMPLEX], attributes={"real": FloatAttr(v.real, f64), "imag": FloatAttr(v.imag, f64)}
    ),
}
"""How to make the constant operation of a Python scalar."""
