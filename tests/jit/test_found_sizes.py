# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""Results as large as elements say: native, and the same as PyTorch's, for masks of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.test_symbolic_sizes import parts
from tsc.options import options

Program = Callable[[Tensor], Any]
PROGRAMS: list[Program] = []
SHAPES = [(7,), (5, 6), (1,), (3, 4, 5), (40,), (6, 7), (9,), (0,), (4, 0), ()]
"""The first of a rank is compiled for exactly; then one compilation serves all others that have elements."""


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


@program
def chosen_elements(x: Tensor):
    return x[x > 0]


@program
def a_sum_of_chosen_elements(x: Tensor):
    return x[x > 0].sum()


@program
def a_mean_and_a_number(x: Tensor):
    y = x[x > 0]
    return y.mean(), y.numel(), y / (y.shape[0] + 1)


@program
def places_of_nonzero_elements(x: Tensor):
    return torch.nonzero(x > 0)


@program
def places_as_rows(x: Tensor):
    return torch.argwhere(x > 0) * 2


@program
def columns_of_places(x: Tensor):
    found = torch.nonzero(x.unsqueeze(0) > 0)
    return found[:, 0] + found[:, 1], found.select(1, -1)


@program
def places_by_dims(x: Tensor):
    found = torch.where(x.unsqueeze(0) > 0)
    return found[0], found[1]


@program
def selected_by_a_mask(x: Tensor):
    return x.masked_select(x > 0.5) * 2, x.unsqueeze(0).masked_select(x > 0.5)


@program
def selected_by_places(x: Tensor):
    flat = x.flatten()
    return flat.index_select(0, torch.nonzero(flat > 0).squeeze(1)) + 1


@program
def two_masks_that_are_equal(x: Tensor):
    return x[x > 0] * (x * 3)[x > 0]


@program
def rows_and_columns(x: Tensor):
    y = torch.stack([x.flatten(), x.flatten() * 2, x.flatten() + 1], 1)
    holds = x.flatten() > 0
    return y[holds], y.t()[:, holds], y[holds].sum(0), y[holds, 1]


@program
def a_mask_of_integers(x: Tensor):
    return torch.nonzero((x * 2).to(torch.int32)), x[(x > 0).to(torch.uint8)]


@program
def what_is_chosen_beside_others(x: Tensor):
    y = x[x > 0]
    return torch.cat([y, x.flatten()]), torch.cat([y, y * 2]), torch.stack([y, -y], 1)


@program
def the_greatest_that_is_chosen(x: Tensor):
    return x[x > 0].max()


@program
def a_choice_of_a_choice(x: Tensor):
    y = x[x > 0]
    return y[y < 1].exp(), y.cumsum(0)


@program
def each_with_each(x: Tensor):
    y = x[x > 0]
    return (y.unsqueeze(1) - y.unsqueeze(0)).abs().sum(1), torch.outer(y, y).sum(), torch.softmax(y, 0)


@program
def sums_at_places(x: Tensor):
    flat = x.flatten()
    at = torch.nonzero(flat > 0).flatten()
    return torch.zeros(4).index_add(0, at % 4, flat[at]), flat.index_put([at], flat[at] * 2)


@program
def what_is_chosen_is_written(x: Tensor):
    y = x.clone()
    y[x > 0] = y[x > 0] * 2
    return y


@program
def none_is_another_case(x: Tensor):
    y = x[x > 0]
    if y.numel() == 0:
        return x.sum()
    return y.sum() * 2


@program
def chosen_in_a_branch(x: Tensor):
    holds = x > 0
    if bool(holds.any()):
        return x[holds].sum()
    return x.sum()


@program
def chosen_in_each_round(x: Tensor):
    total = torch.zeros(())
    for i in range(3):
        total = total + x[x > i * 0.3].sum()
    return total


def filled(shape: tuple[int, ...]) -> Generator[Tensor]:
    """Some elements above 0, none, all, the last one, and in another order of dims."""
    for seed in range(2):
        yield torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, np.float32))
    some = torch.from_numpy(np.random.default_rng(2).random(shape, np.float32))
    yield -some - 0.1
    yield some + 0.1
    if some.numel():
        last = -some
        last.view(-1)[-1] = 1.0
        yield last
    if some.ndim > 1:
        yield (some - 0.5).transpose(0, 1).contiguous().transpose(0, 1)


def require_same(got: Any, want: Any) -> None:
    """Values, dtypes, shapes and numbers; strides where something depends on them. No result holds much more
    memory than it needs.
    """
    for mine, theirs in zip(parts(got), parts(want), strict=True):
        if not isinstance(theirs, Tensor):
            assert mine == theirs
            continue
        torch.testing.assert_close(mine, theirs, equal_nan=True)
        if theirs.numel() and 1 not in theirs.shape:
            assert mine.stride() == theirs.stride()
        assert mine.untyped_storage().nbytes() <= max(64, 2 * theirs.untyped_storage().nbytes())


def outcome(function: Callable[..., Any], *arguments: Tensor) -> Any:
    """What a call gives, or the class of what it raises."""
    try:
        return function(*arguments)
    except (RuntimeError, IndexError) as error:
        return IndexError if isinstance(error, IndexError) else RuntimeError


def hold(compiled: Any, wanted: Callable[..., Any], *arguments: Tensor) -> None:
    """Require that both give the same, or raise the same."""
    want = outcome(wanted, *arguments)
    got = outcome(compiled, *arguments)
    if isinstance(want, type):
        assert got is want
    else:
        require_same(got, want)


