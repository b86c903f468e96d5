# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Lists of tensors that an object keeps: elements assigned, lists exchanged, and what stays Python's."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.side_by_side import frozen, loaded


class Grids(nn.Module):
    """Remakes an element where the size has changed."""

    kept: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.zeros(0), torch.zeros(3)]

    def forward(self, x: Tensor) -> Tensor:
        if self.kept[0].numel() != x.size(1):
            self.kept[0] = torch.arange(x.size(1)).float()
        return x + self.kept[0]


class Steps(nn.Module):
    """A new list of what it had, computed on."""

    kept: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.zeros(8), torch.zeros(8)]
        self.lines = nn.ModuleList([nn.Linear(8, 8) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        new: list[Tensor] = []
        for i, line in enumerate(self.lines):
            x = torch.tanh(line(x) + self.kept[i])
            new.append(x[-1])
        self.kept = new
        return x


class Given(nn.Module):
    """Gives the list back that it keeps, and reads it again."""

    kept: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.zeros(8)]

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        made = [x[0] + self.kept[0], x[1]]
        self.kept = made
        return self.kept[0] * len(self.kept), made


class Missing(nn.Module):
    """Writes where there is no place."""

    kept: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.zeros(8)]

    def forward(self, x: Tensor) -> Tensor:
        self.kept[0] = self.kept[0] + 1
        if x.size(0) > 3:
            self.kept[1] = x[0]
        return self.kept[0] * 2


class Grows(nn.Module):
    kept: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.zeros(8)]

    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(x[0])
        return torch.stack(self.kept).sum(0)


class ChangedLater(nn.Module):
    """What is assigned is changed afterwards."""

    kept: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.zeros(8)]

    def forward(self, x: Tensor) -> Tensor:
        made = [x[0]]
        self.kept = made
        made.append(x[1])
        return x * len(self.kept)


class Shares(nn.Module):
    """One list under two names."""

    kept: list[Tensor]
    other: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept, self.other = [torch.zeros(8)], [torch.zeros(8)]

    def forward(self, x: Tensor) -> Tensor:
        made = [x[0]]
        self.kept = made
        self.other = made
        self.kept[0] = self.kept[0] + 1
        return x + self.other[0]


NATIVE = (Grids, Steps, Given, Missing)


@pytest.mark.parametrize("made", [tsc.script, loaded, frozen])
@pytest.mark.parametrize("kind", [*NATIVE, Grows, ChangedLater, Shares])
def test_lists_among_attributes(kind: type[nn.Module], made: Callable[..., Any]) -> None:
    module = kind().eval()
    with torch.no_grad():
        theirs, mine = torch.jit.script(module), made(module)
        for rows, columns in ((2, 8), (2, 8), (3, 8), (4, 8), (2, 8), (2, 12 if kind is Grids else 8)) * 2:
            x = torch.randn(rows, columns)
            try:
                expected = theirs(x)
            except Exception:  # torch.jit's are of its own
                with pytest.raises(IndexError):
                    mine(x)
            else:
                torch.testing.assert_close(mine(x), expected)
            if made is not frozen:
                torch.testing.assert_close(mine.kept, theirs.kept)
    if kind in NATIVE:
        assert {info.tier for info in mine.specializations()} == {"native"}
