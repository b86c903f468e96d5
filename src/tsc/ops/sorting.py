"""Order: sort, topk, unique, binary search, running extrema. NaN counts as the largest number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.promotion import result_dtype
from tsc.ops.selection import selected
from tsc.ops.shapes import like_self, reduced, wrap_dim
from tsc.ops.sort_lowering import order_statistic, sorted_lines, topk_of_lines

FAMILY = Family()
LONGEST_EXACT = 4096
"""Elements of a row up to which `topk` takes the time to choose among equal elements as PyTorch does."""


def comparable(x: Array) -> Array:
    """`x` in a dtype NumPy sorts: 16-bit floats as float32.

    Raises:
        DTypeError: complex numbers have no order.
    """
    dtype = dtypes.by_numpy(x.dtype)
    if dtype.is_complex:
        raise DTypeError(f"Sort currently does not support complex dtypes on CPU; got {dtype.name}")
    return x.astype(np.float32) if dtype in dtypes.REDUCED else x


def require_numbers(name: str, x: TensorSpec) -> None:
    """PyTorch chooses among real numbers alone, and bools are none.

    Raises:
        DTypeError: there are bools, or complex numbers.
    """
    if x.dtype.is_complex or x.dtype is dtypes.BOOL:
        raise DTypeError(f"{name}: requires a real dtype other than bool; got {x.dtype.name}")


def order(x: Array, axis: int, descending: bool) -> Array:
    """The indices that sort `x` along `axis`; equal elements stay in order."""
    x = comparable(x)
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(backwards, axis)


def _taken(x: Array, places: Array, axis: int) -> Array:
    return np.take_along_axis(x, places, axis) if x.ndim else x.copy()


def _sort_infer(self: TensorSpec, *_: object) -> tuple[TensorSpec, TensorSpec]:
    return self, TensorSpec(self.shape, dtypes.I64)


def _sort_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, KernelValue]:
    x, *_, dim, descending = arguments
    return sorted_lines(kernel, x, wrap_dim(dim, x.spec.ndim), descending)


SORTS = {"kind": "sort", "layout": ResultLayout.ELEMENTWISE}
"""What operators that put whole lines in order have in common."""


@FAMILY.op("aten::sort", infer=_sort_infer, lower=_sort_lower, **SORTS)
def sort(self: Array, dim: int, descending: bool) -> tuple[Array, Array]:
    """The elements in order along `dim`, and where they came from; stable."""
    axis = wrap_dim(dim, self.ndim)
    places = order(self, axis, descending)
    return _taken(self, places, axis), places


@FAMILY.op("aten::sort.stable", infer=_sort_infer, lower=_sort_lower, **SORTS)
def sort_stable(self: Array, stable: bool | None, dim: int, descending: bool) -> tuple[Array, Array]:
    """As `sort`."""
    return sort(self, dim, descending)


def _places_infer(self: TensorSpec, *_: object) -> TensorSpec:
    return TensorSpec(self.shape, dtypes.I64)


def _places_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    return _sort_lower(kernel, arguments)[1]


@FAMILY.op("aten::argsort", infer=_places_infer, lower=_places_lower, **SORTS)
def argsort(self: Array, dim: int, descending: bool) -> Array:
    """The indices that sort along `dim`."""
    return order(self, wrap_dim(dim, self.ndim), descending)


@FAMILY.op("aten::argsort.stable", infer=_places_infer, lower=_places_lower, **SORTS)
def argsort_stable(self: Array, stable: bool, dim: int, descending: bool) -> Array:
    """As `argsort`."""
    return order(self, wrap_dim(dim, self.ndim), descending)


def _msort_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    return sorted_lines(kernel, arguments[0], 0, False)[0]


@FAMILY.op("aten::msort", infer=like_self, lower=_msort_lower, **SORTS)
def msort(self: Array) -> Array:
    """Sorted along the first dim."""
    return sort(self, 0, False)[0]


def _topk_infer(self: TensorSpec, k: int, dim: int, *_: object) -> tuple[TensorSpec, TensorSpec]:
    require_numbers("topk", self)
    axis = wrap_dim(dim, self.ndim)
    if not 0 <= k <= (self.shape[axis] if self.ndim else 1):
        raise ShapeError("selected index k out of range")
    shape = tuple(k if i == axis else n for i, n in enumerate(self.shape))
    return TensorSpec(shape, self.dtype), TensorSpec(shape, dtypes.I64)


def _topk_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, KernelValue]:
    x, k, dim, largest, in_order = arguments
    _topk_infer(x.spec, k, dim)
    count = k if x.spec.ndim else 1
    return topk_of_lines(kernel, x, count, wrap_dim(dim, x.spec.ndim), largest, in_order)


@FAMILY.op("aten::topk", infer=_topk_infer, lower=_topk_lower, kind="sort")
def topk(self: Array, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Array, Array]:
    """The `k` largest (or smallest) elements along `dim`, in order, and where they are.

    Of equal elements, rows of up to `LONGEST_EXACT` give those that PyTorch gives, longer ones the first.
    """
    _topk_infer(spec_of(self), k, dim)
    axis = wrap_dim(dim, self.ndim)
    places = order(self, axis, largest)
    if self.ndim:
        if k and self.shape[axis] <= LONGEST_EXACT:
            places = _as_selected(self, places, axis, k, sorted)
        places = places[(slice(None),) * axis + (slice(k),)]
    return _taken(self, places, axis), places


def _as_selected(x: Array, places: Array, axis: int, k: int, in_order: bool) -> Array:
    """`places` (a stable order) with the first `k` as PyTorch selects them, where that is another order."""
    rows: Array = np.moveaxis(places, axis, -1).reshape(-1, places.shape[axis])
    values: Array = np.take_along_axis(np.moveaxis(comparable(x), axis, -1).reshape(rows.shape), rows, -1)
    left, right = values[:, :-1], values[:, 1:]
    rises = (left != right) & ~((left != left) & (right != right))
    for number in range(len(rows)):
        if in_order and rises[number, :k].all():
            continue  # no equal elements among those, nor one that is left out
        ranks = np.empty(rows.shape[1], np.int64)
        ranks[rows[number]] = np.concatenate([[0], np.cumsum(rises[number])])
        rows[number, :k] = selected(ranks.tolist(), k, in_order)
    return np.moveaxis(rows.reshape(np.moveaxis(places, axis, -1).shape), -1, axis)


def _kth_infer(self: TensorSpec, k: int, dim: int, keepdim: bool) -> tuple[TensorSpec, TensorSpec]:
    require_numbers("kthvalue", self)
    axis = wrap_dim(dim, self.ndim)
    if not 1 <= k <= (self.shape[axis] if self.ndim else 1):
        raise ShapeError("kthvalue(): selected number k out of range for dimension " + str(dim))
    shape = reduced(self.shape, [axis] if self.ndim else [], keepdim)
    return TensorSpec(shape, self.dtype), TensorSpec(shape, dtypes.I64)


def _kth_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, KernelValue]:
    x, k, dim, keepdim = arguments
    _kth_infer(x.spec, k, dim, keepdim)
    return order_statistic(kernel, x, k - 1, wrap_dim(dim, x.spec.ndim), keepdim)


@FAMILY.op("aten::kthvalue", infer=_kth_infer, lower=_kth_lower, kind="sort")
def kthvalue(self: Array, k: int, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """The `k`-th smallest element along `dim` (from 1), and where it is."""
    _kth_infer(spec_of(self), k, dim, keepdim)
    return picked(
        self, order(self, wrap_dim(dim, self.ndim), False), k - 1, wrap_dim(dim, self.ndim), keepdim
    )


def picked(x: Array, places: Array, k: int | Array, axis: int, keepdim: bool) -> tuple[Array, Array]:
    """Value and index of the `k`-th entry of `places`; `k` is a number, or one per row with `axis` kept."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    shape = reduced(x.shape, [axis], True)
    where = np.take_along_axis(places, np.broadcast_to(np.asarray(k, np.int64), shape), axis)
    value = np.take_along_axis(x, where, axis)
    return (value, where) if keepdim else (value.squeeze(axis), where.squeeze(axis))


