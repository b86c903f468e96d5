# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportOptionalMemberAccess=false
"""PyTorch's tensors that require gradients go through native code as one step of its autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import tsc
from tests.autograd.test_native_calls import (
    FUNCTIONS,
    adding_up,
    are_native,
    arguments,
    asking,
    branching,
    counting,
    differentiating,
    first_of,
    halves_of,
    layers,
    looping,
    several,
    tensors_of,
    viewing,
    weighted,
    without_gradients,
)
from tsc.options import options


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "native_gradients", "always")


def prepared(function: Any, *given: Any) -> Any:
    """A scripted function that has been called with such arguments before."""
    scripted = tsc.script(function)
    for _ in range(2):
        scripted(*given)
    return scripted


def seen_of(function: Callable[..., Any], given: list[Tensor]) -> list[Any]:
    results = tensors_of(function(*given))
    flowing = [t for t in results if t.requires_grad]
    gradients = torch.autograd.grad(weighted(torch, flowing), given, retain_graph=True, allow_unused=True)
    flags = [(t.requires_grad, t.is_leaf, t.stride()) for t in results]
    first = torch.autograd.grad(flowing[0].sum(), given, allow_unused=True)
    return [flags, *(t.detach() for t in results), gradients, first]


def assert_close(got: Any, want: Any) -> None:
    if isinstance(want, Tensor):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for mine, theirs in zip(got, want, strict=True):
            assert_close(mine, theirs)
    else:
        assert got == want


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_functions_give_pytorchs_gradients(function: Any) -> None:
    given = arguments(torch)
    scripted = prepared(function, *given)
    assert_close(seen_of(scripted, given), seen_of(function, given))
    assert are_native(scripted)


@pytest.mark.parametrize("function", [layers, branching, looping], ids=lambda f: f.__name__)
def test_gradients_are_those_of_differences_also_the_second_ones(function: Any) -> None:
    draws = torch.Generator().manual_seed(1)
    shapes = ((3, 5), (6, 5), (6,))
    given = [torch.randn(s, generator=draws, dtype=torch.float64, requires_grad=True) for s in shapes]
    scripted = prepared(function, *given)
    assert torch.autograd.gradcheck(scripted, given)
    assert torch.autograd.gradgradcheck(scripted, given)
    assert are_native(scripted)


@pytest.mark.parametrize(
    "function",
    [adding_up, counting, first_of, viewing, without_gradients, differentiating, asking],
    ids=lambda f: f.__name__,
)
def test_what_is_not_certain_is_pytorchs(function: Any) -> None:
    found: list[Any] = []
    for compiled in (tsc.script(function), torch.jit.script(function)):
        x, total = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True), torch.tensor(0.5)
        for _ in range(3):
            flowing = tensors_of(compiled(x, total))
            found.append([total.clone(), *torch.autograd.grad(weighted(torch, flowing), [x])])
    assert_close(found[:3], found[3:])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm(self.convolution(x)))
        return self.out(nn.functional.max_pool2d(h, 2).mean(dim=[2, 3]))


def trained(module: nn.Module, called: Any) -> list[Tensor]:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    draws = torch.Generator().manual_seed(2)
    for _ in range(5):
        x, y = torch.randn(4, 2, 6, 6, generator=draws), torch.tensor([0, 1, 2, 1])
        optimizer.zero_grad()
        nn.functional.cross_entropy(called(x), y).backward()
        optimizer.step()
    return [t.detach() for t in module.state_dict().values()]


def test_modules_are_trained_as_by_pytorch() -> None:
    torch.manual_seed(0)
    net = Net()
    reference, scripted = copy.deepcopy(net), tsc.script(net)
    found, want = trained(net, scripted), trained(reference, reference)
    for mine, theirs in zip(found, want, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
    assert are_native(scripted.forward)
    scripted.eval()
    net.out.weight.requires_grad_(False)
    for _ in range(3):
        net.zero_grad()
        scripted(torch.ones(1, 2, 6, 6)).sum().backward()
    assert net.out.weight.grad is None
    assert net.out.bias.grad is not None


def test_writing_to_what_gradients_need_is_an_error() -> None:
    given = arguments(torch)
    scripted = prepared(layers, *given)
    x, w, b = (t * 1 for t in given)
    y = scripted(x, w, b)
    with torch.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    y = scripted(*given)
    y *= 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    x, w, b = (t * 1 for t in given)
    y = scripted(x, w, b)
    with torch.no_grad():
        b += 1  # which no gradient depends on
    y.sum().backward()


def test_graphs_are_used_once_and_hooks_see_gradients() -> None:
    given = arguments(torch)
    scripted, seen = prepared(layers, *given), list[Any]()
    for function in (scripted, layers):
        x, told = given[0] * 1, list[Any]()
        x.retain_grad()
        x.register_hook(lambda g: g * 3)
        y = function(x, *given[1:])
        y.register_hook(lambda g, told=told: told.append(g.clone()))
        weighted(torch, [y]).backward()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            y.sum().backward()
        seen.append([*told, x.grad])
    assert_close(*seen)


def test_what_watches_operators_sees_pytorchs() -> None:
    given = arguments(torch)
    scripted = prepared(layers, *given)
    calls = halves_of(scripted)[0].calls
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert scripted(*given).grad_fn is not None
    x, w, b = (t.detach() for t in given)
    by_transform = torch.func.grad(lambda x: scripted(x, w, b).exp().sum())(x)
    torch.testing.assert_close(by_transform, torch.func.grad(lambda x: layers(x, w, b).exp().sum())(x))
    by_checkpoint = checkpoint(scripted, *given, use_reentrant=False)
    assert_close(torch.autograd.grad(by_checkpoint.exp().sum(), given), seen_of_exp(layers, given))
    assert halves_of(scripted)[0].calls == calls


def seen_of_exp(function: Callable[..., Any], given: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(function(*given).exp().sum(), given)


def test_tensors_that_lie_otherwise_go_through_pytorchs_operators() -> None:
    given = arguments(torch)
    scripted = prepared(layers, *given)
    x = given[0].detach().t().contiguous().t().requires_grad_()
    calls = halves_of(scripted)[0].calls
    assert_close(seen_of(scripted, [x, *given[1:]]), seen_of(layers, [x, *given[1:]]))
    assert halves_of(scripted)[0].calls == calls


def test_gradients_of_some_results_only() -> None:
    given = arguments(torch)
    scripted = prepared(several, *given)
    for pick in ((0,), (1,), (2,), (0, 2)):
        found = [
            torch.autograd.grad(
                weighted(torch, [tensors_of(f(*given))[n] for n in pick]), given, allow_unused=True
            )
            for f in (scripted, several)
        ]
        assert_close(*found)


def many(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    for _ in range(12):
        x = torch.tanh(x * w[0] + 1) - torch.sigmoid(x) * x.exp()
    return x


@pytest.mark.parametrize(("function", "is_native"), [(layers, False), (many, True)])
def test_only_what_is_faster_is_native_unless_it_is_told_otherwise(
    function: Any, is_native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "native_gradients", "auto")
    scripted = prepared(function, *arguments(torch))
    assert are_native(scripted) == is_native
    monkeypatch.setattr(options(), "native_gradients", "never")
    scripted = prepared(function, *arguments(tsc))
    assert not are_native(scripted)
