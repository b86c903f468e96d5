"""The methods that Python writes for a dataclass, of which it keeps no source, written as TorchScript."""

from __future__ import annotations

import dataclasses
import inspect
import types
from typing import TYPE_CHECKING, Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.sources import Source, parsed
from tsc.frontend.type_rules import may_be_none
from tsc.frontend.unit import REQUIRED, Class, Function, FunctionParameter

if TYPE_CHECKING:
    from tsc.frontend.live import LiveResolver

ORDERS = {"__lt__": ("<", False), "__le__": ("<", True), "__gt__": (">", False), "__ge__": (">", True)}
"""The comparison of fields that decides, and the answer where all fields are equal."""
DROPPED = frozenset(("__repr__", "__hash__", "__setattr__", "__delattr__", "__replace__"))
"""What Python writes too, and TorchScript does without."""


def is_written_by_python(cls: type, member: types.FunctionType) -> bool:
    """Whether a method of a class is none of the user's, but of ``@dataclass``."""
    return dataclasses.is_dataclass(cls) and inspect.unwrap(member).__code__.co_filename == "<string>"


def dataclass_method(made: Class, cls: Any, name: str, resolver: LiveResolver) -> Function | None:
    """A method of a dataclass, not compiled yet; None for one that TorchScript does without.

    Raises:
        NotSupportedError: a field has a default factory.
    """
    if name == "__init__":
        return _initializer(made, cls, resolver)
    if name == "__eq__" or name in ORDERS:
        lines = _equality(made.attributes) if name == "__eq__" else _order(made, *ORDERS[name])
        return _function(
            made, name, [FunctionParameter("other", tt.ClassType(made.name))], lines, tt.BOOL, resolver
        )
    assert name in DROPPED
    return None


def field_types(cls: Any, annotation: Any) -> dict[str, TorchType]:
    """The types of the attributes that the fields of a dataclass are."""
    return {field.name: annotation(field.type) for field in dataclasses.fields(cls)}


def _initializer(made: Class, cls: Any, resolver: LiveResolver) -> Function:
    fields = dataclasses.fields(cls)
    if any(field.default_factory is not dataclasses.MISSING for field in fields):
        raise NotSupportedError("Default factory initializers are not supported in TorchScript dataclasses")
    parameters: list[FunctionParameter] = []
    passed_on: list[str] = []
    for given in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        kind: Any = given.annotation
        if type(kind) is dataclasses.InitVar:
            passed_on.append(given.name)
            kind = getattr(given.annotation, "type")  # noqa: B009 - checkers do not know what it is
        default = REQUIRED if given.default is inspect.Parameter.empty else given.default
        parameters.append(FunctionParameter(given.name, resolver.program.annotation(kind), default))
    lines = [f"self.{field.name} = {field.name}" for field in fields if field.init]
    if hasattr(cls, "__post_init__"):
        lines.append(f"self.__post_init__({', '.join(passed_on)})")
    return _function(made, "__init__", parameters, lines or ["pass"], tt.NONE, resolver)


def _equality(attributes: dict[str, TorchType]) -> list[str]:
    """Equal if all fields are, None only to None."""
    lines: list[str] = []
    for i, (name, kind) in enumerate(attributes.items()):
        lines.append(f"a{i}, b{i} = self.{name}, other.{name}")
        if may_be_none(kind):
            lines += [
                f"if a{i} is None or b{i} is None:",
                f"    if not (a{i} is None and b{i} is None):",
                "        return False",
            ]
        lines += [f"{'elif' if may_be_none(kind) else 'if'} a{i} != b{i}:", "    return False"]
    return [*lines, "return True"]


def _order(made: Class, comparison: str, if_equal: bool) -> list[str]:
    """The first field that differs decides; None has no place in an order."""
    lines: list[str] = []
    message = f"Cannot compare {made.name.rpartition('.')[2]} with None"
    for i, (name, kind) in enumerate(made.attributes.items()):
        lines.append(f"a{i}, b{i} = self.{name}, other.{name}")
        if may_be_none(kind):
            lines += [
                f"if a{i} is None or b{i} is None:",
                f"    if not (a{i} is None and b{i} is None):",
                f"        raise TypeError({message!r})",
            ]
        lines += [
            f"{'elif' if may_be_none(kind) else 'if'} a{i} {comparison} b{i}:",
            "    return True",
            f"elif b{i} {comparison} a{i}:",
            "    return False",
        ]
    return [*lines, f"return {if_equal}"]


def _function(
    made: Class,
    name: str,
    parameters: list[FunctionParameter],
    lines: list[str],
    result: TorchType,
    resolver: LiveResolver,
) -> Function:
    """A method of these statements."""
    names = ", ".join(["self", *(parameter.name for parameter in parameters)])
    text = "\n".join([f"def {name}({names}):", *(f"    {line}" for line in lines)])
    file = f"<dataclass {made.name}>"
    definition: Any = parsed(text, file=file).body[0]
    own = tt.ClassType(made.name)
    return Function(f"{made.name}.{name}", definition, Source(file, text), resolver, own, parameters, result)
