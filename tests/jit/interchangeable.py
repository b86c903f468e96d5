# pyright: reportUnknownMemberType=false
# annotations are not postponed: PyTorch reads that of the interface as it is
"""Modules that can stand for one another."""

import torch
from torch import Tensor, nn


@torch.jit.interface
class Activation(nn.Module):
    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportReturnType] - a declaration
        pass


class Doubles(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Negates(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return -x


class Interchangeable(nn.Module):
    act: Activation

    def __init__(self) -> None:
        super().__init__()
        self.act = Doubles()  # pyright: ignore[reportAttributeAccessIssue] - it is one by its methods
        self.line = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.act.forward(self.line(x))
