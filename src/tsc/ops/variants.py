"""In-place and ``out=`` forms of operators, derived from the functional ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dialects import schema as schemas
from tsc.dialects.schema import Schema
from tsc.errors import DTypeError
from tsc.ops.registry import Operator


_ALIASING = ("view", "reshape")
"""In place these change sizes, not elements: that is no write."""


def functional_name(schema: Schema) -> str | None:
    """The functional form of an in-place schema: ``aten::add_.Tensor`` -> ``aten::add.Tensor``; None for any other schema."""
    base = schema.name
    if (
        not base.endswith("_")
        or base.endswith("__")
        or not schema.arguments
        or not schema.arguments[0].is_written
    ):
        return None
    return base[:-1] + (f".{schema.overload}" if schema.overload else "")


def derived_variants(table: Mapping[str, Operator]) -> dict[str, Operator]:
    """The in-place and ``out=`` operators that follow from `table` and are not in it."""
    derived: dict[str, Operator] = {}
    for base in {
        operator.schema.name for operator in table.values() if operator.schema.name.startswith("aten::")
    }:
        for schema in schemas.overloads(f"{base}_"):
            functional = table.get(functional_name(schema) or "")
            if functional is not None and functional.kind not in _ALIASING and schema.full_name not in table:
                derived[schema.full_name] = Operator(schema, in_place(functional), kind="inplace")
        for schema in schemas.overloads(base):
            functional = _of_out(schema, table)
            if functional is not None and schema.full_name not in table:
                derived[schema.full_name] = Operator(schema, into(functional), kind="inplace")
    return derived


def _of_out(schema: Schema, table: Mapping[str, Operator]) -> Operator | None:
    written = [a for a in schema.arguments if a.is_written]
    if len(written) != 1 or not written[0].kwarg_only or len(schema.results) != 1:
        return None
    wanted = tuple((a.name, a.type) for a in schema.arguments if not a.is_written)
    for candidate in schemas.overloads(schema.name):
        if tuple((a.name, a.type) for a in candidate.arguments) == wanted and candidate.full_name in table:
            return table[candidate.full_name]
    return None


def write_back(target: np.ndarray[Any, Any], value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Store `value` in the memory of `target`, converted to its dtype.

    Raises:
        DTypeError: the conversion would change the category (float to int).
        RuntimeError: the shape of `value` is not that of `target`.
    """
    have, want = dtypes.by_numpy(value.dtype), dtypes.by_numpy(target.dtype)
    if have.category > want.category:
        raise DTypeError(f"result type {have.name} can't be cast to the desired output type {want.name}")
    if value.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(value.shape)}"
        )
    target[...] = value.astype(target.dtype, copy=False)
    return target


def in_place(functional: Operator) -> Any:
    """The eager meaning of the in-place form of `functional`."""

    def run(self: np.ndarray[Any, Any], *rest: Any) -> np.ndarray[Any, Any]:
        return write_back(self, functional.eager(self, *rest))

    return run


def into(functional: Operator) -> Any:
    """The eager meaning of the ``out=`` form of `functional`; `out` takes the shape of the result when it is empty."""

    def run(*arguments: Any) -> np.ndarray[Any, Any]:
        *given, out = arguments
        value = functional.eager(*given)
        if out.shape != value.shape and out.size == 0:
            out.resize(value.shape, refcheck=False)
        return write_back(out, value)

    return run
