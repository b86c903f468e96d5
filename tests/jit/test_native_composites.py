# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Operators that are made of others are native, and give what PyTorch gives: values, dtypes, strides."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tsc


def spread(x: Tensor) -> Tensor:
    return torch.diag_embed(x)


def spread_above(x: Tensor) -> Tensor:
    return torch.diag_embed(x, 2, 0, 1)


def spread_below(x: Tensor) -> Tensor:
    return torch.diag_embed(x, -1, -1, 0)


def diagonal(x: Tensor) -> Tensor:
    return torch.diag(x)


def next_diagonal(x: Tensor) -> Tensor:
    return torch.diag(x, 1)


def counted(x: Tensor) -> Tensor:
    return torch.count_nonzero(x)


def counted_along(x: Tensor) -> Tensor:
    return torch.count_nonzero(x, 0)


def counted_along_several(x: Tensor) -> Tensor:
    return torch.count_nonzero(x, [0, -1])


def taken(x: Tensor, places: Tensor) -> Tensor:
    return torch.take(x, places)


def angles(x: Tensor) -> Tensor:
    return torch.angle(x)


def margins(x: Tensor, target: Tensor) -> Tensor:
    return F.multi_margin_loss(x, target, 2, 0.5, reduction="none")


def margins_of_several(x: Tensor, target: Tensor) -> Tensor:
    return F.multilabel_margin_loss(x, target)


def tensors(n: int) -> list[tuple[Tensor, ...]]:
    whole = torch.randint(-2, 3, (n, n))
    return [
        (torch.randn(n, 4),),
        (torch.randn(2, n, 3),),
        (whole,),
        (whole > 0,),
        (torch.randn(2, n).bfloat16(),),
    ]


def matrices(n: int) -> list[tuple[Tensor, ...]]:
    return [(torch.randn(n),), (torch.randn(n, 4),), (torch.randint(0, 9, (n,)),), (torch.randn(n) > 0,)]


def places(n: int) -> list[tuple[Tensor, ...]]:
    return [(torch.randn(n, 4), torch.randint(-4 * n, 4 * n, (2, 3))), (torch.randn(n), torch.tensor(-1))]


def signs(n: int) -> list[tuple[Tensor, ...]]:
    return [(torch.tensor([-1.0, 0.0, -0.0, torch.nan, 2.0])[:n],), (torch.randint(-2, 3, (n,)),)]


def classes(n: int) -> list[tuple[Tensor, ...]]:
    return [(torch.randn(n, 7), torch.randint(0, 7, (n,)))]


def several_classes(n: int) -> list[tuple[Tensor, ...]]:
    labels = torch.tensor([[0, 2, -1, 4, 1, 1], [-1, 0, 1, 2, 3, 4], [5, 2, -1, 0, 0, 0]])
    return [(torch.randn(n, 6), labels[torch.arange(n) % 3])]


CASES: list[tuple[Callable[..., Any], Callable[[int], list[tuple[Tensor, ...]]]]] = [
    *((program, tensors) for program in (spread, spread_above, spread_below)),
    *((program, tensors) for program in (counted, counted_along, counted_along_several)),
    (diagonal, matrices),
    (next_diagonal, matrices),
    (taken, places),
    (angles, signs),
    (margins, classes),
    (margins_of_several, several_classes),
]


@pytest.fixture(params=["for each", "for all"])
def _strategy(request: pytest.FixtureRequest) -> Generator[None]:
    before = tsc.set_fusion_strategy([("STATIC" if request.param == "for each" else "DYNAMIC", 32)])
    yield
    tsc.set_fusion_strategy(before)


@pytest.mark.usefixtures("_strategy")
@pytest.mark.parametrize(("program", "make"), CASES)
def test_they_are_native_and_pytorchs(
    program: Callable[..., Any], make: Callable[[int], list[tuple[Tensor, ...]]]
) -> None:
    function: Any = tsc.script(program)
    for n in (3, 4, 5, 3, 1, 2):
        for arguments in make(n):
            got, want = function(*arguments), program(*arguments)
            torch.testing.assert_close(got, want, equal_nan=True)
            assert got.stride() == want.stride()
    assert {row.tier for row in function.specializations()} == {"native"}


def test_places_out_of_range_raise() -> None:
    function = tsc.script(taken)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="out of range"):
            function(torch.randn(3, 4), torch.tensor([12]))
        assert function(torch.arange(12.0), torch.tensor([-12, 11])).tolist() == [0.0, 11.0]
