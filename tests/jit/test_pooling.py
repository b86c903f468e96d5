# pyright: reportUnknownMemberType=false
"""Means over windows that hold different numbers of elements are native."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import tsc

GEOMETRIES: list[dict[str, Any]] = [
    {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 0), "count_include_pad": False},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_windows_at_the_edge_are_smaller(geometry: dict[str, Any], dtype: torch.dtype) -> None:
    pool = nn.AvgPool2d(**geometry)
    native = tsc.optimize_for_inference(tsc.script(pool.eval()))
    shapes = [(2, 3, 9, 12), (3, 8, 8)]
    if dtype is torch.float32:  # the third shape of a kind is for all sizes, which compiles longer
        shapes += [(2, 3, 10, 13), (1, 3, 7, 20)]
    for shape in shapes:
        x = torch.randn(shape).to(dtype)
        torch.testing.assert_close(native(x), pool(x))
    assert {s.tier for s in native.specializations()} == {"native"}


@pytest.mark.parametrize("spatial", [1, 3])
def test_so_are_those_of_other_ranks(spatial: int) -> None:
    kind = {1: nn.AvgPool1d, 3: nn.AvgPool3d}[spatial]
    pool = kind(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)
    native = tsc.optimize_for_inference(tsc.script(pool.eval()))
    x = torch.randn(2, 3, *[8, 9, 10][:spatial])
    torch.testing.assert_close(native(x), pool(x))
    assert [s.tier for s in native.specializations()] == ["native"]
