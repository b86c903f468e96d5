"""Generators as users see them: seeds and states, PyTorch's among arguments, programs that draw, threads."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false, reportUnknownParameterType=false, reportUnknownLambdaType=false

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tsc.errors import ArgumentError, CompileError, OperatorError
from tsc.runtime.generators import Generator


def test_states_go_both_ways() -> None:
    mine, theirs = tsc.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    for count in (0, 1, 3, 700, 16):
        tsc.randn(count, generator=mine)
        torch.randn(count, generator=theirs)
        assert np.array_equal(mine.get_state().numpy(), theirs.get_state().numpy())
    other = tsc.Generator().set_state(theirs.get_state())
    third = torch.Generator()
    third.set_state(torch.from_numpy(mine.get_state().numpy()))
    want = torch.randn(5, generator=theirs)
    assert torch.equal(want, torch.randn(5, generator=third))
    assert np.array_equal(want.numpy(), tsc.randn(5, generator=other).numpy())
    assert np.array_equal(want.numpy(), tsc.randn(5, generator=mine.clone_state()).numpy())


def test_seeds_are_pytorchs() -> None:
    assert tsc.Generator().initial_seed() == torch.Generator().initial_seed()
    for seed in (3, -1, 2**64 - 1, 1.0, np.int64(5)):
        assert tsc.Generator().manual_seed(seed).initial_seed() == (
            torch.Generator().manual_seed(int(seed)).initial_seed()
        )
    with pytest.raises(OperatorError):
        tsc.Generator().manual_seed(2**64)
    made = tsc.Generator()
    assert made.seed() == made.initial_seed() != tsc.Generator().seed()


def test_the_default_generator() -> None:
    assert tsc.manual_seed(11) is tsc.default_generator
    assert tsc.initial_seed() == 11
    state = tsc.get_rng_state()
    first = tsc.rand(3).numpy()
    tsc.set_rng_state(state)
    assert np.array_equal(first, tsc.rand(3).numpy())
    assert np.array_equal(first, torch.rand(3, generator=torch.Generator().manual_seed(11)).numpy())


@pytest.mark.parametrize("state", [np.zeros(5056, np.uint8), np.zeros(7, np.uint8), np.zeros(5056)], ids=str)
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(OperatorError):
        tsc.Generator().set_state(state)


def test_what_is_no_generator_is_refused() -> None:
    with pytest.raises(ArgumentError):
        tsc.rand([2], generator=3)
    with pytest.raises(ArgumentError):
        tsc.Generator("cuda")


def seeded(x: Tensor) -> tuple[Tensor, Tensor, int]:
    torch.manual_seed(3)
    generator = torch.Generator(seed=5)  # pyright: ignore[reportCallIssue]
    drawn = torch.rand([2], generator=generator)
    generator.manual_seed(9)
    return drawn, torch.rand([2], generator=generator) + torch.rand([2]), generator.initial_seed()


def given(generator: torch.Generator, x: Tensor) -> Tensor:
    return torch.randn_like(x) + torch.rand(x.shape, generator=generator)


def unread(x: Tensor, n: int) -> Tensor:
    dropped = torch.rand(3) * 2  # noqa: F841  # pyright: ignore[reportUnusedVariable]
    if n > 2:
        unseen = torch.randn(5)  # noqa: F841  # pyright: ignore[reportUnusedVariable]
    return x + torch.rand(1)


def made(seed: int) -> torch.Generator:
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def test_programs_make_and_seed_generators() -> None:
    drawn, both, seed = tsc.script(seeded)(torch.ones(2))
    want = torch.rand(2, generator=torch.Generator().manual_seed(5))
    rest = [torch.rand(2, generator=torch.Generator().manual_seed(s)) for s in (9, 3)]
    assert torch.equal(drawn, want)
    assert torch.equal(both, rest[0] + rest[1])
    assert seed == 9


@pytest.mark.parametrize("wants", [False, True])
def test_programs_draw_from_generators_of_pytorch(wants: bool) -> None:
    script, theirs = tsc.script(given), torch.jit.script(given)
    a, b = torch.Generator().manual_seed(4), torch.Generator().manual_seed(4)
    x = torch.ones(20, requires_grad=wants)
    for _ in range(4):
        tsc.manual_seed(1)
        got = script(a, x)
        torch.manual_seed(1)
        assert torch.equal(got, theirs(b, x))
        assert torch.equal(a.get_state(), b.get_state())


def test_programs_give_generators_back() -> None:
    result = tsc.script(made)(8)
    state = result.get_state()
    assert np.array_equal(np.asarray(state), torch.Generator().manual_seed(8).get_state().numpy())


def test_generators_have_three_methods_in_programs() -> None:
    def asks(generator: torch.Generator) -> Tensor:
        return generator.get_state()

    with pytest.raises(CompileError, match="get_state"):
        tsc.script(asks)


def test_numbers_nobody_reads_are_not_drawn() -> None:
    script, theirs = tsc.script(unread), torch.jit.script(unread)
    for n in (0, 1, 4):
        for _ in range(3):
            tsc.manual_seed(2)
            got = script(torch.ones(3), n)
            torch.manual_seed(2)
            assert torch.equal(got, theirs(torch.ones(3), n))


class Noisy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)
        self.drop = torch.nn.Dropout(0.4)
        self.rrelu = torch.nn.RReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.drop(self.linear(x))
        if float(torch.rand(1)) > 0.5:
            y = y + torch.randn_like(y)
        y = self.rrelu(y) + torch.bernoulli(torch.sigmoid(y))
        return y, torch.randint(0, 100, [3]), torch.randperm(5)


def same_draws(mine: Any, theirs: Any) -> None:
    tsc.manual_seed(5)
    got = [mine(torch.ones(3, 8)) for _ in range(5)]
    torch.manual_seed(5)
    want = [theirs(torch.ones(3, 8)) for _ in range(5)]
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a[0], b[0])
        assert torch.equal(a[1], b[1])
        assert torch.equal(a[2], b[2])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("wants", [False, True])
def test_scripted_and_loaded_programs_draw_the_same(training: bool, wants: bool) -> None:
    torch.manual_seed(0)
    model = Noisy().requires_grad_(wants).train(training)
    scripted, theirs = tsc.script(model), torch.jit.script(model)
    same_draws(scripted, theirs)
    archive = io.BytesIO()
    scripted.save(archive)
    archive.seek(0)
    loaded = tsc.load(archive).train(training)
    with torch.no_grad():
        same_draws(loaded, theirs)
        if not training:
            same_draws(tsc.freeze(loaded), theirs)
            same_draws(tsc.optimize_for_inference(tsc.script(model)), theirs)


def test_layers_of_programs_without_pytorch_begin_as_pytorchs() -> None:
    tsc.manual_seed(6)
    mine = [tsc.nn.Linear(7, 5), tsc.nn.Conv2d(4, 6, 3, groups=2), tsc.nn.Embedding(9, 5)]
    torch.manual_seed(6)
    theirs = [torch.nn.Linear(7, 5), torch.nn.Conv2d(4, 6, 3, groups=2), torch.nn.Embedding(9, 5)]
    for ours, other in zip(mine, theirs, strict=True):
        for (_, a), (_, b) in zip(ours.named_parameters(), other.named_parameters(), strict=True):
            assert np.array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_draw_is_not_interrupted_by_other_threads() -> None:
    count, each = 4, 50
    tsc.manual_seed(1)
    want = {tsc.randn(33).numpy().tobytes() for _ in range(count * each)}
    tsc.manual_seed(1)
    with ThreadPoolExecutor(count) as pool:
        drawn = pool.map(lambda k: [tsc.randn(33).numpy().tobytes() for _ in range(each)], range(count))
        got = [block for blocks in drawn for block in blocks]
    assert set(got) == want
    assert len(got) == len(want)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_child_goes_on_from_where_the_parent_is() -> None:
    generator = Generator().manual_seed(3)
    tsc.randn(3, generator=generator)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, tsc.randn(3, generator=generator).numpy().tobytes())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == tsc.randn(3, generator=generator).numpy().tobytes()
