"""Schema matching: which overload a call means, and the conversions its arguments need."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import REQUIRED, Argument, Schema
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dialects.torch_types import TorchType
from tsc.frontend.sugared import Arguments, Constant, Sugared, SugaredValue
from tsc.narrowing import is_sequence

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader


FROM_LISTS = ("aten::tensor", "aten::as_tensor")
"""Operators that make a tensor of the numbers in a list."""
DTYPES = {tt.INT: dtypes.I64, tt.BOOL: dtypes.BOOL}
"""The dtypes that lists of these become; of others NumPy's is right for an empty one too."""


class SchemaMismatchError(Exception):
    """Why a schema does not fit a call."""


@dataclass
class Match:
    """A schema that fits: its operands, each a value or a plan to make one."""

    schema: Schema
    operands: list[Any]
    bindings: dict[str, TorchType]


def match_schema(
    reader: CallReader, schema: Schema, arguments: Arguments, *, convert: bool, node: ast.AST
) -> Match:
    """Fit `arguments` to `schema`; nothing is emitted.

    Raises:
        SchemaMismatchError: they do not fit.
    """
    positional = list(arguments.positional)
    keywords = dict(arguments.keywords)
    bindings: dict[str, TorchType] = {}
    operands: list[Any] = []
    for i, formal in enumerate(schema.arguments):
        if positional and not formal.kwarg_only:
            if formal.name in keywords:
                raise SchemaMismatchError(f"argument {formal.name} specified twice")
            if _takes_rest(schema, i, formal, positional, convert):
                element = dataclasses.replace(formal, type=cast("tt.ListType", formal.type).data)
                parts = [_fit(reader, p, element, bindings, convert, node) for p in positional]
                operands.append(ListOf(parts, element.type))
                positional = []
                continue
            given: Any = positional.pop(0)
        elif formal.name in keywords:
            given = keywords.pop(formal.name)
        elif formal.default is not REQUIRED:
            operands.append(Constant(formal.default))
            continue
        else:
            raise SchemaMismatchError(f"Argument {formal.name} not provided")
        operands.append(_fit(reader, given, formal, bindings, convert, node))
    if positional and not schema.is_variadic:
        expected = sum(not a.kwarg_only for a in schema.arguments)
        raise SchemaMismatchError(
            f"Expected at most {expected} arguments but found {len(arguments.positional)} positional "
            "arguments"
        )
    if keywords:
        raise SchemaMismatchError(f"Unknown keyword argument '{next(iter(keywords))}'")
    return Match(schema, operands + positional, bindings)


def no_fit(failures: Sequence[tuple[Schema, str]]) -> str:
    """What is wrong with a call that fits none of an operator's overloads, each with a reason."""
    if len(failures) == 1:
        schema, mismatch = failures[0]
        return f"\n{schema}:\n{mismatch}"
    return "Arguments for call are not valid.\nThe following variants are available:\n\n" + "\n\n".join(
        f"  {schema}:\n  {mismatch}" for schema, mismatch in failures
    )


def with_receiver(schema: Schema, receiver: Sugared, arguments: Arguments) -> Arguments:
    """The arguments of a method's call with what it is called on in the place of `self`: the first, but for
    operators such as ``where(condition, self, other)``.
    """
    names = [a.name for a in schema.arguments]
    place = names.index("self") if "self" in names else 0
    if place > len(arguments.positional):
        return Arguments(arguments.positional, {**arguments.keywords, "self": receiver})
    before, after = arguments.positional[:place], arguments.positional[place:]
    return Arguments([*before, receiver, *after], arguments.keywords)


def _takes_rest(schema: Schema, i: int, formal: Argument, positional: Sequence[Any], convert: bool) -> bool:
    """Whether ``x.view(2, 3)`` style varargs fill this list argument; where implicit conversions are tried,
    tensors may stand for ints.
    """
    if not isinstance(formal.type, tt.ListType) or formal.type.data not in (tt.INT, tt.TENSOR):
        return False
    is_last = all(a.kwarg_only for a in schema.arguments[i + 1 :])
    if not is_last or formal.broadcast_size is not None:
        return False
    first = type_of(positional[0])
    return first is not None and (
        first is formal.type.data
        or (convert and formal.type.data is tt.INT and isinstance(first, tt.TensorType))
    )


