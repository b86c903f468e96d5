"""How TorchScript prints values: ``str(x)``, ``"{}".format(x)`` and ``print(x)``.

Source: PyTorch aten/src/ATen/core/ivalue.cpp and aten/src/ATen/core/Formatting.cpp.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array

_LINE = 80
_TYPE_NAMES = {
    dtypes.U8: "Byte", dtypes.I8: "Char", dtypes.I16: "Short", dtypes.I32: "Int", dtypes.I64: "Long",
    dtypes.F16: "Half", dtypes.F32: "Float", dtypes.F64: "Double", dtypes.C64: "ComplexFloat",
    dtypes.C128: "ComplexDouble", dtypes.BOOL: "Bool", dtypes.BF16: "BFloat16",
}  # fmt: skip


def float_text(value: float) -> str:
    """``2.`` for whole numbers that fit an int64, else up to 17 digits."""
    if math.isfinite(value) and abs(value) < 2.0**63 and value == int(value):
        return f"{int(value)}."
    return f"{value:.17g}"


def text_of(value: object) -> str:
    """The value as TorchScript prints it."""
    if type(value) is str or type(value) is int:
        return str(value)
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, complex):
        sign = "-" if math.copysign(1.0, value.imag) < 0 else "+"
        return f"{float_text(value.real)}{sign}{float_text(abs(value.imag))}j"
    if isinstance(value, np.ndarray):
        return tensor_text(value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, (list, tuple, dict)):
        return _container_text(value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, enum.Enum):
        return f"Enum<{type(value).__name__}.{value.name}>"
    return str(value)


def _container_text(value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text_of(k)}: {text_of(v)}" for k, v in value.items()) + "}"
    items = ", ".join(text_of(v) for v in value)
    if isinstance(value, list):
        return f"[{items}]"
    return f"({items},)" if len(value) == 1 else f"({items})"


def tensor_text(x: Array) -> str:
    """The elements in columns, then ``[ CPUFloatType{2,3} ]``."""
    footer = f"[ CPU{_TYPE_NAMES[dtypes.by_numpy(x.dtype)]}Type{{{','.join(map(str, x.shape))}}} ]"
    values = x.real.astype(np.float64)
    if x.ndim == 0:
        return f"{float(values):.17g}\n{footer}"
    if x.size == 0:
        return footer
    if x.ndim == 1:
        number, _, scale = _column_format(values)
        return _scale_text(scale) + "".join(f"{number(v / scale)}\n" for v in values.tolist()) + footer
    if x.ndim == 2:
        return _matrix_text(values, 0) + footer
    return _slices_text(values) + footer


def _slices_text(values: Array) -> str:
    """Each matrix of the last two dims under its indices; the first index runs fastest."""
    parts: list[str] = []
    lead = values.shape[:-2]
    for reversed_place in np.ndindex(*lead[::-1]):
        place = reversed_place[::-1]
        head = "".join(f"{i + 1}," for i in place)
        parts.append(f"({head}.,.) = \n{_matrix_text(values[place], 1)}")
    return "\n".join(parts)


def _exponent(value: float) -> float:
    return math.floor(math.log10(value)) + 1 if value else 1


def _column_format(values: Array) -> tuple[Callable[[float], str], int, float]:
    """How to print one number, its width, and the scale all are divided by."""
    finite = np.abs(values[np.isfinite(values)])
    whole = bool(np.all(finite == np.ceil(finite)))
    low, high = (_exponent(float(finite.min())), _exponent(float(finite.max()))) if finite.size else (1, 1)
    if whole:
        if high > 9:
            return (lambda v: f"{v:11.4e}"), 11, 1.0
        width = int(high) + 1
        return (lambda v: f"{v:{width}.6g}"), width, 1.0
    if high - low > 4:
        width = 12 if abs(high) > 99 or abs(low) > 99 else 11
        return (lambda v: f"{v:{width}.4e}"), width, 1.0
    if high > 5 or high < 0:
        return (lambda v: f"{v:7.4f}"), 7, 10.0 ** (high - 1)
    width = 7 if high == 0 else int(high) + 6
    return (lambda v: f"{v:{width}.4f}"), width, 1.0


def _scale_text(scale: float) -> str:
    return "" if scale == 1 else f"{scale:.17g} *\n"


def _matrix_text(values: Array, indent: int) -> str:
    number, width, scale = _column_format(values)
    rows, columns = values.shape
    margin = " " * indent
    per_line = (_LINE - indent) // (width + 1)
    blocks: list[str] = []
    for first in range(0, columns, per_line):
        last = min(first + per_line, columns)
        title = f"Columns {first + 1} to {last}" + margin if per_line < columns else ""
        head = title + (_scale_text(scale) + margin if scale != 1 else "")
        between = "\n" + margin + (" " if scale != 1 else "")
        lines = [" ".join(number(v / scale) for v in values[r, first:last].tolist()) for r in range(rows)]
        blocks.append(head + between.join(lines) + "\n")
    return "\n".join(blocks)
