"""Calls of operators as PyTorch's tracer records them, where that is another operator or overload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import REQUIRED, Schema

CONVOLUTIONS = {f"aten::conv{n}d": n for n in (1, 2, 3)} | {
    f"aten::conv_transpose{n}d{o}": n for n, o in ((1, ""), (2, ".input"), (3, ".input"))
}
"""Convolutions of n spatial dims: ``aten::_convolution`` in a trace, if the input has a batch."""
MAKE_LIKE = {"aten::zero": "aten::zeros_like", "aten::fill": "aten::full_like"}
"""What makes a new tensor of the values that ``zero_`` and ``fill_`` write."""
_NUMBERS = (bool, int, float, complex)


def convolution(schema: Schema, given: list[Any]) -> tuple[Schema, list[Any]]:
    """A call of a convolution as one of ``aten::_convolution``; any other call as it is."""
    ndim = CONVOLUTIONS.get(schema.full_name)
    general = schemas.lookup("aten::_convolution")
    if ndim is None or general is None or given[0].ndim != ndim + 2:
        return schema, given
    named = dict(zip((a.name for a in schema.arguments), given, strict=True))
    lists = {n: _spread(named.get(n, 0), ndim) for n in ("stride", "padding", "dilation", "output_padding")}
    flags = {
        "transposed": "output_padding" in named, "benchmark": False, "deterministic": False,
        "cudnn_enabled": True, "allow_tf32": True,
    }  # fmt: skip
    values = named | lists | flags
    return general, [values[a.name] for a in general.arguments]


def out_of_place(schema: Schema, given: list[Any]) -> tuple[Schema, list[Any]]:
    """A call of an in-place operator as one of the operator that makes a new tensor; any other call, and a
    copy into a tensor, as it is.
    """
    base = schema.name.removesuffix("_")
    if base == schema.name or base == "aten::copy":
        return schema, given
    name = MAKE_LIKE.get(base, base)
    found = schemas.lookup(f"{name}.{schema.overload}" if schema.overload and name == base else name)
    if found is None:
        return schema, given
    rest = found.arguments[len(given) :]
    if any(a.default is REQUIRED for a in rest):
        return schema, given
    return found, [*given, *(a.default for a in rest)]


def with_number(schema: Schema, given: Sequence[Any]) -> Schema:
    """The overload that takes the Python number of a call as one: ``x * 2`` must not promote as a tensor."""
    numbers = [
        a.name
        for a, g in zip(schema.arguments, given, strict=True)
        if isinstance(a.type, tt.TensorType)
        and isinstance(g, (bool, int, float, complex))
        and type(g) in _NUMBERS
    ]
    if numbers != ["other"]:
        return schema
    overload = "Scalar" + schema.overload.removeprefix("Tensor") if schema.overload else "Scalar"
    found = schemas.lookup(f"{schema.name}.{overload}")
    names = [a.name for a in schema.arguments]
    return found if found is not None and [a.name for a in found.arguments] == names else schema


def _spread(value: object, ndim: int) -> list[Any]:
    items = list(cast("Sequence[Any]", value)) if isinstance(value, (list, tuple)) else [value]
    return items * ndim if len(items) == 1 else items
