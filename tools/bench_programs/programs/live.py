# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUninitializedInstanceVariable=false
"""Modules that are not frozen: without state, and with it."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def mlp() -> nn.Module:
    """Three products."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


class ConvNet(nn.Module):
    """Three convolutions with norms."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten numbers each."""
        return self.head(self.layers(x).mean((2, 3)))


class TransformerBlock(nn.Module):
    """Attention as `scaled_dot_product_attention` gives it, norms in front."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.both = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inner = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, length, width)`` to the same."""
        n, length, width = x.shape
        split = self.both(self.first(x)).view(n, length, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
        x = x + self.output(seen)
        return x + self.inner(self.second(x))


class GruLoop(nn.Module):
    """A cell over all steps."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.cell = nn.GRUCell(width, width)
        self.output = nn.Linear(width, 8)

    def forward(self, x: Tensor) -> Tensor:
        """``(steps, batch, width)`` to ``(steps, batch, 8)``."""
        hidden = torch.zeros(x.size(1), x.size(2))
        given: list[Tensor] = []
        for t in range(x.size(0)):
            hidden = self.cell(x[t], hidden)
            given.append(self.output(hidden))
        return torch.stack(given)


class StatefulCell(nn.Module):
    """Keeps its hidden state, a running mean, and how often it was called; refuses what is too large."""

    hidden: Tensor
    mean: Tensor
    calls: int
    scale: float

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.cell = nn.GRUCell(width, width)
        self.register_buffer("hidden", torch.zeros(2, width))
        self.register_buffer("mean", torch.zeros(width))
        self.calls = 0
        self.scale = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """One step, ``(2, width)``."""
        self.calls += 1
        self.mean.mul_(0.99).add_(x.mean(0), alpha=0.01)
        if self.calls % 100 == 0:
            self.scale = self.scale * 0.5 + 0.5
        self.hidden = self.cell(x - self.mean, self.hidden)
        if float(x.abs().max()) > 100.0:
            raise ValueError("too large")
        return self.hidden * self.scale


class StatefulRing(nn.Module):
    """The last eight inputs, and their weighted sum."""

    buffer: Tensor
    at: int

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.register_buffer("buffer", torch.zeros(8, 2, width))
        self.at = 0
        self.weights = nn.Parameter(torch.rand(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """One step, ``(2, width)``."""
        self.buffer[self.at] = x
        self.at = (self.at + 1) % 8
        if float(x.abs().max()) > 100.0:
            raise ValueError("too large")
        return (self.buffer * self.weights).sum(0)


class StatefulNorm(nn.Module):
    """A batch norm in training mode: its statistics are state."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """``(2, width)`` to the same."""
        y = self.norm(x)
        if float(x.abs().max()) > 100.0:
            raise ValueError("too large")
        return y
