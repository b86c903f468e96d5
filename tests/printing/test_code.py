# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""``.code`` is the Python that PyTorch prints for the same program."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.printing import programs
from tsc.printing.spelling import float_text, quoted

READ_OTHERWISE = {
    programs.early_return: "early exits become flags in another way",
    programs.nested_loops: "continue becomes a flag in another way",
    programs.collatz: "carried variables are in another order",
    programs.carried_optional: "PyTorch names the constant None after its variable",
    programs.list_of_dicts: "a comprehension counts before it makes its list",
    programs.slices: "a full slice is no operation; a stored number is filled in",
    programs.zipped: "zip takes the minimum of the lengths alone",
    programs.any_type: "an Any that is not an int needs no cast to Any",
    programs.script_class: "a static method is called after its class",
    programs.while_true: "break becomes a flag in another way",
    programs.return_in_nested_loops: "early exits become flags in another way",
    programs.many_outputs: "PyTorch folds comparisons of constants",
    programs.carried_tuple: "PyTorch names a tuple after its variable",
    programs.refined_in_loop: "a variable known to be None is the constant None",
    programs.dict_comprehension: "a comprehension counts before it makes its dict",
    programs.numbers: "a large float keeps its point, which PyTorch loses",
}
"""Programs whose IR (for `numbers`: text) differs from PyTorch's, with the reason."""
SAME = [f for f in programs.FUNCTIONS if f not in READ_OTHERWISE]


@pytest.mark.parametrize("function", SAME, ids=lambda f: f.__name__)
def test_the_code_is_pytorchs(function: Callable[..., Any]) -> None:
    assert tsc.script(function).code.strip() == torch.jit.script(function).code.strip()


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.ReLU()])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return torch.add(x, torch.ones(1), alpha=2)


def test_the_code_of_a_module_is_that_of_its_forward() -> None:
    model = Nested()
    scripted = tsc.script(model)
    assert scripted.code == scripted.forward.code
    assert scripted.code == torch.jit.script(model).code
    assert "torch.add(x1, torch.ones([1]), alpha=2)" in scripted.code


def test_frozen_code_refers_to_its_constants_by_number() -> None:
    model = Nested().eval()
    text, constants = tsc.freeze(tsc.script(model)).code_with_constants
    weight = model.layers[0].weight.detach().numpy()
    held = list(constants.const_mapping.values())
    assert any(np.array_equal(weight, array) for array in held)
    assert constants.c0 is held[0]
    assert "CONSTANTS.c0" in text


def test_text_that_is_not_ascii_is_a_constant() -> None:
    text, constants = tsc.script(programs.strings).code_with_constants
    assert "CONSTANTS.c0" in text
    assert constants.c0 == 'tab\tquote" é'


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.1, 1e10, 2.5e10, 1e300, 5e-324, -3.0, 123456789.5])
def test_a_float_reads_back_as_the_same_float(value: float) -> None:
    text = float_text(value)
    assert isinstance(eval(text), float)
    assert str(eval(text)) == str(value)


@pytest.mark.parametrize("value", ["", "a'b\"c", "\n\t\r\\", "\x00\x01\x7f", "\a\b\v\f"])
def test_a_string_reads_back_as_the_same_string(value: str) -> None:
    assert eval(quoted(value)) == value
