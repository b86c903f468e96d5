"""Sequences of different lengths: padded together, and reduced segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


def _pad_infer(
    sequences: Sequence[TensorSpec], batch_first: bool, padding_value: float, padding_side: str
) -> TensorSpec:
    longest = max(s.shape[0] for s in sequences)
    lead = (len(sequences), longest) if batch_first else (longest, len(sequences))
    return TensorSpec((*lead, *sequences[0].shape[1:]), sequences[0].dtype)


@FAMILY.op("aten::pad_sequence", infer=_pad_infer)
def pad_sequence(
    sequences: Sequence[Array], batch_first: bool, padding_value: float, padding_side: str
) -> Array:
    """Sequences side by side, those that are shorter than the longest padded at one end.

    Raises:
        ShapeError: there are none, or `padding_side` is neither ``right`` nor ``left``.
    """
    if not sequences:
        raise ShapeError("received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise ShapeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    spec = _pad_infer([spec_of(s) for s in sequences], True, padding_value, padding_side)
    made = np.full(spec.shape, padding_value, spec.dtype.numpy)
    for row, sequence in zip(made, sequences, strict=True):
        start = spec.shape[1] - len(sequence) if padding_side == "left" else 0
        row[start : start + len(sequence)] = sequence
    return made if batch_first else np.ascontiguousarray(made.swapaxes(0, 1))


_REDUCTIONS: dict[str, tuple[Callable[..., Any], float]] = {
    "sum": (np.sum, 0.0), "mean": (np.mean, np.nan), "max": (np.max, -np.inf), "min": (np.min, np.inf),
    "prod": (np.prod, 1.0),
}  # fmt: skip
"""By name, what reduces a segment, and what an empty one gives."""


def _reduced(rows: Array, reduce: str, initial: Number | None) -> Any:
    function, empty = _REDUCTIONS[reduce]
    if reduce == "mean" and initial is not None:
        if not len(rows):
            return initial
        return (rows.sum(0) + initial) / len(rows)
    if not len(rows):
        return empty if initial is None else initial
    found = function(rows, 0)
    if initial is None:
        return found
    return {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[reduce](found, initial)


@FAMILY.op("aten::segment_reduce")
def segment_reduce(
    data: Array,
    reduce: str,
    lengths: Array | None,
    indices: Array | None,
    offsets: Array | None,
    axis: int,
    unsafe: bool,
    initial: Number | None,
) -> Array:
    """The parts of `data` along `axis`, of given lengths or between given places, each reduced to one.

    Raises:
        ShapeError: neither lengths nor offsets are given, the lengths do not add up, or `reduce` is unknown.
        DTypeError: `data` is not floating.
    """
    if not dtypes.by_numpy(data.dtype).is_floating:
        raise DTypeError(f"segment_reduce: not implemented for '{dtypes.by_numpy(data.dtype).scalar_type}'")
    if reduce not in _REDUCTIONS:
        raise ShapeError(f"segment_reduce: requires one of {sorted(_REDUCTIONS)}; got {reduce!r}")
    if (lengths is None) == (offsets is None) or indices is not None:
        raise ShapeError("segment_reduce: Either lengths or offsets must be defined, and no indices.")
    dim = wrap_dim(axis, data.ndim)
    edges = offsets if lengths is None else _edges(lengths)
    assert edges is not None
    if lengths is not None and not unsafe and np.any(edges[..., -1] != data.shape[dim]):
        raise ShapeError("segment_reduce: Expected all rows of lengths along axis to sum to data.size(axis)")
    lead, wide = data.shape[:dim], data.astype(np.float64)
    made = np.empty((*lead, edges.shape[-1] - 1, *data.shape[dim + 1 :]), np.float64)
    for place in np.ndindex(*lead):
        ends = edges[place]
        for i in range(len(ends) - 1):
            made[(*place, i)] = _reduced(wide[place][int(ends[i]) : int(ends[i + 1])], reduce, initial)
    return made.astype(data.dtype)


def _edges(lengths: Array) -> Array:
    if np.any(lengths < 0):
        raise ShapeError("lengths contains negative value!")
    return np.concatenate([np.zeros((*lengths.shape[:-1], 1), np.int64), np.cumsum(lengths, -1)], -1)
