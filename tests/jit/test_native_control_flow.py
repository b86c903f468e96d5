# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Branches and loops over tensors of known shapes are native code, and do what PyTorch does: values, types,
memory, exceptions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.side_by_side import again, assert_same, outcome, sharing
from tsc.options import options


def branch(x: Tensor) -> Tensor:
    if bool(x.sum() > 0):
        y = x * 2
    else:
        y = torch.relu(-x) + 1
    return y + 1


def branch_without_else(x: Tensor, flag: Tensor) -> Tensor:
    y = x + 1
    if bool(flag):
        y = y * 3
    return y


def nested_branches(x: Tensor) -> tuple[Tensor, int]:
    n = 0
    y = x + 0
    if bool(x.sum() > 0):
        n = 1
        if bool(x.max() > 2):
            n = 2
            y = y * 2
        else:
            y = y - 1
    return y, n


def newton(a: Tensor) -> tuple[Tensor, int]:
    x, n = a, 0
    err = torch.ones(1)
    while bool(err > 1e-6) and n < 100:
        y = 0.5 * (x + a / x)
        err = (y - x).abs().max()
        x = y
        n += 1
    return x, n


def may_run_no_round(a: Tensor) -> Tensor:
    x = a
    while bool(x.sum() < 100):
        x = x * 2 + 1
    return x


def counts(x: Tensor) -> tuple[Tensor, int, float, bool]:
    n, f, odd = 0, 0.5, False
    while bool(x.abs().max() > 1):
        x = x / 2
        n = n + 1
        f = f * 2.0 - 0.25
        odd = not odd
    return x, n, f, odd


def index_of_the_round(x: Tensor) -> Tensor:
    y = torch.zeros(4)
    for i in range(600):
        y = y + x * i
    return y


def rows_in_a_loop(x: Tensor) -> Tensor:
    h = torch.zeros(4)
    for i in range(x.size(0)):
        h = torch.tanh(h + x[i])
    return h


def rows_from_the_end(x: Tensor) -> Tensor:
    h = torch.zeros(4)
    for i in range(x.size(0)):
        h = h * 0.5 + x[-i - 1]
    return h


