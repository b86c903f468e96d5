# ruff: noqa: RET504 - returning inside a block is rewritten before it is compiled
# pyright: reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportPrivateImportUsage=false
"""``with strict_fusion():`` refuses what would run in Python, in live code and in archives."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.errors import StrictFusionError


def sums(x: Tensor) -> Tensor:
    with torch.jit.strict_fusion():
        return torch.relu(x + x + x)


def sums_powers(x: Tensor) -> Tensor:
    y = torch.special.zeta(x, 3)
    with torch.jit.strict_fusion():
        z = torch.special.zeta(y * 2, 3)
    return z


def sums_powers_outside(x: Tensor) -> Tensor:
    y = torch.special.zeta(x, 3)
    with torch.jit.strict_fusion():
        z = y * 2 + 1
    return torch.special.zeta(z, 3)


def helper(x: Tensor) -> Tensor:
    return torch.special.zeta(x, 3)


def calls(x: Tensor) -> Tensor:
    with tsc.strict_fusion():
        return helper(x) + 1


def prints(x: Tensor) -> Tensor:
    with torch.jit.strict_fusion():
        print("hi")
        x = x + 1
    return x


def resizes(x: Tensor) -> Tensor:
    y = x + 0
    with torch.jit.strict_fusion():
        y.unsqueeze_(0)
    return y


def branches(x: Tensor) -> Tensor:
    with torch.jit.strict_fusion():
        if bool(x.sum() > 0):
            x = x + 1
        for _ in range(1000):
            x = x * 0.99
    return x


class Stateful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        with torch.jit.strict_fusion():
            self.total = self.total + torch.special.zeta(x, 3)
        return self.total


X = torch.tensor([3.0, 1.5, 2.0])


def live(function: Any) -> Any:
    return tsc.script(function)


def archived(function: Any) -> Any:
    """Saved by PyTorch, and frozen so that the first call compiles."""
    kept = io.BytesIO()
    torch.jit.save(torch.jit.script(function), kept)
    kept.seek(0)
    return tsc.freeze(tsc.load(kept).eval())


BOTH = pytest.mark.parametrize("make", [live, archived])


@BOTH
@pytest.mark.parametrize("function", [sums, branches])
def test_what_is_native_runs(make: Callable[[Any], Any], function: Any) -> None:
    script = make(function)
    for _ in range(2):
        torch.testing.assert_close(script(X), function(X))
    (info,) = script.specializations()
    assert info.is_native


@BOTH
def test_an_unfused_operator_is_named_with_its_reason_and_line(make: Callable[[Any], Any]) -> None:
    script = make(sums_powers)
    for _ in range(2):  # refused at each call, as PyTorch does
        with pytest.raises(RuntimeError) as caught:
            script(X)
        text = str(caught.value)
        assert isinstance(caught.value, StrictFusionError)
        assert text.startswith(
            "Found unfused operators:\n\taten::special_zeta.other_scalar(Tensor self, Scalar other"
        )
        assert "it has no native form" in text
        assert "z = torch.special.zeta(y * 2, 3)\n        ~~~~~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE" in text
        assert "y = torch.special.zeta(x, 3)" not in text


@BOTH
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_outside_may_run_in_python(make: Callable[[Any], Any]) -> None:
    torch.testing.assert_close(make(sums_powers_outside)(X), sums_powers_outside(X))


def test_functions_that_are_called_in_the_block_are_in_it() -> None:
    with pytest.raises(StrictFusionError) as caught:
        tsc.script(calls)(X)
    assert "return torch.special.zeta(x, 3)" in str(caught.value)
    assert "return helper(x) + 1" in str(caught.value)
    torch.testing.assert_close(tsc.script(helper)(X), helper(X))


@BOTH
@pytest.mark.parametrize(("function", "name"), [(prints, "prim::Print"), (resizes, "aten::unsqueeze_")])
def test_effects_are_no_native_code(make: Callable[[Any], Any], function: Any, name: str) -> None:
    with pytest.raises(StrictFusionError, match=name):
        make(function)(X)


@torch.no_grad()
def test_a_live_module_is_refused_when_it_is_compiled_and_stays_as_it_was() -> None:
    module = tsc.script(Stateful().eval())
    module(X)
    total = module.total.clone()
    with pytest.raises(StrictFusionError, match=r"aten::special_zeta\.other_scalar"):
        module(X)
    torch.testing.assert_close(module.total, total)


class Cached(nn.Module):
    """Keeps a dict that it uses as a whole, and so runs in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = {"y": torch.zeros(3)}
        self.count = 0

    def forward(self, x: Tensor, strict: bool) -> Tensor:
        if strict and len(self.cache) > 0:
            with torch.jit.strict_fusion():
                y = torch.tanh(x * 2)
        else:
            with torch.jit.strict_fusion():
                y = torch.tanh(torch.special.zeta(x, 3))
        self.cache["y"] = y
        return y


