# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Random numbers in native code: PyTorch's, in its order, of one generator whoever draws."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc

SIZES = (1, 15, 17, 31, 624, 1249, 100_003)
"""Around the blocks of normal numbers, and the words of the twister."""


def uniform(x: Tensor) -> Tensor:
    return torch.rand_like(x)


def normal(x: Tensor) -> Tensor:
    return torch.randn_like(x)


def dropped(x: Tensor) -> Tensor:
    return torch.nn.functional.dropout(x, 0.3, True)


def whole(x: Tensor) -> Tensor:
    return torch.randint_like(x, -5, 1000)


def exponential(x: Tensor) -> Tensor:
    return x.clone().exponential_(2.0)


def one_sample(x: Tensor) -> Tensor:
    return torch.multinomial(x, 1)


def several_samples(x: Tensor) -> Tensor:
    return torch.multinomial(x, 5, True)


def between(x: Tensor) -> Tensor:
    return x.clone().uniform_(-3.0, 1.5)


def around(x: Tensor) -> Tensor:
    return torch.stack([torch.normal(x, 0.0), x.clone().normal_(0.0, 2.5), torch.normal(0.0, x)])


EXACT = (uniform, normal, dropped, whole, exponential, one_sample, several_samples, between, around)


def require_same_place(found: Any, expected: Any) -> None:
    """States of generators are the same, but for the last digit of a normal number that is kept."""
    kept = slice(5024, 5032)
    assert abs(found[kept].view(np.float64) - expected[kept].view(np.float64)) < 1e-14
    found, expected = found.copy(), expected.copy()
    found[kept] = expected[kept] = 0
    np.testing.assert_array_equal(found, expected)


def drawn(program: Callable[..., Any], generator: Any, calls: int, *arguments: Any) -> tuple[list[Any], Any]:
    """Results from one seed, and where the generator is then."""
    generator.manual_seed(11)
    results = [program(*arguments) for _ in range(calls)]
    return results, np.asarray(generator.get_rng_state())


def tiers(program: Any) -> set[str]:
    return {info.tier for info in program.specializations()}


def require_pytorchs(program: Callable[..., Any], *arguments: Any, calls: int = 3, **tolerance: Any) -> None:
    """Native code draws what PyTorch draws, and leaves the generator where PyTorch leaves it."""
    script = tsc.script(program)
    expected, behind = drawn(program, torch, calls, *arguments)
    found, where = drawn(script, tsc, calls, *arguments)
    assert tiers(script) == {"native"}
    require_same_place(where, behind)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, **tolerance)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("program", EXACT, ids=lambda program: program.__name__)
def test_numbers_are_pytorchs(program: Callable[..., Any], size: int) -> None:
    if program is several_samples and size > 10_000:
        pytest.skip("sums of so many weights are added in another order")
    require_pytorchs(program, torch.rand(size) + 0.1, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [5, 16, 40, 700])
@pytest.mark.parametrize("program", [uniform, normal, dropped, between], ids=lambda p: p.__name__)
def test_other_dtypes(program: Callable[..., Any], size: int, dtype: torch.dtype) -> None:
    x = (torch.rand(size) + 0.1).to(dtype)
    require_pytorchs(program, x, rtol=1e-15 if dtype == torch.float64 else 0, atol=1e-15)


class Noisy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)
        self.drop = torch.nn.Dropout(0.2)
        self.channels = torch.nn.Dropout1d(0.4)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.channels(self.drop(self.linear(x).relu())[None])[0] + self.calls


