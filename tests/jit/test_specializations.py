# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""``specializations()``: what functions and modules were compiled for, why, and how often it ran."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import tsc
from tsc.programs.specialization_table import SpecializationInfo, cause_of


def scaled(x: Tensor, n: int) -> Tensor:
    return torch.relu(x @ x) * n


def distinct(x: Tensor) -> Tensor:
    return torch.unique(x * 2, dim=0)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.scale = 3

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * self.scale

    @torch.jit.export
    def doubled(self, x: Tensor) -> Tensor:
        return x * 2


def square(size: int, dtype: str = "float32") -> np.ndarray:
    return np.ones((size, size), dtype)


def causes(infos: list[SpecializationInfo]) -> list[str]:
    return [info.cause for info in infos]


def test_nothing_was_compiled_yet() -> None:
    script = tsc.script(scaled)
    assert script.specializations() == []
    assert str(script.specializations()) == "no specializations: nothing was compiled yet"


def test_each_says_what_it_was_made_for_and_why() -> None:
    script = tsc.script(scaled)
    for argument, n in ((square(4), 3), (square(5), 3), (square(5), 4), (square(5, "float64"), 4)):
        script(argument, n)
    found = script.specializations()
    assert causes(found) == [
        "first call",
        "new shape of 'x'",
        "new value of 'n'",
        "new dtype of 'x'",
    ]
    x, n = found[1].arguments
    assert (x.name, x.text, x.shape, x.dtype) == ("x", "float32[5, 5]", (5, 5), "float32")
    assert (n.name, n.text, n.shape) == ("n", "3", None)
    assert all(info.is_native and info.reason is None and info.kernels for info in found)
    assert all(info.arena_bytes and info.code_bytes for info in found)


def test_calls_that_go_straight_to_native_code_are_counted() -> None:
    script = tsc.script(scaled)
    for _ in range(5):
        script(square(4), 3)
    for _ in range(2):
        script(torch.ones(4, 4), 3)
    assert [info.hits for info in script.specializations()] == [7]


def test_the_direct_entry_is_counted_too() -> None:
    frozen = tsc.freeze(tsc.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval()))
    for _ in range(6):
        frozen(square(4))
    (info,) = frozen.specializations()
    assert (info.method, info.hits, info.cause) == ("forward", 6, "first call")


def test_what_is_not_native_says_why() -> None:
    script = tsc.script(distinct)
    for _ in range(3):
        script(square(4))
    info, part = script.specializations()
    assert (info.tier, info.hits) == ("mixed", 3)
    assert info.reason is not None
    assert "not known before it runs" in info.reason
    assert f"not native: {info.reason}" in str(script.specializations())
    assert (part.method, part.tier, part.hits) == (f"{info.method}, part 0", "native", 3)


def test_what_must_not_be_compiled_says_why() -> None:
    def widened(x: Tensor) -> Tensor:
        x.unsqueeze_(0)
        return x

    script = tsc.script(widened)
    script(square(2))
    (info,) = script.specializations()
    assert (info.tier, info.hits, info.kernels) == ("generic", 1, 0)
    assert "in place" in str(info.reason)


@torch.no_grad()
def test_a_live_module_says_which_attributes_it_is_for() -> None:
    module = tsc.script(Scaled().eval())
    for scale in (3, 5):
        module.scale = scale
        for _ in range(3):
            module(torch.ones(2, 4))
    first, second = module.specializations()
    assert "self.scale == 3" in first.guards
    assert first.cause == "called again"
    assert second.cause == "changed: self.scale"
    assert "self.linear.weight" in [argument.name for argument in first.arguments]
    assert (first.hits, second.hits) == (2, 3)


@torch.no_grad()
def test_a_module_lists_all_its_methods() -> None:
    frozen = tsc.freeze(tsc.script(Scaled().eval()), ["doubled"])
    frozen(torch.ones(2, 4))
    frozen.doubled(torch.ones(3))
    assert [info.method for info in frozen.specializations()] == ["forward", "doubled"]
    assert [info.method for info in frozen.doubled.specializations()] == ["doubled"]


def test_the_table_has_a_line_for_each() -> None:
    script = tsc.script(scaled)
    script(square(4), 3)
    header, line = str(script.specializations()).splitlines()
    assert header.split()[:4] == ["method", "arguments", "runs", "hits"]
    assert line.startswith("scaled  x: float32[4, 4], n: 3  native  1")


def test_the_cause_is_how_a_key_differs_from_the_most_similar_one() -> None:
    names = ["x", "y", "flag"]
    earlier = [("2xf32", "2xf32", "true"), ("4xf32", "2xf32", "false")]
    assert cause_of(("4xf32", "2xf32", "true"), earlier, names) == "new value of 'flag'"
    assert cause_of(("4xf32", "int:3", "false"), earlier, names) == "new kind of 'y'"
    assert cause_of(("8xf32", "8xf32", "true"), earlier, names) == "new shape of 'x', 'y'"
    assert cause_of(("[2xf32]",), [("[3xf32]",)], names) == "new contents of 'x'"
