# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAssignmentType=false, reportReturnType=false
"""Modules of a container, chosen by a key that only the running program knows."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc


@torch.jit.interface
class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Adds(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class Doubles(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Chooses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.listed = nn.ModuleList([Adds(), Doubles(), Adds()])
        self.named = nn.ModuleDict({"adds": Adds(), "doubles": Doubles()})

    def forward(self, x: Tensor, position: int, name: str) -> Tensor:
        first: Step = self.listed[position]
        second: Step = self.named[name]
        return second.forward(first.forward(x))


def through(writer: Any, reader: Any) -> Any:
    stream = io.BytesIO()
    writer.save(writer.script(Chooses().eval()), stream)
    stream.seek(0)
    return reader.load(stream)


WAYS: dict[str, Callable[[], Any]] = {
    "live": lambda: tsc.script(Chooses()),
    "frozen": lambda: tsc.freeze(tsc.script(Chooses().eval())),
    "tsc to tsc": lambda: through(tsc, tsc),
    "tsc to PyTorch": lambda: through(tsc, torch.jit),
    "PyTorch to tsc": lambda: through(torch.jit, tsc),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_key_decides_which_module_runs(way: str) -> None:
    module, reference = WAYS[way](), torch.jit.script(Chooses())
    for position in range(3):
        for name in ("adds", "doubles"):
            arguments = (torch.arange(3.0), position, name)
            torch.testing.assert_close(module(*arguments), reference(*arguments))


@pytest.mark.parametrize(("position", "name"), [(3, "adds"), (0, "halves")])
def test_an_unknown_key_raises(position: int, name: str) -> None:
    with pytest.raises(RuntimeError):
        torch.jit.script(Chooses())(torch.ones(1), position, name)
    with pytest.raises(RuntimeError, match="key is not in the container"):
        tsc.script(Chooses())(torch.ones(1), position, name)
