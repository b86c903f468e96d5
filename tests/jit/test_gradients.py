# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Programs that ask for gradients give PyTorch's: scripted, frozen, from archives, in the generic tier."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tsc
from tests.jit.programs_gradients import calls
from tsc.options import options

PROGRAMS = calls()


@pytest.fixture(autouse=True)
def compiled_at_once() -> Generator[None]:
    before, options().profiled_runs = options().profiled_runs, 0
    yield
    options().profiled_runs = before


def plain(value: Any) -> Any:
    """A copy that requires no gradients."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def arrays(value: Any) -> Any:
    """The same in NumPy's arrays."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().copy()
    return {k: arrays(v) for k, v in value.items()} if isinstance(value, dict) else value


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    if isinstance(value, (tuple, list)):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value.detach().numpy() if isinstance(value, torch.Tensor) else value]


def assert_same(got: Any, want: Any) -> None:
    for mine, theirs in zip(leaves(got), leaves(want), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)


def made(name: str) -> tuple[nn.Module, list[tuple[Any, ...]], list[Any]]:
    """A program, its calls, and what PyTorch gives."""
    torch.manual_seed(0)
    make, arguments = PROGRAMS[name]
    module = make().eval()
    reference = torch.jit.script(module)
    want = [reference(*map(plain, given)) for given in arguments]
    return module.requires_grad_(False), arguments, want


def scripted(module: nn.Module, path: Path) -> Any:
    return tsc.script(module)


def frozen(module: nn.Module, path: Path) -> Any:
    return tsc.freeze(tsc.script(module))


def loaded(module: nn.Module, path: Path) -> Any:
    torch.jit.script(module).save(str(path))
    return tsc.load(str(path))


def saved(module: nn.Module, path: Path) -> Any:
    tsc.save(tsc.freeze(tsc.script(module)), str(path))
    return tsc.load(str(path))


WAYS = (scripted, frozen, loaded, saved)
PAIRS = [
    (name, WAYS[(number + other) % len(WAYS)]) for number, name in enumerate(PROGRAMS) for other in (0, 2)
]
"""Each program in two of the ways, which differ in what comes before the compiler: a backward program takes
seconds to compile.
"""


@pytest.mark.parametrize(("name", "way"), PAIRS)
def test_gradients_are_pytorchs(name: str, way: Callable[[nn.Module, Path], Any], tmp_path: Path) -> None:
    module, arguments, want = made(name)
    program = way(module, tmp_path / "program.pt")
    form = plain if way in (scripted, frozen) else arrays
    for _ in range(2):
        for given, expected in zip(arguments, want, strict=True):
            assert_same(program(*map(form, given)), expected)
    last = program.forward.last
    assert last is not None
    assert last.is_native


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_generic_tier_notes_what_it_computes(name: str) -> None:
    module, arguments, want = made(name)
    program: Any = tsc.script(module)
    before, options().is_native_enabled = options().is_native_enabled, False
    try:
        for given, expected in zip(arguments, want, strict=True):
            assert_same(program(*map(arrays, given)), expected)
    finally:
        options().is_native_enabled = before


def test_one_specialization_serves_all_sizes() -> None:
    module, arguments, want = made("forces")
    program: Any = tsc.freeze(tsc.script(module))
    before = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
    try:
        program = tsc.freeze(tsc.script(module))
        for given, expected in zip(arguments, want, strict=True):
            assert_same(program(*map(arrays, given)), expected)
        for count in (3, 17, 40):
            generator = torch.Generator().manual_seed(count)
            source = torch.arange(count).repeat_interleave(2)
            edges = torch.stack([source, (source + 1) % count])
            given = torch.randn(count, 3, generator=generator), torch.arange(count) % 20, edges
            assert_same(program(*map(arrays, given)), module(*map(plain, given)))
    finally:
        tsc.set_fusion_strategy(before)
    assert len(program.forward.compiled.table) == 2


def not_required(x: torch.Tensor) -> torch.Tensor:
    y = (x * x).sum()
    gradient = torch.autograd.grad([y], [x])[0]
    assert gradient is not None
    return gradient


