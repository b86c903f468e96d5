"""Operator schemas: PyTorch's one-line signatures, parsed when first asked for."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any, cast

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType

REQUIRED = object()
"""The default of an argument that has none."""


@dataclass(frozen=True)
class Argument:
    """One argument or result of a schema."""

    name: str
    type: TorchType
    default: Any = REQUIRED
    kwarg_only: bool = False
    is_written: bool = False
    """Whether the operator writes to it: ``Tensor(a!)``."""
    alias: str = ""
    """The alias set: a result with the set of an argument shares its memory."""
    enters_container: bool = False
    """Whether a list or dict may hold it afterwards: ``Tensor(a -> *)``."""
    broadcast_size: int | None = None
    """For ``int[2]``: a single int stands for that many."""


@dataclass(frozen=True)
class Schema:
    """``namespace::base.overload(arguments) -> results``."""

    name: str
    overload: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]
    is_variadic: bool = False
    text: str = field(default="", compare=False, repr=False)
    """The line that the schema was read from, which is PyTorch's own."""

    @property
    def full_name(self) -> str:
        """``aten::add.Tensor``."""
        return f"{self.name}.{self.overload}" if self.overload else self.name

    @property
    def op_name(self) -> str:
        """The name of the dialect's operation: ``torch.aten.add.Tensor``."""
        return "torch." + self.full_name.replace("::", ".")

    @property
    def mutates(self) -> bool:
        """Whether any argument is written."""
        return any(a.is_written for a in self.arguments)

    @property
    def aliases(self) -> bool:
        """Whether a result may share memory with an argument."""
        return any(r.alias for r in self.results)

    def position(self, name: str) -> int:
        """Index of the argument called `name`."""
        return next(i for i, a in enumerate(self.arguments) if a.name == name)

    def __str__(self) -> str:
        return self.text or _text(self)


def _text(schema: Schema) -> str:
    parts: list[str] = []
    starred = False
    for argument in schema.arguments:
        if argument.kwarg_only and not starred:
            parts.append("*")
            starred = True
        default = "" if argument.default is REQUIRED else f"={argument.default!r}"
        parts.append(f"{argument.type.torchscript()} {argument.name}{default}")
    results = ", ".join(r.type.torchscript() for r in schema.results)
    return f"{schema.full_name}({', '.join(parts)}) -> ({results})"


METADATA_ONLY = ("aten::requires_grad_",)
"""What writes to a tensor, as its schema says, but none of its elements."""
_HEAD = re.compile(r"([\w:]+?)(?:\.(\w+))?\((.*)\) -> (.*)$")
_SCALARS: dict[str, TorchType] = {
    "Tensor": tt.TENSOR, "int": tt.INT, "SymInt": tt.INT, "ScalarType": tt.INT, "Layout": tt.INT,
    "MemoryFormat": tt.INT,
    "float": tt.FLOAT, "bool": tt.BOOL, "complex": tt.COMPLEX, "Scalar": tt.NUMBER, "number": tt.NUMBER,
    "str": tt.STRING,
    "Device": tt.DEVICE, "Generator": tt.GENERATOR, "Any": tt.ANY, "NoneType": tt.NONE,
    "AnyClassType": tt.ANY,
    "AnyEnumType": tt.EnumType("*"), "DimVector": tt.ListType(tt.INT), "Stream": tt.ANY, "Storage": tt.ANY,
}  # fmt: skip
_ALIAS = re.compile(r"\(([a-z*|]+)(!?)(?: -> [a-z*|]+)?(!?)\)")


