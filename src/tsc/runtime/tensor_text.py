"""How a tensor shows itself: as PyTorch prints it, with 4 digits, lines of 80 letters, and the edges of what
is long. Source: PyTorch ``torch/_tensor_str.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array

DIGITS = 4
LINE = 80
EDGE = 3
"""Elements at each end of a dim that are shown of a tensor of more than `LONG`."""
LONG = 1_000
SHOWN_BY_DEFAULT = (dtypes.F32, dtypes.I64, dtypes.BOOL, dtypes.C64)
"""Dtypes that go without saying."""
Text = Callable[[Any], str]


def tensor_repr(x: Array, *told: str) -> str:
    """``tensor([1., 2.])``, with the dtype where it is none of the usual ones, and what else is `told`."""
    dtype, prefix = dtypes.by_numpy(x.dtype), "tensor("
    suffixes: list[str] = []
    if not x.size:
        body = "[]"
        if x.ndim != 1:
            suffixes.append(f"size={x.shape}")
    else:
        body = _Printer.of(x).text(x, len(prefix))
    if dtype not in (SHOWN_BY_DEFAULT if x.size else SHOWN_BY_DEFAULT[:1]):
        suffixes.append(f"dtype={dtype!r}")
    suffixes += told
    lines = prefix + body
    last = len(lines) - lines.rfind("\n") - 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > LINE:
            lines += ",\n" + " " * len(prefix) + suffix
            last = len(prefix) + len(suffix)
        else:
            lines += ", " + suffix
            last += len(suffix) + 2
    return lines + ")"


@dataclass(frozen=True)
class _Printer:
    """Prints elements, all of one width."""

    text_of: Text
    width: int
    is_cut: bool

    @staticmethod
    def of(x: Array) -> _Printer:
        """For the elements of a tensor (of those that are shown)."""
        is_cut = x.size > LONG
        shown = _edges(x) if is_cut else x
        if shown.dtype.kind == "c":
            real, imaginary = (_number_text(part) for part in (shown.real, shown.imag))

            def text(value: complex) -> str:
                second = (imaginary[0](value.imag) + "j").lstrip()
                return real[0](value.real) + (second if second.startswith("-") else "+" + second)

            return _Printer(text, real[1] + imaginary[1] + 1, is_cut)
        return _Printer(*_number_text(shown), is_cut)

    def text(self, x: Array, indent: int) -> str:
        """The elements in brackets; what follows the first line begins at `indent`."""
        if not x.ndim:
            return self.text_of(x.item())
        many = self.is_cut and len(x) > 2 * EDGE
        if x.ndim == 1:
            return self._line(x, indent, many)
        places = [*range(EDGE), *range(len(x) - EDGE, len(x))] if many else range(len(x))
        parts = [self.text(x[i], indent + 1) for i in places]
        if many:
            parts.insert(EDGE, "...")
        return "[" + ("," + "\n" * (x.ndim - 1) + " " * (indent + 1)).join(parts) + "]"

    def _line(self, x: Array, indent: int, many: bool) -> str:
        per_line = max(1, (LINE - indent) // (self.width + 2))
        if many:
            values = [*map(self.text_of, x[:EDGE].tolist()), " ...", *map(self.text_of, x[-EDGE:].tolist())]
        else:
            values = [*map(self.text_of, x.tolist())]
        lines = [", ".join(values[start : start + per_line]) for start in range(0, len(values), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _number_text(values: Array) -> tuple[Text, int]:
    """How the numbers of a tensor are written, and how wide."""
    if values.dtype.kind in "iub":
        width = max(len(str(v)) for v in values.ravel().tolist())
        return (lambda value: str(value).rjust(width)), width
    numbers = values.astype(np.float64).ravel()
    told = numbers[np.isfinite(numbers) & (numbers != 0)]
    if not told.size:
        return _padded(lambda value: _whole(value), 1)
    sizes = np.abs(told)
    low, high = float(sizes.min()), float(sizes.max())
    is_whole = bool((told == np.ceil(told)).all())
    is_wide = high / low > 1_000 or high > 1e8 or (not is_whole and low < 1e-4)
    if is_wide:
        write: Text = lambda value: f"{value:.{DIGITS}e}"  # noqa: E731
    elif is_whole:
        write = _whole
    else:
        write = lambda value: f"{value:.{DIGITS}f}"  # noqa: E731
    return _padded(write, max(map(len, map(write, told.tolist()))))


def _whole(value: float) -> str:
    return f"{value:.0f}" + ("." if math.isfinite(value) else "")


def _padded(write: Text, width: int) -> tuple[Text, int]:
    return (lambda value: write(value).rjust(width)), width


def _edges(x: Array) -> Array:
    """What is shown of a long tensor."""
    for axis in range(x.ndim):
        if x.shape[axis] > 2 * EDGE:
            places: Sequence[int] = [*range(EDGE), *range(x.shape[axis] - EDGE, x.shape[axis])]
            x = np.take(x, places, axis)
    return x
