# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Results and arguments are the memory that they are in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc


class Writes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x.add_(1)
        x[0] *= 2
        return x


STRIDED = {
    "contiguous": lambda: torch.arange(12.0).reshape(3, 4),
    "transposed": lambda: torch.arange(12.0).reshape(3, 4).t(),
    "every second": lambda: torch.arange(24.0).reshape(4, 6)[:, ::2],
    "a part": lambda: torch.arange(24.0).reshape(4, 6)[1:, 2:],
    "bfloat16": lambda: torch.arange(12.0).reshape(3, 4).t().bfloat16(),
}


@pytest.mark.parametrize("make", STRIDED.values(), ids=STRIDED)
@pytest.mark.parametrize("form", ["scripted", "frozen", "optimized"])
def test_writes_reach_arguments_of_any_layout(form: str, make: Any) -> None:
    module: Any = tsc.script(Writes().eval())
    if form != "scripted":
        module = tsc.freeze(module)
    if form == "optimized":
        module = tsc.optimize_for_inference(module)
    x = make()
    want = make()
    Writes()(want)
    assert module(x) is x
    torch.testing.assert_close(x, want)


def test_an_argument_given_twice_is_one() -> None:
    def write_one_read_other(x: Tensor, y: Tensor) -> Tensor:
        x.add_(1)
        x.unsqueeze_(0)
        return y

    x = torch.zeros(3)
    assert tsc.script(write_one_read_other)(x, x) is x
    assert x.tolist() == [[1.0, 1.0, 1.0]]


def test_the_shape_of_an_argument_changes_for_the_caller() -> None:
    def turned(x: Tensor) -> None:
        x.t_()

    for shape in ((2, 3), (3, 3)):
        x = torch.arange(float(shape[0] * shape[1])).reshape(shape)
        want = x.clone().t_()
        tsc.script(turned)(x)
        torch.testing.assert_close(x, want)


def several(x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor], list[Tensor]]:
    y = torch.relu(x) + 1
    return y, y[0], {"turned": y.t(), "flat": y.flatten()}, [y[:, 1:]]


def test_results_that_are_views_of_one_memory_are_views_of_it() -> None:
    function = tsc.script(several)
    function(np.zeros((3, 4), np.float32))
    y, row, held, (part,) = function(np.zeros((3, 4), np.float32))
    assert function.last is not None
    assert function.last.is_native
    y[...] = np.arange(12).reshape(3, 4)
    assert row.tolist() == [0, 1, 2, 3]
    assert np.array_equal(held["turned"], y.T)
    assert held["flat"].tolist() == list(range(12))
    assert np.array_equal(part, y[:, 1:])


def turned_then_flat(x: Tensor, at: int) -> list[Tensor]:
    y = x.t() + 1
    return [y, y.ravel(), y.flatten(), y.reshape(-1), y.contiguous(), y[0]]


def flat_of_what_follows(x: Tensor, at: int) -> list[Tensor]:
    y = x > 3
    return [y.ravel(), y, y.t().contiguous(), y.t().reshape(-1), y.t()]


def hidden_base(x: Tensor, at: int) -> list[Tensor]:
    y = x * 2
    return [y[0], y.t(), y.t().ravel()]


def parts_of_a_copy(x: Tensor, at: int) -> list[Tensor]:
    y = x * 2
    flat = y.t().reshape(-1)
    return [y, flat, flat[1:], flat[:1]]


def converted(x: Tensor, at: int) -> list[Tensor]:
    y = x.double()
    return [y, y.double(), y.to(y.dtype), y.to(y.dtype, copy=True), y.type_as(y), y.clone()]


def expanded(x: Tensor, at: int) -> list[Tensor]:
    y = x.sum()
    return [y, y.expand_as(x), y.expand(2, 2), y.unsqueeze(0)]


def broadcast(x: Tensor, at: int) -> list[Tensor]:
    y, z = x.sum(0), x.sum(0, keepdim=True)
    first, second = torch.broadcast_tensors(y, z)
    return [y, z, first, second, torch.broadcast_tensors(y, y)[0].unsqueeze(0)]


def meshed(x: Tensor, at: int) -> list[Tensor]:
    y, z = x.amax(0), x.amin(1)
    grids = torch.meshgrid([y, z], indexing="xy")
    return [y, z, grids[0], grids[1].movedim(-1, 0), torch.meshgrid([y[at], y])[1]]


