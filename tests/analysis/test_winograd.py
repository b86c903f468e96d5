"""Minimal filtering: the matrices give what direct sums give, in float32 nearly as exactly; where it pays."""

from typing import Any

import numpy as np
import pytest

from tsc.analysis.target import AVX2, AVX512, GENERIC_X86
from tsc.analysis.winograd import (
    POINTS,
    TAPS,
    ConvolutionSize,
    best_tile,
    matrices,
    transformed_filters,
)
from tsc.dtypes import Array


def direct(image: Array, filters: Array, outputs: int) -> Array:
    """Sums ``(tiles, out, m, m)`` of tiles ``(tiles, in, t, t)``, in the dtype of the image."""
    result = np.zeros((len(image), len(filters), outputs, outputs), image.dtype)
    for channel in range(image.shape[1]):
        for a, b in np.ndindex(TAPS, TAPS):
            window = image[:, None, channel, a : a + outputs, b : b + outputs]
            result += window * filters[None, :, channel, a, b, None, None]
    return result


def minimal(image: Array, filters: Array, outputs: int) -> Array:
    """The same by products of transformed tiles."""
    found = matrices(outputs)
    data, back = found.data.astype(image.dtype), found.outputs.astype(image.dtype)
    transformed = data @ image @ data.T
    weights = transformed_filters(filters, outputs)
    products = np.zeros((len(image), len(filters), *transformed.shape[2:]), image.dtype)
    for channel in range(image.shape[1]):
        products += transformed[:, None, channel] * weights[:, :, channel].transpose(2, 0, 1)
    return back @ products @ back.T


def sample(outputs: int, channels: int, dtype: Any) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    side = outputs + TAPS - 1
    image = generator.standard_normal((50, channels, side, side)).astype(dtype)
    return image, generator.standard_normal((8, channels, TAPS, TAPS)).astype(dtype)


@pytest.mark.parametrize("outputs", POINTS)
def test_the_matrices_give_the_sums(outputs: int) -> None:
    image, filters = sample(outputs, 3, np.float64)
    np.testing.assert_allclose(
        minimal(image, filters, outputs), direct(image, filters, outputs), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("outputs", "times"), [(2, 1.5), (4, 5)])
def test_errors_in_float32_are_near_those_of_direct_sums(outputs: int, times: float) -> None:
    image, filters = sample(outputs, 64, np.float32)
    exact = direct(image.astype(np.float64), filters.astype(np.float64), outputs)
    errors = [
        float(np.abs(found - exact).mean())
        for found in (minimal(image, filters, outputs), direct(image, filters, outputs))
    ]
    assert errors[0] <= times * errors[1]


def test_it_pays_where_channels_are_many_and_the_filters_are_read_often() -> None:
    for target in (AVX2, AVX512):
        assert best_tile(ConvolutionSize(1, 64, 64, 56, 56), target) == 4
        assert best_tile(ConvolutionSize(1, 512, 512, 7, 7), target) in (2, None)
        assert best_tile(ConvolutionSize(1, 3, 64, 56, 56), target) is None
        assert best_tile(ConvolutionSize(1, 512, 512, 2, 2), target) is None
    assert best_tile(ConvolutionSize(1, 64, 64, 56, 56), GENERIC_X86) is None
