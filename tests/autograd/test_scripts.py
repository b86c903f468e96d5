# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""Script functions and modules give tensors of `tsc` with the gradients that PyTorch's give."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tests.autograd.test_gradients import assert_same


def rounds(x: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    parts: list[torch.Tensor] = []
    for i in range(n):
        if bool(x.sum() > 1):
            x = x * x + i
        else:
            x = x - 1
        parts.append(x.sum())
    y = torch.stack(parts)
    y[0] = x[0] * 2
    return y, x.detach()


def written(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    x.mul_(w)
    return x


def with_inner(x: torch.Tensor) -> torch.Tensor:
    y = x.detach().requires_grad_(True)
    inner = torch.autograd.grad([(y * y * y).sum()], [y])[0]
    assert inner is not None
    return x * inner


def test_functions_pass_gradients_on() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(rounds)), (torch, torch.jit.script(rounds))):
        x = library.tensor([0.5, 2.0], requires_grad=True)
        results = compiled(x, 4), compiled(x, 4)
        results[1][0].sum().backward()
        found.append([results, x.grad])
    assert_same(*found)


def test_arguments_that_are_written_are_results() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(written)), (torch, torch.jit.script(written))):
        x, w = library.tensor([0.5, 2.0]), library.tensor([1.0, 3.0], requires_grad=True)
        y = compiled(x, w)
        y.sum().backward()
        found.append([y is x, x, w.grad])
    assert_same(*found)


def test_programs_that_differentiate_are_differentiated() -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(with_inner)), (torch, torch.jit.script(with_inner))):
        x = library.tensor([0.5, 2.0], requires_grad=True)
        compiled(x).sum().backward()
        found.append(x.grad)
    assert_same(*found)


class Net(tsc.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = tsc.nn.Linear(3, 4)
        self.norm = tsc.nn.BatchNorm1d(4)
        self.out = tsc.nn.Linear(4, 1)

    def forward(self, x: tsc.Tensor) -> tsc.Tensor:
        return self.out(tsc.tanh(self.norm(self.hidden(x)))).squeeze(-1)


@pytest.fixture
def data() -> tuple[tsc.Tensor, tsc.Tensor]:
    x = tsc.randn(16, 3, generator=tsc.Generator().manual_seed(1))
    return x, x.sum(1)


def losses(module: Any, x: tsc.Tensor, y: tsc.Tensor, count: int = 5) -> list[float]:
    found: list[float] = []
    for _ in range(count):
        loss = ((module(x) - y) ** 2).mean()
        module.zero_grad()
        loss.backward()
        with tsc.no_grad():
            for parameter in module.parameters():
                parameter -= 0.05 * parameter.grad
        found.append(loss.item())
    return found


def test_script_modules_are_fitted_as_the_modules_that_they_were_made_of(data: Any) -> None:
    tsc.manual_seed(0)
    net = Net()
    scripted: Any = tsc.script(copy.deepcopy(net))
    found, want = losses(scripted, *data), losses(net, *data)
    assert found == pytest.approx(want, rel=1e-5)
    assert want[-1] < want[0]
    assert scripted.norm.num_batches_tracked.item() == 5
    names = [name for name, _ in net.named_parameters()]
    assert [name for name, _ in scripted.named_parameters()] == names
    assert all(isinstance(parameter, tsc.nn.Parameter) for parameter in scripted.parameters())


def test_parameters_are_those_of_the_module(data: Any, tmp_path: Path) -> None:
    net = Net().eval()
    scripted: Any = tsc.script(net)
    assert scripted.hidden.weight is net.hidden.weight
    net.hidden.requires_grad_(False)
    copied = copy.deepcopy(scripted)
    assert not copied.hidden.weight.requires_grad
    assert copied.out.weight.requires_grad
    copied(data[0]).sum().backward()
    assert copied.out.weight.grad is not None
    assert net.out.weight.grad is None
    scripted.save(tmp_path / "net.pt")
    flags = [p.requires_grad for p in torch.jit.load(str(tmp_path / "net.pt")).parameters()]
    assert flags == [p.requires_grad for p in net.parameters()]
    scripted.double()
    assert scripted.hidden.weight is net.hidden.weight
    assert net.hidden.weight.dtype is tsc.float64


def test_frozen_modules_have_constants_where_there_were_parameters(data: Any) -> None:
    frozen: Any = tsc.freeze(tsc.script(Net().eval()))
    x = data[0].clone()
    assert not frozen(x).requires_grad
    assert frozen.forward.last.is_native
    x.requires_grad_()
    assert frozen(x).requires_grad
    y = frozen(x)
    assert y.requires_grad
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


def test_calls_are_native_where_no_gradients_are_wanted(data: Any) -> None:
    scripted: Any = tsc.script(Net().eval())
    x = data[0]
    with tsc.no_grad():
        plain = [scripted(x) for _ in range(4)]
    assert scripted.forward.last.is_native
    assert not plain[-1].requires_grad
    recorded = scripted(x)
    assert recorded.requires_grad
    np.testing.assert_allclose(recorded.tolist(), plain[0].tolist(), rtol=1e-5)
    assert isinstance(scripted(x.numpy()), np.ndarray)
    assert tsc.explain(scripted, x).is_native
    assert "detaches some" in str(tsc.explain(tsc.script(rounds), x.requires_grad_(), 2).reason)
    x.requires_grad_(False)
    with tsc.no_grad():
        assert tsc.explain(scripted, x).reason is None


def begun(x: torch.Tensor, begins: torch.Tensor) -> torch.Tensor:
    x.requires_grad_()
    seeds: list[torch.Tensor | None] = [begins]
    found = torch.autograd.grad([x * 2], [x], seeds)[0]
    assert found is not None
    return found


def begun_backward(x: torch.Tensor, begins: torch.Tensor) -> torch.Tensor:
    x.requires_grad_()
    (x * 2).backward(begins)
    found = x.grad
    assert found is not None
    return found


@pytest.mark.parametrize("program", [begun, begun_backward])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3), (1,), (), (2,), (0, 3)], ids=str)
def test_given_gradients_are_summed_where_they_are_broadcast(
    program: Any, dtype: str, shape: tuple[int, ...]
) -> None:
    found: list[Any] = []
    for library, compiled in ((tsc, tsc.script(program)), (torch, torch.jit.script(program))):
        begins = library.ones(shape, dtype=getattr(library, dtype))
        for _ in range(2):  # the second call is native
            try:
                got = compiled(library.ones(3), begins)
                found.append((str(got.dtype).split(".")[1], got.tolist()))
            except RuntimeError as error:
                found.append(str(error).strip().rsplit("\n", 1)[-1].removeprefix("RuntimeError: ")[-20:])
    assert all(outcome == found[-1] for outcome in found)


