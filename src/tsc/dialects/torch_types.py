"""The types of the `torch` dialect, interned: equal types are the same object, so comparing them costs
nothing.

They are also TorchScript's types: the frontend, the schemas and the IR share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from xdsl.parser import AttrParser

from tsc import dtypes
from tsc.dialects.torch_type import TorchType as TorchType
from tsc.dtypes import DType


class IntType(TorchType):
    """A 64-bit integer."""

    keyword = "int"


class FloatType(TorchType):
    """A 64-bit float."""

    keyword = "float"


class BoolType(TorchType):
    """True or False."""

    keyword = "bool"


class ComplexType(TorchType):
    """A complex number of two 64-bit floats (an extension of torch-mlir's dialect)."""

    keyword = "complex"


class NumberType(TorchType):
    """An int, float, complex or bool: TorchScript's ``Scalar``."""

    keyword = "number"

    def torchscript(self) -> str:
        return "Scalar"


class StringType(TorchType):
    """A string."""

    keyword = "str"


class NoneType(TorchType):
    """The type of ``None``."""

    keyword = "none"

    def torchscript(self) -> str:
        return "NoneType"


class DeviceType(TorchType):
    """A device such as ``cpu``."""

    keyword = "Device"


class GeneratorType(TorchType):
    """A random number generator."""

    keyword = "Generator"


class AnyType(TorchType):
    """Any value, checked when the program runs."""

    keyword = "any"

    def torchscript(self) -> str:
        return "Any"


class VariableType(TorchType):
    """A type variable of a schema (``t``); it never occurs in IR."""

    keyword = "var"

    def parameter_text(self) -> str:
        return f"<{self.data}>"

    def torchscript(self) -> str:
        return self.data


class _NamedType(TorchType):
    def parameter_text(self) -> str:
        return f'<"{self.data}">'

    def torchscript(self) -> str:
        return self.data

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        with parser.in_angle_brackets():
            return parser.parse_str_literal()


class ModuleType(_NamedType):
    """An instance of the ``nn.Module`` class with the qualified name `data`."""

    keyword = "nn.Module"


class ClassType(_NamedType):
    """An instance of a user class (an extension of torch-mlir's dialect)."""

    keyword = "class"


class EnumType(_NamedType):
    """A member of a user's ``Enum`` (an extension of torch-mlir's dialect)."""

    keyword = "enum"


class InterfaceType(_NamedType):
    """Any module or class that implements an interface (an extension of torch-mlir's dialect)."""

    keyword = "interface"


class TensorType(TorchType):
    """`!torch.tensor`: a tensor in memory that may be aliased and mutated.

    `data` is ``(sizes, dtype)``; sizes is None (unknown rank) or a tuple with -1 for an unknown size;
    dtype may be None.
    """

    keyword = "tensor"

    @classmethod
    def of(cls, sizes: Sequence[int] | None = None, dtype: DType | None = None) -> Self:
        """The type with these sizes and dtype."""
        return cls((None if sizes is None else tuple(sizes), dtype))

    def __new__(cls, data: Any = None) -> Self:
        return super().__new__(cls, data or (None, None))

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """Sizes, -1 where unknown; None when the rank is unknown."""
        return self.data[0]

    @property
    def dtype(self) -> DType | None:
        """The element type, None when unknown."""
        return self.data[1]

    @property
    def is_static(self) -> bool:
        """Whether every size and the dtype are known."""
        return self.sizes is not None and self.dtype is not None and -1 not in self.sizes

    def parameter_text(self) -> str:
        sizes, dtype = self.data
        if sizes is None and dtype is None:
            return ""
        size_text = "*" if sizes is None else "[" + ",".join("?" if n < 0 else str(n) for n in sizes) + "]"
        return f"<{size_text},{dtype.mlir if dtype else 'unk'}>"

    def torchscript(self) -> str:
        return "Tensor"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        if parser.parse_optional_punctuation("<") is None:
            return (None, None)
        sizes: tuple[int, ...] | None = None
        if parser.parse_optional_punctuation("*") is None:
            sizes = tuple(
                parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _parse_size(parser))
            )
        parser.parse_punctuation(",")
        dtype = _parse_dtype(parser)
        parser.parse_punctuation(">")
        return (sizes, dtype)


class ValueTensorType(TensorType):
    """`!torch.vtensor`: an immutable tensor value."""

    keyword = "vtensor"


class ListType(TorchType):
    """A list; `data` is the element type."""

    keyword = "list"

    def parameter_text(self) -> str:
        return f"<{self.data.text()}>"

    def torchscript(self) -> str:
        return f"List[{self.data.torchscript()}]"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        with parser.in_angle_brackets():
            return parse_nested(parser)


