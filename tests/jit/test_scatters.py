# pyright: reportUnknownMemberType=false
"""Writing by index tensors is native, gives what PyTorch gives in its order, and never leaves the tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.native_results import assert_native


def put(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.index_put(x, [i], v)


def put_sum(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.index_put(x, [i], v, True)


def assigned(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    y = x.clone()
    y[i] = v
    return y


def scatter(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.scatter(x, 0, i[:, None].expand(-1, x.size(1)), v)


def scatter_add(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.scatter_add(x, 0, i[:, None].expand(-1, x.size(1)), v)


def index_add(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.index_add(x, 0, i, v, alpha=2)


def index_copy(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.index_copy(x, 0, i, v)


def index_fill(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
    return torch.index_fill(x, 0, i, 2)


BY_ROWS = (put, put_sum, assigned, scatter, scatter_add, index_add, index_copy, index_fill)
NEGATIVE = (put, put_sum, assigned, index_fill)
DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int8,
    torch.uint8, torch.bool,
)  # fmt: skip


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    torch.manual_seed(len(shape))
    return (3 * torch.randn(shape)).to(torch.int32).to(dtype)


def indices(*shape: int, below: int) -> Tensor:
    torch.manual_seed(3)
    return torch.randint(0, below, shape)


@pytest.mark.parametrize("function", BY_ROWS)
@pytest.mark.parametrize("width", [1, 3, 4, 37, 64])
def test_rows_are_written_in_order(function: Callable[..., Any], width: int) -> None:
    """Most rows are written several times; not so often that PyTorch's threads race."""
    count = 1000 // width
    assert_native(function, numbers(7, width), indices(count, below=7), numbers(count, width))


@pytest.mark.parametrize("function", BY_ROWS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(function: Callable[..., Any], dtype: torch.dtype) -> None:
    if dtype is torch.bool and function is index_add:
        pytest.skip("PyTorch has no multiples of bools")
    assert_native(function, numbers(5, 6, dtype=dtype), indices(3, below=5), numbers(3, 6, dtype=dtype))


@pytest.mark.parametrize("function", [f for f in BY_ROWS if f not in (index_copy, index_fill)])
def test_indices_of_32_bits(function: Callable[..., Any]) -> None:
    assert_native(function, numbers(5, 6), indices(8, below=5).int(), numbers(8, 6))


@pytest.mark.parametrize("function", [index_copy, index_fill])
def test_others_want_64_bits(function: Callable[..., Any]) -> None:
    script = tsc.script(function)
    for call in (function, script, script):
        with pytest.raises((RuntimeError, IndexError), match="Expected"):
            call(numbers(5, 6), indices(8, below=5).int(), numbers(8, 6))


@pytest.mark.parametrize("function", NEGATIVE)
def test_negative_indices_count_from_the_end(function: Callable[..., Any]) -> None:
    assert_native(function, numbers(5, 6), indices(8, below=5) - 5, numbers(8, 6))


@pytest.mark.parametrize("function", BY_ROWS)
@pytest.mark.parametrize("wrong", [5, -6, 2**62, -(2**62)])
def test_an_index_out_of_range_raises_and_writes_nothing(function: Callable[..., Any], wrong: int) -> None:
    x, i, v = numbers(5, 6), indices(4, below=5), numbers(4, 6)
    script, before = tsc.script(function), numbers(5, 6)
    script(x, i, v)
    i[2] = wrong
    for _ in range(3):
        with pytest.raises(IndexError if function not in (scatter, scatter_add) else RuntimeError):
            script(x, i, v)
    assert torch.equal(x, before)


def test_dims_in_the_middle_and_at_the_end() -> None:
    def of(x: Tensor, i: Tensor, v: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        y = x.clone()
        y[:, i] = v
        return (
            torch.index_add(x, 1, i, v),
            torch.index_copy(x, -1, i, w),
            torch.index_fill(x, 2, i, x[0, 0, 0]),
            y,
        )

    assert_native(of, numbers(3, 6, 7), indices(9, below=6), numbers(3, 9, 7), numbers(3, 6, 9))


SCATTERED: list[tuple[tuple[int, ...], tuple[int, ...], int]] = [
    ((6, 7), (6, 5), 1), ((6, 7), (4, 7), 0), ((6, 7), (4, 5), 1), ((6, 7), (4, 3), 0),
    ((3, 4, 5), (3, 9, 5), 1), ((3, 4, 5), (2, 9, 3), 1), ((8,), (20,), 0), ((6, 7), (0, 7), 0), ((), (), 0),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "written", "dim"), SCATTERED, ids=str)
def test_scatter_along_every_dim(shape: tuple[int, ...], written: tuple[int, ...], dim: int) -> None:
    def of(x: Tensor, i: Tensor, v: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
        return torch.scatter(x, dim, i, v), torch.scatter(x, dim, i, 2.5), torch.scatter_add(x, dim, i, v)

    more = [n + 1 for n in written]
    extent = shape[dim] if shape else 1
    assert_native(of, numbers(*shape), indices(*written, below=extent), numbers(*more), dim)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "amax", "amin", "mean"])
