# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""Small programs that between them have what the text of each stage can hold, with arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def part_of_an_operand(x, y):
    return x + y[:, :2]


def steps(x):
    return x[::2, 1:] - 1


def reductions(x):
    return x.sum(1), x.max(), x.argmax(1), x.mean(0)


def parts_joined(x, y):
    return torch.cat([x, y], 1).softmax(-1)


def padded(x):
    return torch.nn.functional.pad(x, [1, 2]) * 2


def branch(x):
    if bool(x.sum() > 0):
        x = x * 2
    return x + 1


def loop_until(x):
    while bool(x.sum() < 100):
        x = torch.exp(x) + 1
    return x


def looked_up(w, i):
    return torch.nn.functional.embedding(i, w).sum(1)


def sorted_rows(x):
    return x.sort(1)[0]


def spectrum(x):
    return torch.fft.rfft(x).abs()


def written(x):
    x = x.clone()
    x[:, 1] = 3.0
    return x


def chosen(x):
    return torch.where(x > 0, x, torch.zeros_like(x)).any()


def scattered(x, i):
    return torch.zeros_like(x).scatter_add(1, i, x)


def halves(x, y):
    return (x.to(torch.float16) * 2).to(torch.float32) + y.to(torch.int64)


class Counter(nn.Module):
    """State: a number, and a tensor that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.register_buffer("total", torch.zeros(100))

    def forward(self, x):
        self.count += 1
        self.total += x
        return self.total * self.count


class Named(nn.Module):
    """Weights whose names no tool takes as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"größe-1": nn.Linear(100, 4), "2 b": nn.Linear(4, 100)})

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return x


def net() -> nn.Module:
    """A ``Sequential``: its weights have names that begin with a digit."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def encoder() -> nn.Module:
    """Attention and what is around it."""
    return nn.TransformerEncoderLayer(16, 2, 32)


FUNCTIONS: dict[Callable[..., Any], tuple[str, ...]] = {
    part_of_an_operand: ("3x2xf32", "3x4xf32"),
    steps: ("6x5xf32",),
    reductions: ("4x8xf32",),
    parts_joined: ("2x3xf32", "2x5xf32"),
    padded: ("2x3xf32",),
    branch: ("3xf32",),
    loop_until: ("3xf32",),
    looked_up: ("5x4xf32", "1x2xsi64"),
    sorted_rows: ("3x8xf32",),
    spectrum: ("2x16xf32",),
    written: ("3x4xf32",),
    chosen: ("8xf32",),
    scattered: ("2x3xf32", "2x3xsi64"),
    halves: ("4xf32", "4xi1"),
}
MODULES: dict[Callable[[], nn.Module], tuple[str, ...]] = {
    Counter: ("100xf32",),
    Named: ("2x100xf32",),
    net: ("1x3x16x16xf32",),
    encoder: ("5x2x16xf32",),
}
