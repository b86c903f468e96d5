# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What a program draws and nobody reads is dropped where PyTorch's compiler drops it, and drawn where that
draws it; and compiling draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc


def next_step_alone(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        x = torch.randint_like(x, -4, 9)
    return torch.randint(0, 50, [6])


def carried(x: Tensor, n: int) -> Tensor:
    y = x
    for _ in range(n):
        y = torch.rand([2])
    torch.sum(y)
    return torch.randint(0, 50, [6])


def in_a_round(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        torch.rand([2])
    return torch.randint(0, 50, [6])


def left_early(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        x = torch.randint_like(x, -4, 9)
        if n > 5:
            break
    return torch.randint(0, 50, [6])


def in_a_branch(x: Tensor, n: int) -> Tensor:
    if n > 2:
        x = torch.randint_like(x, -4, 9)
    return torch.randint(0, 50, [6])


def in_place(x: Tensor, n: int) -> Tensor:
    x.clone().normal_(0.5, 0.25)
    return torch.randint(0, 50, [6])


def into_a_view(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        y = x.clone()
        y[0].uniform_()
        y.mul_(2).normal_()
    return torch.randint(0, 50, [6])


def into_a_view_that_is_read(x: Tensor, n: int) -> Tensor:
    y = x.clone()
    y[0].uniform_()
    return torch.randint(0, 50, [6]) + y.sum()


def into_another(x: Tensor, n: int) -> Tensor:
    y = torch.zeros(2)
    torch.add(torch.rand([2]), x, out=y)
    return torch.randint(0, 50, [2]) + y


def changed_in_place(x: Tensor, n: int) -> Tensor:
    torch.nn.functional.dropout(x, 0.4, True).abs_()
    return torch.randint(0, 50, [6])


def into_an_argument(x: Tensor, n: int) -> Tensor:
    x.uniform_()
    return torch.randint(0, 50, [6])


def beside_a_permutation(x: Tensor, n: int) -> Tensor:
    torch.nn.functional.dropout(x, 0.4, True)
    return x[torch.randperm(x.size(0))] + torch.rand([2])


PROGRAMS = (
    next_step_alone, carried, in_a_round, left_early, in_a_branch, in_place, into_a_view,
    into_a_view_that_is_read, into_another, changed_in_place, into_an_argument, beside_a_permutation,
)  # fmt: skip


def drawn_by(run: Callable[..., Any]) -> list[float]:
    torch.manual_seed(3)
    tsc.manual_seed(3)
    return torch.as_tensor(run(torch.ones(2), 3)).tolist()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_is_dropped_as_by_pytorch(program: Callable[..., Any]) -> None:
    theirs, ours = torch.jit.script(program), tsc.script(program)
    want = drawn_by(theirs)
    assert drawn_by(theirs) == want
    assert [drawn_by(ours) for _ in range(3)] == [want] * 3


def test_what_is_kept_is_kept_in_archives(tmp_path: Any) -> None:
    for program in PROGRAMS:
        path = str(tmp_path / f"{program.__name__}.pt")
        tsc.save(tsc.script(program), path)
        loaded = torch.jit.load(path)
        drawn_by(loaded)
        assert drawn_by(loaded) == drawn_by(torch.jit.script(program)), program.__name__


class Permuted(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(16.0).view(4, 4), False)

    def forward(self) -> tuple[Tensor, Tensor]:
        rows = self.weight[torch.randperm(self.weight.size(0))]
        return torch.nn.functional.dropout(self.weight, 0.4, True), rows


def test_compiling_draws_nothing() -> None:
    """How a result lies is found by running operators, of which some draw."""
    compiled = tsc.optimize_for_inference(tsc.script(Permuted().eval()))
    want: list[Any] = []
    for run in (Permuted(), compiled, compiled):
        torch.manual_seed(3)
        tsc.manual_seed(3)
        want.append([part.tolist() for part in run()])
    assert want[1:] == want[:1] * 2
