"""What a call gave, in words: each tensor or value of the result, with its place and statistics."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.narrowing import is_array, is_dict, is_sequence
from tsc.printing.columns import columns
from tsc.runtime.tensor import Tensor
from tsc.tools.reports import seconds_text

LONGEST_VALUE = 60
"""Characters of a value that is no tensor."""


@dataclass(frozen=True)
class ResultSummary:
    """One tensor or value of a result. Statistics are of the finite elements (of complex ones, of their
    magnitudes; of bools, as 0 and 1); None where there are none.
    """

    path: str
    """``result``, ``result[0]``, ``result['key']``, ``result.field``."""
    dtype: str
    """Of what is no tensor, the name of its type."""
    shape: tuple[int, ...] | None
    """None for what is no tensor."""
    value: str | None
    """Of what is no tensor."""
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    nans: int = 0
    infinities: int = 0

    @classmethod
    def of(cls, path: str, value: Any) -> ResultSummary:
        """The summary of one leaf of a result."""
        if not is_array(value):
            return cls(path, type(value).__name__, None, repr(value)[:LONGEST_VALUE])
        numbers = _numbers(value)
        finite = numbers[np.isfinite(numbers)]
        low = high = mean = deviation = None
        if finite.size:
            with np.errstate(over="ignore"):
                low, high = float(finite.min()), float(finite.max())
                mean, deviation = float(finite.mean()), float(finite.std())
        nans, infinities = int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
        name = dtypes.by_numpy(value.dtype).name
        return cls(path, name, tuple(value.shape), None, low, high, mean, deviation, nans, infinities)

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of its row in a table."""
        if self.shape is None:
            return (self.path, self.dtype, "", self.value or "")
        statistics = ("-" if n is None else f"{n:.6g}" for n in (self.min, self.max, self.mean, self.std))
        return (
            self.path,
            self.dtype,
            str(list(self.shape)),
            *statistics,
            str(self.nans),
            str(self.infinities),
        )


def _numbers(array: Array) -> Array:
    """The elements as floats."""
    return np.abs(array).astype(np.float64) if array.dtype.kind == "c" else array.astype(np.float64)


def leaves(value: Any, path: str = "result") -> Iterator[tuple[str, Any]]:
    """The tensors, as arrays, and other values of a result, each with its path."""
    if isinstance(value, Tensor):
        yield path, value.array
    elif is_dict(value):
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]")
    elif is_sequence(value):
        names: Sequence[str] | None = getattr(value, "_fields", None)
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]" if names is None else f"{path}.{names[number]}")
    else:
        yield path, value


def results_table(summaries: Sequence[ResultSummary]) -> list[str]:
    """A line for each."""
    header = ("result", "dtype", "shape", "min", "max", "mean", "std", "NaN", "inf")
    return columns([header, *(summary.row for summary in summaries)])


@dataclass(frozen=True)
class RunReport:
    """What became of calls of a method; its `str` is a page of text."""

    archive: str
    method: str
    runs: str
    reason: str | None
    """Why the call is not native."""
    load_seconds: float
    optimize_seconds: float
    first_call_seconds: float
    further_calls_seconds: list[float]
    results: list[ResultSummary]
    saved: str | None
    not_saved: list[str]

    def __str__(self) -> str:
        further = self.further_calls_seconds
        times = f"load {seconds_text(self.load_seconds)}, optimize {seconds_text(self.optimize_seconds)}, "
        times += f"first call {seconds_text(self.first_call_seconds)}"
        if further:
            middle, fastest = seconds_text(statistics.median(further)), seconds_text(min(further))
            times += f", {len(further)} further calls {middle} (median), {fastest} (fastest)"
        lines = [f"{self.archive}: {self.method} runs {self.runs}"]
        lines += [f"not native: {self.reason}"] if self.reason is not None else []
        lines += [times, "", *results_table(self.results)]
        if self.saved is not None:
            left_out = f" (without {', '.join(self.not_saved)})" if self.not_saved else ""
            lines += ["", f"saved: {self.saved}{left_out}"]
        return "\n".join(lines)


def save_results(path: str, result: Any) -> list[str]:
    """Write the tensors and numbers of a result into a ``.npz`` file, by their paths; the paths of what such
    a file cannot hold. NumPy has no bfloat16: that is written as float32, which holds it exactly.
    """
    held, left_out = dict[str, Array](), list[str]()
    for name, value in leaves(result):
        array: Array = value if is_array(value) else np.asarray(value)
        if array.dtype.kind == "O":
            left_out.append(name)
        else:
            is_bfloat16 = is_array(value) and dtypes.by_numpy(array.dtype) is dtypes.BF16
            held[name] = array.astype(np.float32) if is_bfloat16 else array
    with Path(path).open("wb") as file:
        np.savez(file, **held)  # pyright: ignore[reportArgumentType]
    return left_out
