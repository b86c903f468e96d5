"""Operators PyTorch's tracer records under another name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tsc.dialects import schema as schemas
from tsc.dialects.schema import Schema

CONVOLUTIONS = {f"aten::conv{n}d": n for n in (1, 2, 3)} | {
    f"aten::conv_transpose{n}d{o}": n for n, o in ((1, ""), (2, ".input"), (3, ".input"))
}
"""Convolutions of n spatial dims: ``aten::_convolution`` in a trace, if the input has a batch."""


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


def _spread(value: Any, ndim: int) -> list[Any]:
    items = list(cast("Sequence[Any]", value)) if isinstance(value, (list, tuple)) else [value]
    return items * ndim if len(items) == 1 else items
