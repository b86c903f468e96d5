"""Writing into a part of a tensor: what a write through a view leaves in the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tsc.dtypes import I64, Array
from tsc.errors import ShapeError
from tsc.ops.aliases import as_strided
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.index_views import cut
from tsc.ops.shapes import like_self, wrap_dim
from tsc.ops.views import diagonal, select, slice_

FAMILY = Family()


def _stored(self: Array, src: Array, view: Callable[[Array], Array], name: str) -> Array:
    """A copy of `self` with `src` stored in the part that `view` selects."""
    result = np.array(self)
    part = view(result)
    if part.shape != src.shape:
        raise ShapeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, "
            f"slice size = {list(part.shape)}"
        )
    with np.errstate(all="ignore"):
        part[...] = src.astype(result.dtype)
    return result


def _select_joined(aten: Aten, self: AnyTensor, src: AnyTensor, dim: int, index: int) -> AnyTensor:
    """`src` between what lies before and after it."""
    shape = list(aten.shape(self))
    extent = shape.pop(dim)
    start = index + extent if index < 0 else index
    if not 0 <= start < extent or aten.shape(src) != tuple(shape):
        raise ShapeError("select_scatter: the slice is not there")  # the operator says why when it runs
    return _slice_joined(aten, self, aten.unsqueeze(src, dim), dim, start, start + 1, 1)


def _slice_joined(
    aten: Aten, self: AnyTensor, src: AnyTensor, dim: int, start: int | None, end: int | None, step: int
) -> AnyTensor:
    """`src` between what lies before and after it."""
    if step != 1:
        return _chosen_by_steps(aten, self, src, dim, start, end, step)
    shape = aten.shape(self)
    first, length, _ = cut(slice(start, end), shape[dim])
    stop = first + length
    part = list(shape)
    part[dim] = length
    piece = aten("to.dtype", aten.expand(src, part), aten.dtype(self).code)
    pieces = [
        aten("slice.Tensor", self, dim, 0, first, 1), piece,
        aten("slice.Tensor", self, dim, stop, shape[dim], 1),
    ]  # fmt: skip
    held = [p for p in pieces if p is piece or aten.shape(p)[dim]]  # an empty one may raise when computed
    if len(held) > 1:
        return aten("cat", held, dim)
    return aten.clone(held[0] if held else self)  # a tensor of its own, and not what is stored


def _chosen_by_steps(
    aten: Aten, self: AnyTensor, src: AnyTensor, dim: int, start: int | None, end: int | None, step: int
) -> AnyTensor:
    shape = list(aten.shape(self))
    axis = wrap_dim(dim, len(shape))
    first, length, _ = cut(slice(start, end, step), shape[axis])
    if not length:
        return aten.clone(self)
    part = [*shape[:axis], length, *shape[axis + 1 :]]
    piece = aten.in_dtype(aten.expand(src, part), aten.dtype(self))
    places = aten("sub.Scalar", aten("arange", shape[axis], I64.code, None, None, None), first)
    inside = aten("logical_and", aten("ge.Scalar", places, 0), aten("lt.Scalar", places, length * step))
    is_there = aten("logical_and", inside, aten("eq.Scalar", aten("remainder.Scalar", places, step), 0))
    number = aten("div.Scalar_mode", aten("clamp", places, 0, length * step - 1), step, "floor")
    spread = aten("index_select", piece, axis, number)
    mask = aten("reshape", is_there, [-1 if d == axis else 1 for d in range(len(shape))])
    return aten("where.self", mask, spread, self)


@FAMILY.op(
    "aten::select_scatter",
    infer=like_self,
    kind="composite",
    composite=_select_joined,
    layout=ResultLayout.ELEMENTWISE,
    elements_only=("index",),
)
def select_scatter(self: Array, src: Array, dim: int, index: int) -> Array:
    """`src` stored in one slice."""
    return _stored(self, src, lambda x: select(x, dim, index), "select_scatter")


@FAMILY.op(
    "aten::slice_scatter",
    infer=like_self,
    kind="composite",
    composite=_slice_joined,
    layout=ResultLayout.ELEMENTWISE,
)
def slice_scatter(self: Array, src: Array, dim: int, start: int | None, end: int | None, step: int) -> Array:
    """`src` stored in a range of slices."""
    part = slice_(self, dim, start, end, step)
    return _stored(
        self, np.broadcast_to(src, part.shape), lambda x: slice_(x, dim, start, end, step), "slice_scatter"
    )


def _chosen_by_diagonal(
    aten: Aten, self: AnyTensor, src: AnyTensor, offset: int, dim1: int, dim2: int
) -> AnyTensor:
    """The matrices of two dims, of which a mask chooses the places on the diagonal."""
    shape = aten.shape(self)
    if aten.shape(aten("diagonal", self, offset, dim1, dim2)) != aten.shape(src):
        raise ShapeError("diagonal_scatter: the diagonal has another shape")  # the operator says which
    first, second = wrap_dim(dim1, len(shape)), wrap_dim(dim2, len(shape))
    order = [*(d for d in range(len(shape)) if d not in (first, second)), first, second]
    rows, columns = shape[first], shape[second]
    along, across = (aten("arange", n, I64.code, None, None, None) for n in (rows, columns))
    is_there = aten("eq.Scalar", aten("sub.Tensor", across, aten("unsqueeze", along, -1)), offset)
    axis, extent = (-1, rows) if offset >= 0 else (-2, columns)
    line = aten("constant_pad_nd", aten.in_dtype(src, aten.dtype(self)), [0, extent - aten.shape(src)[-1]])
    chosen = aten("where.self", is_there, aten("unsqueeze", line, axis), aten("permute", self, order))
    return aten("permute", chosen, [order.index(d) for d in range(len(shape))])


@FAMILY.op(
    "aten::diagonal_scatter", infer=like_self, kind="composite", composite=_chosen_by_diagonal,
    layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def diagonal_scatter(self: Array, src: Array, offset: int, dim1: int, dim2: int) -> Array:
    """`src` stored in a diagonal."""
    return _stored(self, src, lambda x: diagonal(x, offset, dim1, dim2), "diagonal_scatter")


@FAMILY.op("aten::as_strided_scatter", infer=like_self)
def as_strided_scatter(
    self: Array, src: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None
) -> Array:
    """`src` stored in a strided part of the memory."""
    return _stored(self, src, lambda x: as_strided(x, size, stride, storage_offset), "as_strided_scatter")
