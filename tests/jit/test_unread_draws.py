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


def into_an_unread_maximum(x: Tensor, n: int) -> Tensor:
    largest, _ = torch.max(torch.rand([3, 4]), 0)
    largest.add_(3)
    return torch.randint(0, 50, [6])


def written_over(x: Tensor, n: int) -> Tensor:
    y = torch.bernoulli(x * 0.5)
    y[1:] = x[1:]
    y[x > 0.2] = 3
    torch.add(x, x, out=y)
    return torch.randint(0, 50, [6])


def one_of_two(x: Tensor, n: int) -> Tensor:
    y = torch.bernoulli(x * 0.5)
    z = y if n > 2 else x.clone()
    z.add_(1)
    return torch.randint(0, 50, [6])


def into_a_list(x: Tensor, n: int) -> Tensor:
    ys = [torch.bernoulli(x * 0.5), x]
    ys[0].add_(3)
    zs: list[Tensor] = []
    zs.append(torch.rand([3]))
    return torch.randint(0, 50, [6])


def into_a_piece_of_a_list(x: Tensor, n: int) -> Tensor:
    torch.bernoulli(x * 0.5).chunk(2, 0)[0].add_(3)
    torch.rand([4]).split(2)[1].add_(3)
    return torch.randint(0, 50, [6])


def into_an_unpacked_chunk(x: Tensor, n: int) -> Tensor:
    first, _second = torch.rand([4]).chunk(2, 0)
    first.add_(3)
    return torch.randint(0, 50, [6])


def into_an_unpacked_row(x: Tensor, n: int) -> Tensor:
    first, _second = torch.rand([2]).unbind(0)
    first.add_(3)
    return torch.randint(0, 50, [6])


def into_the_rows(x: Tensor, n: int) -> Tensor:
    for row in torch.rand([4]).unbind(0):
        row.add_(1)
    return torch.randint(0, 50, [6])


def drawn(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.rand([2]), torch.rand([3])


def size_of(x: Tensor) -> int:
    return x.size(0)


def ignoring(x: Tensor, y: Tensor) -> Tensor:
    return y + 1


def half_of_a_call(x: Tensor, n: int) -> Tensor:
    first, _ = drawn(x)
    return torch.randint(0, 50, [2]) + first


def for_a_call(x: Tensor, n: int) -> Tensor:
    y = torch.rand([7])
    return torch.randint(0, 50, [2]) + ignoring(y, x)


def size_for_a_call(x: Tensor, n: int) -> Tensor:
    y = x.clone().normal_()
    torch.nn.functional.layer_norm(x, [y.size(0)])
    return torch.randint(0, 50, [size_of(y)])


PROGRAMS = (
    next_step_alone, carried, in_a_round, left_early, in_a_branch, in_place, into_a_view,
    into_a_view_that_is_read, into_another, changed_in_place, into_an_argument, beside_a_permutation,
    into_an_unread_maximum, written_over, one_of_two, into_a_list, into_a_piece_of_a_list,
    into_an_unpacked_chunk, into_an_unpacked_row, into_the_rows, half_of_a_call, for_a_call, size_for_a_call,
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
        want = drawn_by(loaded)
        assert want == drawn_by(torch.jit.script(program)), program.__name__
        ours = tsc.jit.load(path)  # its methods are those of a live module: the first calls run in Python
        assert [drawn_by(ours) for _ in range(3)] == [want] * 3, program.__name__


class Reading(torch.nn.Module):
    def forward(self, x: Tensor, n: int) -> Tensor:
        y = torch.nn.functional.dropout(x, 0.5)
        if n > 2:
            y = y + ignoring(x, torch.rand([2]))
        a, b = drawn(y)
        c = y.clone()
        c.uniform_()
        return y + a + b.sum() + c


class Wasting(Reading):
    def forward(self, x: Tensor, n: int) -> Tensor:
        torch.nn.functional.dropout(x, 0.5)
        return torch.rand([2])


@pytest.mark.parametrize("module", [Reading(), Wasting()])
def test_calls_are_inlined_at_once_only_where_draws_may_be_unread(module: torch.nn.Module) -> None:
    method = tsc.script(module).forward
    assert method.interpreter.known.may_draw_for_nothing(method.function) is isinstance(module, Wasting)
