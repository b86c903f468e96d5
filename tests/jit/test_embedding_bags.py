# pyright: reportUnknownMemberType=false
"""Sums, means and maxima of bags of rows are native, and give what PyTorch gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.native_results import assert_native


def bags(weight: Tensor, indices: Tensor, offsets: Tensor, mode: int) -> Tensor:
    return torch.embedding_bag(weight, indices, offsets, False, mode)[0]


def weighted(weight: Tensor, indices: Tensor, offsets: Tensor, by: Tensor) -> Tensor:
    return torch.embedding_bag(weight, indices, offsets, False, 0, False, by, True)[0]


def without(weight: Tensor, indices: Tensor, offsets: Tensor, mode: int, padding: int) -> Tensor:
    return torch.embedding_bag(weight, indices, offsets, False, mode, False, None, False, padding)[0]


WEIGHT = torch.arange(80.0).reshape(10, 8).sin()
INDICES = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])
OFFSETS = torch.tensor([0, 3, 3, 4, 9])


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("integers", [torch.int64, torch.int32], ids=str)
def test_bags_of_every_size(mode: int, integers: torch.dtype) -> None:
    assert_native(bags, WEIGHT, INDICES.to(integers), OFFSETS.to(integers), mode, exact=False)


def test_weights_for_each_row_and_an_offset_more() -> None:
    ends = torch.tensor([0, 3, 3, 4, 9, 11])
    assert_native(weighted, WEIGHT, INDICES, ends, torch.linspace(-1, 1, 11), exact=False)


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("padding", [1, -5])
def test_rows_that_are_padding_do_not_count(mode: int, padding: int) -> None:
    assert_native(without, WEIGHT, INDICES, OFFSETS, mode, padding, exact=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
def test_of_maxima_nan_wins_where_it_is_the_first(dtype: torch.dtype) -> None:
    weight = WEIGHT.clone().to(dtype)
    weight[1], weight[9, :4], weight[2] = float("nan"), float("nan"), -float("inf")
    assert_native(bags, weight, INDICES, OFFSETS, 2)
    assert_native(bags, weight, torch.tensor([1, 0, 1, 2, 2, 1, 1]), torch.tensor([0, 2, 3, 4, 5]), 2)


def test_maxima_without_padding_rows_run_in_the_generic_tier() -> None:
    script = tsc.script(without)
    for _ in range(3):
        found = script(WEIGHT, INDICES, OFFSETS, 2, 1)
        assert torch.equal(found, without(WEIGHT, INDICES, OFFSETS, 2, 1))


def test_bags_of_one_size_are_given_as_a_matrix() -> None:
    def of(weight: Tensor, indices: Tensor) -> Tensor:
        offsets = torch.arange(0, indices.numel(), indices.size(1))
        return torch.embedding_bag(weight, indices.reshape(-1), offsets, False, 1)[0]

    assert_native(of, WEIGHT, INDICES[:10].reshape(5, 2), exact=False)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_the_function_of_torch_nn(mode: str) -> None:
    def of(weight: Tensor, indices: Tensor, mode: str) -> Tensor:
        return torch.nn.functional.embedding_bag(indices, weight, mode=mode)

    assert_native(of, WEIGHT, INDICES[:10].reshape(5, 2), mode, exact=False)


def test_the_bags_of_rows_and_their_sizes() -> None:
    def of(weight: Tensor, indices: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        total, bag_of, sizes, _ = torch.embedding_bag(weight, indices, offsets, False, 1)
        return total, bag_of, sizes

    assert_native(of, WEIGHT, INDICES, OFFSETS, exact=False)


@pytest.mark.parametrize("wrong", [10, -1])
def test_a_row_that_is_not_there_is_refused(wrong: int) -> None:
    script, indices = tsc.script(bags), INDICES.clone()
    script(WEIGHT, indices, OFFSETS, 0)
    indices[4] = wrong
    for _ in range(3):
        with pytest.raises((RuntimeError, IndexError)):
            script(WEIGHT, indices, OFFSETS, 0)