@pytest.mark.parametrize("wanted", PROGRAMS, ids=lambda p: p.__name__)
def test_results_are_pytorchs(wanted: Program, strategy: None) -> None:
    compiled: Any = tsc.script(wanted)
    for shape in SHAPES:
        for x in filled(shape):
            hold(compiled, wanted, x)
            if x.numel() and x.ndim:
                assert compiled.last.tier == "native", compiled.last.reason


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.bool]
)
def test_elements_of_all_kinds(dtype: torch.dtype) -> None:
    def wanted(x: Tensor):
        return x[x > 0], torch.nonzero(x), x.masked_select(x != 0)

    compiled: Any = tsc.script(wanted)
    for shape in ((17,), (3, 8)):
        for x in filled(shape):
            hold(compiled, wanted, (x * 3).to(dtype))
    assert compiled.last.tier == "native"


def test_indices_out_of_range_are_errors() -> None:
    def wanted(x: Tensor, y: Tensor):
        return y[torch.nonzero(x > 0).squeeze(1)], y[y[x > 0].to(torch.int64)]

    compiled: Any = tsc.script(wanted)
    good, bad = torch.tensor([1.0, -1.0, 1.0]), torch.tensor([0.0, 5.0, 2.0])
    require_same(compiled(good, bad), wanted(good, bad))
    assert compiled.last.tier == "native"
    for x in (torch.tensor([1.0, 1.0, -1.0]), torch.tensor([-1.0, 1.0, -1.0])):
        with pytest.raises(IndexError):
            compiled(x, bad)
    require_same(compiled(-good - 2, bad), wanted(-good - 2, bad))


def test_what_is_written_is_written() -> None:
    def wanted(x: Tensor, y: Tensor):
        y[x > 0] = x[x > 0] * 2
        return y.sum()

    compiled: Any = tsc.script(wanted)
    for x in filled((3, 5)):
        mine, theirs = torch.zeros(3, 5), torch.zeros(3, 5)
        require_same(compiled(x, mine), wanted(x, theirs))
        assert torch.equal(mine, theirs)


def test_the_verifier_understands_sizes_that_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    for wanted in (
        places_of_nonzero_elements,
        what_is_chosen_beside_others,
        a_mean_and_a_number,
        sums_at_places,
    ):
        compiled: Any = tsc.script(wanted)
        x = next(filled((5, 6)))
        require_same(compiled(x), wanted(x))
        checked = compiled.last.compilation.checked
        assert any("find-sizes" in words for words in checked)
        assert any("loop" in words for words in checked)


def test_a_source_that_is_too_short_is_an_error() -> None:
    def wanted(x: Tensor, mask: Tensor, source: Tensor):
        return x.masked_scatter(mask, source)

    compiled: Any = tsc.script(wanted)
    x, source = torch.zeros(4, 3), torch.arange(5.0)
    for count in (0, 3, 5):
        mask = (torch.arange(12) < count).reshape(4, 3)
        require_same(compiled(x, mask, source), wanted(x, mask, source))
        assert compiled.last.tier == "native"
    with pytest.raises(RuntimeError):
        compiled(x, torch.ones(4, 3, dtype=torch.bool), source)


def test_limits_that_tensors_hold() -> None:
    def wanted(x: Tensor, t: Tensor, u: Tensor):
        n, m = int(t), int(u)
        return x[:n].sum(), x[n:] * 2, x[n:m], x[:, m:].sum(1), x[:n:2]

    compiled: Any = tsc.script(wanted)
    x = torch.arange(30.0).reshape(6, 5)
    for n in (0, 1, 3, 6, 9, -1, -4, -9):
        for m in (0, 2, 4, 5, 8, -1, -7):
            numbers = (torch.tensor(n), torch.tensor(m))
            require_same(compiled(x, *numbers), wanted(x, *numbers))
            assert compiled.last.tier == "native"


def test_parts_of_what_is_chosen() -> None:
    def wanted(x: Tensor):
        y = x[x > 0]
        return y[:3], y[1:], y[-2:], y[::2], y[:-1].sum()

    compiled: Any = tsc.script(wanted)
    for shape in ((8,), (2, 3), (5,)):
        for x in filled(shape):
            require_same(compiled(x), wanted(x)) if (x > 0).any() else hold(compiled, wanted, x)
            assert compiled.last.tier == "native"


def test_the_last_of_none_is_an_error() -> None:
    def wanted(x: Tensor):
        y = x[x > 0]
        return y[-1], y[0]

    compiled: Any = tsc.script(wanted)
    for shape in ((8,), (2, 3), (5,)):
        for x in filled(shape):
            hold(compiled, wanted, x)
            assert compiled.last.tier == "native"


def unpacked_elements(x: Tensor):
    places = torch.zeros(6)
    first, second, third = (x[:, 0] >= 0).nonzero().unbind(0)
    places.index_add_(0, second, torch.ones(1))
    return places, x[first], x[third] * 2


def unpacked_chunks(x: Tensor):
    first, second, third = x[x[:, 0] >= 0].chunk(3)
    return first.sum(0) + second.sum(0), third


def unpacked_pieces(x: Tensor):
    y = x[x[:, 0] >= 0]
    first, second = y.split(2)
    one, two, three = y.split(1)
    return first, second.sum(0), one + two * three


@pytest.mark.parametrize("wanted", [unpacked_elements, unpacked_chunks, unpacked_pieces])
def test_as_many_pieces_as_are_unpacked(wanted: Program) -> None:
    compiled: Any = tsc.script(wanted)
    scripted: Any = torch.jit.script(wanted)
    for count in (3, 2, 4, 5, 0, 6):
        x = torch.arange(24.0).reshape(6, 4) - 4 * (6 - count)
        hold(compiled, scripted, x)
        if count == 3:
            assert compiled.last.tier == "native"