def not_a_scalar(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_(True)
    gradient = torch.autograd.grad([x * x], [x])[0]
    assert gradient is not None
    return gradient


def not_used(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_(True)
    y = x.detach().requires_grad_(True)
    gradient = torch.autograd.grad([(x * x).sum()], [y])[0]
    assert gradient is not None
    return gradient


def detached(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_(True)
    gradient = torch.autograd.grad([(x * x).detach().sum()], [x])[0]
    assert gradient is not None
    return gradient


def computed_before(x: torch.Tensor) -> torch.Tensor:
    y = x * x
    x.requires_grad_(True)
    gradient = torch.autograd.grad([y.sum()], [x])[0]
    assert gradient is not None
    return gradient


def leaf_written(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().clone().requires_grad_(True)
    x.add_(1.0)
    gradient = torch.autograd.grad([x.sum()], [x])[0]
    assert gradient is not None
    return gradient


def leaf_written_and_squared(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().clone().requires_grad_(True)
    x.mul_(2.0)
    gradient = torch.autograd.grad([(x * x).sum()], [x])[0]
    assert gradient is not None
    return gradient


REFUSED = [
    not_required, not_a_scalar, not_used, detached, computed_before, leaf_written, leaf_written_and_squared
]  # fmt: skip


@pytest.mark.parametrize("program", REFUSED)
def test_what_pytorch_refuses_is_refused_in_its_words(
    program: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    reference: Any = torch.jit.script(program)
    with pytest.raises(RuntimeError) as theirs:
        reference(torch.ones(3))
    compiled: Any = tsc.script(program)
    for _ in range(2):
        with pytest.raises(RuntimeError) as mine:
            compiled(np.ones(3, np.float32))
        sentence = str(mine.value).strip().rsplit("RuntimeError: ", 1)[-1]
        assert sentence.split(".")[0].removeprefix("One ") in str(
            theirs.value
        )  # theirs: "element 0of the ..."


def without_derivative(x: torch.Tensor, wanted: bool) -> torch.Tensor:
    x = x.detach().requires_grad_(True)
    if wanted:
        y = torch.abs(torch.linalg.eigvals(torch.outer(x, x))).sum()
    else:
        y = x.sum()
    gradient = torch.autograd.grad([y], [x])[0]
    assert gradient is not None
    return gradient


def test_what_has_no_derivative_is_refused_by_name_where_it_is_reached() -> None:
    compiled: Any = tsc.script(without_derivative)
    x = np.ones(4, np.float32)
    np.testing.assert_array_equal(compiled(x, False), x)
    with pytest.raises(RuntimeError, match=r"linalg_eigvals.*derivative"):
        compiled(x, True)


class Frozen(nn.Module):
    """A parameter that requires no gradients is written."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3), False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_(True)
        self.weight.fill_(2)
        gradient = torch.autograd.grad([(x * self.weight).sum()], [x])[0]
        assert gradient is not None
        return gradient


def test_parameters_that_require_no_gradients_are_written() -> None:
    before, options().is_native_enabled = options().is_native_enabled, False
    try:
        assert tsc.script(Frozen())(np.zeros(3, np.float32)).tolist() == [2.0, 2.0, 2.0]
    finally:
        options().is_native_enabled = before


def likeness_requires(x: torch.Tensor) -> tuple[bool, bool]:
    x = x.detach().requires_grad_(True)
    return torch.zeros_like(x).requires_grad, (x * 2).requires_grad


def test_native_programs_know_that_likenesses_require_nothing() -> None:
    scripted: Any = tsc.script(likeness_requires)
    assert scripted(np.zeros(3, np.float32)) == (False, True)
    assert scripted.last.is_native


def past_a_loop(x: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_(True)
    is_large = False
    total = x.detach()
    while not is_large:
        total = total + x.detach()
        is_large = bool((x * total).sum() > 4)
    energy = (x * x).sum()
    gradient = torch.autograd.grad([energy], [x])[0]
    assert gradient is not None
    return gradient + total + float(is_large)


def test_loops_that_give_more_than_tensors_are_passed_by() -> None:
    scripted: Any = tsc.script(past_a_loop)
    assert scripted(np.ones(3, np.float32)).tolist() == [5.0, 5.0, 5.0]
    assert scripted.last.is_native
