"""Recurrent layers and cells: LSTM, GRU, plain ones with tanh or relu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tsc import dtypes
from tsc.dims import is_known
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite, eager_aten
from tsc.ops.definition import Family, Operator, TensorSpec, require_schema

FAMILY = Family()
State = tuple[Any, ...]
"""Hidden state, and for an LSTM also the cell state."""
UNROLLED_STEPS = 16
"""Longer sequences go round a loop."""

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


CELLS = {
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
) -> tuple[AnyTensor, State]:
    """The outputs of all steps (in order of time) and the last state of one layer, one way.

    `x` is time-first.
    """
    projected = aten("linear", x, weights[0], weights[2])
    length = aten.shape(x)[0]
    if not is_known(length) or length > UNROLLED_STEPS:
        return looped(aten, cell, projected, state, weights, backwards)
    outputs: list[Any] = [None] * length
    for t in reversed(range(length)) if backwards else range(length):
        state = _next_state(aten, cell, aten("select.int", projected, 0, t), state, weights)
        outputs[t] = state[0]
    return aten("stack", outputs, 0), state


def _next_state(aten: Aten, cell: Cell, projected: AnyTensor, state: State, weights: Sequence[Any]) -> State:
    _, w_hh, _, b_hh, w_hr = weights
    new = cell.step(aten, projected, state, w_hh, b_hh)
    return new if w_hr is None else (aten("linear", new[0], w_hr), *new[1:])


def looped(
    aten: Aten, cell: Cell, projected: AnyTensor, state: State, weights: Sequence[Any], backwards: bool,
    present: AnyTensor | None = None,
) -> tuple[AnyTensor, State]:  # fmt: skip
    """The same as a loop. Where rows are not `present` (a bool for each step and sequence), they keep their
    state.
    """
    steps = [projected] if present is None else [projected, present]
    if backwards:
        steps = [aten("flip", values, [0]) for values in steps]

    def one(aten: Aten, t: Any, old: Sequence[Any]) -> tuple[State, Any]:
        new = _next_state(aten, cell, aten("select.int", steps[0], 0, t), tuple(old), weights)
        if present is not None:
            is_there = aten("unsqueeze", aten("select.int", steps[1], 0, t), -1)
            new = tuple(aten("where.self", is_there, a, b) for a, b in zip(new, old, strict=True))
        return new, new[0]

    last, outputs = aten.scan(aten.shape(projected)[0], state, one)
    return aten("flip", outputs, [0]) if backwards else outputs, tuple(last)


OneWay = Callable[[AnyTensor, State, Sequence[Any], bool], tuple[AnyTensor, State]]
"""One layer, one way, of its input, first state and weights, and whether it goes backwards: the outputs of
all steps and the last state.
"""


def run_layers(
    aten: Aten, cell: Cell, x: AnyTensor, initial: Sequence[AnyTensor], layers: Layers,
    dropout: float, one_way: OneWay,
) -> tuple[AnyTensor, list[AnyTensor]]:  # fmt: skip
    """All layers: the outputs, and the states stacked over layers and directions."""
    finals: list[State] = []
    for layer in range(layers.count):
        ways: list[Any] = []
        for direction in range(layers.directions):
            place = layer * layers.directions + direction
            state = tuple(aten("select.int", s, 0, place) for s in initial)
            outputs, last = one_way(x, state, layers.of(layer, direction), direction == 1)
            ways.append(outputs)
            finals.append(last)
        x = ways[0] if len(ways) == 1 else aten("cat", ways, -1)
        if dropout > 0 and layer + 1 < layers.count:
            x = aten("dropout", x, dropout, True)
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

        one_way = partial(_one_direction, aten, cell)
        y, states = run_layers(aten, cell, x, initial, layers, dropout if train else 0.0, one_way)
        return (aten("transpose.int", y, 0, 1) if swap else y, *states)

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
            infer=infer, kind="composite", composite=definition,
        )
    )  # fmt: skip


for _name, _cell in CELLS.items():
    _define_cell(_name, _cell)
    _define_layers(_name, _cell)
