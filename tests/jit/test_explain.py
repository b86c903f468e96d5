# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""``tsc.explain``: what runs where, as a call would have it, without the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.errors import ArgumentError
from tsc.programs.explaining import Explanation, OperatorExplanation

HERE = Path(__file__)


def straight(x: Tensor, n: int) -> Tensor:
    y = torch.relu(x).reshape(2, -1)
    return torch.softmax(y @ y.t(), -1) * n


def divides(x: Tensor) -> Tensor:
    y = x * 2
    z = y.floor_divide(y)
    if bool(z.sum() > 0):
        z = z + 1
    return torch.tanh(z)


def loops(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        x = x * 0.5
        if bool(x.sum() < 1):
            break
    return x


def prints(x: Tensor) -> Tensor:
    print("never")
    return torch.rand(2) + x


def resized(x: Tensor) -> Tensor:
    x.unsqueeze_(0)
    return x


def distinct(x: Tensor) -> Tensor:
    return torch.unique(x, dim=0).cos()


def complex_root(x: Tensor) -> Tensor:
    return torch.view_as_real(torch.complex(x, x).sqrt())


class Cell(nn.Module):
    """A state, a batch norm, and a dropout that freezing drops."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout()
        self.register_buffer("total", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(torch.relu(self.norm(self.conv(x))))
        self.total = self.total + y.mean([0, 2, 3])
        return self.total


X = np.linspace(-1, 1, 8, dtype=np.float32)
COUNTED = torch.arange(1, 9)
PROGRAMS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "straight": (straight, (X, 3)),
    "divides": (divides, (COUNTED,)),
    "loops": (loops, (X, 1000)),
    "prints": (prints, (X[:2],)),
    "resized": (resized, (X,)),
    "distinct": (distinct, (X,)),
    "complex": (complex_root, (X,)),
}


def named(found: Explanation, operator: str) -> OperatorExplanation:
    """The operator of that name, the first that is not folded."""
    return next(o for o in found.operators if o.operator == operator and o.runs != "folded")


def line_of(text: str) -> int:
    """The first line of this file with a text."""
    return 1 + next(i for i, line in enumerate(HERE.read_text().splitlines()) if text in line)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_said_is_what_runs(name: str) -> None:
    function, arguments = PROGRAMS[name]
    script = tsc.script(function)
    said = tsc.explain(script, *arguments)
    assert script.specializations() == []
    script(*(a.copy() if isinstance(a, np.ndarray) else a for a in arguments))
    made, *parts = script.specializations()
    assert len(parts) <= made.kernels
    assert (said.tier, said.reason) == (made.tier, made.reason)
    if made.tier != "generic":
        assert said.kernels == made.kernels
        assert said.arguments == made.arguments
    assert all(o.runs == "native" for o in said.operators if o.runs != "folded") == made.is_native
    assert all(o.reason for o in said.operators if o.runs == "python" and made.tier == "mixed")


def test_a_native_function_shows_kernels_and_lines() -> None:
    found = tsc.explain(tsc.script(straight), X, n=3)
    relu, softmax = named(found, "aten::relu"), named(found, "aten::softmax.int")
    assert found.is_native
    assert found.reason is None
    assert relu.kernels == ("1 pointwise",)
    assert softmax.stack[0].line == line_of("torch.softmax(y @")
    assert softmax.stack[0].file.endswith("test_explain.py")
    assert named(found, "aten::reshape").kernels == ()


def test_what_runs_in_python_says_why() -> None:
    found = tsc.explain(tsc.script(divides), COUNTED)
    division, branch = named(found, "aten::floor_divide"), named(found, "prim::If")
    assert (division.runs, division.reason) == ("python", "it has no native form for these arguments")
    assert branch.runs == "python"
    assert branch.reason == "branches and loops are native where all in them is"
    assert named(found, "aten::mul.Scalar").runs == "native"
    assert named(found, "aten::tanh").runs == "native"
    assert "complex" in str(named(tsc.explain(tsc.script(complex_root), X), "aten::sqrt").reason)
    after = named(tsc.explain(tsc.script(distinct), X), "aten::cos")
    assert (after.runs, after.kernels) == ("native", ("part 0",))


def test_the_table_begins_with_why_it_is_not_native() -> None:
    lines = str(tsc.explain(tsc.script(divides), COUNTED)).splitlines()
    assert lines[0] == "divides(x: int64[8]) runs mixed, 3 kernels"
    assert lines[1].startswith("not native: ")
    assert lines[3].split() == ["line", "source", "operator", "runs", "kernel", "why"]
    assert f"test_explain.py:{line_of('y = x * 2')}" in lines[4]
    assert "z = y.floor_divide(y)" in lines[5]


def test_nothing_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    tsc.manual_seed(0)
    script = tsc.script(prints)
    expected = np.asarray(script(X[:2]))
    tsc.manual_seed(0)
    capsys.readouterr()
    found = tsc.explain(script, X[:2])
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(script(X[:2]), expected)
    assert named(found, "prim::Print").runs == "python"


@torch.no_grad()
@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_module_is_as_it_was(is_frozen: bool) -> None:
    module: Any = tsc.script(Cell().eval())
    module = tsc.freeze(module, ["total"]) if is_frozen else module
    x = torch.ones(1, 3, 5, 5)
    found = tsc.explain(module, x)
    assert not module.total.any()
    assert len(module.specializations()) == 0
    assert found.is_native, found.reason
    assert "self.total" in [argument.name for argument in found.arguments]
    norms = [o for o in found.operators if o.operator == "aten::batch_norm"]
    assert [o.runs for o in norms] == ["folded" if is_frozen else "native"]
    assert "aten::dropout" in [o.operator for o in found.operators if o.runs == "folded"]
    conv = named(found, "aten::conv2d")
    assert "self.conv(x)" in conv.stack[-1].text
    for _ in range(2):
        module(x)
    (made,) = module.specializations()
    assert (found.tier, found.arguments, found.kernels) == (made.tier, made.arguments, made.kernels)


def test_all_specializations_are_used() -> None:
    before = tsc.set_fusion_strategy([("STATIC", 1)])
    try:
        script = tsc.script(straight)
        script(X, 3)
    finally:
        tsc.set_fusion_strategy(before)
    found = tsc.explain(script, X, 4)
    assert (found.tier, found.reason) == (
        "generic",
        "all specializations are used (STATIC 1): see set_fusion_strategy",
    )
    assert tsc.explain(script, X, 3).is_native


def test_gradients_are_pytorchs() -> None:
    found = tsc.explain(tsc.script(straight), torch.ones(8, requires_grad=True), 3)
    assert found.tier == "generic"
    assert "gradients are wanted" in str(found.reason)
    assert [o.operator for o in found.operators][:2] == ["aten::relu", "aten::reshape"]


def test_a_method_is_explained_alone() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

        @torch.jit.export
        def doubled(self, x: Tensor) -> Tensor:
            return x * 2

    found = tsc.explain(tsc.script(Two().eval()).doubled, X)
    assert (found.function, found.kernels) == ("doubled", 1)


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(ArgumentError, match="requires a script module, a script function or a method"):
        tsc.explain(straight, X)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="missing value for argument 'n'"):
        tsc.explain(tsc.script(straight), X)
