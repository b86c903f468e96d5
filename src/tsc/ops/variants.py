"""In-place and ``out=`` forms of operators, derived from the functional ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dialects import schema as schemas
from tsc.dialects.schema import Schema
from tsc.errors import DTypeError, OperatorError
from tsc.narrowing import is_array, is_sequence
from tsc.ops.definition import Operator
from tsc.ops.overlap import distinct_pieces
from tsc.ops.strides import lay_out


@cache
def functional_name(schema: Schema) -> str | None:
    """The functional form of an in-place schema: ``aten::add_.Tensor`` -> ``aten::add.Tensor``,
    ``__ior__`` -> ``__or__``, ``normal_`` -> ``normal_functional``, else None.

    Where the overload of the same name takes other arguments (``pow.Scalar`` has a number for a base), it is
    the one that takes the same.
    """
    base = schema.name
    if not base.endswith("_") or not schema.arguments or not schema.arguments[0].is_written:
        return None
    functional = base.replace("::__i", "::__") if base.endswith("__") else base[:-1]
    wanted = [a.type for a in schema.arguments]
    overloads = [*schemas.overloads(functional), *schemas.overloads(f"{functional}_functional")]
    fitting = [s for s in overloads if [a.type for a in s.arguments] == wanted]
    namesake = next((s for s in fitting if s.overload == schema.overload), None)
    found = namesake or next(iter(fitting), None)
    return None if found is None else found.full_name


_SYNONYMS = {
    "absolute": "abs", "negative": "neg", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin",
    "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "divide": "div",
    "subtract": "sub", "multiply": "mul", "true_divide": "div", "greater": "gt", "greater_equal": "ge",
    "less": "lt", "less_equal": "le", "not_equal": "ne", "special_erf": "erf", "special_erfc": "erfc",
    "special_erfinv": "erfinv", "special_exp2": "exp2", "special_expm1": "expm1", "special_expit": "sigmoid",
    "special_gammaln": "lgamma", "special_digamma": "digamma", "special_psi": "digamma",
    "special_sinc": "sinc", "special_i0": "i0", "special_log1p": "log1p", "special_logit": "logit",
    "special_round": "round", "special_logsumexp": "logsumexp", "special_polygamma": "polygamma",
    "special_multigammaln": "mvlgamma", "special_xlogy": "xlogy", "row_stack": "vstack",
    "special_softmax": "softmax", "special_log_softmax": "log_softmax",
    "swapaxes": "transpose", "clip": "clamp", "fix": "trunc", "concat": "cat", "concatenate": "cat",
}  # fmt: skip
"""PyTorch's second names: each overload means that of the other name with the same arguments."""


def synonyms(table: Mapping[str, Operator]) -> dict[str, Operator]:
    """The operators of `table` under their second names."""
    derived: dict[str, Operator] = {}
    for name, original in _SYNONYMS.items():
        for schema in schemas.overloads(f"aten::{name}"):
            operator = _same_arguments(schema, schemas.overloads(f"aten::{original}"), table)
            if operator is not None and schema.full_name not in table:
                derived[schema.full_name] = replace(operator, schema=schema)
    return derived


def _same_arguments(
    schema: Schema, candidates: Iterable[Schema], table: Mapping[str, Operator]
) -> Operator | None:
    wanted = [a.type for a in schema.arguments]
    for candidate in candidates:
        operator = table.get(candidate.full_name)
        if operator is not None and [a.type for a in candidate.arguments] == wanted:
            return operator
    return None


def derived_variants(table: Mapping[str, Operator]) -> dict[str, Operator]:
    """The in-place and ``out=`` operators that follow from `table` and are not in it."""
    derived: dict[str, Operator] = {}
    for base in {
        operator.schema.name for operator in table.values() if operator.schema.name.startswith("aten::")
    }:
        in_place_name = base.replace("::__", "::__i") if base.endswith("__") else f"{base}_"
        for schema in schemas.overloads(in_place_name):
            functional = table.get(functional_name(schema) or "")
            if functional is not None and not functional.schema.aliases and schema.full_name not in table:
                derived[schema.full_name] = _variant(functional, schema, in_place(functional))
        for schema in schemas.overloads(base):
            functional = _of_out(schema, table)
            if functional is not None and schema.full_name not in table:
                stored = into(functional, len(schema.results))
                derived[schema.full_name] = _variant(functional, schema, stored)
    return derived


