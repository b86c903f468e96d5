"""Recurrent layers over packed sequences: those of several lengths, step by step, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family
from tsc.ops.recurrent import CELLS, Cell, Layers, State, looped, run_layers

FAMILY = Family()


def _pack(input: Array, lengths: Array, batch_first: bool) -> tuple[Array, Array]:
    """The rows of all steps without padding, step by step, and how many sequences each step has."""
    x = input.swapaxes(0, 1) if batch_first else input
    if lengths.size != x.shape[1] or lengths.size == 0:
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} "
            f"(batch_size={x.shape[1]})"
        )
    if lengths[-1] <= 0:
        raise ShapeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if np.any(np.diff(lengths) > 0):
        raise ShapeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
            "requirement if you do not need ONNX exportability."
        )
    steps = np.arange(int(lengths[0]))[:, None]
    present = steps < lengths[None, :]
    return x[: len(steps)][present], present.sum(1).astype(np.int64)


FAMILY.op("aten::_pack_padded_sequence")(_pack)


@FAMILY.op("aten::_pad_packed_sequence")
def pad_packed_sequence(
    data: Array, batch_sizes: Array, batch_first: bool, padding_value: Number, total_length: int
) -> tuple[Array, Array]:
    """The opposite of packing: a padded batch and the lengths of its sequences."""
    longest = len(batch_sizes)
    if 0 < total_length < longest:
        raise ShapeError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    present = np.arange(int(batch_sizes[0]))[None, :] < batch_sizes[:, None]
    shape = (max(total_length, longest), present.shape[1], *data.shape[1:])
    padded = np.full(shape, padding_value).astype(data.dtype)
    padded[:longest][present] = data
    return padded.swapaxes(0, 1) if batch_first else padded, present.sum(0).astype(np.int64)


@dataclass(frozen=True)
class _Padding:
    """Where the rows of a packed sequence lie in a padded one, of which each step has all sequences."""

    rows: AnyTensor
    """int64[steps * sequences]: the row of each; 0 where there is none."""
    present: AnyTensor
    """bool[steps, sequences]."""
    places: AnyTensor
    """int64[rows]: the opposite of `rows`."""

    @classmethod
    def of(cls, aten: Aten, batch_sizes: AnyTensor, sequences: int, rows: int) -> _Padding:
        """For a packed sequence of so many `rows`, of which each step has the first ``batch_sizes[t]``."""
        (steps,) = aten.shape(batch_sizes)
        lanes = aten("arange", sequences, dtypes.I64.code)
        starts = aten("sub.Tensor", aten("cumsum", batch_sizes, 0), batch_sizes)
        of_step = aten("unsqueeze", starts, 1)
        present = aten("lt.Tensor", aten("unsqueeze", lanes, 0), aten("unsqueeze", batch_sizes, 1))
        there = aten("add.Tensor", of_step, aten("unsqueeze", lanes, 0))
        source = aten("where.self", present, there, aten("zeros_like", there))
        row = aten("arange", rows, dtypes.I64.code)
        begun = aten("le.Tensor", aten("unsqueeze", starts, 0), aten("unsqueeze", row, 1))
        step = aten("sub.Scalar", aten("sum.dim_IntList", begun, [1]), 1)
        lane = aten("sub.Tensor", row, aten("index_select", starts, 0, step))
        places = aten("add.Tensor", aten("mul.Scalar", step, sequences), lane)
        return cls(aten("reshape", source, [steps * sequences]), present, places)


def _define_packed(name: str, cell: Cell) -> None:
    @composite(FAMILY, f"aten::{name}.data")
    def packed_layers(
        aten: Aten, data: AnyTensor, batch_sizes: AnyTensor, hx: Sequence[AnyTensor] | AnyTensor,
        params: Sequence[AnyTensor], has_biases: bool, num_layers: int, dropout: float, train: bool,
        bidirectional: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        """The layers over a padded sequence, in which rows that are not there keep the state."""
        initial = list(hx) if isinstance(hx, Sequence) else [hx]
        layers = Layers(params, has_biases, num_layers, 1 + int(bidirectional))
        sequences, rows = aten.shape(initial[0])[1], aten.shape(data)[0]
        padding = _Padding.of(aten, batch_sizes, sequences, rows)
        steps = aten.shape(padding.present)[0]

        def one_way(
            x: AnyTensor, state: State, weights: Sequence[Any], backwards: bool
        ) -> tuple[AnyTensor, State]:
            projected = aten("index_select", aten("linear", x, weights[0], weights[2]), 0, padding.rows)
            padded = aten("reshape", projected, [steps, sequences, aten.shape(projected)[-1]])
            outputs, last = looped(aten, cell, padded, state, weights, backwards, padding.present)
            flat = aten("reshape", outputs, [steps * sequences, aten.shape(outputs)[-1]])
            return aten("index_select", flat, 0, padding.places), last

        y, states = run_layers(aten, cell, data, initial, layers, dropout if train else 0.0, one_way)
        return (y, *states)


for _name, _cell in CELLS.items():
    _define_packed(_name, _cell)