class OptionalType(TorchType):
    """`data` or None."""

    keyword = "optional"

    def parameter_text(self) -> str:
        return f"<{self.data.text()}>"

    def torchscript(self) -> str:
        return f"Optional[{self.data.torchscript()}]"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        with parser.in_angle_brackets():
            return parse_nested(parser)


class FutureType(TorchType):
    """The result of a ``fork`` (an extension of torch-mlir's dialect)."""

    keyword = "future"

    def parameter_text(self) -> str:
        return f"<{self.data.text()}>"

    def torchscript(self) -> str:
        return f"Future[{self.data.torchscript()}]"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        with parser.in_angle_brackets():
            return parse_nested(parser)


class _SequenceType(TorchType):
    spelling: ClassVar[str]

    def parameter_text(self) -> str:
        return f"<{', '.join(t.text() for t in self.data)}>"

    def torchscript(self) -> str:
        return f"{self.spelling}[{', '.join(t.torchscript() for t in self.data) or '()'}]"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        return tuple(parser.parse_comma_separated_list(parser.Delimiter.ANGLE, lambda: parse_nested(parser)))


class TupleType(_SequenceType):
    """A tuple; `data` are the element types."""

    keyword = "tuple"
    spelling = "Tuple"


class UnionType(_SequenceType):
    """One of the types in `data`."""

    keyword = "union"
    spelling = "Union"


class NamedTupleType(TorchType):
    """A ``NamedTuple``; `data` is ``(qualified name, field names, field types)`` (an extension)."""

    keyword = "namedtuple"

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields."""
        return self.data[1]

    @property
    def elements(self) -> tuple[TorchType, ...]:
        """The types of the fields."""
        return self.data[2]

    def parameter_text(self) -> str:
        fields = ", ".join(f"{name} {t.text()}" for name, t in zip(self.data[1], self.data[2], strict=True))
        return f'<"{self.data[0]}", {fields}>'

    def torchscript(self) -> str:
        return self.data[0]

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        with parser.in_angle_brackets():
            name = parser.parse_str_literal()
            fields: list[tuple[str, TorchType]] = []
            while parser.parse_optional_punctuation(",") is not None:
                fields.append((parser.parse_identifier(), parse_nested(parser)))
        return (name, tuple(f for f, _ in fields), tuple(t for _, t in fields))


class DictType(TorchType):
    """A dict; `data` is ``(key type, value type)``."""

    keyword = "dict"

    @property
    def key(self) -> TorchType:
        """The type of the keys."""
        return self.data[0]

    @property
    def value(self) -> TorchType:
        """The type of the values."""
        return self.data[1]

    def parameter_text(self) -> str:
        return f"<{self.key.text()}, {self.value.text()}>"

    def torchscript(self) -> str:
        return f"Dict[{self.key.torchscript()}, {self.value.torchscript()}]"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        with parser.in_angle_brackets():
            key = parse_nested(parser)
            parser.parse_punctuation(",")
            return (key, parse_nested(parser))


ALL_TYPES: tuple[type[TorchType], ...] = (
    IntType, FloatType, BoolType, ComplexType, NumberType, StringType, NoneType, DeviceType, GeneratorType,
    AnyType,
    ModuleType, ClassType, EnumType, InterfaceType, TensorType, ValueTensorType, ListType, OptionalType,
    FutureType,
    TupleType, UnionType, NamedTupleType, DictType,
)  # fmt: skip
_BY_KEYWORD = {cls.keyword: cls for cls in ALL_TYPES}

INT, FLOAT, BOOL, COMPLEX = IntType(), FloatType(), BoolType(), ComplexType()
NUMBER, STRING, NONE, DEVICE, GENERATOR, ANY = (
    NumberType(),
    StringType(),
    NoneType(),
    DeviceType(),
    GeneratorType(),
    AnyType(),
)
TENSOR = TensorType()


def parse_nested(parser: AttrParser) -> TorchType:
    """Parse a torch type written without ``!torch.``, as inside ``!torch.list<...>``."""
    keyword = parser.parse_identifier()
    if keyword not in _BY_KEYWORD:
        parser.raise_error(f"torch type: keyword must be one of {', '.join(_BY_KEYWORD)}; got {keyword}")
    cls = _BY_KEYWORD[keyword]
    return cls(cls.parse_parameter(parser))


def _parse_size(parser: AttrParser) -> int:
    if parser.parse_optional_punctuation("?") is not None:
        return -1
    return parser.parse_integer(allow_boolean=False, allow_negative=False)


def _parse_dtype(parser: AttrParser) -> DType | None:
    keyword = parser.parse_identifier()
    if keyword == "unk":
        return None
    if keyword == "complex":
        with parser.in_angle_brackets():
            keyword = f"complex<{parser.parse_identifier()}>"
    try:
        return dtypes.by_mlir(keyword)
    except KeyError:
        parser.raise_error(f"torch type: dtype must be one of {[d.mlir for d in dtypes.ALL]}; got {keyword}")