def type_of(given: object) -> TorchType | None:
    """The type of a value or constant; None for what has none of its own."""
    if isinstance(given, SugaredValue):
        return given.type
    if isinstance(given, Constant):
        return given.type or CONSTANT_TYPES.get(cast("type[Any]", type(given.python)))
    return None


CONSTANT_TYPES: dict[type, TorchType] = {
    bool: tt.BOOL, int: tt.INT, float: tt.FLOAT, complex: tt.COMPLEX, str: tt.STRING, type(None): tt.NONE,
}  # fmt: skip


def _fit(
    reader: CallReader,
    given: Sugared,
    formal: Argument,
    bindings: dict[str, TorchType],
    convert: bool,
    node: ast.AST,
) -> Any:
    if isinstance(given, Constant) and given.python is None and isinstance(formal.type, tt.OptionalType):
        return given
    value = reader.plain(given, node)
    actual = value.type
    if (
        formal.broadcast_size is not None
        and actual in (tt.INT, tt.FLOAT)
        and isinstance(_without_optional(formal.type), tt.ListType)
    ):
        element = _without_optional(formal.type).data
        if actual is element:
            return Broadcast(value, formal.broadcast_size)
    if fits(actual, formal.type, bindings):
        return value
    plan = conversion(value, formal.type, bindings, convert)
    if plan is None and isinstance(formal.type, tt.VariableType):
        kind, bound = formal.type.data, bindings[formal.type.data]
        raise SchemaMismatchError(
            f"Could not match type {actual.torchscript()} to {kind} in argument '{formal.name}': Type "
            f"variable '{kind}' previously matched to type {bound.torchscript()} is matched to type "
            f"{actual.torchscript()}."
        )
    if plan is None:
        raise SchemaMismatchError(
            f"Expected a value of type '{formal.type.torchscript()}' for argument '{formal.name}' but "
            "instead found type "
            f"'{actual.torchscript()}'."
        )
    return plan


def _without_optional(expected: TorchType) -> TorchType:
    return expected.data if isinstance(expected, tt.OptionalType) else expected


def fits(actual: TorchType, formal: TorchType, bindings: dict[str, TorchType]) -> bool:
    """Whether a value of type `actual` may stand where `formal` is wanted; binds type variables."""
    if actual is formal or formal is tt.ANY:
        return True
    if isinstance(formal, tt.VariableType):
        return bindings.setdefault(formal.data, actual) is actual or _rebind(formal.data, actual, bindings)
    if isinstance(formal, tt.OptionalType):
        return actual is tt.NONE or fits(
            actual.data if isinstance(actual, tt.OptionalType) else actual, formal.data, bindings
        )
    if isinstance(formal, tt.TensorType):
        return isinstance(actual, tt.TensorType)
    if formal is tt.NUMBER:
        members = actual.data if isinstance(actual, tt.UnionType) else (actual,)
        return all(m in (tt.INT, tt.FLOAT, tt.COMPLEX, tt.NUMBER) for m in members)
    if isinstance(formal, tt.UnionType):
        members = (actual.data, tt.NONE) if isinstance(actual, tt.OptionalType) else (actual,)
        members = actual.data if isinstance(actual, tt.UnionType) else members
        return all(any(fits(m, f, bindings) for f in formal.data) for m in members)
    return _fits_parts(actual, formal, bindings)


def _rebind(name: str, actual: TorchType, bindings: dict[str, TorchType]) -> bool:
    """A variable bound to Optional[T], a union or Any also accepts what is part of that (``append`` to a list
    of optionals).
    """
    bound = bindings[name]
    is_open = bound is tt.ANY or isinstance(bound, (tt.OptionalType, tt.UnionType))
    return is_open and fits(actual, bound, bindings)


