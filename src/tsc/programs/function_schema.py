"""The signature of a function as users see it: a text, and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.frontend.unit import REQUIRED, Function, FunctionParameter

KINDS = {"ModuleType": "ClassType", "NamedTupleType": "TupleType", "DeviceType": "DeviceObjType"}
"""What PyTorch calls the types that it does not tell from others, or names otherwise."""


class SchemaType(str):
    """A type as annotations spell it: ``Optional[List[int]]``."""

    _kind: str

    def __new__(cls, kind: TorchType) -> SchemaType:
        """The text of a type."""
        made = super().__new__(cls, kind.torchscript())
        name = type(kind).__name__
        made._kind = KINDS.get(name, name)
        return made

    @property
    def annotation_str(self) -> str:
        """The type as an annotation."""
        return str(self)

    def kind(self) -> str:
        """PyTorch's name of the kind of type: ``OptionalType``."""
        return self._kind


@dataclass(frozen=True)
class SchemaArgument:
    """A parameter, or a result."""

    name: str
    type: SchemaType
    default_value: Any = None
    kwarg_only: bool = False
    N: int | None = None
    """Of ``BroadcastingList2[int]``: how many a single number stands for."""
    is_given: bool = True
    """Whether there is no default."""

    @classmethod
    def of(cls, parameter: FunctionParameter) -> SchemaArgument:
        """A parameter."""
        is_given = parameter.default is REQUIRED
        default = None if is_given else parameter.default
        kind = SchemaType(parameter.type)
        return cls(parameter.name, kind, default, parameter.kwarg_only, parameter.broadcast_size, is_given)

    def has_default_value(self) -> bool:
        """Whether calls may leave it out."""
        return not self.is_given


class FunctionSchema(str):
    """A signature as PyTorch declares it, ``f(Tensor x, int n=2) -> Tensor``, with its parts.

    >>> def f(x: tsc.Tensor, n: int = 2) -> tsc.Tensor:
    ...     return x * n
    >>> [(a.name, str(a.type), a.default_value) for a in tsc.script(f).schema.arguments]
    [('x', 'Tensor', None), ('n', 'int', 2)]
    """

    name: str
    overload_name: str
    arguments: list[SchemaArgument]
    """The parameters; of a method, the object first."""
    returns: list[SchemaArgument]

    def __new__(cls, function: Function) -> FunctionSchema:
        """The signature of a function."""
        made = super().__new__(cls, function.schema())
        made.name, made.overload_name = function.short_name, ""
        made.arguments = [*map(SchemaArgument.of, function.parameters)]
        if function.self_type is not None:
            made.arguments.insert(0, SchemaArgument("self", SchemaType(function.self_type)))
        made.returns = [SchemaArgument("", SchemaType(function.result or tt.NONE))]
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Copies and pickles are the text."""
        return str, (str(self),)
