"""Recurrent networks, and their cells."""

from __future__ import annotations

import math
import warnings
from typing import Any

import tsc
from tsc.dtypes import DType
from tsc.nn import init
from tsc.nn.module import Module
from tsc.nn.parameters import Parameter, new_parameter
from tsc.nn.sizes import Device
from tsc.runtime.tensor import Tensor

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
"""How many values there are for each hidden one, by kind of network."""


def _check_numbers(name: str, value: Any, kind: type) -> None:
    if type(value) is not kind:
        raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
    if kind is int and value <= 0:
        raise ValueError(f"{name} must be greater than zero")


class RNNBase(Module):
    """Layers of a recurrent network, in one direction or both."""

    __constants__ = (
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    )  # fmt: skip
    _shown = ("input_size", "hidden_size")

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        self._check(dropout)
        self._flat_weights_names: list[str] = []
        self._flat_weights: list[Tensor] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                for name, shape in self._shapes(layer):
                    self._flat_weights_names.append(f"{name}_l{layer}{suffix}")
                    self._flat_weights.append(new_parameter(shape, device, dtype))
        for name, weight in zip(self._flat_weights_names, self._flat_weights, strict=True):
            setattr(self, name, weight)
        self.reset_parameters()

    def _check(self, dropout: Any) -> None:
        is_number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
        if not is_number or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being "
                "zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        _check_numbers("bias", self.bias, bool)
        _check_numbers("batch_first", self.batch_first, bool)
        _check_numbers("input_size", self.input_size, int)
        _check_numbers("hidden_size", self.hidden_size, int)
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    def _shapes(self, layer: int) -> list[tuple[str, tuple[int, ...]]]:
        """The weights of a layer in one direction: names without its number, and shapes."""
        gates, state = GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        width = state * (1 + self.bidirectional) if layer else self.input_size
        shapes: list[tuple[str, tuple[int, ...]]] = [
            ("weight_ih", (gates, width)), ("weight_hh", (gates, state)),
        ]  # fmt: skip
        if self.bias:
            shapes += [("bias_ih", (gates,)), ("bias_hh", (gates,))]
        if self.proj_size:
            shapes.append(("weight_hr", (self.proj_size, self.hidden_size)))
        return shapes

    def __setattr__(self, name: str, value: object) -> None:
        """A weight assigned anew is one of the list too that the operators take."""
        names = self.__dict__.get("_flat_weights_names", ())
        if name in names and isinstance(value, Tensor):
            self._flat_weights[names.index(name)] = value
        super().__setattr__(name, value)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights, of each layer and direction."""
        names = self._flat_weights_names
        count = len(names) // (self.num_layers * (1 + self.bidirectional))
        return [[getattr(self, n) for n in names[i : i + count]] for i in range(0, len(names), count)]

    def flatten_parameters(self) -> None:
        """Nothing: weights may lie anywhere."""

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        usual = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
            "bidirectional": False,
        }  # fmt: skip
        shown = [f"{n}={getattr(self, n)}" for n, value in usual.items() if getattr(self, n) != value]
        return ", ".join([super().extra_repr(), *shown])

    # --- what compiled code runs ---

    def _batched(self, input: Tensor, name: str) -> Tensor:
        """The input with a dim of batches."""
        ndim = input.dim()
        if ndim != 2 and ndim != 3:
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {ndim}D instead")
        batched = input
        if ndim == 2:
            batched = input.unsqueeze(0 if self.batch_first else 1)
        if batched.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{batched.size(-1)}"
            )
        return batched

    def _state(
        self, given: Tensor | None, batched: Tensor, width: int, is_batched: bool, name: str
    ) -> Tensor:
        """A state with a dim of batches: what is given, or zeros."""
        layers = self.num_layers * (2 if self.bidirectional else 1)
        batch = batched.size(0) if self.batch_first else batched.size(1)
        if given is None:
            return batched.new_zeros([layers, batch, width])
        state = given if is_batched else given.unsqueeze(1)
        if state.size() != [layers, batch, width]:
            raise RuntimeError(f"Expected {name} size {(layers, batch, width)}, got {state.size()}")
        return state

    def _check_state(self, ndim: int, is_batched: bool) -> None:
        if is_batched and ndim != 3:
            raise RuntimeError(f"For batched 3-D input, hx should also be 3-D but got {ndim}-D tensor")
        if not is_batched and ndim != 2:
            raise RuntimeError(f"For unbatched 2-D input, hx should also be 2-D but got {ndim}-D tensor")


class RNN(RNNBase):
    """``h = tanh(W x + b + V h + c)``, or `relu` of it."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        batched, is_batched = self._batched(input, "RNN"), input.dim() == 3
        if hx is not None:
            self._check_state(hx.dim(), is_batched)
        state = self._state(hx, batched, self.hidden_size, is_batched, "hidden")
        if self.mode == "RNN_TANH":
            output, hidden = tsc.rnn_tanh(
                batched,
                state,
                self._flat_weights,
                self.bias,
                self.num_layers,
                self.dropout,
                self.training,
                self.bidirectional,
                self.batch_first,
            )
        else:
            output, hidden = tsc.rnn_relu(
                batched,
                state,
                self._flat_weights,
                self.bias,
                self.num_layers,
                self.dropout,
                self.training,
                self.bidirectional,
                self.batch_first,
            )
        if is_batched:
            return output, hidden
        return output.squeeze(0 if self.batch_first else 1), hidden.squeeze(1)


class GRU(RNNBase):
    """Gated recurrent units."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        batched, is_batched = self._batched(input, "GRU"), input.dim() == 3
        if hx is not None:
            self._check_state(hx.dim(), is_batched)
        state = self._state(hx, batched, self.hidden_size, is_batched, "hidden")
        output, hidden = tsc.gru(
            batched,
            state,
            self._flat_weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first,
        )
        if is_batched:
            return output, hidden
        return output.squeeze(0 if self.batch_first else 1), hidden.squeeze(1)


class LSTM(RNNBase):
    """Long short-term memory; `proj_size` makes the hidden state narrower than the cells."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )  # fmt: skip

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batched, is_batched = self._batched(input, "LSTM"), input.dim() == 3
        hidden: Tensor | None = None
        cells: Tensor | None = None
        if hx is not None:
            hidden, cells = hx
            self._check_states(hidden.dim(), cells.dim(), is_batched)
        width = self.proj_size if self.proj_size > 0 else self.hidden_size
        states = [
            self._state(hidden, batched, width, is_batched, "hidden[0]"),
            self._state(cells, batched, self.hidden_size, is_batched, "hidden[1]"),
        ]
        output, last, last_cells = tsc.lstm(
            batched,
            states,
            self._flat_weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first,
        )
        if is_batched:
            return output, (last, last_cells)
        return output.squeeze(0 if self.batch_first else 1), (last.squeeze(1), last_cells.squeeze(1))

    def _check_states(self, hidden: int, cells: int, is_batched: bool) -> None:
        """Refuse states of other dims than the input has."""
        if is_batched and (hidden != 3 or cells != 3):
            raise RuntimeError(
                f"For batched 3-D input, hx and cx should also be 3-D but got ({hidden}-D, {cells}-D) tensors"
            )
        if not is_batched and (hidden != 2 or cells != 2):
            raise RuntimeError(
                f"For unbatched 2-D input, hx and cx should also be 2-D but got ({hidden}-D, {cells}-D) "
                "tensors"
            )
