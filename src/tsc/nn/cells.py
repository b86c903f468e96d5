"""Single steps of recurrent networks."""

from __future__ import annotations

import math

import tsc
from tsc.dtypes import DType
from tsc.nn import init
from tsc.nn.module import Module
from tsc.nn.parameters import new_parameter
from tsc.nn.sizes import Device
from tsc.runtime.tensor import Tensor


class RNNCellBase(Module):
    """The weights of one step."""

    __constants__ = ("input_size", "hidden_size", "bias")
    _shown = ("input_size", "hidden_size", "bias?")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = new_parameter((rows, input_size), device, dtype)
        self.weight_hh = new_parameter((rows, hidden_size), device, dtype)
        self.register_parameter("bias_ih", new_parameter(rows, device, dtype) if bias else None)
        self.register_parameter("bias_hh", new_parameter(rows, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _batched(self, input: Tensor, name: str) -> Tensor:
        """The input with a dim of batches."""
        ndim = input.dim()
        if ndim != 1 and ndim != 2:
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {ndim}D instead")
        return input if ndim == 2 else input.unsqueeze(0)

    def _state(self, given: Tensor | None, batched: Tensor, is_batched: bool, name: str) -> Tensor:
        """The state with a dim of batches: what is given, or zeros."""
        if given is None:
            return batched.new_zeros([batched.size(0), self.hidden_size])
        if given.dim() != 1 and given.dim() != 2:
            raise ValueError(f"{name} to be 1D or 2D, got {given.dim()}D instead")
        return given if is_batched else given.unsqueeze(0)


class RNNCell(RNNCellBase):
    """One step of `RNN`."""

    __constants__ = ("input_size", "hidden_size", "bias", "nonlinearity")
    _shown = ("input_size", "hidden_size", "bias?", "nonlinearity?")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        batched, is_batched = self._batched(input, "RNNCell"), input.dim() == 2
        state = self._state(hx, batched, is_batched, "RNNCell: Expected hidden")
        if self.nonlinearity == "tanh":
            next_state = tsc.rnn_tanh_cell(
                batched, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            )
        elif self.nonlinearity == "relu":
            next_state = tsc.rnn_relu_cell(
                batched, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            )
        else:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return next_state if is_batched else next_state.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of `LSTM`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        batched, is_batched = self._batched(input, "LSTMCell"), input.dim() == 2
        hidden: Tensor | None = None
        cells: Tensor | None = None
        if hx is not None:
            hidden, cells = hx
        states = [
            self._state(hidden, batched, is_batched, "LSTMCell: Expected hx[0]"),
            self._state(cells, batched, is_batched, "LSTMCell: Expected hx[1]"),
        ]
        next_hidden, next_cells = tsc.lstm_cell(
            batched, states, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        )
        if is_batched:
            return next_hidden, next_cells
        return next_hidden.squeeze(0), next_cells.squeeze(0)


class GRUCell(RNNCellBase):
    """One step of `GRU`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        batched, is_batched = self._batched(input, "GRUCell"), input.dim() == 2
        state = self._state(hx, batched, is_batched, "GRUCell: Expected hidden")
        next_state = tsc.gru_cell(batched, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return next_state if is_batched else next_state.squeeze(0)
