# pyright: reportUnknownMemberType=false, reportCallIssue=false, reportUnknownVariableType=false, reportUninitializedInstanceVariable=false
"""Modules that keep tensors from call to call, for `test_state`; their arguments are 2x3."""

import torch
from torch import Tensor, nn


class Kept(nn.Module):
    """Two buffers."""

    h: Tensor
    g: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(2, 3))
        self.register_buffer("g", torch.ones(2, 3))


class Recurrent(Kept):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.h = torch.tanh(self.cell(torch.cat([x, self.h], 1))).detach()
        return self.h


class BeginsAsNone(nn.Module):
    h: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.h = None

    def forward(self, x: Tensor) -> Tensor:
        h = self.h
        if h is None:
            h = torch.zeros_like(x)
        h = torch.tanh(h + x)
        self.h = h
        return h * 2


class IsNoneAtTimes(nn.Module):
    """An attribute that is only assigned, in both arms, with two types."""

    h: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.h = None

    def forward(self, x: Tensor) -> Tensor:
        if bool(x[0, 0] > -4):
            self.h = None
        else:
            self.h = x * 2
        return x + 1


class Keeps(Kept):
    """The state is the argument, the result the state of before."""

    def forward(self, x: Tensor) -> Tensor:
        old = self.h
        self.h = x
        return old


class KeepsView(Kept):
    def forward(self, x: Tensor) -> Tensor:
        old = self.h
        self.h = x[1:]
        return old + self.h


class KeepsCopies(Kept):
    def forward(self, x: Tensor) -> Tensor:
        self.g = self.h.clone()
        self.h = x.clone()
        x.add_(1)
        return self.g.clone()


class WritesAndKeeps(Kept):
    def forward(self, x: Tensor) -> Tensor:
        self.h.add_(x)
        x.mul_(2)
        self.h = x
        x.add_(1)
        return self.h


class Swaps(Kept):
    def forward(self, x: Tensor) -> Tensor:
        t = self.h
        self.h = self.g
        self.g = t
        self.h.add_(x)
        return self.h - self.g


class OneTensorTwice(Kept):
    def forward(self, x: Tensor) -> Tensor:
        y = x * 2 + self.g
        self.h = y
        self.g = y
        return y


class ViewsOfOne(Kept):
    def forward(self, x: Tensor) -> Tensor:
        self.g.add_(1)
        y = self.h + x
        self.h = y
        self.g = y[:1]
        return y.t()


class GivesViews(Kept):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.h += x
        return self.h[0], self.h.t(), self.h


class Tied(nn.Module):
    h: Tensor
    g: Tensor

    def __init__(self) -> None:
        super().__init__()
        memory = torch.zeros(2, 3)
        self.register_buffer("h", memory)
        self.register_buffer("g", memory)

    def forward(self, x: Tensor) -> Tensor:
        self.h.add_(x)
        return self.g * 2


class Averages(Kept):
    def forward(self, x: Tensor) -> Tensor:
        self.h.mul_(0.9).add_(x, alpha=0.5)
        return x - self.h


class WritesViews(Kept):
    def forward(self, x: Tensor) -> Tensor:
        self.h.t()[0].mul_(2)
        self.h[1] = x[0]
        self.h[:, 1:] += x[:, :2]
        return self.h / 2


class ColumnMajor(nn.Module):
    h: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(3, 2).t())

    def forward(self, x: Tensor) -> Tensor:
        self.h.add_(x)
        y = self.h * 2
        self.h = self.h.t().contiguous().t()
        return y


class Shifts(nn.Module):
    h: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(4, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        self.h[1:] = self.h[:-1].clone()
        self.h[0].copy_(x)
        return self.h


class Rolls(nn.Module):
    h: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(4, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        self.h = torch.cat([self.h[1:], x.unsqueeze(0)])
        return self.h.mean(0)


class Grows(nn.Module):
    h: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(0, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        self.h = torch.cat([self.h, x[None]])
        return self.h.sum(0)


class Promotes(nn.Module):
    h: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(2, 3, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        self.h = self.h + x
        return self.h


class Cell(Kept):
    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def put(self, x: Tensor) -> None:
        self.h = x

    @torch.jit.export
    def get(self) -> Tensor:
        return self.h + 1


class Twice(nn.Module):
    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.a = cell
        self.b = cell

    def forward(self, x: Tensor) -> Tensor:
        self.b.put(x * 2)
        return self.a.get()


class ViewOfBuffer(nn.Module):
    h: Tensor
    g: Tensor

    def __init__(self) -> None:
        super().__init__()
        memory = torch.zeros(4, 3)
        self.register_buffer("h", memory)
        self.register_buffer("g", memory[:2])

    def forward(self, x: Tensor) -> Tensor:
        self.g.add_(x)
        return self.h * 2