def _binds(actual: TorchType, formal: TorchType, bindings: dict[str, TorchType]) -> bool:
    """Whether elements of type `actual` may be what a container's type variable stands for: others would be
    written to it.
    """
    return bindings.setdefault(formal.data, actual) is actual


def _fits_parts(actual: TorchType, formal: TorchType, bindings: dict[str, TorchType]) -> bool:
    if isinstance(formal, tt.ListType) and isinstance(actual, tt.ListType):
        if isinstance(formal.data, tt.VariableType):
            return _binds(actual.data, formal.data, bindings)
        return (
            actual.data is formal.data
            or formal.data is tt.ANY
            or _same_list_element(actual.data, formal.data, bindings)
        )
    if isinstance(formal, tt.DictType) and isinstance(actual, tt.DictType):
        fits_value = _binds if isinstance(formal.value, tt.VariableType) else fits
        return fits(actual.key, formal.key, bindings) and fits_value(actual.value, formal.value, bindings)
    if isinstance(formal, tt.TupleType) and isinstance(actual, (tt.TupleType, tt.NamedTupleType)):
        elements = actual.data if isinstance(actual, tt.TupleType) else actual.elements
        return len(elements) == len(formal.data) and all(
            fits(a, f, bindings) for a, f in zip(elements, formal.data, strict=True)
        )
    if isinstance(formal, tt.FutureType) and isinstance(actual, tt.FutureType):
        return fits(actual.data, formal.data, bindings)
    if isinstance(formal, tt.EnumType) and isinstance(actual, tt.EnumType):
        return formal.data == "*"
    return isinstance(formal, tt.InterfaceType) and isinstance(actual, (tt.ModuleType, tt.ClassType))


def _same_list_element(actual: TorchType, formal: TorchType, bindings: dict[str, TorchType]) -> bool:
    if isinstance(formal, tt.TensorType):
        return isinstance(actual, tt.TensorType)
    if isinstance(formal, tt.OptionalType) and isinstance(formal.data, tt.TensorType):
        return isinstance(actual, tt.TensorType)
    return isinstance(formal, (tt.TupleType, tt.ListType, tt.DictType)) and fits(actual, formal, bindings)


@dataclass
class Broadcast:
    """One int for a list of a fixed length."""

    value: SugaredValue
    size: int


@dataclass
class AsList:
    """A homogeneous tuple where a list is wanted."""

    value: SugaredValue
    element: TorchType


@dataclass
class ListOf:
    """Several arguments where a list is wanted: what each becomes."""

    parts: list[Any]
    element: TorchType


@dataclass
class Implicit:
    """A conversion by an operator (``aten::FloatImplicit``)."""

    value: SugaredValue
    operator: str


_ELEMENTS = (tt.INT, tt.FLOAT, tt.BOOL, tt.COMPLEX, tt.STRING)


def _is_empty_literal(value: SugaredValue) -> bool:
    """Whether `value` is ``[]`` as written, whose elements are what the call wants."""
    owner = value.ssa.owner
    return isinstance(owner, PrimListConstructOp) and not owner.operands and not value.ssa.first_use


