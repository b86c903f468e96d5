# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Programs that ask whether two tensors are one: what follows from how they came is settled when the program
is compiled, and for arguments, each answer gets code of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc

KINDS: list[Callable[[Tensor], Any]] = [lambda t: t, lambda t: t.numpy(), lambda t: tsc.tensor(t.numpy())]
CALLS = ["abc", "aaa", "abb", "aab", "aba", "aaa", "abc", "abb"]


def arrays(result: Any) -> list[Any]:
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


def agree(got: Any, want: Any) -> bool:
    return all(np.allclose(g, w, atol=1e-5) for g, w in zip(arrays(got), arrays(want), strict=True))


def given(kind: Callable[[Tensor], Any], names: str, *shape: int) -> tuple[list[Tensor], list[Any]]:
    """Arguments for PyTorch and for us; those of one name are one tensor."""
    theirs = {name: torch.randn(shape) for name in sorted(set(names))}
    mine = {name: kind(tensor) for name, tensor in theirs.items()}
    return [theirs[name] for name in names], [mine[name] for name in names]


def tiers(module: Any) -> set[str]:
    return {row.tier for row in module.specializations()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_frozen", [False, True])
def test_attention_is_native_whichever_tensors_are_one(
    kind: Callable[[Tensor], Any], is_frozen: bool
) -> None:
    module = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    mine = tsc.freeze(tsc.script(module)) if is_frozen else tsc.script(module)
    with torch.no_grad():
        for names in CALLS * 2:
            theirs, ours = given(kind, names, 2, 5, 8)
            for _ in range(3):
                assert agree(mine(*ours), module(*theirs))
    found = mine.specializations()
    assert tiers(mine) >= {"native"}
    causes = {row.cause for row in found}
    assert "other arguments are the same tensor" in causes


def test_attention_over_a_memory_of_the_same_sizes_is_native() -> None:
    module = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True).eval()
    mine = tsc.freeze(tsc.script(module))
    for length in (5, 7, 5):
        x, memory = torch.randn(2, length, 8), torch.randn(2, length, 8)
        with torch.no_grad():
            assert agree(mine(x, memory), module(x, memory))
            assert agree(mine(x, x), module(x, x))
    assert tiers(mine) == {"native"}


def asking(n: int, a: Tensor, xs: list[Tensor], b: Tensor) -> tuple[Tensor, int]:
    if a is b:
        return a * 2 + n, 1
    if xs[0] is b:
        return a - b, 2
    return a + b + xs[0], 3


def test_the_answer_holds_for_one_call_alone() -> None:
    mine, theirs = tsc.script(asking), torch.jit.script(asking)
    a, b, c = (torch.randn(3) for _ in range(3))
    for first, listed, last in [(a, c, b), (a, a, a), (a, b, b), (b, c, a), (a, c, b), (b, b, b)] * 3:
        want, got = theirs(3, first, [listed], last), mine(3, first, [listed], last)
        assert got[1] == want[1]
        assert torch.equal(got[0], want[0])
        arrays_ = {id(t): t.numpy() for t in (first, listed, last)}
        again = mine(3, arrays_[id(first)], [arrays_[id(listed)]], arrays_[id(last)])
        assert again[1] == want[1]


def of_five(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor) -> Tensor:
    y = a.clone()
    if a is b:
        y += 1
    if b is c:
        y += 10
    if c is d:
        y += 100
    if d is e:
        y += 1000
    return y


def test_more_answers_than_there_are_versions() -> None:
    mine = tsc.script(of_five)
    for names in ["abcde", "aabbc", "aaaaa", "abbbc", "abcdd", "aabcc", "abccc", "aabbc", "abcde"]:
        theirs, ours = given(lambda t: t, names, 3)
        for _ in range(3):
            assert agree(mine(*ours), of_five(*theirs))


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("same", torch.zeros(()))
        self.register_buffer("other", torch.zeros(()))

    def forward(self, scale: float, a: Tensor, b: Tensor) -> Tensor:
        y = a.detach()
        if y is a:
            return a
        if a is b:
            self.same += 1
        else:
            self.other = self.other + 1
        return (a + b) * scale


def test_of_a_module_with_state() -> None:
    module, mine = Counting(), tsc.script(Counting())
    for names in ["ab", "aa", "ab", "ab", "aa", "aa", "ab"]:
        theirs, ours = given(lambda t: t, names, 4)
        assert agree(mine(0.5, *ours), module(0.5, *theirs))
    assert float(mine.same) == float(module.same) == 3
    assert float(mine.other) == float(module.other) == 4


def made(a: Tensor, b: Tensor, flag: bool) -> list[bool]:
    y = a * 2
    z = y.t()
    w = y if flag else z
    same = a.contiguous()
    first, second = y.chunk(2)
    kept = y.to(torch.float32)
    return [
        y is a, z is y, w is y, w is z, w is a, same is a, first is second, first is y, kept is y, y is y,
        y is b, a.float() is a, a.double() is a, y.add_(1) is y, a.view(a.size()) is a, y.flatten() is y,
        torch.positive(a) is a, a.expand_as(a) is a, y.reshape_as(y) is y, y.reshape(4, 4) is y,
    ]  # fmt: skip


def test_of_what_a_program_makes() -> None:
    mine, theirs = tsc.script(made), torch.jit.script(made)
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    for flag in (True, False) * 3:
        assert mine(a, b, flag) == theirs(a, b, flag)
        assert mine(a.t(), a, flag) == theirs(a.t(), a, flag)
        assert mine(a, a, flag) == theirs(a, a, flag)
