"""Constants of the `torch` dialect: scalars, strings, devices and tensor literals."""

from __future__ import annotations

import struct
from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_base import (
    TorchOp,
)


class ConstantOp(TorchOp):
    """A constant; `python_value` is what it stands for."""

    trait_list = (Pure(),)
    result_type: ClassVar[Attribute]

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
        return self.attributes["value"].value.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

    def print(self, printer: Printer) -> None:
        """Print the number."""
        printer.print_string(f" {self.python_value}")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the number."""
        value = parser.parse_integer(allow_boolean=False)
        return cls.create(result_types=[tt.INT], attributes={"value": IntegerAttr(value, i64)})


class SymbolicIntOp(ConstantOp):
    """``torch.symbolic_int "s0 + 1"``: a size of an argument, or what is computed from sizes."""

    name = "torch.symbolic_int"
    result_type = tt.INT

    @property
    def python_value(self) -> Any:
        """The expression, a `Dim`."""
        return self.attributes["value"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

    def print(self, printer: Printer) -> None:
        """Print the expression in quotes."""
        printer.print_string(f' "{self.python_value}"')

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Symbols mean something within one compilation alone."""
        parser.raise_error("torch.symbolic_int: symbolic sizes cannot be read from text")


class ConstantFloatOp(ConstantOp):
    """``torch.constant.float 1.000000e+00``."""

    name = "torch.constant.float"
    result_type = tt.FLOAT

    @property
    def python_value(self) -> float:
        return self.attributes["value"].value.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

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
        return bool(self.attributes["value"].value.data)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]

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
        return self.attributes["value"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

    def print(self, printer: Printer) -> None:
        """Print the quoted text; bytes outside ASCII as escapes, which MLIR's tools read too."""
        encoded = self.python_value.encode()
        body = "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in encoded)
        printer.print_string(f' "{body}"')

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the quoted text."""
        attribute = parser.parse_attribute()
        data = attribute.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        text = data.decode() if isinstance(data, bytes) else data  # pyright: ignore[reportUnknownVariableType]
        return cls.create(result_types=[tt.STRING], attributes={"value": StringAttr(text)})  # pyright: ignore[reportUnknownArgumentType]


class ConstantDeviceOp(ConstantOp):
    """``torch.constant.device "cpu"``."""

    name = "torch.constant.device"
    result_type = tt.DEVICE

    @property
    def python_value(self) -> str:
        return self.attributes["value"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

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
        return complex(self.attributes["real"].value.data, self.attributes["imag"].value.data)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]

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
        return self.attributes["value"]  # pyright: ignore[reportReturnType]

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