def grown(x: Tensor, at: int) -> list[Tensor]:
    y, z = x.sum(0), x.sum()
    return [y, z, torch.atleast_2d([y, z])[1], torch.atleast_3d(y), torch.atleast_1d([z])[0]]


def at_a_place_known_later(x: Tensor, at: int) -> list[Tensor]:
    y = torch.sigmoid(x)
    return [y, y.split(1, 0)[at], y[at], y.select(1, at), y.unbind(0)[0]]


def of_a_branch(x: Tensor, at: int) -> list[Tensor]:
    y, z = x + 1, x * 2
    if at > 0:
        z = y
    return [y, z]


def of_a_loop(x: Tensor, at: int) -> list[Tensor]:
    y = x + 1
    z = y
    while at > 0:
        z = z + y
        at -= 1
    return [y, z]


def in_python(x: Tensor, at: int) -> list[Tensor]:
    """What has no native form lies as it was computed."""
    y = torch.sort(x.t(), 0)[0]
    flat = y.ravel()
    return [y, flat, flat.unsqueeze(0), y.t().reshape(-1), y.contiguous(), y.t().contiguous().t()]


SHARING = [
    turned_then_flat, flat_of_what_follows, hidden_base, parts_of_a_copy, converted, expanded, broadcast,
    meshed, grown, at_a_place_known_later, of_a_branch, of_a_loop, in_python,
]  # fmt: skip


@pytest.mark.parametrize("program", SHARING, ids=lambda p: p.__name__)
def test_results_share_memory_where_pytorchs_do_for_such_arguments(program: Any) -> None:
    function = tsc.script(program)
    for make in [*STRIDED.values(), *STRIDED.values()]:
        for at in (0, 1):
            want, got = program(make(), at), function(make(), at)
            torch.testing.assert_close(got, want, equal_nan=True)
            assert _shared(got) == _shared(want)
            assert all(
                _strides(a) == _strides(b) for a, b in zip(got, want, strict=True) if 0 not in _strides(b)
            )


class Converts(nn.Module):
    """An attribute and the very same under another name, where a number is assigned from how it lies."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 2
        self.register_buffer("state", torch.arange(4.0))

    def forward(self) -> list[Tensor]:
        state = self.state
        assert isinstance(state, Tensor)
        same = state.to(state.dtype)
        self.scale = same.stride()[0]
        return [same, state, state[1:]]


def test_what_needs_no_conversion_is_the_attribute() -> None:
    frozen: Any = tsc.freeze(tsc.script(Converts().eval()))
    for _ in range(2):
        assert _shared(frozen()) == _shared(Converts()())


def test_separate_results_stay_separate() -> None:
    def twice(x: Tensor) -> tuple[Tensor, Tensor]:
        y = x + 1
        return y, y.clone()

    function = tsc.script(twice)
    for _ in range(2):
        a, b = function(torch.zeros(3))
        a.fill_(7)
        assert b.tolist() == [1.0, 1.0, 1.0]


def test_constants_among_results_are_the_callers_own() -> None:
    def made(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.arange(3), x + 1

    function = tsc.script(made)
    for _ in range(3):
        numbers, _ = function(torch.zeros(1))
        assert numbers.tolist() == [0, 1, 2]
        numbers.add_(5)


def test_reshape_copies_where_the_layout_asks_for_it() -> None:
    def write_flat(x: Tensor) -> Tensor:
        v = torch.nn.functional.elu(x.t()).long()
        v.reshape(-1)[:2] = 5
        return v

    x = torch.randn(2, 3)
    torch.testing.assert_close(tsc.script(write_flat)(x), write_flat(x))


def test_read_only_memory_is_refused() -> None:
    x = np.zeros(3, np.float32)
    x.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        tsc.script(Writes())(x)


class Shares(nn.Module):
    """Constants of a frozen module, seen several times over."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.arange(4.0))

    def forward(self, x: Tensor) -> list[Tensor]:
        state = self.state
        assert isinstance(state, Tensor)
        low, converted = state.argmin(0, True), x.int()
        padded = state.reshape(2, 2).sum(0, keepdim=True)
        return [
            state, state.squeeze().unsqueeze(0), state.ravel(), low, low, x[x > 0], converted, converted[1:],
            padded, padded.unsqueeze(-1), padded.sum(), torch.zeros(()), torch.zeros(()),
        ]  # fmt: skip