# --- unique ---


def _empty() -> Array:
    return np.zeros(0, np.int64)


def _unique_flat(x: Array, inverse: bool, counts: bool) -> tuple[Array, Array, Array]:
    values, back, times = np.unique(comparable(x), return_inverse=True, return_counts=True, equal_nan=False)
    return (
        values.astype(x.dtype),
        back.reshape(x.shape).astype(np.int64) if inverse or (counts and x.ndim) else _empty(),
        times.astype(np.int64) if counts else _empty(),
    )


@FAMILY.op("aten::_unique2")
def unique2(
    self: Array, sorted: bool, return_inverse: bool, return_counts: bool
) -> tuple[Array, Array, Array]:
    """The distinct elements in order, where each went, and how often each occurs; empty where not wanted."""
    return _unique_flat(self, return_inverse, return_counts)


@FAMILY.op("aten::_unique")
def unique(self: Array, sorted: bool, return_inverse: bool) -> tuple[Array, Array]:
    """The distinct elements in order, and where each element went."""
    return _unique_flat(self, return_inverse, False)[:2]


@FAMILY.op("aten::unique_dim")
def unique_dim(
    self: Array, dim: int, sorted: bool, return_inverse: bool, return_counts: bool
) -> tuple[Array, Array, Array]:
    """The distinct slices along `dim` in order, where each went, and how often each occurs."""
    axis = wrap_dim(dim, self.ndim)
    values, back, times = np.unique(comparable(self), return_inverse=True, return_counts=True, axis=axis)
    return values.astype(self.dtype), back.reshape(-1).astype(np.int64), times.astype(np.int64)


