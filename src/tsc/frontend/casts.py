"""Forms that make a value of another type: ``int(x)``, ``list(x)``, ``x.tolist()``, ``x.float()``."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tsc import dtypes
from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import class_of
from tsc.dialects.torch_types import TorchType
from tsc.frontend.sugared import Arguments, Constant, Iteration, Sugared, SugaredValue, TupleOf

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader

Form = Callable[["CallReader", Arguments, ast.AST], Sugared]

TENSOR_CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "int": "int32", "long": "int64",
    "short": "int16", "char": "int8", "byte": "uint8", "cfloat": "complex64", "cdouble": "complex128",
    "bfloat16": "bfloat16",
}  # fmt: skip
"""Methods that convert a tensor, and to which dtype."""
LIST_ELEMENTS: dict[TorchType, int] = {tt.INT: 0, tt.FLOAT: 1, tt.BOOL: 2, tt.COMPLEX: 3}
"""What the lists of `tolist` may hold, and the code of ``prim::tolist`` for it."""


class ToList(Sugared):
    """``x.tolist``: which lists a call makes, the wanted type says."""

    def __init__(self, receiver: SugaredValue) -> None:
        self.receiver = receiver

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        return self.to_list(reader, None, node)

    def to_list(self, reader: CallReader, wanted: TorchType | None, node: ast.AST) -> Sugared:
        """``x.tolist()`` where a `wanted` is expected."""
        if wanted is None:
            raise reader.error("Expected type hint for result of tolist()", node)
        depth, element = 0, wanted
        while isinstance(element, tt.ListType):
            depth, element = depth + 1, element.data
        if element not in LIST_ELEMENTS:
            raise reader.error(
                f"{element.torchscript()} is not one of the supported element types for tolist: int, float, "
                "complex, bool",
                node,
            )
        codes = [reader.builder.constant(depth), reader.builder.constant(LIST_ELEMENTS[element])]
        made = class_of(schemas.overloads("prim::tolist")[0])
        return SugaredValue(reader.builder.create(made, [self.receiver.ssa, *codes], [wanted]).results[0])


def _cast(name: str, constant: Callable[[Any], Any], magic: str) -> Form:
    def form(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        if not arguments.positional:
            return Constant(constant(0))
        known, python = arguments.positional[0].static()
        if known and isinstance(python, (int, float)) and isinstance(arguments.positional[0], Constant):
            return Constant(constant(python))
        value = reader.plain(arguments.positional[0], node)
        if value.type is {"Int": tt.INT, "Float": tt.FLOAT, "Bool": tt.BOOL}[name]:
            return value
        called = reader.magic(magic, [value], node)
        if called is None and name == "Bool" and _has_length(value.type):
            length = reader.call_builtin(("aten::len",), Arguments([value]), node)
            called = reader.call_builtin(("aten::gt",), Arguments([length, Constant(0)]), node)
        return called or reader.call_builtin((f"aten::{name}",), Arguments([value]), node)

    return form


def _has_length(kind: TorchType) -> bool:
    return kind is tt.STRING or isinstance(kind, (tt.ListType, tt.DictType))


def _complex(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    parts = [*arguments.positional, Constant(0)] if len(arguments.positional) == 1 else arguments.positional
    return reader.call_builtin(("aten::Complex",), Arguments(list(parts)), node)


def _str(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    called = reader.magic("__str__", [arguments.positional[0]], node)
    return called or reader.call_builtin(("aten::str",), arguments, node)


def _list(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    if not arguments.positional:
        return SugaredValue(reader.builder.list(tt.TENSOR, []))
    source = arguments.positional[0]
    if isinstance(source, SugaredValue) and source.type is tt.STRING:
        return reader.call_builtin(("aten::list",), arguments, node)
    if isinstance(source, SugaredValue) and isinstance(source.type, tt.ListType):
        return reader.call_builtin(("aten::list",), arguments, node)
    name = "$item"
    element = ast.copy_location(ast.Name(name, ast.Load()), node)
    reader.environment["$source"] = source
    iterated = ast.copy_location(ast.Name("$source", ast.Load()), node)
    generator = ast.comprehension(ast.Name(name, ast.Store()), iterated, [], 0)
    comprehension = ast.copy_location(ast.ListComp(element, [generator]), node)
    made = reader.read(ast.fix_missing_locations(comprehension))
    del reader.environment["$source"]
    return made


def no_tuple(kind: TorchType) -> str:
    """Why a value of a type is not taken apart into its elements."""
    if isinstance(kind, tt.ListType):
        return "cannot statically infer the expected size of a list in this context"
    return f"{kind.torchscript()} cannot be used as a tuple"


def _tuple(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    unrolled: list[Sugared] | None = (
        arguments.positional[0].unroll(reader, node) if arguments.positional else []
    )
    if unrolled is None:
        raise reader.error(no_tuple(reader.plain(arguments.positional[0], node).type), node)
    return TupleOf(unrolled)


def _dict(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    """A new dict: of pairs, or a copy of another one, with what keywords add; or of keywords alone."""
    if arguments.positional:
        source = arguments.positional[0]
        if isinstance(source, Iteration):
            source = _list(reader, Arguments([source]), node)
        made = reader.call_builtin(("aten::dict",), Arguments([source, *arguments.positional[1:]]), node)
        for key, value in arguments.keywords.items():
            reader.call_builtin(("aten::_set_item",), Arguments([made, Constant(key), value]), node)
        return made
    keys = [reader.builder.constant(k) for k in arguments.keywords]
    values = [v.value(reader, node) for v in arguments.keywords.values()]
    kind = reader.common_type([v.type for v in values], node) or tt.TENSOR  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    return SugaredValue(
        reader.builder.create(
            ops.PrimDictConstructOp, [*keys, *values], [tt.DictType((tt.STRING, kind))]
        ).results[0]
    )


def _ntuple(count: int) -> Form:
    def form(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        """A number repeated `count` times, or the list or tuple given, as a list."""
        value = reader.plain(arguments.positional[0], node)
        if isinstance(value.type, tt.TupleType) and value.type.data:
            return SugaredValue(reader.coerce(value.ssa, tt.ListType(value.type.data[0]), node))
        if isinstance(value.type, (tt.ListType, tt.TupleType)):
            return value
        return SugaredValue(reader.builder.list(value.type, [value.ssa] * count))

    return form


def _to_dtype(code: int) -> Form:
    def form(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        return reader.call_builtin(("aten::to",), Arguments([arguments.positional[0], Constant(code)]), node)

    return form


def _list_with_default(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    return arguments.positional[0]


def _unwrap_optional(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    value = reader.plain(arguments.positional[0], node)
    if not isinstance(value.type, tt.OptionalType):
        return value
    return reader.call_builtin(("aten::_unwrap_optional",), Arguments([value]), node)


CONVERSIONS: dict[str, Form] = {
    "ntuple1": _ntuple(1), "ntuple2": _ntuple(2), "ntuple3": _ntuple(3), "ntuple4": _ntuple(4),
    "list_with_default": _list_with_default, "unwrap_optional": _unwrap_optional,
    "int": _cast("Int", int, "__int__"), "float": _cast("Float", float, "__float__"),
    "bool": _cast("Bool", bool, "__bool__"), "complex": _complex, "str": _str,
    "list": _list, "tuple": _tuple, "dict": _dict,
    **{f"to_{name}": _to_dtype(dtypes.by_name(name).code) for name in TENSOR_CASTS.values()},
}  # fmt: skip