def _shared(result: list[Tensor]) -> list[list[bool]]:
    """Which results overlap."""
    places = [(t.data_ptr(), t.data_ptr() + t.nbytes) for t in result]
    return [
        [low < other_high and other_low < high for low, high in places] for other_low, other_high in places
    ]


def _strides(tensor: Tensor) -> list[int]:
    """Those of dims with several elements."""
    return [s for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1]


def test_constants_and_views_of_them_share_memory_as_in_pytorch() -> None:
    x = torch.arange(3.0)
    want: Any = torch.jit.freeze(torch.jit.script(Shares().eval()))(x)
    frozen: Any = tsc.freeze(tsc.script(Shares().eval()))
    got = frozen(x)
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    assert _shared(got) == _shared(want)


class Rounds(nn.Module):
    """Each round makes its own tensor, though all are equal."""

    def forward(self, x: Tensor) -> list[Tensor]:
        a = b = x
        n = 0
        while n < int(x.sum()):
            n += 1
            a = b
            b = torch.zeros(2)
        return [a, b]


def test_constants_of_different_rounds_are_different_memory() -> None:
    a, b = tsc.freeze(tsc.script(Rounds().eval()))(torch.ones(3))
    a.fill_(5)
    assert torch.equal(b, torch.zeros(2))


def stored_whole(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.slice_scatter(x, y, 0, 0, 2), torch.slice_scatter(x, y[:0], 0, 1, 1), torch.unique(x)


def test_slices_are_stored_in_tensors_of_their_own() -> None:
    """Also where the slice is the whole tensor, or nothing, and Python runs what has no native form."""
    function = tsc.script(stored_whole)
    for _ in range(2):
        x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        for result in function(x, y):
            result.mul_(7)
        assert x.tolist() == [1, 2]
        assert y.tolist() == [3, 4]


def test_memory_that_a_branch_in_a_part_gives_on_is_that_of_other_results() -> None:
    def gives_on(state: dict[str, Tensor], x: Tensor, more: bool) -> tuple[Tensor, Tensor]:
        made = x.t().contiguous()
        y = made if more else torch.exp(x)
        state["y"] = y
        return made, y

    scripted = tsc.script(gives_on)
    for more in (True, True, False, False):
        made, y = scripted({"y": torch.ones(2)}, torch.ones(2, 2), more)
        assert np.shares_memory(made.numpy(), y.numpy()) == more


class MayGiveItsState(Shares):
    """A branch gives a view of a buffer, which is a constant once it is frozen."""

    def forward(self, x: Tensor) -> list[Tensor]:
        state = self.state
        assert isinstance(state, Tensor)
        turned = state.view(2, 2)
        given = torch.tanh(turned) if x.is_floating_point() else turned
        return [given, state, turned]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_a_constant_that_a_branch_in_a_part_gives_on_is_the_programs_own(dtype: torch.dtype) -> None:
    x = torch.ones(2, dtype=dtype)
    want: Any = torch.jit.freeze(torch.jit.script(MayGiveItsState().eval()))(x)
    frozen: Any = tsc.optimize_for_inference(tsc.freeze(tsc.script(MayGiveItsState().eval())))
    for _ in range(2):
        got = frozen(x)
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
        assert _shared(got) == _shared(want)


def windows_of_turned_dims(x: Tensor) -> tuple[Tensor, Tensor]:
    y = torch.sin(x)
    return y.unfold(-2, 2, 1), y


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_views_of_results_share_their_memory_in_whatever_order_its_dims_lie(order: tuple[int, ...]) -> None:
    function = tsc.script(windows_of_turned_dims)
    x = torch.randn(3, 4, 5).permute(order)
    for _ in range(3):
        windows, whole = function(x)
        want = windows_of_turned_dims(x)
        assert (windows.stride(), whole.stride()) == (want[0].stride(), want[1].stride())
        assert windows.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()


def test_views_of_any_strides_stay_views_beside_results_that_lie_otherwise() -> None:
    def f(x: Tensor):
        places = x.max(-3)[1]
        return (~places).permute([1, 0]), places, places.as_strided([2], [1])

    compiled: Any = tsc.script(f)
    x = torch.randn(2, 3, 5)
    for _ in range(2):
        turned, places, first = compiled(x)
        assert first.data_ptr() == places.data_ptr()
        torch.testing.assert_close((turned, places, first), f(x))
    assert compiled.last.is_native