def parse(text: str) -> Schema:
    """Parse one schema line.

    Raises:
        ValueError: `text` is not a schema.
    """
    match = _HEAD.match(text)
    if match is None:
        raise ValueError(f"schema: requires 'ns::name.overload(args) -> results'; got {text!r}")
    name, overload, arguments, results = match.groups()
    parsed: list[Argument] = []
    kwarg_only = variadic = False
    for part in _split(arguments):
        if part == "*":
            kwarg_only = True
        elif part == "...":
            variadic = True
        else:
            parsed.append(_argument(part, kwarg_only))
    if name in METADATA_ONLY:
        parsed = [replace(argument, is_written=False) for argument in parsed]
    inner = results[1:-1] if results.startswith("(") and results.endswith(")") else results
    returned = tuple(_argument(part, False) for part in _split(inner) if part != "...")
    return Schema(name, overload or "", tuple(parsed), returned, variadic, text)


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets and quotes."""
    parts: list[str] = []
    depth, start, quote = 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def _argument(text: str, kwarg_only: bool) -> Argument:
    default: Any = REQUIRED
    if "=" in text:
        text, _, default_text = text.partition("=")
        default = _default(default_text)
    type_text, name = _type_and_name(text)
    alias = _alias_of(type_text)
    written = alias is not None and "!" in (alias[2] + alias[3])
    bare = type_text[: alias.start()] + type_text[alias.end() :] if alias else type_text
    size = re.search(r"\[(\d+)\]", bare)
    return Argument(
        name,
        _type(bare),
        default,
        kwarg_only,
        written,
        alias[1] if alias else "",
        alias is not None and "->" in alias[0],
        int(size[1]) if size else None,
    )


def _alias_of(type_text: str) -> re.Match[str] | None:
    """The alias annotation of a type; inside ``Dict(str, t(a))`` and the like there is none to find."""
    if type_text.startswith(("(", "Future", "Await")):
        return None
    if not type_text.startswith("Dict"):
        return _ALIAS.search(type_text)
    last = type_text.rindex("(")
    return _ALIAS.fullmatch(type_text, last) if last > len("Dict") else None


def _type_and_name(text: str) -> tuple[str, str]:
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += (text[i] in ")]") - (text[i] in "([")
        if text[i] == " " and depth == 0:
            return text[:i], text[i + 1 :]
    return text, ""


def _type(text: str) -> TorchType:
    text = text.strip()
    if text.endswith("?"):
        return tt.OptionalType(_type(text[:-1]))
    if text.endswith("]"):
        return tt.ListType(_type(text[: text.rindex("[")]))
    if text.startswith("("):
        return tt.TupleType(tuple(_type(t) for t in _split(text[1:-1])))
    head, _, inner = text.partition("(")
    if head == "Dict":
        key, value = _split(inner[:-1])
        return tt.DictType((_type(key), _type(value)))
    if head in ("Future", "Await"):
        return tt.FutureType(_type(inner[:-1]))
    if text.startswith("__torch__"):
        return tt.ClassType(text)
    return _SCALARS.get(head) or tt.VariableType(head)


_NAMED_DEFAULTS = {
    "contiguous_format": 0,
    "preserve_format": 1,
    "Mean": 1,
    "strided": 0,
    "long": 4,
    "inf": float("inf"),
}


def _default(text: str) -> Any:
    if text in _NAMED_DEFAULTS:
        return _NAMED_DEFAULTS[text]
    value = ast.literal_eval(text)
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


@cache
def _lines() -> dict[str, list[str]]:
    """The lines of ``schemas.txt``, by base name, in resolution order."""
    table: dict[str, list[str]] = {}
    text = resources.files("tsc.dialects").joinpath("schemas.txt").read_text("utf-8")
    for line in text.splitlines():
        full = line[: line.index("(")]
        table.setdefault(full.partition(".")[0], []).append(line)
    return table


_ADDED: dict[str, tuple[Schema, ...]] = {}
"""Those of operators of other libraries, by base name."""


def set_overloads(name: str, found: Sequence[Schema]) -> None:
    """Let `found` be all schemas of an operator that is none of PyTorch's own.

    Raises:
        ValueError: it is one of PyTorch's own.
    """
    if is_own(name):
        raise ValueError(f"{name} is an operator of PyTorch's own")
    _ADDED[name] = tuple(found)


def is_own(name: str) -> bool:
    """Whether ``aten::add`` is an operator of PyTorch's own."""
    return name in _lines()


def overloads(name: str) -> tuple[Schema, ...]:
    """All schemas of ``aten::add``, in the order in which a call tries them; empty when there is no such
    operator.
    """
    return _own(name) or _ADDED.get(name, ())


@cache
def _own(name: str) -> tuple[Schema, ...]:
    return tuple(parse(line) for line in _lines().get(name, ()))


def lookup(full_name: str) -> Schema | None:
    """The schema of ``aten::add.Tensor``, or None."""
    found = _own_by_name(full_name)
    if found is not None:
        return found
    added = _ADDED.get(full_name.partition(".")[0], ())
    return next((s for s in added if s.full_name == full_name), None)


@cache
def _own_by_name(full_name: str) -> Schema | None:
    return next((s for s in _own(full_name.partition(".")[0]) if s.full_name == full_name), None)
