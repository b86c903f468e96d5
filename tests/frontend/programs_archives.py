# type: ignore
# ruff: noqa
"""Modules whose archives are worth reading, and a class whose objects cross the border."""

from typing import List, Tuple

import torch
from torch.jit.annotations import BroadcastingList2
from torch import Tensor, nn


class Inner(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def double(self, input: Tuple[Tensor]) -> Tuple[Tensor]:
    return (input[0] * 2,)


def check(self, input: Tuple[Tensor]) -> None:
    assert input[0].dim() == 2


def combine(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
    return output * 10 + input[0]


def subtract(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
    return output - 1


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.inner.register_forward_pre_hook(double)
        self.inner.register_forward_pre_hook(check)
        self.inner.register_forward_hook(combine)
        self.register_forward_hook(subtract)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def scaled(x: Tensor, n: int) -> Tensor:
    return x * n


class Forks(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.linear = nn.Linear(2, 2)

    def helper(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.jit.fork(scaled, x, 3)
        b = torch.jit.fork(self.inner, x)
        c = torch.jit.fork(self.helper, x)
        futures = [torch.jit.fork(scaled, x, i) for i in range(x.size(0))]
        total = torch.jit.wait(a) + torch.jit.wait(b) + torch.jit.wait(c)
        for future in futures:
            total = total + torch.jit.wait(future)
        return total


class Formats(nn.Module):
    def forward(self, x: Tensor) -> Tuple[str, List[List[float]]]:
        y: List[List[float]] = x.tolist()
        return "%d rows of %s" % (len(y), "floats"), y


class Counter:
    def __init__(self, count: int):
        self.count = count

    def add(self, n: int) -> int:
        self.count += n
        return self.count


def make_counter(n: int) -> Counter:
    return Counter(n)


def make_counters(n: int) -> List[Counter]:
    return [Counter(i) for i in range(n)]


def count_up(counter: Counter, n: int) -> int:
    return counter.add(n)


def repeated(k: BroadcastingList2[int]):
    return k
