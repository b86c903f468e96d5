# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportCallIssue=false
"""The modules of `torch.nn` that PyTorch scripts, in eval mode: scripted by tsc, they compute the same."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.nn import module_rows
from tests.nn.module_rows import ROWS, Row


class ListOfLayers(nn.Module):
    """A `ModuleList` iterated, indexed and measured."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x * len(self.layers) + self.layers[0].bias.sum()


class DictOfLayers(nn.Module):
    """A `ModuleDict` iterated and indexed."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"first": nn.Linear(4, 4), "second": nn.Tanh()})

    def forward(self, x: Tensor) -> Tensor:
        for _, layer in self.layers.items():  # noqa: PERF102 - under test
            x = layer(x)
        return self.layers["first"](x)


class ListOfParameters(nn.Module):
    """A `ParameterList` iterated and indexed."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(4)) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = x * weight
        return x + self.weights[1]


class DictOfParameters(nn.Module):
    """A `ParameterDict` indexed."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterDict({"a": nn.Parameter(torch.randn(4)), "b": nn.Parameter(torch.ones(4))})

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights["a"] + self.weights["b"]


OWN = (
    Row("ListOfLayers()", "floats(2, 4)"),
    Row("DictOfLayers()", "floats(2, 4)"),
    Row("ListOfParameters()", "floats(2, 4)"),
    Row("DictOfParameters()", "floats(2, 4)"),
)


def _parameters() -> list[Any]:
    return [
        pytest.param(
            row, id=row.title, marks=[pytest.mark.xfail(reason=row.xfail, strict=True)] if row.xfail else []
        )
        for row in (*ROWS, *OWN)
    ]


def _outcome(run: Callable[[], Any]) -> Any:
    torch.manual_seed(3)
    try:
        return run()
    except Exception as error:
        return f"refused: {type(error).__name__}"


@pytest.mark.parametrize("row", _parameters())
@pytest.mark.filterwarnings("ignore")
def test_a_scripted_module_computes_what_torch_scripts(row: Row) -> None:
    torch.manual_seed(1)
    module: nn.Module = eval(row.module).eval()
    torch.manual_seed(2)
    inputs: tuple[Any, ...] = eval(f"({row.inputs},)", dict(vars(module_rows)))
    with torch.no_grad():
        wanted = _outcome(lambda: torch.jit.script(module)(*_copies(inputs)))
        found = _outcome(lambda: tsc.script(module)(*_copies(inputs)))
        if isinstance(wanted, str):
            assert isinstance(found, str)
        else:
            assert not isinstance(found, str), tsc.script(module)(*_copies(inputs))
            torch.testing.assert_close(_tensors(found), wanted, rtol=2e-5, atol=2e-6)


def _copies(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_copies(x) if isinstance(x, tuple) else x.clone() for x in inputs)


def _tensors(found: Any) -> Any:
    if isinstance(found, (tuple, list)):
        return type(found)(_tensors(x) for x in found)
    return found if isinstance(found, Tensor) or found is None else torch.as_tensor(found)