def swaps(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    a, b = x + 0, y + 0
    while bool(a.sum() < 50):
        a, b = b + 1, a * 2
    return a, b


def early_return(x: Tensor) -> Tensor:
    y = x * 1
    for i in range(700):
        y = y * 1.5
        if bool(y.max() > 100):
            return y - i
    return y


def writes_rows(x: Tensor) -> Tensor:
    out = torch.zeros(300, 4)
    h = x[0] * 1
    for i in range(300):
        h = torch.sin(h + 1)
        out[i] = h
    return out


def writes_columns(x: Tensor) -> Tensor:
    out = torch.zeros(4, 300)
    for i in range(300):
        out[:, i] = x[0] * i
    return out


def writes_in_a_branch(x: Tensor) -> Tensor:
    y = x * 2
    if bool(x.sum() > 0):
        y[0] = 7.0
        y += 1
    else:
        y[-1].zero_()
    return y


def adds_in_place(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    for i in range(600):
        y += x * i
        y[0].mul_(0.5)
    return y


def writes_an_argument(x: Tensor, flag: Tensor) -> Tensor:
    if bool(flag):
        x.add_(1)
    return x * 2


def appends_and_stacks(x: Tensor) -> Tensor:
    out: list[Tensor] = []
    h = torch.zeros(4)
    for i in range(x.size(0)):
        h = torch.tanh(x[i] + h)
        out.append(h)
    return torch.stack(out)


def appends_and_stacks_columns(x: Tensor) -> tuple[Tensor, Tensor]:
    out: list[Tensor] = []
    other: list[Tensor] = []
    for i in range(x.size(0)):
        out.append(x[i] * i)
        other.append(x[i : i + 1].clone() if i < 0 else x[i].unsqueeze(0) + 1)
    return torch.stack(out, 1), torch.cat(other, -1)


def appends_and_reads(x: Tensor) -> tuple[Tensor, Tensor, int]:
    out: list[Tensor] = []
    for i in range(40):
        out.append(x[0] * i + torch.arange(4.0))  # noqa: PERF401 - it is the append that is tested
    return out[3], out[-1] + 1, len(out)


def decodes(x: Tensor) -> tuple[Tensor, Tensor]:
    tokens: list[Tensor] = []
    h = x * 1
    for _ in range(200):
        h = torch.sin(h * 1.7 + 0.3)
        tokens.append(h.argmax(0, keepdim=True))
        if bool(h[0] > 0.9):
            break
    return torch.stack(tokens, 1), h


def decodes_rows(x: Tensor) -> Tensor:
    rows: list[Tensor] = []
    h = x.reshape(1, 4)
    n = 0
    while n < 50 and bool(h.abs().max() < 40):
        h = h * 1.3 + 0.1
        rows.append(h)
        n += 1
    return torch.cat(rows, 0)


def decodes_columns(x: Tensor) -> tuple[Tensor, Tensor]:
    columns: list[Tensor] = []
    h = x.reshape(4, 1).repeat(1, 2)
    for i in range(30):
        h = h * 1.3 + i
        columns.append(h)
        if bool(h.max() > 60):
            break
    return torch.cat(columns, 1), torch.stack(columns, -1)


def collatz(x: Tensor) -> int:
    steps = 0
    n = x
    while bool(n != 1):
        if bool(n % 2 == 0):
            n = n // 2
        else:
            n = n * 3 + 1
        steps += 1
    return steps


def carries_other_types(x: Tensor) -> tuple[int, Tensor]:
    n = 0
    y = x
    while n < 3:
        n += 1
        y = y > 0
    return n, y


X = torch.linspace(-1, 3, 4)
LONG = torch.linspace(-1, 1, 150 * 4).reshape(150, 4)
NATIVE: dict[Callable[..., Any], list[list[Tensor]]] = {
    branch: [[X], [-X], [torch.zeros(4)]],
    branch_without_else: [[X, torch.tensor(True)], [X, torch.tensor(False)]],
    nested_branches: [[X], [-X], [X / 4]],
    newton: [[X + 2], [X + 9]],
    may_run_no_round: [[X], [X * 100], [X]],
    counts: [[X], [X * 50], [X / 9]],
    index_of_the_round: [[X]],
    rows_in_a_loop: [[LONG]],
    rows_from_the_end: [[LONG]],
    swaps: [[X, X + 1], [X * 9, X * 9]],
    early_return: [[X], [X * 0]],
    writes_rows: [[LONG]],
    writes_columns: [[LONG]],
    writes_in_a_branch: [[X], [-X]],
    adds_in_place: [[X]],
    appends_and_stacks: [[LONG]],
    appends_and_stacks_columns: [[LONG]],
    appends_and_reads: [[LONG]],
    decodes: [[X], [X + 5], [torch.full((4,), 0.9)]],
    decodes_columns: [[X], [X * 100], [X * 0]],
}  # fmt: skip
"""Functions that become native as a whole, and arguments that take all their ways."""
OTHERS: dict[Callable[..., Any], list[list[Tensor]]] = {
    carries_other_types: [[X]],
    collatz: [[torch.tensor(27)], [torch.tensor(1)]],
    decodes_rows: [[X], [X * 100], [X * 0]],
    writes_an_argument: [[X, torch.tensor(True)], [X, torch.tensor(False)]],
}


def check(function: Callable[..., Any], calls: list[list[Tensor]]) -> Any:
    """Hold each call to PyTorch's, three times over; the compiled function."""
    scripted, expected = tsc.script(function), torch.jit.script(function)
    for _ in range(3):
        for arguments in calls:
            given, wanted = again(arguments), again(arguments)
            got, want = outcome(scripted, given), outcome(expected, wanted)
            assert_same([got, given], [want, wanted])
            assert sharing([got, given]) == sharing([want, wanted])
    return scripted


@pytest.mark.parametrize("function", NATIVE, ids=lambda f: f.__name__)
def test_a_program_with_branches_or_loops_is_one_native_function(function: Callable[..., Any]) -> None:
    scripted = check(function, NATIVE[function])
    assert scripted.last is not None
    assert scripted.last.is_native, scripted.last.reason


@pytest.mark.parametrize("function", OTHERS, ids=lambda f: f.__name__)
def test_others_do_what_pytorch_does(function: Callable[..., Any]) -> None:
    check(function, OTHERS[function])


@pytest.mark.parametrize("function", [*NATIVE, *OTHERS], ids=lambda f: f.__name__)
def test_every_pass_keeps_what_branches_and_loops_do(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    check(function, (NATIVE | OTHERS)[function])


# --- what the generic tier must tell ---


def row_out_of_range(x: Tensor, n: int) -> Tensor:
    h = torch.zeros(4)
    for i in range(n):
        h = h + x[i]
    return h


def write_out_of_range(x: Tensor, n: int) -> Tensor:
    out = torch.zeros(200, 4)
    for i in range(n):
        out[i] = x[0]
    return out


@pytest.mark.parametrize("function", [row_out_of_range, write_out_of_range], ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [1, 150, 250])
def test_an_index_out_of_range_raises_as_in_pytorch(function: Callable[..., Any], n: int) -> None:
    scripted, expected = tsc.script(function), torch.jit.script(function)
    for _ in range(2):
        assert_same(outcome(scripted, (LONG, n)), outcome(expected, (LONG, n)))


def embeds(table: Tensor, start: Tensor) -> Tensor:
    at = start
    total = torch.zeros(4)
    for _ in range(300):
        total = total + torch.nn.functional.embedding(at, table)
        at = (at * 3 + 1) % 7
    return total


@pytest.mark.parametrize("rows", [7, 5])
def test_a_gather_in_a_loop_is_checked(rows: int) -> None:
    """Five rows are too few: native code finds that out, reads nothing beyond them, and PyTorch's error is
    raised.
    """
    table = torch.linspace(-1, 1, rows * 4).reshape(rows, 4)
    scripted, expected = tsc.script(embeds), torch.jit.script(embeds)
    for _ in range(2):
        given = (table, torch.tensor(2))
        assert_same(outcome(scripted, given), outcome(expected, given))


def asserts(x: Tensor) -> Tensor:
    assert bool(x.sum() > 0), "a positive sum"
    y = x
    for i in range(300):
        y = y * 1.01 + 1
        if bool(y.max() > 1e4):
            raise ValueError("too large after " + str(i))
    return y


@pytest.mark.parametrize("scale", [1.0, -1.0, 1e3], ids=["", "asserts", "raises"])
def test_exceptions_are_told_as_in_pytorch(scale: float) -> None:
    scripted, expected = tsc.script(asserts), torch.jit.script(asserts)
    for _ in range(3):
        assert_same(outcome(scripted, (X * scale,)), outcome(expected, (X * scale,)))
    assert scripted.last is not None
    assert scripted.last.is_native, scripted.last.reason
    if scale < 0:
        with pytest.raises(Exception, match="a positive sum"):
            scripted(X * scale)
    if scale > 1:
        with pytest.raises(Exception, match="too large after"):
            scripted(X * scale)


@pytest.mark.filterwarnings("error")
def test_what_would_raise_in_a_branch_that_is_not_taken_is_no_failure_to_compile() -> None:
    def beyond(x: Tensor, y: Tensor) -> Tensor:
        for n in range(3):
            if bool((y == y).all()):
                y = y + 1
            else:
                x[n] = 2
        return y * 2

    x, y = torch.ones(2, 5), torch.ones(3)
    scripted = tsc.script(beyond)
    for _ in range(2):
        assert_same(scripted(x, y), beyond(x, y))


# --- how long it takes ---


def test_a_long_loop_is_not_unrolled() -> None:
    scripted = tsc.script(rows_in_a_loop)
    scripted(LONG)
    operations = scripted.last.compilation.report.op_counts
    assert operations["loop"] < 1500
