# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""`script(..., example_inputs=...)`: examples say what nobody annotated, as PyTorch does with MonkeyType."""

from typing import Any

import pytest
import torch
from torch import nn

import tsc


def helped(value, factor):
    return value * factor


def calls_a_helper(a, b, c=None):
    if c is not None:
        return a + c, helped(b, 2)
    return a, helped(b, 2)


def containers(xs, table, pair):
    return len(xs) + table["a"] + pair[0]


def anything(value):
    return 3


def partly_annotated(a: int, b):
    return b


class Repeats(nn.Module):
    def forward(self, x, times):
        return self.doubled(x) * times

    def doubled(self, x):
        return x + x

    @torch.jit.export
    def length(self, text):
        return len(text)


@pytest.mark.parametrize(
    ("function", "examples", "schema"),
    [
        (
            calls_a_helper,
            [(1, 2.5), (3, 4.5, 7)],
            "calls_a_helper(int a, float b, int? c=None) -> ((int, float))",
        ),
        (
            containers,
            [([], {"a": 1}, (1, "b")), ([2], {"a": 1}, (1, "b"))],
            "containers(int[] xs, Dict(str, int) table, (int, str) pair) -> int",
        ),
        (anything, [(1,), ("a",), (2.5,)], "anything(Any value) -> int"),
        (partly_annotated, [(1, True)], "partly_annotated(int a, bool b) -> bool"),
    ],
)
def test_examples_give_the_types(function: Any, examples: list[Any], schema: str) -> None:
    scripted = tsc.script(function, example_inputs=examples)
    assert scripted.schema == schema
    for example in examples[-1:]:
        assert scripted(*example) == function(*example)


def test_examples_of_a_modules_methods() -> None:
    module = Repeats()
    examples = {module: [(torch.ones(2), 3)], module.length: [("abc",)]}
    scripted = tsc.script(module, example_inputs=examples)
    assert scripted(torch.ones(2), 4).tolist() == [8.0, 8.0]
    assert scripted.length("four") == 4


def test_other_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="Unable to infer types"):
        tsc.script(anything, example_inputs=(1, 2))
