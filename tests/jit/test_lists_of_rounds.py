# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Lists that one loop fills and another one reads, from whichever end, as in decoding along the best path:
such programs are native, with loops that stay loops, for all lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, List, Tuple  # noqa: UP035

import pytest
import torch
from torch import Tensor

import tsc


def best_path(e: Tensor, t: Tensor) -> Tensor:
    score = e[0]
    back: List[Tensor] = []  # noqa: UP006
    for i in range(1, e.size(0)):
        m = score[:, None] + t
        best, places = m.max(0)
        back.append(places)
        score = best + e[i]
    last = score.argmax()
    path = [last]
    for j in range(len(back) - 1, -1, -1):
        last = back[j][last]
        path.append(last)
    return torch.stack(path[::-1])


def scored(e: Tensor, t: Tensor) -> Tuple[Tensor, List[Tensor]]:  # noqa: UP006
    score = e[0]
    back: List[Tensor] = []  # noqa: UP006
    for i in range(1, e.size(0)):
        best, places = (score[:, None] + t).max(0)
        back.append(places)
        score = best + e[i]
    return score.argmax(), back


def best_path_reversed(e: Tensor, t: Tensor) -> Tensor:
    last, back = scored(e, t)
    path = [last]
    for places in back[::-1]:
        last = places[last]
        path.append(last)
    path.reverse()
    return torch.stack(path)


def best_path_from_the_front(e: Tensor, t: Tensor) -> Tensor:
    last, back = scored(e, t)
    path = [last]
    for j in range(len(back) - 1, -1, -1):
        last = back[j][last]
        path.insert(0, last)
    return torch.stack(path)


def there_and_back(e: Tensor, t: Tensor) -> Tensor:
    states: List[Tensor] = [t[0]]  # noqa: UP006
    y = t[0]
    for i in range(e.size(0)):
        y = torch.tanh(y + e[i])
        states.append(y)
    z = torch.zeros_like(y)
    for i in range(len(states) - 1, 0, -2):
        z = torch.tanh(z + states[i] - states[-1])
    return z + len(states)


PROGRAMS: list[Callable[..., Any]] = [best_path, best_path_reversed, best_path_from_the_front, there_and_back]


def assert_right(function: Any, program: Callable[..., Any], lengths: tuple[int, ...]) -> None:
    for length in lengths:
        e, t = torch.randn(length, 5), torch.randn(5, 5)
        got, want = function(e, t), program(e, t)
        assert got.dtype is want.dtype
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("program", PROGRAMS)
def test_short_and_long_ones_are_native(program: Callable[..., Any]) -> None:
    function = tsc.script(program)
    assert_right(function, program, (9, 120))
    rows = function.specializations()
    assert {row.tier for row in rows} == {"native"}
    assert rows[-1].kernels < 60  # a kernel for each of a loop's steps, and not of its rounds


@pytest.mark.parametrize("program", [best_path, best_path_reversed, there_and_back])
@pytest.mark.usefixtures("for_all_sizes")
def test_one_compilation_is_for_all_lengths(program: Callable[..., Any]) -> None:
    function = tsc.script(program)
    assert_right(function, program, (30, 7, 300, 2, 64))
    (row,) = function.specializations()
    assert row.tier == "native"


def from_the_second(x: Tensor) -> Tensor:
    y = x[0]
    for i in range(1, x.size(0)):
        y = torch.tanh(y + x[i])
    return y


def backwards(x: Tensor) -> Tensor:
    y = x[-1]
    for i in range(x.size(0) - 2, -1, -1):
        y = torch.tanh(y - x[i])
    return y


def every_third(x: Tensor) -> Tensor:
    y = torch.zeros_like(x[0])
    for i in range(2, x.size(0), 3):
        y = torch.tanh(y + x[i] * i)
    return y


@pytest.mark.parametrize("program", [from_the_second, backwards, every_third])
@pytest.mark.usefixtures("for_all_sizes")
def test_ranges_from_anywhere_stay_loops(program: Callable[..., Any]) -> None:
    function: Any = tsc.script(program)
    for length in (300, 31, 8, 64, 5, 9):
        x = torch.randn(length, 4)
        torch.testing.assert_close(function(x), program(x))
    rows = function.specializations()
    assert {row.tier for row in rows} == {"native"}
    assert len(rows) <= 2
    assert all(row.kernels < 12 for row in rows)


def in_pieces(x: Tensor, size: int) -> Tensor:
    pieces: List[Tensor] = []  # noqa: UP006
    for i in range(0, x.size(0), size):
        pieces.append(torch.tanh(x[i : i + size]) + i)  # noqa: PERF401
    return torch.cat(pieces)


@pytest.mark.parametrize("size", [6, 5, 20, 1])
def test_the_last_piece_may_be_smaller(size: int) -> None:
    function = tsc.script(in_pieces)
    for length in (20, 21, 4, 60):
        x = torch.randn(length, 3)
        torch.testing.assert_close(function(x, size), in_pieces(x, size))
    assert {row.tier for row in function.specializations()} == {"native"}


def reads_beyond(e: Tensor, k: int) -> Tensor:
    states: List[Tensor] = []  # noqa: UP006
    for i in range(e.size(0)):
        states.append(e[i] * 2)  # noqa: PERF401
    y = e[0]
    for _ in range(2):
        y = y + states[k]
    return y


def test_an_index_beyond_the_list_raises_as_it_does() -> None:
    function = tsc.script(reads_beyond)
    e = torch.randn(40, 3)
    for k in (0, 39, -1, -40):
        torch.testing.assert_close(function(e, k), reads_beyond(e, k))
    for k in (40, -41):
        with pytest.raises(RuntimeError, match="list index out of range"):
            function(e, k)


def writes_later(e: Tensor) -> tuple[Tensor, Tensor]:
    states: List[Tensor] = []  # noqa: UP006
    for i in range(e.size(0)):
        states.append(e[i] * 2)  # noqa: PERF401
    first = states[0]
    first.add_(1)
    return torch.stack(states[::-1]), first


def test_what_the_list_holds_is_written_where_it_is() -> None:
    function = tsc.script(writes_later)
    for length in (4, 40):
        e = torch.randn(length, 3)
        for got, want in zip(function(e), writes_later(e), strict=True):
            torch.testing.assert_close(got, want)
