"""Composite operators: one definition in terms of other operators, run eagerly, on specs, or to build IR.

The definition gets an `Aten`: calling ``aten.exp(x)`` computes, infers or emits, according to what `x` is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from xdsl.ir import SSAValue

from tsc.dialects import schema as schemas
from tsc.dialects.schema import REQUIRED, Schema
from tsc.dtypes import Array, DType
from tsc.errors import UnsupportedOperatorError
from tsc.ops.definition import Family, Operator, TensorSpec, require_schema
from tsc.ops.registry import require

AnyTensor: TypeAlias = Array | TensorSpec | SSAValue
"""A tensor of a definition in terms of other operators: an array when that runs, a spec when it infers, a
value when it builds IR. Only `Aten` looks into it.
"""
Call = Callable[[Operator, Sequence[Any]], Any]
Round = Callable[["Aten", Any, Sequence[Any]], tuple[Sequence[Any], Any]]
"""One round of a loop, made of its number and what it is given: what the next one is given, and an output."""
Requiring = Callable[[Any], None]
Scan = Callable[["Aten", int, Sequence[Any], Round], tuple[Sequence[Any], Any]]


class Aten:
    """Operators as methods: ``aten("add.Tensor", x, y)`` or ``aten.exp(x)``; `call` says what they do."""

    def __init__(
        self, call: Call, spec: Callable[[Any], TensorSpec], scan: Scan, requiring: Requiring | None = None
    ) -> None:
        self.call = call
        """What a call of an operator with all its arguments does."""
        self.spec = spec
        """The spec of a tensor."""
        self._scan = scan
        self.requiring = requiring
        """What `require` does; None: nothing."""

    def shape(self, value: AnyTensor) -> tuple[int, ...]:
        """The shape of a value."""
        return self.spec(value).shape

    def dtype(self, value: AnyTensor) -> DType:
        """The dtype of a value."""
        return self.spec(value).dtype

    def numel_of(self, value: AnyTensor) -> int:
        """How many elements a value has."""
        return self.spec(value).size

    def in_dtype(self, value: AnyTensor, dtype: DType) -> AnyTensor:
        """A value in a dtype; itself where that is its own."""
        return value if self.dtype(value) is dtype else self("to.dtype", value, dtype.code)

    def __call__(self, name: str, *arguments: object, **keywords: object) -> Any:
        """The operator ``aten::<name>`` (with overload) on `arguments`; defaults are filled in."""
        schema = require_schema(f"aten::{name}")
        return self.call(require(schema.full_name), complete(schema, arguments, keywords))

    def expanded(self) -> Aten:
        """The same, in which composites are what they are defined by."""

        def call(operator: Operator, arguments: Sequence[Any]) -> Any:
            if operator.composite is None:
                return self.call(operator, arguments)
            return operator.composite(within, *arguments)

        within = Aten(call, self.spec, self._scan, self.requiring)
        return within

    def require(self, holds: AnyTensor) -> None:
        """What the definition gives is right only where a bool without dims is true: where IR is built, other
        calls run in the generic tier, from the beginning. Where it runs or infers, nothing is required: the
        eager meaning of such an operator is a function of its own, which raises.

        Raises:
            UnsupportedOperatorError: the program must not be run from the beginning.
        """
        if self.requiring is not None:
            self.requiring(holds)

    def scan(self, count: int, given: Sequence[AnyTensor], body: Round) -> tuple[Sequence[Any], Any]:
        """What the last of `count` rounds of `body` gives on, and the outputs of all, stacked. The first gets
        the tensors that are `given`; their shapes and dtypes stay.
        """
        return self._scan(self, count, given, body)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **keywords: self(_default_overload(name), *arguments, **keywords)


_USUAL_OVERLOADS = (
    "", ".Tensor", ".dim", ".int", ".dim_IntList", ".default", ".self", ".dims", ".dim_max", ".using_ints",
    ".Dimname",
)  # fmt: skip


def _default_overload(name: str) -> str:
    for suffix in _USUAL_OVERLOADS:
        if schemas.lookup(f"aten::{name}{suffix}") is not None:
            return name + suffix
    raise UnsupportedOperatorError(f"operator aten::{name} has no definition in this version of tsc")


def complete(schema: Schema, arguments: Sequence[Any], keywords: dict[str, Any]) -> list[Any]:
    """One value per schema argument: positional, keyword, or default.

    Raises:
        TypeError: an argument is missing or unknown.
    """
    values = list(arguments)
    unknown = keywords.keys() - {a.name for a in schema.arguments}
    if unknown:
        raise TypeError(f"{schema.full_name}: no argument {', '.join(sorted(unknown))}")
    for argument in schema.arguments[len(values) :]:
        value = keywords.get(argument.name, argument.default)
        if value is REQUIRED:
            raise TypeError(f"{schema.full_name}: missing argument {argument.name}")
        values.append(list(value) if isinstance(value, tuple) else value)  # pyright: ignore[reportUnknownArgumentType]
    return values


def eager_aten() -> Aten:
    """An `Aten` that computes with NumPy arrays."""
    from tsc.ops.elementwise import spec_of

    return Aten(lambda operator, arguments: operator.eager(*arguments), spec_of, in_turn)


def in_turn(aten: Aten, count: int, given: Sequence[Any], body: Round) -> tuple[Sequence[Any], Any]:
    """The rounds of a loop, one after the other."""
    outputs: list[Any] = []
    for number in range(count):
        given, output = body(aten, number, given)
        outputs.append(output)
    return given, aten("stack", outputs, 0)


def inferring_aten() -> Aten:
    """An `Aten` that computes with specs."""

    def call(operator: Operator, arguments: Sequence[Any]) -> Any:
        if operator.infer is None:
            raise UnsupportedOperatorError(f"{operator.name}: its result shape is not known before it runs")
        return operator.infer(*arguments)

    def scan(aten: Aten, count: int, given: Sequence[Any], body: Round) -> tuple[Sequence[Any], Any]:
        following, output = body(aten, 0, given)
        return following, TensorSpec((count, *output.shape), output.dtype)

    return Aten(call, lambda spec: spec, scan)


def composite(
    family: Family, *names: str, eager: Callable[..., Any] | None = None, **parts: Any
) -> Callable[..., Any]:
    """The decorated ``definition(aten, *arguments)`` is the meaning of the schemas in `names`.

    `eager` replaces the definition where NumPy has a faster way to the same result; `parts` are further
    fields of `Operator`.
    """

    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            family.add(
                Operator(
                    require_schema(name),
                    eager=eager or (lambda *arguments: definition(eager_aten(), *arguments)),
                    infer=lambda *arguments: definition(inferring_aten(), *arguments),
                    kind="composite",
                    composite=definition,
                    **parts,
                )
            )
        return definition

    return register
