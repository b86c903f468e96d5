"""What every type of the `torch` dialect has: one object per type, and its spellings."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from xdsl.ir import Data, TypeAttribute
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from tsc.dialects.plain_classes import PlainClass


class TorchType(Data[Any], TypeAttribute, metaclass=PlainClass):
    """A type `!torch.<keyword>`, parameterized by `data` (a hashable Python value)."""

    keyword: ClassVar[str]
    interned: ClassVar[dict[Any, Any]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.interned = {}
        if hasattr(cls, "keyword"):
            cls.name = f"torch.{cls.keyword}"

    def __new__(cls, data: Any = None) -> Self:
        found = cls.interned.get(data)
        if found is None:
            made = object.__new__(cls)
            object.__setattr__(made, "data", data)
            found = cls.interned.setdefault(data, made)
        return found

    def __init__(self, data: Any = None) -> None:
        """Everything was set when the object was interned."""

    @classmethod
    def new(cls, params: object) -> Self:
        """The interned type with parameter `params`."""
        return cls(params)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.data,))

    def parameter_text(self) -> str:
        """What stands between the keyword and the end: ``<[2,3],f32>``; empty when there is nothing."""
        return ""

    def text(self) -> str:
        """The type as it is written inside another torch type: without ``!torch.``."""
        return self.keyword + self.parameter_text()

    def torchscript(self) -> str:
        """The type as TorchScript annotations and ``.graph`` spell it."""
        return self.keyword

    def __str__(self) -> str:
        return self.torchscript()

    def print_parameter(self, printer: Printer) -> None:
        """Print `parameter_text`."""
        printer.print_string(self.parameter_text())

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        """Types without parameters have nothing to parse."""
        return None
