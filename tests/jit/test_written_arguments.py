# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Arguments that a function writes to, gives back, or gives views of are the memory that they are in PyTorch:
in any layout, given twice, overlapping, read-only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.side_by_side import again, assert_same, outcome, sharing
from tsc.options import options


def gives_views(x: Tensor) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
    return x, {"first": x[0], "turned": x.t()}, [x[:, 1:], x.diagonal(), x.unsqueeze(0).expand(3, -1, -1)]


def gives_itself(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x.contiguous(), x.type_as(x), torch.dropout(x, 0.5, False), torch.atleast_2d(x)


def gives_whole_views(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x[:], x.view_as(x), x.detach(), x.expand(x.shape)


def gives_copies(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    a, b = x.clone(), x[0].clone()
    x.add_(y)
    return a, b, x.clone()


def gives_copies_of_unknown_shape(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    a, b = x.clone(), x[0].clone()
    x.add_(y)
    return a, b, x.nonzero()


def writes_views(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    a = x[0]
    b, c = a[1:], x[:, 2]
    b.mul_(2)
    c.add_(1)
    a.sub_(3)
    return a, b, c, x


def writes_what_it_gives(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = x.add_(1)
    return x, y, y.mul_(2)


def assigns_items(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x[0] = y[1]
    y[1] = x[1]
    x[1, 0] = 7
    return y[0], x[1]


def exchanges(x: Tensor, y: Tensor) -> Tensor:
    t = x.clone()
    x.copy_(y)
    y.copy_(t)
    return t


def writes_both(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x.add_(y)
    y.add_(x)
    return x + y, x[0]


def writes_an_element(x: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
    held = [x, y]
    held[0].add_(1)
    return y * 2, held


def chooses(x: Tensor, y: Tensor) -> Tensor:
    z = x if bool(x.sum() > 3) else y
    z.add_(1)
    return z


def gives_nothing(x: Tensor) -> None:
    x.t().relu_()


def gives_a_number(x: Tensor) -> int:
    x.mul_(2)
    return x.size(1)


FUNCTIONS: list[Callable[..., Any]] = [
    gives_views, gives_itself, gives_whole_views, gives_copies, gives_copies_of_unknown_shape, writes_views,
    writes_what_it_gives, assigns_items, exchanges, writes_both, writes_an_element, chooses, gives_nothing,
    gives_a_number,
]  # fmt: skip
NATIVE = [
    gives_views, gives_whole_views, gives_copies, writes_what_it_gives, exchanges, writes_both,
    writes_an_element, gives_nothing,
]  # fmt: skip
"""Those that are compiled to native code."""

LAYOUTS: dict[str, Callable[[], Tensor]] = {
    "row-major": lambda: torch.arange(6.0).reshape(2, 3),
    "turned": lambda: torch.arange(6.0).reshape(3, 2).t(),
    "with gaps": lambda: torch.arange(24.0).reshape(4, 6)[::2, ::2],
    "a part": lambda: torch.arange(24.0).reshape(4, 6)[1:3, 2:5],
    "expanded": lambda: torch.arange(3.0).expand(2, 3),
    "int64": lambda: torch.arange(6).reshape(2, 3),
    "float16": lambda: torch.arange(6.0).reshape(2, 3).half(),
    "bfloat16": lambda: torch.arange(6.0).reshape(2, 3).bfloat16(),
    "complex64": lambda: torch.arange(6.0).reshape(2, 3).to(torch.complex64),
}
SECOND: dict[str, Callable[[Tensor], Tensor]] = {
    "apart": torch.clone,
    "the same": lambda x: x,
    "a view": lambda x: x[:],
}


def takes_two(function: Callable[..., Any]) -> bool:
    return len(inspect.signature(function).parameters) == 2


CALLS = [
    (f, layout, s) for f in FUNCTIONS for layout in LAYOUTS for s in (SECOND if takes_two(f) else ["apart"])
]


@pytest.mark.parametrize(("function", "layout", "second"), CALLS, ids=lambda p: getattr(p, "__name__", p))
def test_arguments_are_written_and_given_back_as_in_pytorch(
    function: Callable[..., Any], layout: str, second: str
) -> None:
    scripted = tsc.script(function)
    for _ in range(2):
        sides: list[Any] = []
        for call in (function, scripted):
            x = LAYOUTS[layout]()
            given = (x, SECOND[second](x)) if takes_two(function) else (x,)
            sides.append([outcome(call, given), given])
        assert_same(sides[1], sides[0])
        assert sharing(sides[1]) == sharing(sides[0])
    if function in NATIVE and layout == "row-major":
        assert scripted.last.is_native


@pytest.mark.parametrize("layout", ["row-major", "turned", "with gaps"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_pass_keeps_what_a_call_does_to_arguments(
    function: Callable[..., Any], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    given = tuple(LAYOUTS[layout]() for _ in range(2 if takes_two(function) else 1))
    theirs, scripted = again(given), tsc.script(function)
    assert_same([scripted(*given), given], [function(*theirs), theirs])


@pytest.mark.parametrize("function", [writes_both, writes_an_element, exchanges], ids=lambda f: f.__name__)
def test_arguments_may_overlap(function: Callable[..., Any]) -> None:
    results: list[Any] = []
    for call in (function, tsc.script(function)):
        memory = torch.arange(9.0)
        results.append([outcome(call, (memory[:6].reshape(2, 3), memory[3:].reshape(2, 3))), memory])
    assert_same(results[1], results[0])


def raises_after_writing(x: Tensor, y: Tensor) -> Tensor:
    x.add_(1)
    if bool(y.sum() > 100):
        raise ValueError("too large")
    return x + y


def reads_out_of_range(x: Tensor, y: Tensor) -> Tensor:
    x.add_(1)
    return torch.nn.functional.embedding(y.long(), x)


@pytest.mark.parametrize("verified", [False, True], ids=["", "verified"])
@pytest.mark.parametrize("function", [raises_after_writing, reads_out_of_range])
def test_what_was_written_before_an_exception_is_there_after_it(
    function: Callable[..., Any], verified: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "is_verified", verified)
    scripted, x, theirs = tsc.script(function), torch.zeros(2, 3), torch.zeros(2, 3)
    raised: list[bool] = []
    for top in (1, 999, 0, 999):
        y = torch.full((2, 3), float(top))
        got, want = outcome(scripted, (x, y)), outcome(function, (theirs, y))
        assert_same([got, x], [want, theirs])
        raised.append(isinstance(got, str))
    assert raised == [False, True, False, True]


def test_memory_that_may_not_be_written_is_given_back_and_not_written() -> None:
    x = np.zeros((3, 3), np.float32)
    x.flags.writeable = False
    whole, held, parts = tsc.script(gives_views)(x)
    assert whole is x
    assert all(
        np.shares_memory(v, x) and not v.flags.writeable for v in (held["first"], held["turned"], *parts)
    )
    for function in (gives_nothing, writes_what_it_gives):
        scripted = tsc.script(function)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="read-only"):
                scripted(x)
    assert not x.any()


def test_memory_that_may_not_be_written_stops_a_call_where_it_is_written() -> None:
    x, y = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    y.flags.writeable = False
    for function in (tsc.script(writes_both), tsc.script(exchanges)):
        for n in range(1, 3):
            x.fill(n)
            with pytest.raises(RuntimeError, match="read-only"):
                function(x, y)
            assert x.tolist() == [[float(n + 1 if "both" in function.name else 1)] * 3] * 2


@pytest.mark.parametrize("reverse", [False, True])
def test_numpy_arrays_and_tensors_of_tsc_are_written_where_they_are(reverse: bool) -> None:
    scripted, step = tsc.script(writes_what_it_gives), -1 if reverse else 1
    for _ in range(2):
        array = np.zeros((2, 3), np.float32)[::step]
        assert all(r is array for r in scripted(array))
        assert array.tolist() == [[2.0] * 3] * 2
        tensor = tsc.tensor([[0.0] * 3] * 2)
        assert all(r is tensor for r in scripted(tensor))
        assert tensor.tolist() == [[2.0] * 3] * 2


class Weighs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        x.add_(1)
        return x * self.weight


def test_a_constant_may_be_given_as_an_argument_and_written() -> None:
    eager, scripted = Weighs(), Weighs()
    frozen: Any = tsc.freeze(tsc.script(scripted.eval()))
    for _ in range(2):
        assert_same(frozen(scripted.weight), eager(eager.weight))


def fills_a_column(x: Tensor) -> None:
    x[:, 0] = 7


@pytest.mark.xfail(strict=True, reason="a number is filled in, where PyTorch copies and refuses")
def test_a_number_is_not_assigned_to_elements_that_are_one() -> None:
    for call in (fills_a_column, tsc.script(fills_a_column)):
        assert outcome(call, (LAYOUTS["expanded"](),)) == "raised"


def gives_real_parts(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.positive(x), torch.real(x)


@pytest.mark.xfail(strict=True, reason="what is not a chain of no operators counts as a view, identities too")
def test_operators_that_give_their_argument_itself_do_so_in_compiled_code() -> None:
    x = torch.ones(2, 3)
    scripted = tsc.script(gives_real_parts)
    assert [r is x for r in gives_real_parts(x)] == [True, True]
    assert [r is x for r in scripted(x)] == [True, True]


def adds_to_nothing(x: Tensor, at: Tensor) -> Tensor:
    first = x.narrow(0, 0, x.size(0) // 2)
    first.index_add_(0, at, torch.ones(1))
    return first


def sets_in_nothing(x: Tensor, at: Tensor) -> Tensor:
    first = x[: x.size(0) // 2]
    first[at] = 5.0
    return first


@pytest.mark.parametrize("program", [adds_to_nothing, sets_in_nothing])
def test_what_is_written_to_a_part_without_elements_raises_all_the_same(program: Callable[..., Any]) -> None:
    function = tsc.script(program)
    for size in (8, 8, 1, 1):
        x, y = torch.zeros(size), torch.zeros(size)
        try:
            want = program(x, torch.tensor([1]))
        except IndexError:
            with pytest.raises(RuntimeError, match="out of"):
                function(y, torch.tensor([1]))
        else:
            assert torch.equal(function(y, torch.tensor([1])), want)
        assert torch.equal(x, y)


def scatters_in_rounds(index: Tensor, filled: Tensor) -> Tensor:
    k = 0
    while k < 2:
        k += 1
        first = index.split(1, -1)[0]
        first.scatter_add_(-1, torch.zeros_like(first, dtype=torch.int64), first.clone())
    filled.fill_(3)
    return index


def test_views_are_written_in_rounds_in_which_their_layout_counts() -> None:
    function = tsc.script(scatters_in_rounds)
    for size in (2, 2, 3):
        x, y = torch.arange(size), torch.arange(size)
        filled = torch.zeros(())
        assert torch.equal(function(y, filled), scatters_in_rounds(x, torch.zeros(())))
        assert torch.equal(x, y)
        assert float(filled) == 3