class Writes(Cached):
    def forward(self, x: Tensor, strict: bool) -> Tensor:
        size = len(self.cache)
        with torch.jit.strict_fusion():
            y = torch.tanh(x * 2)
            if strict and size >= 0:
                self.count += 1
            else:
                self.cache["y"] = y
        return y


@torch.no_grad()
def test_parts_are_native_code() -> None:
    module = tsc.freeze(tsc.script(Cached().eval()))
    for _ in range(2):
        torch.testing.assert_close(module(X, True), torch.tanh(X * 2))
    with pytest.raises(StrictFusionError, match=r"aten::special_zeta\.other_scalar"):
        module(X, False)


@torch.no_grad()
def test_what_is_beside_parts_is_none() -> None:
    """Nor in PyTorch, which shows an assignment as an empty line."""
    module = tsc.freeze(tsc.script(Writes().eval()), ["count"])
    with pytest.raises(StrictFusionError) as caught:
        module(X, True)
    assert "prim::SetAttr: it writes to memory" in str(caught.value)
    assert "aten::_set_item.str" in str(caught.value)


def test_explain_says_what_would_be_refused_and_does_not_raise() -> None:
    found = tsc.explain(tsc.script(sums_powers), X)
    assert [o.runs for o in found.operators if o.operator == "aten::special_zeta.other_scalar"] == [
        "python",
        "python",
    ]


def test_python_ignores_the_block() -> None:
    with tsc.strict_fusion():
        torch.testing.assert_close(helper(X), torch.special.zeta(X, 3))


def shows_windows(x: Tensor) -> Tensor:
    with torch.jit.strict_fusion():
        y = x * x
        z = y.unfold(0, 2, 1) + 1
    return z


class Strict(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        with torch.jit.strict_fusion():
            return torch.relu(x * self.w + self.w)


@pytest.mark.parametrize("library", [tsc, torch])
def test_where_gradients_are_recorded_operators_must_be_native_both_ways(library: Any) -> None:
    x = library.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    fused = tsc.script(sums)
    fused(x).sum().backward()
    assert x.grad.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert any(getattr(h, "calls", 0) for v in fused.versions.made for h in v.halves.values())
    with pytest.raises(StrictFusionError, match=r"aten::unfold.*(\n.*)*y\.unfold\(0, 2, 1\) \+ 1") as refused:
        tsc.script(shows_windows)(x)
    assert "aten::mul.Tensor" in str(refused.value)
    with library.no_grad():
        assert not tsc.script(shows_windows)(x).requires_grad


def test_modules_are_refused_where_parameters_require_gradients() -> None:
    module, x = Strict(), torch.ones(3, 3)
    scripted = tsc.script(module)
    for _ in range(3):
        scripted(x).sum().backward()
    assert module.w.grad is not None
    assert module.w.grad[0, 0] == 6
