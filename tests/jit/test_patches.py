# pyright: reportUnknownMemberType=false
"""Padding by what is there, patches as columns and back are native, and give what PyTorch gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.jit.native_results import assert_native

WIDTHS: list[tuple[tuple[int, ...], list[int]]] = [
    ((3, 4, 9), [2, 3]), ((4, 9), [0, 8]), ((2, 3, 7, 9), [1, 2, 3, 4]), ((2, 3, 7, 9), [0, 0, 3, 0]),
    ((2, 3, 7, 9), [-2, 3, 1, -1]), ((2, 3, 7, 9), [-1, -2, -1, 0]), ((2, 2, 4, 5, 6), [1, 2, 3, 1, 0, 2]),
    ((1, 1, 1, 2), [1, 1, 0, 0]), ((2, 3, 7, 9), [0, 0, 0, 0]),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(("shape", "widths"), WIDTHS, ids=str)
def test_padding(shape: tuple[int, ...], widths: list[int], mode: str, dtype: torch.dtype) -> None:
    def of(x: Tensor, widths: list[int], mode: str) -> Tensor:
        return functional.pad(x, widths, mode)

    assert_native(of, (10 * torch.randn(shape)).to(dtype), widths, mode)


def test_padding_of_views_and_before_a_convolution() -> None:
    def of(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        turned = functional.pad(x.transpose(2, 3), [1, 2, 2, 1], "reflect") + 1
        edged = functional.pad(torch.relu(x), [1, 1, 1, 1], "replicate")
        return turned, functional.conv2d(edged, w, padding=1)

    assert_native(of, torch.randn(2, 3, 7, 9), torch.randn(4, 3, 3, 3), exact=False, tolerance=1e-4)


Geometry = tuple[int, int, int, int]
"""Kernel, dilation, padding, stride."""
GEOMETRIES: list[Geometry] = [(3, 1, 1, 2), (2, 1, 0, 2), (3, 2, 2, 1), (1, 1, 0, 1), (4, 1, 3, 3)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_patches_as_columns_and_back(geometry: Geometry, dtype: torch.dtype) -> None:
    def of(x: Tensor, kernel: int, dilation: int, padding: int, stride: int) -> tuple[Tensor, Tensor]:
        columns = functional.unfold(x, (kernel, kernel + 1), dilation, padding, stride)
        size = (x.size(-2), x.size(-1))
        return columns, functional.fold(columns, size, (kernel, kernel + 1), dilation, padding, stride)

    for shape in ((2, 3, 8, 9), (3, 8, 9)):
        x = torch.randint(-9, 9, shape).to(dtype)
        assert_native(of, x, *geometry)