def _variant(functional: Operator, schema: Schema, eager: Callable[..., Any]) -> Operator:
    """`functional` under a schema that writes."""
    return Operator(
        schema, eager, kind="inplace", draws=functional.draws, takes_overlap=functional.takes_overlap
    )


def _of_out(schema: Schema, table: Mapping[str, Operator]) -> Operator | None:
    written = [a for a in schema.arguments if a.is_written]
    if not written or not all(a.kwarg_only for a in written) or len(schema.results) != len(written):
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
    if value.dtype == target.dtype and value.shape == target.shape:
        target[...] = value
        return target
    have, want = dtypes.by_numpy(value.dtype), dtypes.by_numpy(target.dtype)
    if have.category > want.category:
        raise DTypeError(
            f"result type {have.scalar_type} can't be cast to the desired output type {want.scalar_type}"
        )
    if value.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(value.shape)}"
        )
    target[...] = value.astype(target.dtype, copy=False)
    return target


def in_place(functional: Operator) -> Any:
    """The eager meaning of the in-place form of `functional`. An elementwise one reads each element when it
    is its turn: where elements share a place, that may have been written before.
    """

    def run(self: np.ndarray[Any, Any], *rest: object) -> np.ndarray[Any, Any]:
        if functional.is_elementwise and not self.flags.forc and not _fills(functional, rest):
            for target, *others in distinct_pieces(self, rest):
                write_back(target, _taken(functional, target, functional.eager(target, *others)))
            return self
        return write_back(self, _taken(functional, self, functional.eager(self, *rest)))

    return run


def _taken(
    functional: Operator, target: np.ndarray[Any, Any], value: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """`value`, which is to be stored in place of `target`: no magnitudes in place of complex numbers.

    Raises:
        DTypeError: it is one.
    """
    if target.dtype.kind == "c" and value.dtype.kind == "f":
        name = functional.schema.name.partition("::")[2]
        raise DTypeError(f"In-place {name} is not supported for complex tensors.")
    return value


def _fills(functional: Operator, rest: Sequence[Any]) -> bool:
    """Whether all elements become one value, so that their order is all the same."""
    return functional.takes_overlap and not any(is_array(a) and a.ndim for a in rest)


def into(functional: Operator, count: int) -> Any:
    """The eager meaning of the ``out=`` form of `functional`, with `count` results."""

    def run(*arguments: Any) -> Any:
        operands, written = arguments[:-count], arguments[-count:]
        value = functional.eager(*operands)
        values = value if is_sequence(value) else (value,)
        stored = [_write_out(functional, operands, o, v) for o, v in zip(written, values, strict=True)]
        return stored[0] if count == 1 else tuple(stored)

    return run


def _write_out(
    functional: Operator, operands: Sequence[object], out: np.ndarray[Any, Any], value: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Store a result in `out`, which takes its shape.

    Raises:
        RuntimeError: an elementwise operator reads `out`, too.
        OperatorError: `out` has elements already, and others may see its memory.
    """
    if out.shape == value.shape or (functional.is_elementwise and any(o is out for o in operands)):
        return write_back(out, value)
    if not out.flags.owndata or (out.size and out.size != value.size):
        raise OperatorError(
            f"{functional.name}: out= has shape {list(out.shape)}, and not {list(value.shape)}: memory that "
            "others may see neither grows nor shrinks; requires a tensor of that shape, or one made by "
            "torch.empty(0) in the program"
        )
    if out.size:
        lay_out(out, value.shape, np.empty(value.shape, out.dtype).strides)
    else:  # nobody sees any of it
        out.resize(value.shape, refcheck=False)
    return write_back(out, value)
