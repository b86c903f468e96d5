"""Operators on live values: ``tsc.relu(x)`` finds the overload that fits and runs its eager meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc.concurrency import interned
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import REQUIRED, Argument, Schema
from tsc.dialects.torch_types import TorchType
from tsc.errors import ArgumentError, OperatorError
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array
from tsc.ops.derivatives.recorded import is_differentiable
from tsc.ops.registry import require
from tsc.runtime.generators import source_of
from tsc.runtime.graph import TABLE
from tsc.runtime.noting import call_noted, is_call_noted, require_unnoted
from tsc.runtime.operators import of_library
from tsc.runtime.recording import RECORDER, paused
from tsc.runtime.tensor import Tensor
from tsc.runtime.tensor_gradients import WANTED_OF_NEW


class Mismatch(Exception):  # noqa: N818 - control flow between overloads, never seen outside
    """A schema does not fit a call."""


@interned
def operator_function(name: str) -> Callable[..., Any]:
    """The function ``tsc.<name>``: all overloads of ``aten::<name>``.

    Raises:
        AttributeError: there is no such operator.
    """
    candidates = schemas.overloads(f"aten::{name}")
    if not candidates:
        raise AttributeError(f"module 'tsc' has no attribute {name!r}")

    takes_wish = any(a.name == "pin_memory" for schema in candidates for a in schema.arguments)
    before = BEFORE_TENSORS.get(name)

    def function(*arguments: object, **keywords: object) -> Any:
        if before is not None:
            arguments = _gathered(arguments, before, takes_one=name.startswith("atleast_"))
        if keywords and takes_wish and "requires_grad" in keywords:
            wanted = bool(keywords.pop("requires_grad"))
            return requiring(call(name, candidates, arguments, keywords), wanted)
        return call(name, candidates, arguments, keywords)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "\n".join(str(s) for s in candidates)
    function.__dict__["__tsc_builtin__"] = f"aten::{name}"
    return function


BEFORE_TENSORS = {
    "atleast_1d": 0, "atleast_2d": 0, "atleast_3d": 0, "block_diag": 0, "broadcast_tensors": 0,
    "cartesian_prod": 0, "chain_matmul": 0, "einsum": 1, "meshgrid": 0,
}  # fmt: skip
"""What takes its tensors one by one too, as in PyTorch's Python: how many arguments come before them."""


def _gathered(arguments: tuple[object, ...], before: int, *, takes_one: bool) -> tuple[object, ...]:
    tensors = arguments[before:]
    is_list = not tensors or any(isinstance(t, (list, tuple)) for t in tensors)
    if is_list or (takes_one and len(tensors) == 1):
        return arguments
    return (*arguments[:before], list(tensors))


