# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false
"""Calls whose gradients are recorded are two native functions where it is certain what the gradients are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tests.autograd.test_gradients import assert_same


def layers(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    h = torch.relu(torch.nn.functional.linear(x, w, b))
    return torch.softmax(h * torch.tanh(h), -1)


def several(x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
    y = x @ w.t()
    return y.exp(), [y.sum(0), b * b], x.detach() + 1, torch.zeros_like(x) + 2


def branching(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    if bool(x.sum() > 0):
        y = x @ w.t()
    else:
        y = torch.sin(x @ w.t()) + b
    return y * y


def looping(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    for _ in range(3):
        x = torch.tanh(x @ w.t()[:, :5] + b[:5])
    return x.view(-1)


def writing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    y = torch.zeros(4, 6)
    y[1:3] = x[1:3] @ w.t()
    y += b
    return y.clamp(min=0.1)


FUNCTIONS = (layers, several, branching, looping, writing)


def arguments(library: Any) -> list[Any]:
    draws = np.random.default_rng(3)
    shapes = ((4, 5), (6, 5), (6,))
    return [
        library.tensor(draws.normal(size=shape).astype(np.float32).tolist(), requires_grad=True)
        for shape in shapes
    ]


def tensors_of(result: Any) -> list[Any]:
    if isinstance(result, (list, tuple)):
        return [tensor for part in result for tensor in tensors_of(part)]
    return [result]


def halves_of(function: Any) -> list[Any]:
    """What there is for the recorded calls of a function."""
    return [found for version in function.versions.made for found in version.halves.values()]


def are_native(function: Any) -> bool:
    return any(getattr(found, "calls", 0) > 0 for found in halves_of(function))


def weighted(library: Any, tensors: list[Any]) -> Any:
    return sum((t * library.arange(1.0, 1 + t.numel()).reshape(t.shape)).sum() for t in tensors)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_native_calls_give_the_gradients_of_the_tape(function: Any) -> None:
    found: list[Any] = []
    scripted = tsc.script(function)
    for library, compiled in ((tsc, scripted), (torch, function)):
        given, seen = arguments(library), list[Any]()
        for _ in range(3):
            results = tensors_of(compiled(*given))
            flags = [t.requires_grad for t in results], [t.is_leaf for t in results]
            flowing = [t for t in results if t.requires_grad]
            weighted(library, flowing).backward()
            seen.append([results, flags, [x.grad for x in given]])
        found.append(seen)
    assert_same(*found)
    assert are_native(scripted)


def test_gradients_of_gradients_flow_through_native_calls() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(layers)), (torch, layers)):
        given, seen = arguments(library), list[Any]()
        for _ in range(3):
            y = compiled(*given)
            first = library.autograd.grad(weighted(library, [y]), given, create_graph=True)
            norm = sum((g * g).sum() for g in first)
            seen.append([first, library.autograd.grad(norm, given)])
        found.append(seen)
    assert_same(*found)


def test_gradients_of_some_results_flow_where_those_have() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(several)), (torch, several)):
        given, seen = arguments(library), list[Any]()
        for _ in range(3):
            y, (z, u), *_ = compiled(*given)
            seen.append(library.autograd.grad(u.sum(), given, retain_graph=True, allow_unused=True))
            seen.append(library.autograd.grad(weighted(library, [z]), given[:2], retain_graph=True))
            seen.append(library.autograd.grad(weighted(library, [y, u]), given))
        found.append(seen)
    assert_same(*found)


def test_what_is_written_afterwards_was_read_before() -> None:
    def program(library: Any, compiled: Any) -> Any:
        given, seen = arguments(library), list[Any]()
        for _ in range(3):
            x, w, b = (t * 1 for t in given)
            y = compiled(x, w, b)
            z = y * 1
            with library.no_grad():
                for tensor in (x, w, b, y):
                    tensor += 1
            seen.append(library.autograd.grad(weighted(library, [z]), given))
        return seen

    def reading(library: Any) -> Any:
        given = arguments(library)
        return [library.autograd.grad(weighted(library, [layers(*given)]), given) for _ in range(3)]

    assert_same(program(tsc, tsc.script(layers)), reading(torch))


def test_results_are_written_as_any_tensor() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(writing)), (torch, writing)):
        given, seen = arguments(library), list[Any]()
        for _ in range(3):
            y = compiled(*given)
            y *= 2
            y[0] = given[2]
            seen.append([y, library.autograd.grad(weighted(library, [y]), given)])
        found.append(seen)
    assert_same(*found)


def test_hooks_and_retained_gradients_see_native_calls() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(layers)), (torch, layers)):
        given, seen = arguments(library), list[Any]()
        for _ in range(3):
            x = given[0] * 1
            x.retain_grad()
            x.register_hook(lambda g: g * 3)
            y = compiled(x, *given[1:])
            y.register_hook(lambda g, seen=seen: seen.append(g.clone()))
            y.retain_grad()
            given[0].grad = None
            weighted(library, [y]).backward()
            seen.append([x.grad, y.grad, given[0].grad.clone()])
        found.append(seen)
    assert_same(*found)


def test_a_graph_is_used_once_unless_it_is_retained() -> None:
    compiled, given = tsc.script(layers), arguments(tsc)
    for _ in range(3):
        y = compiled(*given)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            y.sum().backward()


def adding_up(x: Tensor, total: Tensor) -> Tensor:
    total += x.detach().sum()
    return x * total


def counting(x: Tensor, total: Tensor) -> Tensor:
    total += 1
    return x * x


def first_of(x: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    return x, x * total


def viewing(x: Tensor, total: Tensor) -> Tensor:
    return x.view(2, 2)


def without_gradients(x: Tensor, total: Tensor) -> Tensor:
    with torch.no_grad():
        scale = (x * x).sum()
    return x * scale


def differentiating(x: Tensor, total: Tensor) -> Tensor:
    y = x.detach().requires_grad_(True)
    inner = torch.autograd.grad([(y * y).sum()], [y])[0]
    assert inner is not None
    return x * inner


def asking(x: Tensor, total: Tensor) -> Tensor:
    return x * 2 if x.requires_grad else x * 3


@pytest.mark.parametrize(
    ("function", "is_native"),
    [
        (adding_up, False), (counting, True), (first_of, False), (viewing, False), (without_gradients, False),
        (differentiating, False), (asking, False),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_effects_and_modes_are_kept(function: Any, is_native: bool) -> None:
    found: list[Any] = []
    scripted = tsc.script(function)
    for library, compiled in ((tsc, scripted), (torch, torch.jit.script(function))):
        x, total = library.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True), library.tensor(0.5)
        seen: list[Any] = []
        for _ in range(3):
            flowing = tensors_of(compiled(x, total))
            before = total.clone()
            seen.append([flowing, before, library.autograd.grad(weighted(library, flowing), [x])])
        found.append(seen)
    assert_same(*found)
    assert are_native(scripted) == is_native


def test_modules_in_training_are_native() -> None:
    class Net(tsc.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = tsc.nn.Conv2d(2, 4, 3)
            self.norm = tsc.nn.BatchNorm2d(4)

        def forward(self, x: tsc.Tensor) -> tsc.Tensor:
            return tsc.relu(self.norm(self.hidden(x))).mean(dim=(2, 3))

    tsc.manual_seed(0)
    net, reference = Net(), torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4))
    pairs = list(zip(reference.state_dict().items(), net.state_dict().values(), strict=True))
    for (_, theirs), ours in pairs:
        theirs.copy_(torch.tensor(ours.tolist()))
    scripted, x = tsc.script(net), tsc.randn(3, 2, 6, 6)
    for _ in range(4):
        net.zero_grad()
        reference.zero_grad()
        scripted(x).sum().backward()
        torch.relu(reference(torch.tensor(x.tolist()))).mean(dim=(2, 3)).sum().backward()
        for ours, theirs in zip(net.parameters(), reference.parameters(), strict=True):
            np.testing.assert_allclose(ours.grad.tolist(), theirs.grad.tolist(), rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(net.buffers(), reference.buffers(), strict=True):
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=1e-5)
    assert are_native(scripted.forward)