def test_what_is_scattered_is_reduced(reduce: str, include_self: bool) -> None:
    def of(x: Tensor, i: Tensor, v: Tensor, reduce: str, include_self: bool) -> Tensor:
        return torch.scatter_reduce(x, 1, i, v, reduce, include_self=include_self)

    x, i, v = numbers(6, 5), indices(6, 9, below=5), numbers(6, 9)
    v[1, 2], v[2, 3] = float("nan"), float("inf")
    assert_native(of, x, i, v, reduce, include_self)


def test_several_index_tensors() -> None:
    def of(x: Tensor, i: Tensor, j: Tensor, v: Tensor, w: Tensor) -> list[Tensor]:
        between, last = x.clone(), x.clone()
        between[i, :, j] = w
        last[:, i, j] = v[0, :, 0]
        return [
            torch.index_put(x, [i, j], v[0]),
            torch.index_put(x, [i, j], v[0], True),
            torch.index_put(x, [i[:, None], j], v.sum()),
            between,
            last,
        ]

    x, i, j = numbers(6, 6, 6), indices(9, below=6), indices(9, below=6).flip(0)
    assert_native(of, x, i, j, numbers(1, 9, 6), numbers(9, 6))


def test_a_mask_and_values_that_it_does_not_choose_from() -> None:
    def of(x: Tensor, m: Tensor, rows: Tensor, v: Tensor, n: Tensor) -> list[Tensor]:
        y = x.clone()
        y[m] = 0.0
        z = x.clone()
        z[rows] = v
        z[:, m[0]] = x[:, :1]
        return [
            y, z, torch.index_put(x, [m], n), torch.index_put(x, [m], n, True),
            torch.index_put(x, [rows], v[None]),
        ]  # fmt: skip

    x = numbers(6, 7)
    assert_native(of, x, x > 0, x[:, 0] > 0, numbers(7), torch.tensor(4.0))


def test_values_chosen_for_each_place_of_a_mask_are_stored_all_the_same() -> None:
    def of(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
        return torch.index_put(x, [m], v)

    script, x = tsc.script(of), numbers(6, 7)
    for _ in range(3):
        assert torch.equal(script(x, x > 0, x[x > 0] + 1), of(x, x > 0, x[x > 0] + 1))


def test_what_is_written_may_be_the_tensor_itself() -> None:
    def of(x: Tensor, i: Tensor) -> Tensor:
        y = x * 2
        y = torch.index_add(y, 0, i, y)
        return torch.index_copy(y, 0, i, y.t().contiguous())

    assert_native(of, numbers(6, 6), torch.tensor([5, 0, 0, 1, 2, 2]))


def test_operators_before_and_after() -> None:
    def of(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
        start = torch.zeros(x.size(0), x.size(1))
        sums = start.index_add(0, i * 1, torch.relu(v))
        return torch.nn.functional.pad(sums, [1, 1]).unfold(1, 3, 1).sum(-1) + x

    assert_native(of, numbers(6, 8), indices(30, below=6), numbers(30, 8))


def test_many_batches_are_shared_among_threads() -> None:
    def of(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
        return torch.scatter_add(x, 1, i, v)

    assert_native(of, numbers(64, 2000), indices(64, 3000, below=2000), numbers(64, 3000))


def test_refused_as_in_pytorch() -> None:
    def of(x: Tensor, i: Tensor, v: Tensor) -> Tensor:
        return torch.index_put(x, [i], v)

    script, x, i = tsc.script(of), numbers(5, 6), indices(4, below=5)
    for values in (numbers(4, 6, dtype=torch.float64), numbers(3, 6), numbers(4, 5)):
        for function in (of, script, script):
            with pytest.raises((RuntimeError, IndexError)):
                function(x, i, values)


def test_no_places_at_all() -> None:
    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.arange(6.0).view(2, 3), requires_grad=False)

        def forward(self, places: Tensor) -> Tensor:
            self.weight[places] = 2.0
            return self.weight

    got = tsc.freeze(tsc.script(Writes().eval()))(torch.zeros(0, dtype=torch.int64))
    torch.testing.assert_close(got, torch.arange(6.0).view(2, 3))


def both_here_and_there(x: Tensor, places: Tensor) -> Tensor:
    y = torch.cos(x)
    z = torch.gather(y, 1, places) + y  # nobody reads `y` later, but it must not be written over
    return torch.cumsum(z, 1)


@pytest.mark.parametrize("size", [3, 16, 67])
def test_what_is_read_at_other_places_is_not_written_over(size: int) -> None:
    arguments = (torch.randn(size, size), torch.arange(size * size).reshape(size, size) * 3 % size)
    compiled: Any = tsc.script(both_here_and_there)
    for _ in range(3):
        torch.testing.assert_close(compiled(*arguments), both_here_and_there(*arguments))
    assert compiled.last.is_native
