"""Modules of several kinds, as archives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tsc
from tsc import nn
from tsc.runtime.tensor import Tensor


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 96)
        self.second = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        return tsc.softmax(self.second(tsc.relu(self.first(x))), -1)


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 32, 3, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = tsc.relu(self.norm(self.first(x)))
        return self.second(y), y.mean()


class Shifted(nn.Module):
    """A constant that is not packed: it stays in the archive."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", tsc.arange(3000) * 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return tsc.mul(x, 2.0) + self.shift


class Looked(nn.Module):
    """An index may be out of range: the code says so, and the program raises."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 32)

    def forward(self, x: Tensor) -> Tensor:
        return tsc.relu(self.table(tsc.add(x, 6.0).long()))


class Counting(nn.Module):
    """It keeps state: what a call gives is not a function of its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Any = tsc.jit.Attribute(0, int)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return tsc.mul(x, 2.0) + self.calls


class Told(nn.Module):
    """It prints: Python has a part in it."""

    def forward(self, x: Tensor) -> Tensor:
        print("told")
        return tsc.relu(x) + 1.0


class Named(nn.Module):
    """Its result is a dict."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"twice": tsc.mul(x, 2.0), "sine": tsc.sin(x)}


KINDS: dict[str, Callable[[], Any]] = {
    "perceptron": Perceptron,
    "convolutions": Convolutions,
    "shifted": Shifted,
    "looked": Looked,
    "counting": Counting,
    "told": Told,
    "named": Named,
}


def saved(kind: str, folder: Path, seed: int = 1) -> str:
    """The path of an archive of a module of some kind."""
    tsc.manual_seed(seed)
    path = str(folder / f"{kind}{seed}.pt")
    tsc.save(tsc.script(KINDS[kind]().eval()), path)
    return path