def test_a_module_in_training_mode() -> None:
    module = Noisy().train()
    script = tsc.script(copy.deepcopy(module))
    with torch.no_grad():
        x = torch.randn(6, 8)
        expected, behind = drawn(module, torch, 6, x)
        found, where = drawn(script, tsc, 6, x)
    assert tiers(script) == {"native"}
    require_same_place(where, behind)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def steps(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        x = x * 0.9 + 0.1 * torch.randn_like(x)
    return x


def walk(x: Tensor) -> tuple[Tensor, int]:
    n = 0
    while bool((x.abs().max() < 3.0).item()) and n < 50:
        x = x + torch.randn_like(x)
        n += 1
    return x, n


def either(x: Tensor) -> Tensor:
    if bool((torch.rand(1) < 0.5).item()):
        return x + torch.rand(2, 8).sum()
    return x * torch.randn(20)[0]


@pytest.mark.parametrize(("program", "rest"), [(steps, (9,)), (walk, ()), (either, ())])
def test_loops_and_branches(program: Callable[..., Any], rest: tuple[Any, ...]) -> None:
    require_pytorchs(program, torch.randn(3, 5) * 0.1, *rest, calls=6)


def sized(x: Tensor) -> Tensor:
    return x + torch.randn(x.size(0), x.size(1), dtype=x.dtype) + torch.rand(x.size(0), 1)


def test_sizes_that_change() -> None:
    script = tsc.script(sized)
    inputs = [torch.randn(n, 7) for n in (2, 2, 3, 5, 30, 90, 4)]
    torch.manual_seed(3)
    tsc.manual_seed(3)
    for x in inputs:
        torch.testing.assert_close(script(x), sized(x))
    assert len(script.specializations()) <= 3
    assert tiers(script) == {"native"}


def picks(x: Tensor, i: Tensor) -> Tensor:
    x = x + torch.rand_like(x)
    return x[i]


def test_what_raises_has_drawn_once() -> None:
    """The generic tier does such a call again, from the beginning."""
    x, script = torch.zeros(4), tsc.script(picks)
    script(x, torch.tensor([1]))
    torch.manual_seed(3)
    tsc.manual_seed(3)
    for place in (1, 77, 2):
        for program in (picks, script):
            with pytest.raises(IndexError) if place == 77 else pytest.MonkeyPatch.context():
                program(x, torch.tensor([place]))
    require_same_place(np.asarray(tsc.get_rng_state()), torch.get_rng_state().numpy())


WHOLE = torch.rand(6, 8)


@pytest.mark.parametrize("x", [WHOLE, WHOLE.t(), WHOLE[:, ::2], WHOLE[:1]], ids=["whole", "t", "gaps", "row"])
def test_numbers_go_into_memory_in_its_order(x: Tensor) -> None:
    script = tsc.script(normal)
    script(torch.rand(6, 8))
    expected, _ = drawn(normal, torch, 3, x)
    found, _ = drawn(script, tsc, 3, x)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
        assert mine.stride() == theirs.stride()


def samples(x: Tensor) -> Tensor:
    return torch.multinomial(x, 2)


@pytest.mark.parametrize("x", [[0.5, -1.0, 1.0], [0.0, 0.0, 0.0], [float("nan"), 1.0, 1.0]])
def test_weights_that_are_none(x: list[float]) -> None:
    script = tsc.script(samples)
    script(torch.ones(3))
    with pytest.raises(RuntimeError, match=r"probability tensor|sum of probabilities"):
        script(torch.tensor(x))


def own(x: Tensor) -> Tensor:
    torch.rand(5)  # nobody reads these: PyTorch's compiler drops them
    return x + torch.rand_like(x)


def test_unread_draws_are_dropped() -> None:
    x = torch.zeros(4)
    script, theirs = tsc.script(own), torch.jit.script(own)
    expected, _ = drawn(theirs, torch, 4, x)
    found, _ = drawn(script, tsc, 4, x)
    torch.testing.assert_close(found, expected)


def test_the_generator_is_one_for_all_tiers() -> None:
    """Native code goes on where Python has left the generator, and the other way round."""
    script, x = tsc.script(normal), torch.zeros(5)
    script(x)
    torch.manual_seed(3)
    tsc.manual_seed(3)
    for _ in range(3):
        torch.testing.assert_close(script(x), torch.randn_like(x))
        np.testing.assert_array_equal(np.asarray(tsc.randn(3)), torch.randn(3).numpy())
    state = tsc.get_rng_state()
    first = script(x)
    tsc.set_rng_state(state)
    torch.testing.assert_close(script(x), first, rtol=0, atol=0)


def test_threads_never_draw_the_same() -> None:
    script, x = tsc.script(sized), torch.zeros(10, 40)
    script(x)
    script(x)
    tsc.manual_seed(1)
    sums: list[float] = []

    def work() -> None:
        sums.extend(script(x).sum().item() for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tsc.manual_seed(1)
    assert sorted(sums) == sorted(script(x).sum().item() for _ in range(400))


def test_other_kinds_of_tensors_have_short_ways_too() -> None:
    script = tsc.script(normal)
    x = np.zeros((3, 4), np.float32)
    for given in (x, torch.from_numpy(x), tsc.tensor(x), x, torch.from_numpy(x)):
        assert type(script(given)) is type(given)
    assert tiers(script) == {"native"}
