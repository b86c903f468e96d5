"""`memory_layouts`: arrays are laid out anew as others lie, in as many memories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tsc.runtime.memory_layouts import Layout

Array = np.ndarray[Any, Any]


def matrix() -> Array:
    return np.arange(12.0).reshape(3, 4)


def turned(x: Array) -> list[Array]:
    return [x.T]


def parts(x: Array) -> list[Array]:
    return [x[1:, ::2], x.T[2:], x.reshape(-1)[5:7]]


def apart(x: Array) -> list[Array]:
    return [x[:1], x.T.copy(), x[2:]]


def expanded(x: Array) -> list[Array]:
    return [x, np.broadcast_to(x[0], (2, 4))]


def empty(x: Array) -> list[Array]:
    return [x[:0], x[1]]


@pytest.mark.parametrize("take", [turned, parts, apart, expanded, empty], ids=lambda t: t.__name__)
def test_arrays_lie_anew_as_they_lay(take: Any) -> None:
    arrays = take(matrix())
    layout = Layout.of(arrays)
    made = layout.filled([a.copy() for a in arrays])
    assert Layout.of(made) == layout
    for one, other in zip(arrays, made, strict=True):
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
        assert not np.may_share_memory(one, other)
        assert not one.size or one.strides == other.strides
    assert [[np.shares_memory(a, b) for a in made] for b in made] == [
        [np.shares_memory(a, b) for a in arrays] for b in arrays
    ]


def test_memory_is_as_long_as_what_is_shown_of_it() -> None:
    x = np.arange(1000.0)
    assert Layout.of([x[10:12], x[20:21]]).sizes == (88,)


def test_expanded_memory_holds_each_element_once() -> None:
    assert Layout.of([np.broadcast_to(np.arange(3.0), (2, 3))]).sizes == (24,)


def test_strides_of_single_elements_count() -> None:
    """Programs can ask for them, and what an image of one place suggests follows from them."""
    assert Layout.of([np.zeros((1, 3))]) != Layout.of([np.zeros((3, 1)).T])
    assert Layout.of([np.zeros((2, 3))]) != Layout.of([np.zeros((3, 2)).T])
