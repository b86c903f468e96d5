# pyright: reportAssignmentType=false, reportCallIssue=false
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
"""Our functions and modules inside PyTorch: gradients, traces, transforms, autocast, other weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import tsc
from tsc.errors import CompileError, NotSupportedError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(x))


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            return x * 2
        return x - 1


def grown(x: torch.Tensor) -> torch.Tensor:
    for i in range(x.size(0)):
        x = x + i
    return x.view(x.size(0) * x.size(1))


def squared(x: torch.Tensor) -> torch.Tensor:
    return x.tanh() * x


MAKERS: list[Callable[[], Any]] = [
    lambda: tsc.script(squared),
    lambda: tsc.trace(squared, (torch.ones(2, 3),)),
    lambda: tsc.script(Net().eval()),
    lambda: tsc.freeze(tsc.script(Net().eval())),
    lambda: tsc.trace(Net().eval(), (torch.ones(2, 3),)),
]


def test_what_cannot_be_frozen_says_what_can() -> None:
    cases: list[tuple[Any, str]] = [
        (torch.jit.script(Net().eval()), r"this module is one of torch\.jit; tsc\.script\(module\) takes it"),
        (Net(), r"Hint: tsc\.script\(module\), or tsc\.trace"),
        (tsc.nn.Linear(2, 3), r"Hint: tsc\.script\(module\), or tsc\.trace"),
        ("net", "Got str"),
    ]
    for given, words in cases:
        for make in (tsc.freeze, tsc.optimize_for_inference):
            with pytest.raises(CompileError, match=f"expects a ScriptModule as input.*{words}"):
                make(given)
    x = torch.ones(2, 3)
    scripted = torch.jit.script(Net().eval())
    assert torch.allclose(tsc.freeze(tsc.script(scripted))(x), scripted(x))


@pytest.mark.parametrize("make", MAKERS)
def test_gradients_are_recorded_after_calls_without_them(make: Callable[[], Any]) -> None:
    made, x = make(), torch.rand(2, 3)
    with torch.no_grad():
        expected = made(x)
    leaf = x.clone().requires_grad_()
    result = made(leaf)
    result.sum().backward()
    torch.testing.assert_close(result.detach(), expected)
    assert leaf.grad is not None


@pytest.mark.parametrize("make", MAKERS)
def test_autocast_around_a_call_holds_in_it(make: Callable[[], Any]) -> None:
    product = tsc.script(lambda_product)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.bfloat16
    assert make()(torch.ones(2, 3)).dtype is torch.float32


def lambda_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b


@pytest.mark.parametrize("make", MAKERS)
def test_transforms_of_torch_func_go_through_a_call(make: Callable[[], Any]) -> None:
    made, x = make(), torch.rand(4, 2, 3)
    one = made(x[1])
    torch.testing.assert_close(torch.vmap(made)(x)[1], one)
    _, tangent = torch.func.jvp(made, (x[0],), (x[0],))
    assert tangent.shape == one.shape


def test_an_evaluated_module_records_gradients_of_its_parameters() -> None:
    module = Net().eval()
    tsc.script(module)(torch.ones(1, 3)).sum().backward()
    assert module.linear.bias.grad is not None


@pytest.mark.parametrize("is_nested", [False, True])
def test_functional_call_runs_with_the_weights_given_and_puts_the_others_back(is_nested: bool) -> None:
    live = Net().eval()
    scripted = tsc.script(live)
    outer, prefix = (nn.Sequential(scripted), "0.") if is_nested else (scripted, "")
    x, weights = torch.rand(2, 3), {n: torch.rand_like(p) for n, p in live.named_parameters()}
    before = scripted(x).detach()

    def loss(given: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(outer, {prefix + n: v for n, v in given.items()}, (x,)).sum()

    def expected(given: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(live, given, (x,)).sum()

    torch.testing.assert_close(loss(weights), expected(weights))
    torch.testing.assert_close(torch.func.grad(loss)(weights), torch.func.grad(expected)(weights))
    torch.testing.assert_close(scripted(x).detach(), before)
    assert scripted.linear.weight is live.linear.weight


@pytest.mark.parametrize("function", [Branching().forward, grown])
def test_torch_jit_trace_keeps_control_flow_and_sizes(function: Callable[..., Any]) -> None:
    is_module = function is not grown
    script = tsc.script(Branching().eval() if is_module else grown)
    traced = torch.jit.trace(lambda x: script(x) + 1, (torch.ones(2, 2),))
    other = -torch.ones(4, 3)
    torch.testing.assert_close(traced(other), function(other) + 1)


def test_torch_jit_trace_sees_the_weights_of_the_moment() -> None:
    module, x = Net().eval(), torch.ones(1, 3)
    scripted = tsc.script(module)
    torch.jit.trace(scripted, (x,))
    with torch.no_grad():
        module.linear.bias.add_(1)
    torch.testing.assert_close(torch.jit.trace(scripted, (x,))(x), module(x))


def test_torch_jit_trace_of_a_module_in_training_is_refused_by_a_sentence() -> None:
    scripted = tsc.script(Net())
    with pytest.raises(NotSupportedError, match="requires script modules of tsc in eval mode"):
        torch.jit.trace(lambda x: scripted(x), (torch.ones(1, 3),))


def test_a_frozen_module_says_why_pytorchs_tracer_does_not_take_it() -> None:
    frozen = tsc.freeze(tsc.script(Net().eval()))
    with pytest.raises(AttributeError, match="a frozen module is in eval mode for good"):
        torch.jit.trace(frozen, (torch.ones(1, 3),))