def call(name: str, candidates: Sequence[Schema], arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Run the first of `candidates` that fits; tensors in are `Tensor`s, and so are tensors out.

    Raises:
        ArgumentError: none fits.
    """
    for schema in candidates:
        try:
            values = match(schema, arguments, keywords)
        except Mismatch:
            continue
        recorder = RECORDER.get()
        if recorder is None:
            return _run(schema, arguments, values, keywords)
        with paused():
            result = _run(schema, arguments, values, keywords)
        recorder.record(schema, bind(schema, arguments, keywords), result)
        return result
    kinds = ", ".join(type(a).__name__ for a in arguments)
    raise ArgumentError(f"{name}: no overload takes ({kinds}); there are\n" + "\n".join(map(str, candidates)))


def _run(schema: Schema, arguments: Sequence[Any], values: Sequence[Any], keywords: dict[str, Any]) -> Any:
    written = next((a for a, v in zip(arguments, values, strict=False) if isinstance(v, np.ndarray)), None)
    of_another = None if schemas.is_own(schema.name) else of_library(schema)
    tape = None
    if not TABLE:
        result = (of_another or require(schema.full_name).eager)(*values)
    elif of_another is not None:
        require_unnoted(schema.full_name, values)
        result = of_another(*values)
    else:
        operator = require(schema.full_name)
        if is_call_noted(operator, values):
            result, tape = call_noted(operator, values, (*arguments, *keywords.values()))
        else:
            result = operator.eager(*values)
    if schema.mutates and isinstance(written, Tensor) and result is written.array:
        return written
    made = wrapped(result)
    del tape  # until here it held what is known of the results
    return made


def requiring(tensor: Tensor, wanted: bool) -> Tensor:
    """A new tensor, which is to require gradients if that is `wanted`.

    Raises:
        OperatorError: it has none.
    """
    if wanted and not is_differentiable(tensor.dtype):
        raise OperatorError(WANTED_OF_NEW)
    return tensor.requires_grad_() if wanted else tensor


def match(schema: Schema, arguments: Sequence[Any], keywords: dict[str, Any]) -> list[Any]:
    """One runtime value per schema argument.

    Raises:
        Mismatch: the call does not fit.
    """
    return _fit(schema, arguments, keywords, convert)


def bind(schema: Schema, arguments: Sequence[Any], keywords: dict[str, Any]) -> list[Any]:
    """The argument of the call for each argument of the schema, as it was given, or the default.

    Raises:
        Mismatch: there are too many or too few.
    """
    return _fit(schema, arguments, keywords, lambda value, formal: value)


def _fit(
    schema: Schema,
    arguments: Sequence[Any],
    keywords: dict[str, Any],
    read: Callable[[Any, Argument], Any],
) -> list[Any]:
    rest, given = list(arguments), dict(keywords)
    values: list[Any] = []
    for formal in schema.arguments:
        if rest and not formal.kwarg_only:
            if _are_loose_ints(rest, formal, schema):
                values.append(rest)
                rest = []
            else:
                values.append(read(rest.pop(0), formal))
        elif formal.name in given:
            values.append(read(given.pop(formal.name), formal))
        elif formal.default is not REQUIRED:
            values.append(list(formal.default) if isinstance(formal.default, tuple) else formal.default)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        else:
            raise Mismatch
    if rest or given:
        raise Mismatch
    return values


def _are_loose_ints(rest: list[Any], formal: Argument, schema: Schema) -> bool:
    """Whether ints are a list without brackets: ``x.view(2, 3)``. It must be all that the operator takes by
    position, beside its tensor.
    """
    if not isinstance(formal.type, tt.ListType) or formal.type.data is not tt.INT:
        return False
    if not all(isinstance(r, int) and not isinstance(r, bool) for r in rest):
        return False
    first = isinstance(schema.arguments[0].type, tt.TensorType)
    return all(a is formal or a.kwarg_only for a in schema.arguments[first:])


def convert(value: Any, formal: Argument) -> Any:
    """`value` as the runtime holds an argument.

    Raises:
        Mismatch: it does not fit.
    """
    kind = formal.type
    if isinstance(kind, tt.OptionalType):
        if value is None:
            return None
        kind = kind.data
    if isinstance(kind, tt.ListType):
        if type(value) is int and formal.broadcast_size is not None:
            return [value] * formal.broadcast_size
        if not isinstance(value, (list, tuple)):
            raise Mismatch
        return [_single(v, kind.data) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return _single(value, kind)


def _single(value: Any, kind: TorchType) -> Any:
    if isinstance(kind, tt.OptionalType):
        return None if value is None else _single(value, kind.data)
    if isinstance(kind, tt.TensorType):
        if isinstance(value, Tensor):
            return value.array
        if isinstance(value, np.ndarray):
            return value  # pyright: ignore[reportUnknownVariableType]
        raise Mismatch
    if kind is tt.GENERATOR:
        source = source_of(value)
        if source is None:
            raise Mismatch
        return source
    known = torch_interop.constant_of(value)
    if known is not None:
        value = known[1]
    allowed: dict[TorchType, Any] = {
        tt.INT: int, tt.FLOAT: (int, float), tt.NUMBER: (int, float, complex), tt.BOOL: bool, tt.STRING: str,
        tt.DEVICE: str, tt.COMPLEX: (int, float, complex),
    }  # fmt: skip
    if kind in allowed:
        if not isinstance(value, allowed[kind]) or (isinstance(value, bool) and kind in (tt.INT, tt.FLOAT)):
            raise Mismatch
        return float(value) if kind is tt.FLOAT else value
    return value


def wrapped(value: Any) -> Any:
    """Arrays in a result as `Tensor`s."""
    if is_array(value):
        return Tensor(value)
    if isinstance(value, (list, tuple)):
        return type(value)(wrapped(v) for v in value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return value
