"""Recurrent layers and cells: LSTM, GRU, plain ones with tanh or relu; batches and packed sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import CodegenError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite, eager_aten
from tsc.ops.registry import Family, Operator, TensorSpec, require_schema

FAMILY = Family()
State = tuple[Any, ...]
"""Hidden state, and for an LSTM also the cell state."""
MAX_STEPS = 16
"""Longer sequences are not unrolled into IR: the whole layer runs as one operator."""

# --- one step ---


def _gates(aten: Aten, values: AnyTensor, count: int) -> list[AnyTensor]:
    width = aten.shape(values)[-1] // count
    return [aten("narrow", values, -1, i * width, width) for i in range(count)]


def _lstm_step(
    aten: Aten, projected: AnyTensor, state: State, w_hh: AnyTensor, b_hh: AnyTensor | None
) -> State:
    """``c' = f * c + i * g``, ``h' = o * tanh(c')``.

    Source: Hochreiter, Schmidhuber, 1997; Gers et al., 2000.
    """
    h, c = state
    gates = aten("add.Tensor", projected, aten("linear", h, w_hh, b_hh))
    i, f, g, o = _gates(aten, gates, 4)
    cell = aten(
        "add.Tensor",
        aten("mul.Tensor", aten.sigmoid(f), c),
        aten("mul.Tensor", aten.sigmoid(i), aten.tanh(g)),
    )
    return aten("mul.Tensor", aten.sigmoid(o), aten.tanh(cell)), cell


def _gru_step(
    aten: Aten, projected: AnyTensor, state: State, w_hh: AnyTensor, b_hh: AnyTensor | None
) -> State:
    """``h' = n + z * (h - n)``. Source: Cho et al., 2014."""
    (h,) = state
    recurrent = aten("linear", h, w_hh, b_hh)
    (xr, xz, xn), (hr, hz, hn) = _gates(aten, projected, 3), _gates(aten, recurrent, 3)
    reset, update = aten.sigmoid(aten("add.Tensor", hr, xr)), aten.sigmoid(aten("add.Tensor", hz, xz))
    new = aten.tanh(aten("add.Tensor", xn, aten("mul.Tensor", reset, hn)))
    return (aten("add.Tensor", new, aten("mul.Tensor", update, aten("sub.Tensor", h, new))),)


def _plain_step(activation: str) -> Callable[..., State]:
    def step(
        aten: Aten, projected: AnyTensor, state: State, w_hh: AnyTensor, b_hh: AnyTensor | None
    ) -> State:
        return (aten(activation, aten("add.Tensor", projected, aten("linear", state[0], w_hh, b_hh))),)

    return step


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent cell."""

    step: Callable[..., State]
    states: int


_CELLS = {
    "lstm": Cell(_lstm_step, 2), "gru": Cell(_gru_step, 1), "rnn_tanh": Cell(_plain_step("tanh"), 1),
    "rnn_relu": Cell(_plain_step("relu"), 1),
}  # fmt: skip


def _define_cell(name: str, cell: Cell) -> None:
    @composite(FAMILY, f"aten::{name}_cell")
    def one_step(
        aten: Aten,
        input: AnyTensor,
        hx: Sequence[AnyTensor] | AnyTensor,
        w_ih: AnyTensor,
        w_hh: AnyTensor,
        b_ih: AnyTensor | None,
        b_hh: AnyTensor | None,
    ) -> State | AnyTensor:
        state = tuple(hx) if isinstance(hx, Sequence) else (hx,)
        result = cell.step(aten, aten("linear", input, w_ih, b_ih), state, w_hh, b_hh)
        return result if cell.states == 2 else result[0]


# --- layers ---


@dataclass(frozen=True)
class Layers:
    """The parameters of a stack of layers, in PyTorch's order.

    For each layer and direction: ``w_ih, w_hh[, b_ih, b_hh][, w_hr]``.
    """

    params: Sequence[AnyTensor]
    has_biases: bool
    count: int
    directions: int

    @property
    def stride(self) -> int:
        """Parameters per layer and direction."""
        return len(self.params) // (self.count * self.directions)

    def of(self, layer: int, direction: int) -> list[AnyTensor | None]:
        """``w_ih, w_hh, b_ih, b_hh, w_hr`` with None for those that are not there."""
        at = (layer * self.directions + direction) * self.stride
        own = list(self.params[at : at + self.stride])
        weights, rest = own[:2], own[2:]
        biases = [rest.pop(0), rest.pop(0)] if self.has_biases else [None, None]
        return [*weights, *biases, rest[0] if rest else None]


def _one_direction(
    aten: Aten, cell: Cell, x: AnyTensor, state: State, weights: Sequence[Any], backwards: bool
) -> tuple[list[AnyTensor], State]:
    """The outputs of all steps (in order of time) and the last state of one layer, one way.

    `x` is time-first.
    """
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    projected = aten("linear", x, w_ih, b_ih)
    length = aten.shape(x)[0]
    outputs: list[Any] = [None] * length
    for t in reversed(range(length)) if backwards else range(length):
        state = cell.step(aten, aten("select.int", projected, 0, t), state, w_hh, b_hh)
        if w_hr is not None:
            state = (aten("linear", state[0], w_hr), *state[1:])
        outputs[t] = state[0]
    return outputs, state


def _run(
    aten: Aten,
    cell: Cell,
    x: AnyTensor,
    initial: Sequence[AnyTensor],
    layers: Layers,
    drop: Callable[[AnyTensor], AnyTensor],
) -> tuple[AnyTensor, list[AnyTensor]]:
    """All layers over time-first input: the outputs, and the states stacked over layers and directions."""
    finals: list[State] = []
    for layer in range(layers.count):
        ways: list[Any] = []
        for direction in range(layers.directions):
            place = layer * layers.directions + direction
            state = tuple(aten("select.int", s, 0, place) for s in initial)
            outputs, last = _one_direction(aten, cell, x, state, layers.of(layer, direction), direction == 1)
            ways.append(aten("stack", outputs, 0))
            finals.append(last)
        x = ways[0] if len(ways) == 1 else aten("cat", ways, -1)
        if layer + 1 < layers.count:
            x = drop(x)
    return x, [aten("stack", [f[i] for f in finals], 0) for i in range(cell.states)]


def _require_input(spec: TensorSpec, state: TensorSpec, layers: Layers) -> None:
    expected = layers.count * layers.directions
    if spec.ndim not in (2, 3) or state.ndim != spec.ndim or state.shape[0] != expected:
        raise ShapeError(
            f"rnn: Expected hidden size of {expected} layers and an input of 2 or 3 dims; got "
            f"{list(state.shape)} and {list(spec.shape)}"
        )


def _define_layers(name: str, cell: Cell) -> None:
    def definition(
        aten: Aten, input: AnyTensor, hx: Sequence[AnyTensor] | AnyTensor, params: Sequence[AnyTensor],
        has_biases: bool, num_layers: int,
        dropout: float, train: bool, bidirectional: bool, batch_first: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        initial = list(hx) if isinstance(hx, Sequence) else [hx]
        layers = Layers(params, has_biases, num_layers, 1 + int(bidirectional))
        _require_input(
            TensorSpec(aten.shape(input), aten.dtype(input)),
            TensorSpec(aten.shape(initial[0]), dtypes.F32),
            layers,
        )
        swap = batch_first and len(aten.shape(input)) == 3
        x = aten("transpose.int", input, 0, 1) if swap else input

        def drop(value: AnyTensor) -> AnyTensor:
            return aten("dropout", value, dropout, True) if train and dropout > 0 else value

        y, states = _run(aten, cell, x, initial, layers, drop)
        return (aten("transpose.int", y, 0, 1) if swap else y, *states)

    def bounded(aten: Aten, input: AnyTensor, *rest: Any) -> tuple[Any, ...]:
        shape = aten.shape(input)
        steps = shape[1] if rest[-1] and len(shape) == 3 else shape[0]
        if steps * rest[3] > MAX_STEPS:
            raise CodegenError(f"{name}: {steps} steps are too many to unroll")
        return definition(aten, input, *rest)

    def infer(
        input: TensorSpec,
        hx: Sequence[TensorSpec] | TensorSpec,
        params: Sequence[TensorSpec],
        has_biases: bool,
        num_layers: int,
        *rest: Any,
    ) -> tuple[TensorSpec, ...]:
        initial = list(hx) if isinstance(hx, Sequence) else [hx]
        directions = 1 + int(rest[2])
        _require_input(input, initial[0], Layers(params, has_biases, num_layers, directions))
        width = initial[0].shape[-1] * directions
        return TensorSpec((*input.shape[:-1], width), input.dtype), *initial

    full_name = f"aten::{name}.input"
    FAMILY.add(
        Operator(
            require_schema(full_name), eager=lambda *arguments: definition(eager_aten(), *arguments),
            infer=infer, kind="composite", composite=bounded,
        )
    )  # fmt: skip


# --- packed sequences ---


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


def _define_packed(name: str, cell: Cell) -> None:
    @FAMILY.op(f"aten::{name}.data")
    def packed_layers(
        data: Array, batch_sizes: Array, hx: Sequence[Array] | Array, params: Sequence[Array],
        has_biases: bool, num_layers: int,
        dropout: float, train: bool, bidirectional: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        aten = eager_aten()
        initial = list(hx) if isinstance(hx, Sequence) else [hx]
        layers = Layers(params, has_biases, num_layers, 1 + int(bidirectional))
        x, finals = data, list[list[Any]]()
        for layer in range(num_layers):
            ways: list[Any] = []
            for direction in range(layers.directions):
                place = layer * layers.directions + direction
                outputs, last = _packed_direction(
                    aten,
                    cell,
                    x,
                    batch_sizes,
                    [s[place] for s in initial],
                    layers.of(layer, direction),
                    direction == 1,
                )
                ways.append(outputs)
                finals.append(last)
            x = np.concatenate(ways, -1)
            if train and dropout > 0 and layer + 1 < num_layers:
                x = aten("dropout", x, dropout, True)
        return (x, *(np.stack([f[i] for f in finals]) for i in range(cell.states)))


def _packed_direction(
    aten: Aten,
    cell: Cell,
    x: Array,
    batch_sizes: Array,
    state: Sequence[Array],
    weights: Sequence[Any],
    backwards: bool,
) -> tuple[Array, list[Array]]:
    """One layer, one way, over a packed sequence: step `t` has the first ``batch_sizes[t]`` sequences."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    projected = aten("linear", x, w_ih, b_ih)
    starts = np.concatenate([[0], np.cumsum(batch_sizes)])
    current = [s.copy() for s in state]
    width = current[0].shape[-1]
    outputs = np.empty((len(x), width), x.dtype)
    steps = range(len(batch_sizes))
    for t in reversed(steps) if backwards else steps:
        n = int(batch_sizes[t])
        rows = slice(int(starts[t]), int(starts[t + 1]))
        new = cell.step(aten, projected[rows], tuple(s[:n] for s in current), w_hh, b_hh)
        if w_hr is not None:
            new = (aten("linear", new[0], w_hr, None), *new[1:])
        for s, value in zip(current, new, strict=True):
            s[:n] = value
        outputs[rows] = new[0]
    return outputs, current


for _name, _cell in _CELLS.items():
    _define_cell(_name, _cell)
    _define_layers(_name, _cell)
    _define_packed(_name, _cell)
