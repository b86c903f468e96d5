# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Lines are put in order whatever their length is, by one compilation; also of what is found as it runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import tsc

LENGTHS = (20, 200, 7, 1000, 96, 97, 2, 64, 128, 333)


pytestmark = pytest.mark.usefixtures("for_all_sizes")


def in_order(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    values, places = torch.sort(x, dim=1, descending=True, stable=True)
    return values, places, torch.argsort(x, dim=1, stable=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bfloat16])
def test_lines_of_all_lengths_by_one_compilation(dtype: torch.dtype) -> None:
    function = tsc.script(in_order)
    for length in LENGTHS:
        x = (torch.randn(3, length, 2) * 4).to(dtype)
        for got, want in zip(function(x), in_order(x), strict=True):
            assert torch.equal(got, want)
    (row,) = function.specializations()
    assert row.tier == "native"


def best_first(boxes: Tensor, scores: Tensor, least: float) -> tuple[Tensor, Tensor]:
    kept = scores > least
    boxes, scores = boxes[kept], scores[kept]
    order = torch.argsort(scores, descending=True, stable=True)
    return boxes[order], scores[order]


def test_what_is_found_is_put_in_order() -> None:
    function: Any = tsc.script(best_first)
    for length in LENGTHS:
        for least in (0.5, 2.0, -1.0):
            boxes, scores = torch.rand(length, 4), torch.rand(length)
            for got, want in zip(
                function(boxes, scores, least), best_first(boxes, scores, least), strict=True
            ):
                assert torch.equal(got, want)
    assert {row.tier for row in function.specializations()} == {"native"}
    assert len(function.specializations()) <= 4
