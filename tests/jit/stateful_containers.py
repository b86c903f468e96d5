# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""Modules that keep tuples, lists and dicts from call to call, for `test_state`; their arguments are 2x3."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class PairOfTensors(nn.Module):
    s: tuple[Tensor, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = (torch.zeros(2, 3), torch.ones(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        h, c = self.s
        h.add_(x)
        self.s = (c, h)
        return h * c


class MaybePair(nn.Module):
    s: tuple[Tensor, Tensor] | None

    def __init__(self) -> None:
        super().__init__()
        self.s = None

    def forward(self, x: Tensor) -> Tensor:
        s = self.s
        if s is not None:
            h, c = s
            self.s = (h + x, c + 1)
            return h
        self.s = (x, x * 2)
        return x


class LongShortTerm(nn.Module):
    s: tuple[Tensor, Tensor] | None

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = nn.LSTM(3, 3).requires_grad_(False)
        self.s = None

    def forward(self, x: Tensor) -> Tensor:
        y, s = self.cell(x[:, None], self.s)
        self.s = s
        return y


class Fibonacci(nn.Module):
    s: tuple[int, int]

    def __init__(self) -> None:
        super().__init__()
        self.s = (0, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.s
        self.s = (b, a + b)
        return x * b


class ListOfTensors(nn.Module):
    s: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = [torch.zeros(2, 3)]

    def forward(self, x: Tensor) -> Tensor:
        s = self.s
        self.s = [s[0] + x, x]
        return self.s[0] + len(s)


class Appends(nn.Module):
    s: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = []

    def forward(self, x: Tensor) -> Tensor:
        t = self.s
        t.append(x)
        self.s = t
        return x + len(self.s)


class WritesElements(nn.Module):
    s: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = [torch.zeros(2, 3), torch.ones(2, 3)]

    def forward(self, x: Tensor) -> Tensor:
        for t in self.s:
            t.add_(x)
        self.s = [self.s[1], self.s[0]]
        return self.s[0] + self.s[1] * 2


class InDict(nn.Module):
    s: dict[str, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = {"a": torch.zeros(2, 3)}

    def forward(self, x: Tensor) -> Tensor:
        self.s["a"] = self.s["a"] + x
        return self.s["a"]


class OneListTwice(nn.Module):
    s: list[Tensor]
    r: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = []
        self.r = []

    def forward(self, x: Tensor) -> Tensor:
        xs = [x]
        self.s = xs
        self.r = xs
        return x + 1

    @torch.jit.export
    def push(self, x: Tensor) -> int:
        self.s.append(x)
        return len(self.r)


class ListHandedOn(OneListTwice):
    def forward(self, x: Tensor) -> Tensor:
        self.r = self.s
        return x + 1


class Record(NamedTuple):
    items: list[Tensor]
    weight: int


class ListInNamedTuple(nn.Module):
    s: Record

    def __init__(self) -> None:
        super().__init__()
        self.s = Record([torch.zeros(2, 3)], 1)

    def forward(self, x: Tensor) -> Tensor:
        self.s.items.append(x)
        return x + len(self.s.items)

    @torch.jit.export
    def reset(self, x: Tensor) -> None:
        self.s = Record([x], 0)


class ListInTuple(nn.Module):
    s: tuple[list[Tensor], int]

    def __init__(self) -> None:
        super().__init__()
        self.s = ([torch.zeros(2, 3)], 1)

    def forward(self, x: Tensor) -> Tensor:
        self.s[0].append(x)
        return x + len(self.s[0])
