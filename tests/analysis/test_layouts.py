"""`layouts`: a layout says where each element lies, and `pack` puts it there."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import IndexType, TensorType, f16, f32, f64, i1, i32

from tsc.analysis.layouts import Layout, Panels, element_bytes, layout_of, pack, tensor_type

PLAIN = Layout.row_major((2, 3, 4), f32)
LAYOUTS = {
    "row-major": PLAIN,
    "turned": PLAIN.with_order((2, 0, 1)),
    "a halo": PLAIN.with_halo((0, 1, 2), (1, 0, 3)),
    "turned with a halo": PLAIN.with_order((0, 2, 1)).with_halo((0, 1, 1), (0, 2, 0)),
    "one element": Layout.row_major((), f32),
    "nothing": Layout.row_major((0, 3), f32),
}


def numbers(layout: Layout) -> np.ndarray[Any, Any]:
    """An array for a layout, of different numbers and without zeros."""
    return np.arange(1, 1 + int(np.prod(layout.shape)), dtype=np.float32).reshape(layout.shape)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_packed_elements_lie_where_the_strides_say_and_all_else_is_zero(layout: Layout) -> None:
    array = numbers(layout)
    memory = pack(array, layout)
    assert memory.shape == (layout.elements,)
    assert memory.flags.c_contiguous
    left = memory.copy()
    for index in product(*map(range, layout.shape)):
        place = layout.base + sum(i * s for i, s in zip(index, layout.strides, strict=True))
        assert memory[place] == array[index]
        left[place] = 0
    assert not left.any()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_tensor_type_tells_its_layout(layout: Layout) -> None:
    assert layout_of(tensor_type(layout)) == layout


def test_a_plain_type_has_no_encoding() -> None:
    assert tensor_type(PLAIN) == TensorType(f32, [2, 3, 4])


def test_only_tensors_have_layouts() -> None:
    with pytest.raises(ValueError, match="requires a ranked tensor type"):
        layout_of(f32)


@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        (PLAIN, True),
        (PLAIN.with_order((2, 0, 1)), False),
        (PLAIN.with_halo((0, 0, 1), (0, 0, 0)), False),
        (PLAIN.with_halo((0, 0, 0), (1, 0, 0)), False),
        (Layout.row_major((2, 1, 4), f32).with_order((1, 0, 2)), True),
        (Layout.row_major((2, 1, 4), f32).with_order((2, 1, 0)), False),
        (Layout.row_major((1, 1), f32).with_order((1, 0)), True),
    ],
    ids=["plain", "turned", "zeros before", "zeros after", "a single dim moved", "turned too", "one element"],
)
def test_row_major_is_what_a_dense_array_is(layout: Layout, wanted: bool) -> None:
    assert layout.is_row_major == wanted
    if wanted:
        assert np.array_equal(pack(numbers(layout), layout), numbers(layout).reshape(-1))


def test_a_halo_only_grows() -> None:
    once = PLAIN.with_halo((0, 1, 2), (0, 0, 0))
    assert once.with_halo((0, 2, 1), (1, 0, 0)).low == (0, 2, 2)
    assert once.has_halo
    assert not PLAIN.has_halo


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        ((0, 1, 1), (0, 1, 1), True), ((0, 0, 0), (0, 0, 0), True), ((0, 0, 1), (0, 0, 0), True),
        ((0, 2, 1), (0, 1, 1), False), ((0, 1, 1), (0, 1, 2), False), ((1, 0, 0), (0, 0, 0), False),
    ],
)  # fmt: skip
def test_a_halo_covers_smaller_ones(low: tuple[int, ...], high: tuple[int, ...], wanted: bool) -> None:
    assert PLAIN.with_halo((0, 1, 1), (0, 1, 1)).covers(low, high) == wanted


def panelled(shape: tuple[int, ...], panels: Panels) -> Layout:
    plain = Layout.row_major(shape, f32)
    return Layout(shape, f32, plain.order, plain.low, plain.high, panels)


PANELS = {
    "columns of a matrix": ((5, 6), Panels((), (1,), (0,), 4)),
    "rows of a matrix": ((5, 6), Panels((), (0,), (1,), 4)),
    "a batch": ((3, 5, 6), Panels((0,), (2,), (1,), 4)),
    "two dims of depth": ((8, 2, 3), Panels((), (0,), (1, 2), 3)),
    "an exact fit": ((8, 4), Panels((), (1,), (0,), 4)),
}


@pytest.mark.parametrize(("shape", "panels"), PANELS.values(), ids=PANELS)
def test_panels_hold_columns_side_by_side_for_each_depth(shape: tuple[int, ...], panels: Panels) -> None:
    layout = panelled(shape, panels)
    array = numbers(layout)
    matrix = array.transpose((*panels.batch, *panels.depth, *panels.columns)).reshape(
        *(shape[d] for d in panels.batch), int(np.prod([shape[d] for d in panels.depth])), -1
    )
    matrices = matrix.reshape(-1, *matrix.shape[-2:])
    batch, depth, columns = matrices.shape
    memory = pack(array, layout).reshape(batch, -1, depth, panels.width)
    assert memory.size == layout.elements
    for b, d, c in product(range(batch), range(depth), range(memory.shape[1] * panels.width)):
        wanted = matrices[b, d, c] if c < columns else 0
        assert memory[b, c // panels.width, d, c % panels.width] == wanted


@pytest.mark.parametrize(("shape", "panels"), PANELS.values(), ids=PANELS)
def test_a_packed_type_tells_its_panels(shape: tuple[int, ...], panels: Panels) -> None:
    layout = panelled(shape, panels)
    assert layout_of(tensor_type(layout)) == layout
    assert not layout.is_row_major
    assert not layout.covers((0,) * len(shape), (0,) * len(shape))


@pytest.mark.parametrize(
    ("element", "size"), [(f32, 4), (f64, 8), (f16, 2), (i32, 4), (i1, 1), (IndexType(), 8)], ids=str
)
def test_elements_take_whole_bytes(element: Any, size: int) -> None:
    assert element_bytes(element) == size
    assert Layout.row_major((3, 5), element).size_bytes == 15 * size
    assert Layout.row_major((3, 5), element).memory_type.get_shape() == (15,)
