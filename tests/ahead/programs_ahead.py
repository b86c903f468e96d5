# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportCallIssue=false, reportOperatorIssue=false
"""Modules that libraries are made of in the tests."""

from __future__ import annotations

from typing import Dict, List, Tuple  # noqa: UP035

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


class ConvNet(nn.Module):
    """A stem, a residual block, and a head: enough work for several threads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(32)
        self.a, self.b = nn.Conv2d(32, 32, 3, padding=1), nn.Conv2d(32, 32, 3, padding=1)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.b(torch.relu(self.a(x))))
        return torch.softmax(self.head(x.mean([2, 3])), 1)


class Attending(nn.Module):
    """Asks whether its arguments are one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return (
            self.attention(query, key, value)[0] * 2 if query is key else self.attention(query, key, value)[0]
        )


class Counter(nn.Module):
    """A loop that data ends, and state: tensors, a number, and one that is written in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("hidden", torch.ones(1, 8))
        self.register_buffer("seen", torch.zeros(4))
        self.calls = 0
        self.cell = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tuple[Tensor, int]:  # noqa: UP006
        h = self.hidden
        steps = 0
        while bool(h.abs().sum() < 20.0) and steps < 50:
            h = h + torch.tanh(self.cell(x)) * 0.5 + 0.1
            steps += 1
        self.hidden = h * 0.25
        self.calls += 1
        return h, self.calls + steps


class Accumulator(nn.Module):
    """State that is written in place, and two methods that share it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3, 4))
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        self.total.add_(x * self.scale)
        return self.total.sum(0)

    @torch.jit.export
    def read(self, factor: float) -> Tensor:
        return self.total * factor


class Embedding(nn.Module):
    """Indices from data, which may be out of range."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.table(x).sum(1)


class Shapes(nn.Module):
    """Sizes of every kind: two that differ from call to call, and one that the program fixes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 8)

    def forward(self, x: Tensor, y: Tensor) -> List[Tensor]:  # noqa: UP006
        h = torch.relu(self.layer(x))
        return [torch.softmax(h @ y, -1), h.transpose(1, 2).contiguous(), torch.cat([h, h], 1)]


class Results(nn.Module):
    """Results that are arguments, views, constants, numbers, and the same tensor twice."""

    def forward(self, x: Tensor, y: Tensor) -> Dict[str, Tensor]:  # noqa: UP006
        z = x * 2.0 + y
        return {"argument": y, "sum": z, "again": z, "view": z[1:, ::2], "rows": z[1:3], "turned": z.t()}


class Numbers(nn.Module):
    def forward(self, x: Tensor, k: int, flag: bool, scale: float) -> Tuple[Tensor, int, float, bool, int]:  # noqa: UP006
        y = x * scale + k
        return y, int(y.argmax()), float(y.sum()), bool((y > 0).all()), 7


class Writer(nn.Module):
    """Writes to its argument."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x.mul_(2.0)
        x[0] = y
        return x + 1.0


class Sizes(nn.Module):
    """Numbers that are computed from sizes, one of which it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 3

    def forward(self, x: Tensor) -> Tuple[Tensor, int, int, int]:  # noqa: UP006
        before = self.last
        n = x.size(0) * x.size(1)
        self.last = x.size(1)
        return x * 2, n + 1, x.size(1) // 2 - x.size(0) % 3, before


class Unique(nn.Module):
    """Has a size that depends on data."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.unique(x * 2.0)
