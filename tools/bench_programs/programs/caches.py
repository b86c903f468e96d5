# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""Modules that write a small part of a large buffer at a counter, and read a small part of it."""

import torch
from torch import Tensor, nn


class Buffered(nn.Module):
    """Has a buffer ``(2, length, width)``, and a place in it."""

    buffer: Tensor
    at: int

    def __init__(self, length: int, width: int = 16) -> None:
        super().__init__()
        self.register_buffer("buffer", torch.zeros(2, length, width))
        self.at = 0
        self.length = length


class SliceCache(Buffered):
    """Writes ``buffer[:, at:at + 1]``."""

    def forward(self, x: Tensor) -> Tensor:
        """``(2, 1, width)`` to the mean of the first rows."""
        at = self.at
        self.buffer[:, at : at + 1] = x
        self.at = (at + 1) % self.length
        return self.buffer[:, :8].mean(1)


class PairCache(Buffered):
    """Writes two rows at once."""

    def forward(self, x: Tensor) -> Tensor:
        """``(2, 2, width)`` to the sum of the first rows."""
        self.buffer[:, self.at : self.at + 2] = x
        self.at = (self.at + 2) % self.length
        return self.buffer[:, :8].sum(1)


class SelectCache(Buffered):
    """Writes ``buffer[:, at]``."""

    def forward(self, x: Tensor) -> Tensor:
        """``(2, 1, width)`` to what was written, twice."""
        self.buffer[:, self.at] = x[:, 0]
        y = self.buffer[:, self.at] * 2
        self.at = (self.at + 1) % self.length
        return y


class IndexCache(Buffered):
    """Writes with `index_copy_`, as caches that are given positions do."""

    def forward(self, x: Tensor) -> Tensor:
        """``(2, 1, width)`` to the mean of the first rows."""
        self.buffer.index_copy_(1, torch.tensor([self.at]), x)
        self.at = (self.at + 1) % self.length
        return self.buffer[:, :8].mean(1)


class GivenPlaceCache(nn.Module):
    """Is given the places to write to, as a tensor."""

    keys: Tensor
    values: Tensor

    def __init__(self, length: int, width: int = 16) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(1, 2, length, width))
        self.register_buffer("values", torch.zeros(1, 2, length, width))

    def forward(self, places: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Keys and values ``(1, 2, n, width)`` at ``places``."""
        self.keys.index_copy_(2, places, key)
        self.values[:, :, places] = value
        return self.keys[:, :, :8].mean(2) + self.values[:, :, :8].mean(2)


class HeadsCache(nn.Module):
    """Keys and values of an attention, ``(1, heads, length, size)``, written at a counter."""

    k: Tensor
    v: Tensor
    pos: int

    def __init__(self, length: int, heads: int = 4, size: int = 8) -> None:
        super().__init__()
        self.register_buffer("k", torch.zeros(1, heads, length, size))
        self.register_buffer("v", torch.zeros(1, heads, length, size))
        self.pos = 0
        self.length = length

    def forward(self, k: Tensor, v: Tensor, q: Tensor) -> Tensor:
        """One token ``(1, heads, size)`` looks at the eight before it."""
        self.k[:, :, self.pos] = k
        self.v[:, :, self.pos] = v
        begin = max(0, self.pos - 8)
        keys = self.k[:, :, begin : begin + 8]
        weights = torch.softmax(torch.matmul(keys, q.unsqueeze(-1)).squeeze(-1), -1)
        self.pos = (self.pos + 1) % (self.length - 8)
        return torch.matmul(weights.unsqueeze(-2), self.v[:, :, begin : begin + 8]).squeeze(-2)


class RingBuffer(Buffered):
    """Writes at a place modulo the length."""

    def forward(self, x: Tensor) -> Tensor:
        """``(2, 1, width)`` to the sum of what is written and what came seven before."""
        self.buffer[:, self.at % self.length] = x[:, 0]
        self.at += 1
        return self.buffer[:, (self.at + 7) % self.length] + x[:, 0]


class WrittenArgument(nn.Module):
    """Writes into a cache that its caller holds."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.product = nn.Linear(width, width)

    def forward(self, buffer: Tensor, x: Tensor, at: int) -> Tensor:
        """`x` ``(2, 1, width)`` into ``buffer[:, at]``."""
        buffer[:, at : at + 1] = self.product(x)
        return buffer[:, :8].mean(1)