@FAMILY.op("aten::unique_consecutive")
def unique_consecutive(
    self: Array, return_inverse: bool, return_counts: bool, dim: int | None
) -> tuple[Array, Array, Array]:
    """The elements (or slices along `dim`) unlike the one before, where each went, and the counts."""
    rows = (
        self.reshape(-1) if dim is None or not self.ndim else np.moveaxis(self, wrap_dim(dim, self.ndim), 0)
    )
    n = len(rows)
    differs = np.ones(n, np.bool_)
    differs[1:] = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
    starts = np.flatnonzero(differs)
    values = rows[differs] if dim is None else np.moveaxis(rows[differs], 0, wrap_dim(dim, self.ndim))
    back = (np.cumsum(differs) - 1).astype(np.int64)
    inverse = back.reshape(self.shape) if dim is None else back
    counts = np.diff(np.append(starts, n)).astype(np.int64)
    return values.copy(), inverse if return_inverse else _empty(), counts if return_counts else _empty()


@FAMILY.op("aten::unique_dim_consecutive")
def unique_dim_consecutive(
    self: Array, dim: int, return_inverse: bool, return_counts: bool
) -> tuple[Array, Array, Array]:
    """The slices along `dim` unlike the one before, where each went, and the counts."""
    return unique_consecutive(self, return_inverse, return_counts, dim)


# --- binary search ---


def _searched(edges: Array, values: Array, right: bool, out_int32: bool) -> Array:
    """Where each value would go in its row of `edges`: the number of edges below (or not above) it, found by
    halving as PyTorch does, which decides what NaN gives.
    """
    common = result_dtype([spec_of(edges), spec_of(values)]).numpy
    edges, values = comparable(edges.astype(common)), comparable(values.astype(common))
    kind = np.int32 if out_int32 else np.int64
    low, high = np.zeros(values.shape, np.int64), np.full(values.shape, edges.shape[-1], np.int64)
    while np.any(low < high):
        middle = np.minimum((low + high) // 2, edges.shape[-1] - 1)
        at = edges[middle] if edges.ndim == 1 else np.take_along_axis(edges, middle, -1)
        goes_left = (at > values if right else at >= values) | (low >= high)
        low, high = np.where(goes_left, low, middle + 1), np.where(goes_left, np.minimum(middle, high), high)
    return low.astype(kind)


def _search_infer(edges: TensorSpec, values: TensorSpec | Number, out_int32: bool, *_: object) -> TensorSpec:
    shape = values.shape if isinstance(values, TensorSpec) else ()
    return TensorSpec(shape, dtypes.I32 if out_int32 else dtypes.I64)


@FAMILY.op("aten::searchsorted.Tensor", "aten::searchsorted.Scalar", infer=_search_infer)
def searchsorted(
    sorted_sequence: Array,
    self: Array | Number,
    out_int32: bool,
    right: bool,
    side: str | None,
    sorter: Array | None,
) -> Array:
    """Where the values of `self` would be inserted in the (innermost) sorted sequence.

    Raises:
        ShapeError: the leading dims differ, or `side` contradicts `right`.
    """
    values = np.asarray(self)
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ShapeError(
            f"torch.searchsorted(): side and right can't be set to opposites, got side of {side}, right "
            f"{right}"
        )
    if sorted_sequence.ndim != 1 and sorted_sequence.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(sorted_sequence.shape)} and input value tensor {list(values.shape)}"
        )
    edges = sorted_sequence if sorter is None else np.take_along_axis(sorted_sequence, sorter, -1)
    return _searched(edges, values, right or side == "right", out_int32)


def _bucketize_infer(
    self: TensorSpec | Number, boundaries: TensorSpec, out_int32: bool, right: bool
) -> TensorSpec:
    return _search_infer(boundaries, self, out_int32)


@FAMILY.op(
    "aten::bucketize.Tensor",
    "aten::bucketize.Scalar",
    infer=_bucketize_infer,
)
def bucketize(self: Array | Number, boundaries: Array, out_int32: bool, right: bool) -> Array:
    """The number of the bucket each value falls in."""
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return _searched(boundaries, np.asarray(self), right, out_int32)


def _isin_infer(elements: TensorSpec | Number, *_: object) -> TensorSpec:
    return TensorSpec(elements.shape if isinstance(elements, TensorSpec) else (), dtypes.BOOL)


@FAMILY.op(
    "aten::isin.Tensor_Tensor", "aten::isin.Tensor_Scalar", "aten::isin.Scalar_Tensor", infer=_isin_infer
)
def isin(elements: Array | Number, test_elements: Array | Number, assume_unique: bool, invert: bool) -> Array:
    """Whether each element occurs among `test_elements`."""
    first, second = (comparable(np.asarray(x)) for x in (elements, test_elements))
    return np.asarray(np.isin(first, second, invert=invert))


@composite(FAMILY, "aten::aminmax")
def aminmax(aten: Aten, self: AnyTensor, dim: int | None, keepdim: bool) -> tuple[Any, Any]:
    """The smallest and the largest element, of all or along `dim`."""
    dims = [] if dim is None else [dim]
    return aten.amin(self, dims, keepdim), aten.amax(self, dims, keepdim)