def gradient(y: torch.Tensor, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    found = torch.autograd.grad([(y * y * w + x).sum()], [x])[0]
    assert found is not None
    return found


def scaled_unrecorded(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    with torch.no_grad():
        y.mul_(w)
    return gradient(y, x, w)


def piece_unrecorded(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    with torch.no_grad():
        y[0] = w[1] * 7
    return gradient(y, x, w)


def branch_unrecorded(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    with torch.no_grad():
        if bool(w[0] > 0):
            y.mul_(w)
    return gradient(y, x, w)


def rounds_unrecorded(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    for i in range(int(w.size(0)) - 1):
        with torch.no_grad():
            y[i].mul_(w[i])
        y.detach()[1].add_(1)
    return gradient(y, x, w)


def leaf_unrecorded(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    x.requires_grad_()
    with torch.no_grad():
        x.mul_(w)
        x[0] = w[1]
    return gradient(x * 2, x, w)


def scaled_detached(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    y.detach().mul_(w)
    return gradient(y, x, w)


def piece_detached(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    y.detach()[0].fill_(5.0)
    return gradient(y, x, w)


def leaf_detached(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    x.requires_grad_()
    x.detach().mul_(w)
    return gradient(x * 2, x, w)


def recorded_beside_detached(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.requires_grad_() * 2
    z = y.detach()
    y[0] = w[1] * y[1]
    return gradient(y * z, x, w)


WRITES = [
    scaled_unrecorded, piece_unrecorded, branch_unrecorded, rounds_unrecorded, leaf_unrecorded,
    scaled_detached, piece_detached, leaf_detached, recorded_beside_detached,
]  # fmt: skip


@pytest.mark.parametrize("program", WRITES)
def test_what_is_written_unrecorded_keeps_its_gradient(program: Any) -> None:
    found: list[Any] = []
    for library, compiled in ((torch, torch.jit.script(program)), (tsc, tsc.script(program))):
        for _ in range(2 if library is tsc else 1):
            x, w = (library.tensor(values) for values in ([1.0, 2.0, 3.0], [0.5, -1.0, 2.0]))
            found += [compiled(x, w).tolist()]
    assert found[1:] == found[:1] * 2
