# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""Modules that keep numbers (and tensors) from call to call, for `test_state`; their arguments are 2x3."""

import torch
from torch import Tensor, nn

from tests.jit.stateful_tensors import Kept


class Counted(nn.Module):
    """A buffer, and a number of calls."""

    h: Tensor
    n: int

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(2, 3))
        self.n = 0


class Counters(Kept):
    n: int
    t: float
    odd: bool

    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.t = 0.5
        self.odd = False

    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        self.t *= 1.5
        self.odd = not self.odd
        y = x * self.n + self.t
        if self.odd:
            y = y + 1
        return y


class MaybeCounter(nn.Module):
    n: int | None

    def __init__(self) -> None:
        super().__init__()
        self.n = None

    def forward(self, x: Tensor) -> Tensor:
        n = self.n
        if n is None:
            self.n = 1
            return x + 1
        self.n = n + 1
        return x * n


class Trips(Counted):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for i in range(self.n % 4):
            x = x * 2 + i
        self.n += 1
        return x, torch.zeros(self.n)


class Mode(nn.Module):
    mode: str

    def __init__(self) -> None:
        super().__init__()
        self.mode = "up"

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "up":
            self.mode = "down"
            return x + 1
        self.mode = "up"
        return x - 1


class TiedInTime(Counted):
    g: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("g", torch.ones(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        if self.n % 3 == 2:
            self.h = self.g
        self.h.add_(x)
        return self.g * 2


class Ring(nn.Module):
    h: Tensor
    n: int

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(4, 2, 3))
        self.n = 0

    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n] = x
        self.n = (self.n + 1) % 4
        return self.h.sum(0)


class Cache(nn.Module):
    """Keys of an attention, appended in place; full after six calls, which then raise."""

    h: Tensor
    n: int

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(12, 3))
        self.n = 0

    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n : self.n + 2] = x
        self.n += 2
        keys = self.h[: self.n]
        return (x @ keys.t()) @ keys


class InLoop(Counted):
    def forward(self, x: Tensor) -> Tensor:
        for i in range(5):
            self.n += 1
            if self.n % 3 == 0:
                continue
            self.h = self.h * 0.5 + x
            if self.n > 30 and i > 2:
                break
        return self.h + self.n


class WhileSmall(Counted):
    def forward(self, x: Tensor) -> Tensor:
        while float(self.h.sum()) < 20.0:
            self.h = self.h + x.abs() + 1
            self.n += 1
        self.h = self.h - 15.0
        return self.h


class InBranches(Counted):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > -6):
            self.h = self.h + x
            if self.n > 0:
                self.n = self.n + 2
        else:
            self.n = self.n + 1
        return self.h * self.n


class Inner(Counted):
    def forward(self, x: Tensor) -> Tensor:
        self.h = self.h + x
        self.n += 1
        return self.h


class Nested(nn.Module):
    n: int

    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.first = Inner()
        self.rest = nn.Sequential(Inner(), nn.ReLU(), Inner())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.rest(self.first(x))
        self.n = self.first.n + 1
        return y + self.n


class NoResult(Counted):
    def forward(self, x: Tensor) -> None:
        self.n += 1
        self.h = self.h + x


class SeveralResults(Counted):
    def forward(self, x: Tensor) -> tuple[int, Tensor, Tensor | None]:
        self.n += 1
        return self.n, self.h, None


class Prints(Counted):
    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        print(self.n)
        return x + self.n


class Observer(Counted):
    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        self.h = self.h + x
        return self.h * self.n

    @torch.jit.export
    def reset(self) -> None:
        self.n = 0
        self.h = torch.zeros(2, 3)

    @torch.jit.export
    def observe(self, x: Tensor) -> Tensor:
        self.h.add_(x)
        return self.h

    @torch.jit.export
    def count(self) -> int:
        return self.n


class Raises(Counted):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.n += 1
        self.h.add_(x)
        x.mul_(2)
        self.h = self.h + 1
        if bool(y.sum() > 5):
            raise ValueError("too large")
        x.add_(1)
        return self.h + y


class Embeds(nn.Module):
    h: Tensor
    n: int

    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.register_buffer("h", torch.zeros(2, 3))
        self.table = nn.Embedding(5, 3).requires_grad_(False)

    def forward(self, indices: Tensor) -> Tensor:
        self.n += 1
        self.h.add_(1)
        y: Tensor = self.table(indices)
        self.h.add_(y)
        return y


class RaisesAfterLoop(Counted):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.n += 1
        for _ in range(int(y[0])):
            self.h.add_(x)
        if bool(y.sum() > 5):
            raise ValueError("too large")
        return self.h + 1


class RaisesAfterBranch(Counted):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.n += 1
        if bool(y.sum() > 0):
            self.h.add_(x)
        assert bool(y.sum() < 5), "too large"
        return self.h + 1


class WritesInBranch(Counted):
    """As the one before, but it is the argument that is written."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.n += 1
        if bool(y.sum() > 0):
            x.add_(1)
        assert bool(y.sum() < 5), "too large"
        return x + 1


class BufferOnly(nn.Module):
    """Writes to its buffer in place, and reads a constant beside it."""

    h: Tensor
    g: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("h", torch.ones(2, 3))
        self.register_buffer("g", torch.full((2, 3), 2.0))

    def forward(self, x: Tensor) -> Tensor:
        self.h.mul_(self.g).add_(x)
        return self.h * 2
