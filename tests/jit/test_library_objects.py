# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false, reportPrivateUsage=false
"""What libraries give to be scripted: modules that stand in for themselves, and operators of their own."""

from __future__ import annotations

import gc
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.errors import TscError


class Plain(nn.Module):
    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Dressed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 4))
        self.asked = 0

    def __prepare_scriptable__(self) -> nn.Module:
        self.asked += 1
        return Plain(self.weight)

    def forward(self, *x: Tensor, **anything: Any) -> Tensor:
        return x[0] @ self.weight


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = Dressed()
        self.again = self.part
        self.several = nn.ModuleList([Dressed(), nn.ReLU()])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.several:
            x = layer(x)
        return self.again(self.part(x))


@pytest.mark.parametrize("make", [Net, Dressed])
def test_a_module_is_asked_once_for_what_is_scripted(make: type[nn.Module]) -> None:
    net, x = make().eval(), torch.rand(2, 4)
    script = tsc.script(net)
    for module in (script, script, tsc.optimize_for_inference(script)):
        torch.testing.assert_close(module(x), net(x))
    for module in net.modules():
        if isinstance(module, Dressed):
            assert module.asked == 1
    assert not any(isinstance(module, Plain) for module in net.modules())


def test_the_weights_stay_those_of_the_module() -> None:
    net, x = Dressed().eval(), torch.rand(2, 4)
    script = tsc.script(net)
    with torch.no_grad():
        net.weight.zero_()
        assert not script(x).any()


def twice(x: Tensor, by: float) -> Tensor:
    return x * by


def parts(xs: list[Tensor], times: int | None = None, *, turned: bool = False) -> tuple[Tensor, Tensor]:
    return xs[0] + (times or 1), -xs[-1] if turned else xs[-1] * 1


@pytest.fixture
def library() -> Any:
    made = torch.library.Library("tsctests", "DEF")
    made.define("twice(Tensor x, float by) -> Tensor")
    made.impl("twice", twice, "CPU")
    yield made
    made._destroy()


def with_an_operator_of_its_own(x: Tensor) -> Tensor:
    return torch.ops.tsctests.twice(x, 2.5)


def test_operators_of_another_library_run_where_pytorch_has_them(library: Any) -> None:
    library.define("parts(Tensor[] xs, int? times=None, *, bool turned=False) -> (Tensor, Tensor)")
    library.impl("parts", parts, "CPU")
    library.define("fill_(Tensor(a!) x, Scalar value) -> Tensor(a!)")
    library.impl("fill_", Tensor.fill_, "CPU")
    file = io.BytesIO()
    net, x = WithOperators().eval(), torch.randn(2, 3)
    torch.jit.save(torch.jit.script(net), file)
    made: Any = tsc.script(net)
    modules = [made, tsc.load(io.BytesIO(file.getvalue())).eval()]
    modules += [*map(tsc.optimize_for_inference, modules), torch.jit.load(io.BytesIO(made.save_to_buffer()))]
    with torch.no_grad():
        for module in modules:
            for _ in range(3):
                torch.testing.assert_close(tuple(module(x)), net(x))


class WithOperators(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.relu(torch.ops.tsctests.twice(self.linear(x), 2.5))
        first, last = torch.ops.tsctests.parts([x, y], turned=True)
        made = torch.zeros(3)
        torch.ops.tsctests.fill_(made, 4.0)
        return first.sum() + last, made


def test_an_operator_that_nobody_has_is_refused_by_its_name(library: Any) -> None:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(with_an_operator_of_its_own), file)
    library._destroy()
    file.seek(0)
    with pytest.raises(TscError, match=r"operator '?tsctests::twice'? has no definition"):
        tsc.load(file)(torch.ones(2))


def registered(x: Tensor) -> Tensor:
    return torch.ops.aten.relu(torch.ops.aten.add(x, 1)) + torch.ops.aten.neg(x)


def test_operators_of_pytorch_by_their_registered_names() -> None:
    x = torch.randn(5)
    script = tsc.script(registered)
    for _ in range(2):
        assert torch.equal(script(x), registered(x))
    assert script.last.is_native


def test_operators_of_a_library_that_is_gone_keep_their_address(
    library: Any, operators_alive: list[Any]
) -> None:
    """The oracle's table goes by addresses (see conftest.py): another object there would be an operator."""
    function = vars(torch.ops.tsctests.twice)["_op"]
    address = id(function)
    library._destroy()
    del function
    gc.collect()
    assert any(id(kept) == address for kept in operators_alive)
