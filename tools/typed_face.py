"""Writes src/tsc/__init__.pyi from the tables of names in src/tsc/__init__.py and the schemas of operators.

python -m tools.typed_face
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from pathlib import Path

import tsc
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import REQUIRED, Argument, Schema
from tsc.dialects.torch_types import TorchType
from tsc.ops.registry import operators
from tsc.runtime.dispatch import BEFORE_TENSORS

STUB = Path(__file__).parents[1] / "src/tsc/__init__.pyi"
BEGINNING = """\
# What checkers of types and editors see of `tsc`, which loads all of this when it is first used. Written by
# `make docs` (tools/typed_face.py).
# pyright: reportOverlappingOverload=false
from collections.abc import Sequence
from typing import Any, TypeAlias, overload

import builtins
import types

import numpy as np

"""
ALIASES = """\
_Tensor: TypeAlias = Tensor | np.ndarray[Any, Any]
_Number: TypeAlias = builtins.bool | builtins.int | builtins.float | builtins.complex
_DType: TypeAlias = DType
"""
PLAIN: dict[TorchType, str] = {
    tt.BOOL: "builtins.bool",
    tt.INT: "builtins.int",
    tt.FLOAT: "builtins.float",
    tt.COMPLEX: "builtins.complex",
    tt.STRING: "builtins.str",
    tt.NUMBER: "_Number",
}
"""The types of numbers; ``bool`` and the like are dtypes here."""
CODES = ("dtype", "layout", "memory_format")
"""Arguments that schemas declare as ints: those that are dtypes, and those nothing of which is known here."""


def stub() -> str:
    """The text."""
    tables = vars(tsc)
    parts = [BEGINNING]
    renamed = tables["_RENAMED"]
    parts += [
        _import(module, renamed.get(name, name), name)
        for name, module in sorted(tables["_LAZY"].items())
        if name != "isinstance"
    ]
    parts += ["from tsc.jit import isinstance_of\n"]
    for name, module in tables["_MODULES"].items():
        folder, _, file = module.rpartition(".")
        parts.append(_import(folder, file, name))
    parts += ["from tsc.dtypes import DType\n\n", ALIASES, "\n__version__: str\nisinstance = isinstance_of\n"]
    parts += [f"{name}: _DType\n" for name in tables["_DTYPES"]]
    parts += [f"{name}: {_kind(value)}\n" for name, value in tables["_NUMBERS"].items()]
    parts += [f"{name}: types.ModuleType\n" for name in tables["_NAMESPACES"]]
    parts.append("ops: Any\n")  # the namespaces of tsc.library
    known = {*tables["_NAMES"], *tables["_MODULES"]}
    parts += [_operator(name) for name in operator_names() if name not in known]
    return "".join(parts)


def _import(module: str, name: str, shown: str) -> str:
    """A name that is public, perhaps under another one."""
    if name == shown:
        return f"from {module} import {name} as {name}\n"
    return f"from {module} import {name}\n{shown} = {name}\n"


def _kind(value: object) -> str:
    return "None" if value is None else f"builtins.{type(value).__name__}"


def operator_names() -> list[str]:
    """The operators that are functions of tensors; not those of namespaces (`tsc.fft`)."""
    namespaces = tuple(f"{name}_" for name in vars(tsc)["_NAMESPACES"])
    found = {full.partition("::")[2].partition(".")[0] for full in operators() if full.startswith("aten::")}
    return sorted(n for n in found if not n.startswith(("_", *namespaces)) and n.islower() and _overloads(n))


def _overloads(name: str) -> list[Schema]:
    """The schemas in which there are tensors; Python's own operators do the others."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return []
    return [s for s in schemas.overloads(f"aten::{name}") if _has_tensors(s)]


def _has_tensors(schema: Schema) -> bool:
    return any("tensor" in a.type.text() for a in (*schema.arguments, *schema.results))


def _operator(name: str) -> str:
    """The declarations of an operator."""
    found = list(dict.fromkeys(text for s in _overloads(name) for text in _signatures(s)))
    mark = "@overload\n" if len(found) > 1 else ""
    return "".join(f"{mark}def {name}{signature}: ...\n" for signature in found)


def _signatures(schema: Schema) -> Iterator[str]:
    """How a schema may be called: sizes as a list, and where nothing else follows one by one."""
    result = _result(schema.results)
    parts, starred, optional = list[str](), False, False
    for argument in schema.arguments:
        if argument.kwarg_only and not starred:
            parts, starred = [*parts, "*"], True
        optional = optional or argument.default is not REQUIRED
        default = " = ..." if argument.default is not REQUIRED or (optional and not starred) else ""
        parts.append(f"{_name(argument)}: {_argument(argument)}{default}")
    yield f"({', '.join(parts)}) -> {result}"
    sizes = next((n for n, a in enumerate(schema.arguments) if _is_ints(a.type)), None)
    if (
        sizes is not None
        and not schema.arguments[sizes].kwarg_only
        and all(a.kwarg_only for a in schema.arguments[sizes + 1 :])
    ):
        yield _one_by_one(schema, parts, sizes, "builtins.int")
    before = BEFORE_TENSORS.get(schema.name.partition("::")[2])
    kinds = [argument.type for argument in schema.arguments]
    if before is not None and kinds[before : before + 1] == [tt.ListType(tt.TENSOR)]:
        yield _one_by_one(schema, parts, before, "_Tensor")


def _one_by_one(schema: Schema, parts: Sequence[str], number: int, kind: str) -> str:
    """The signature in which what is in a list is given one by one."""
    after = [p for p in parts[number + 1 :] if p != "*"]
    starred = f"*{_name(schema.arguments[number])}: {kind}"
    return f"({', '.join([*parts[:number], starred, *after])}) -> {_result(schema.results)}"


def _is_ints(kind: TorchType) -> bool:
    return isinstance(kind, tt.ListType) and kind.data is tt.INT


def _name(argument: Argument) -> str:
    return f"{argument.name}_" if keyword.iskeyword(argument.name) else argument.name


def _argument(argument: Argument) -> str:
    kind, is_optional = argument.type, isinstance(argument.type, tt.OptionalType)
    inner = kind.data if isinstance(kind, tt.OptionalType) else kind
    if argument.name in CODES and inner is tt.INT:
        text = "_DType | builtins.int" if argument.name == "dtype" else "Any"  # a program's dtypes are ints
    else:
        text = _given(inner)
    if argument.broadcast_size is not None and isinstance(inner, tt.ListType):
        text = f"{_given(inner.data)} | {text}"
    return f"{text} | None" if is_optional and text != "Any" else text


def _given(kind: TorchType) -> str:
    """What may be given for a type."""
    if isinstance(kind, tt.ListType):
        return f"Sequence[{_given(kind.data)}]"
    if isinstance(kind, tt.OptionalType):
        return f"{_given(kind.data)} | None"
    return "_Tensor" if isinstance(kind, tt.TensorType) else PLAIN.get(kind, "Any")


def _result(results: Sequence[Argument]) -> str:
    """What comes out."""
    kinds = [_made(result.type) for result in results]
    if not kinds:
        return "None"
    return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"


def _made(kind: TorchType) -> str:
    if isinstance(kind, tt.ListType):
        return f"list[{_made(kind.data)}]"
    return "Tensor" if isinstance(kind, tt.TensorType) else PLAIN.get(kind, "Any")


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