def conversion(value: SugaredValue, formal: TorchType, bindings: dict[str, TorchType], convert: bool) -> Any:
    """How `value` becomes a `formal`: a plan for `realize`; None when it cannot. Implicit conversions by an
    operator (tensor to number) only where `convert`.
    """
    actual, wanted = value.type, _without_optional(formal)
    if isinstance(wanted, tt.ListType) and isinstance(actual, (tt.TupleType, tt.NamedTupleType)):
        elements = actual.data if isinstance(actual, tt.TupleType) else actual.elements
        if all(fits(e, wanted.data, bindings) for e in elements):
            return AsList(
                value,
                bindings.get(wanted.data.data, wanted.data)
                if isinstance(wanted.data, tt.VariableType)
                else wanted.data,
            )
    if isinstance(wanted, tt.ListType) and _is_empty_literal(value) and wanted.data in _ELEMENTS:
        return ListOf([], wanted.data)
    if not convert:
        return None
    if isinstance(actual, tt.TensorType):
        operators: dict[TorchType, str] = {
            tt.FLOAT: "aten::FloatImplicit",
            tt.INT: "aten::IntImplicit",
            tt.NUMBER: "aten::ScalarImplicit",
            tt.COMPLEX: "aten::ComplexImplicit",
        }
        return Implicit(value, operators[wanted]) if wanted in operators else None
    if actual is tt.NUMBER and wanted in (tt.FLOAT, tt.INT):
        return Implicit(value, "aten::Float.Scalar" if wanted is tt.FLOAT else "aten::Int.Scalar")
    if actual is tt.BOOL and wanted is tt.NUMBER:
        return Implicit(value, "aten::Int.bool")
    if actual is tt.STRING and wanted is tt.DEVICE:
        return Implicit(value, "aten::device")
    return None


def realize(reader: CallReader, operand: object, formal: TorchType, node: ast.AST) -> SSAValue:
    """Emit what an operand of a `Match` still needs; its IR value."""
    if isinstance(operand, Broadcast):
        element = operand.value.type
        return reader.builder.list(element, [operand.value.ssa] * operand.size)
    if isinstance(operand, AsList):
        parts = reader.unpack_tuple(operand.value.ssa)
        return reader.builder.list(operand.element, parts)
    if isinstance(operand, ListOf):
        parts = [realize(reader, p, operand.element, node) for p in operand.parts]
        return reader.builder.list(operand.element, parts)
    if isinstance(operand, Implicit):
        return reader.builder.aten(operand.operator, [operand.value.ssa]).results[0]
    if isinstance(operand, Constant):
        return _default_value(reader, operand, formal, node)
    assert isinstance(operand, Sugared)
    return operand.value(reader, node)


def _default_value(reader: CallReader, operand: Constant, formal: TorchType, node: ast.AST) -> SSAValue:
    wanted = _without_optional(formal)
    python = operand.python
    if isinstance(wanted, tt.ListType) and is_sequence(python):
        return reader.builder.list(wanted.data, [reader.builder.constant(v) for v in python])
    if wanted is tt.FLOAT and isinstance(python, int) and not isinstance(python, bool):
        python = float(python)
    if wanted is tt.DEVICE and isinstance(python, str):
        return reader.builder.device(python)
    return reader.constant(python, operand.type, node)


def substitute(formal: TorchType, bindings: dict[str, TorchType]) -> TorchType:
    """`formal` with its type variables replaced."""
    if isinstance(formal, tt.VariableType):
        return bindings.get(formal.data, tt.ANY)
    if isinstance(formal, (tt.ListType, tt.OptionalType, tt.FutureType)):
        return type(formal)(substitute(formal.data, bindings))
    if isinstance(formal, tt.DictType):
        return tt.DictType((substitute(formal.key, bindings), substitute(formal.value, bindings)))
    if isinstance(formal, tt.TupleType):
        return tt.TupleType(tuple(substitute(t, bindings) for t in formal.data))
    return formal


def say_dtype(reader: CallReader, schema: Schema, operands: list[SSAValue]) -> None:
    """Of an operator in `FROM_LISTS`, give the dtype that the list's type says: the list may be empty."""
    position = next((i for i, a in enumerate(schema.arguments) if a.name == "dtype"), None)
    data, element = operands[0], cast("Any", operands[0].type)
    while isinstance(element, tt.ListType):
        element = element.data
    dtype = DTYPES.get(element)
    is_filled = isinstance(data.owner, PrimListConstructOp) and data.owner.operands
    if position is None or dtype is None or not isinstance(data.type, tt.ListType) or is_filled:
        return
    if operands[position].type is tt.NONE:
        operands[position] = reader.builder.constant(dtype.code)
