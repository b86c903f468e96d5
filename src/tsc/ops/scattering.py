"""Writing by index tensors: index_put, scatter, index_add, masked_scatter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.errors import DTypeError, ShapeError
from tsc.ops.advanced_indexing import numpy_key
from tsc.ops.creation import constant
from tsc.ops.elementwise import spec_of
from tsc.ops.indexing import along, require_gather_shapes, require_index_dtype, require_within
from tsc.ops.promotion import computation_dtype
from tsc.ops.registry import Family, ResultLayout, TensorSpec
from tsc.ops.shapes import broadcast, wrap_dim

FAMILY = Family()
Array = np.ndarray[Any, Any]


def _same(self: TensorSpec, *_: Any) -> TensorSpec:
    return self


def _wide(x: Array) -> Array:
    """A copy in the dtype accumulation is done in."""
    return x.astype(computation_dtype(dtypes.by_numpy(x.dtype)).numpy)


# --- x[indices] = values ---


def _put_into(self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool) -> Array:
    """Store or add `values` at ``self[indices]``."""
    if values.dtype != self.dtype:
        have, want = (dtypes.by_numpy(x.dtype).name for x in (values, self))
        raise DTypeError(
            f"Index put requires the source and destination dtypes match, got {want} for the destination and "
            f"{have} for the source."
        )
    if not self.ndim and len(indices) == 1 and indices[0] is not None and not indices[0].ndim:
        _put_into(self.reshape(1), [indices[0].reshape(1)], values, accumulate)
        return self
    key = numpy_key(self, indices)
    target = self[key].shape
    lead = values.ndim - len(target)
    try:
        source = np.broadcast_to(values.reshape(values.shape[max(lead, 0) :]), target)
    except ValueError:
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing "
            f"result of shape {list(target)}"
        ) from None
    if accumulate:
        np.add.at(self, key, source)
    else:
        self[key] = source
    return self


@FAMILY.op(
    "aten::index_put",
    "aten::index_put.hacked_twin",
    infer=_same,
    takes_overlap=True,
    layout=ResultLayout.ELEMENTWISE,
)
def index_put(self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool) -> Array:
    """A copy of `self` with `values` stored at ``self[indices]``, or added there.

    Raises:
        BoundsError: an index is out of range.
    """
    return _put_into(self.copy(), indices, values, accumulate)


@FAMILY.op("aten::_index_put_impl_", "aten::_index_put_impl_.hacked_twin", kind="inplace", takes_overlap=True)
def index_put_impl(
    self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool, unsafe: bool
) -> Array:
    """Store `values` at ``self[indices]``, or add them there."""
    return _put_into(self, indices, values, accumulate)


@FAMILY.op("aten::put", infer=_same, layout=ResultLayout.ELEMENTWISE)
def put(self: Array, index: Array, source: Array, accumulate: bool) -> Array:
    """`source` stored at (or added to) places of the flattened tensor."""
    if index.size != source.size:
        raise ShapeError("put_(): Expected source and index to have the same number of elements")
    if index.dtype != np.int64:
        raise DTypeError(f"put_(): Expected a long tensor for index, but got {index.dtype.name}")
    n = self.size
    require_within(
        index, -n, n, f"out of range: tried to access index {{index}} on a tensor of {n} elements."
    )
    flat = np.array(self).reshape(-1)
    _put_into(flat, [index.reshape(-1)], source.reshape(-1), accumulate)
    return flat.reshape(spec_of(self).shape)


def _masked_infer(self: TensorSpec, mask: TensorSpec, source: TensorSpec) -> TensorSpec:
    return TensorSpec(broadcast(self.shape, mask.shape), self.dtype)


@FAMILY.op("aten::masked_scatter", infer=_masked_infer, layout=ResultLayout.ROW_MAJOR)
def masked_scatter(self: Array, mask: Array, source: Array) -> Array:
    """The elements where `mask` holds replaced by those of `source`, in order."""
    if mask.dtype != np.bool_:
        raise DTypeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.name}"
        )
    if source.dtype != self.dtype:
        raise DTypeError("masked_scatter: expected self and source to have same dtypes")
    result = np.array(np.broadcast_to(self, np.broadcast_shapes(self.shape, mask.shape)))
    where = np.broadcast_to(mask, result.shape)
    count = int(where.sum())
    if count > source.size:
        raise ShapeError(
            "masked_scatter: expected the number of elements in source to be at least the number of ones in "
            "mask"
        )
    result[where] = source.reshape(-1)[:count]
    return result


# --- scatter ---

_REDUCERS: dict[str, Callable[..., Any]] = {
    "sum": np.add.at, "add": np.add.at, "mean": np.add.at, "prod": np.multiply.at, "multiply": np.multiply.at,
    "amax": np.maximum.at, "amin": np.minimum.at,
}  # fmt: skip
_NEUTRAL: dict[str, float] = {"sum": 0, "mean": 0, "prod": 1, "amax": -np.inf, "amin": np.inf}


def _reducer(name: str, reduce: str) -> Callable[..., Any]:
    if reduce not in _REDUCERS:
        raise ShapeError(
            f"{name}: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    return _REDUCERS[reduce]


def _scatter_key(name: str, self: Array, dim: int, index: Array, source: Array | None) -> tuple[Array, ...]:
    """NumPy indices of the places written, checked."""
    axis = wrap_dim(dim, self.ndim)
    require_index_dtype(name, spec_of(index))
    if not index.size:
        return (np.zeros(0, np.int64),) * max(self.ndim, 1)
    require_gather_shapes(name, spec_of(self), axis, spec_of(index))
    if source is not None:
        if max(source.ndim, 1) != max(index.ndim, 1):
            raise ShapeError(f"{name}(): Index tensor must have the same number of dimensions as src tensor")
        if any(n > m for n, m in zip(index.shape, source.shape, strict=False)):
            raise ShapeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(self.shape)} apart from "
                f"dimension {axis} and to be no larger size than src {list(source.shape)}"
            )
    extent = self.shape[axis] if self.ndim else 1
    require_within(
        index, 0, extent, f"index {{index}} is out of bounds for dimension {axis} with size {extent}"
    )
    return along(np.atleast_1d(index), axis, index.shape or (1,))


def _source_part(source: Array, index: Array) -> Array:
    if not index.size:
        return source.reshape(-1)[:0]
    return np.atleast_1d(source)[tuple(slice(n) for n in index.shape or (1,))]


def _same_dtype(name: str, self: Array, source: Array) -> None:
    if self.dtype != source.dtype:
        raise DTypeError(f"{name}(): Expected self.dtype to be equal to src.dtype")


@FAMILY.op("aten::scatter.src", infer=_same)
def scatter(self: Array, dim: int, index: Array, src: Array) -> Array:
    """``self[i, index[i, j], k] = src[i, j, k]``.

    Raises:
        BoundsError: an index is out of range.
    """
    _same_dtype("scatter", self, src)
    key = _scatter_key("scatter", self, dim, index, src)
    result = self.copy()
    np.atleast_1d(result)[key] = _source_part(src, index)
    return result


@FAMILY.op("aten::scatter.value", infer=_same)
def scatter_value(self: Array, dim: int, index: Array, value: Any) -> Array:
    """``self[i, index[i, j], k] = value``."""
    key = _scatter_key("scatter", self, dim, index, None)
    result = self.copy()
    np.atleast_1d(result)[key] = constant(value, dtypes.by_numpy(self.dtype))
    return result


def _reduced_into(self: Array, key: tuple[Array, ...], values: Array, combine: Callable[..., Any]) -> Array:
    result = np.atleast_1d(_wide(self))
    combine(result, key, values.astype(result.dtype, copy=False))
    return result


@FAMILY.op("aten::scatter_add", infer=_same, layout=ResultLayout.ROW_MAJOR)
def scatter_add(self: Array, dim: int, index: Array, src: Array) -> Array:
    """``self[i, index[i, j], k] += src[i, j, k]``."""
    _same_dtype("scatter_add", self, src)
    key = _scatter_key("scatter_add", self, dim, index, src)
    result = _reduced_into(self, key, _source_part(src, index), np.add.at)
    return result.astype(self.dtype).reshape(self.shape)


@FAMILY.op("aten::scatter.reduce", infer=_same, layout=ResultLayout.ROW_MAJOR)
def scatter_reduce_old(self: Array, dim: int, index: Array, src: Array, reduce: str) -> Array:
    """`scatter` that adds or multiplies."""
    _same_dtype("scatter", self, src)
    key = _scatter_key("scatter", self, dim, index, src)
    result = _reduced_into(self, key, _source_part(src, index), _reducer("scatter", reduce))
    return result.astype(self.dtype).reshape(self.shape)


@FAMILY.op("aten::scatter.value_reduce", infer=_same, layout=ResultLayout.ROW_MAJOR)
def scatter_value_reduce(self: Array, dim: int, index: Array, value: Any, reduce: str) -> Array:
    """`scatter` of a number that adds or multiplies."""
    key = _scatter_key("scatter", self, dim, index, None)
    values = np.broadcast_to(np.asarray(value), index.shape or (1,)) if index.size else np.zeros(0)
    return (
        _reduced_into(self, key, values, _reducer("scatter", reduce)).astype(self.dtype).reshape(self.shape)
    )


def _with_counts(
    self: Array, key: tuple[Array, ...], values: Array, reduce: str, include_self: bool, name: str
) -> Array:
    """Combine `values` into `self` at `key`; means divide by how many took part, integers rounding down."""
    combine = _reducer(name, reduce)
    result = np.atleast_1d(_wide(self))
    if not include_self:
        dtype = dtypes.by_numpy(result.dtype)
        start = _NEUTRAL[reduce]
        if not dtype.is_floating and np.isinf(start):
            limits = (
                (0, 1) if dtype is dtypes.BOOL else (np.iinfo(result.dtype).min, np.iinfo(result.dtype).max)
            )
            start = limits[int(start > 0)]
        result[key] = start
    combine(result, key, values.astype(result.dtype, copy=False))
    if reduce == "mean":
        counts = np.full(result.shape, int(include_self))
        np.add.at(counts, key, 1)
        counts = np.maximum(counts, 1)
        result = result // counts if result.dtype.kind in "iu" else result / counts
    return result.astype(self.dtype).reshape(self.shape)


@FAMILY.op("aten::scatter_reduce.two", infer=_same, layout=ResultLayout.ROW_MAJOR)
def scatter_reduce(self: Array, dim: int, index: Array, src: Array, reduce: str, include_self: bool) -> Array:
    """Elements of `src` combined into places of `self` by sum, product, mean or extremum."""
    _reducer("scatter_reduce", reduce)
    _same_dtype("scatter_reduce", self, src)
    key = _scatter_key("scatter_reduce", self, dim, index, src)
    return _with_counts(self, key, _source_part(src, index), reduce, include_self, "scatter_reduce")


# --- whole slices ---


def _slice_key(name: str, self: Array, dim: int, index: Array) -> tuple[Any, ...]:
    axis = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise ShapeError(f"{name}(): Index is supposed to be a vector")
    require_index_dtype(name, spec_of(index))
    extent = self.shape[axis] if self.ndim else 1
    low = -extent if name == "index_fill_" else 0
    if extent and not self.size:
        index = np.zeros_like(index)  # there is nothing to reach
    require_within(index, low, extent, "index out of range in self")
    return (*(slice(None),) * axis, index.reshape(-1))


def _checked_source(name: str, self: Array, dim: int, index: Array, source: Array) -> Array:
    """`source` with as many dims as `self`, fitting it except in `dim`."""
    if source.dtype != self.dtype:
        raise DTypeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {self.dtype} and "
            f"(source) {source.dtype}"
        )
    axis = wrap_dim(dim, self.ndim)
    if source.ndim == 0:
        source = np.broadcast_to(source, (*[1] * axis, index.size, *[1] * (self.ndim - axis - 1)))
    expected = (*self.shape[:axis], index.size, *self.shape[axis + 1 :]) if self.ndim else (index.size,)
    if source.shape != expected and not (source.size == 1 and index.size == 1):
        raise ShapeError(f"{name}(): requires source of shape {list(expected)}; got {list(source.shape)}")
    return source.reshape(expected)


@FAMILY.op("aten::index_add", infer=_same, layout=ResultLayout.ROW_MAJOR)
def index_add(self: Array, dim: int, index: Array, source: Array, alpha: Any) -> Array:
    """``self[:, index[j]] += alpha * source[:, j]``."""
    key = _slice_key("index_add", self, dim, index)
    source = _checked_source("index_add", self, dim, index, source)
    result = np.atleast_1d(_wide(self))
    np.add.at(result, key, (_wide(source) * np.asarray(alpha).astype(result.dtype)).astype(result.dtype))
    return result.astype(self.dtype).reshape(self.shape)


@FAMILY.op("aten::index_copy", infer=_same)
def index_copy(self: Array, dim: int, index: Array, source: Array) -> Array:
    """``self[:, index[j]] = source[:, j]``."""
    key = _slice_key("index_copy_", self, dim, index)
    source = _checked_source("index_copy_", self, dim, index, source)
    result = self.copy()
    np.atleast_1d(result)[key] = source
    return result


@FAMILY.op("aten::index_reduce", infer=_same)
def index_reduce(
    self: Array, dim: int, index: Array, source: Array, reduce: str, include_self: bool
) -> Array:
    """Slices of `source` combined into slices of `self` by product, mean or extremum."""
    key = _slice_key("index_reduce", self, dim, index)
    source = _checked_source("index_reduce", self, dim, index, source)
    return _with_counts(self, key, source, reduce, include_self, "index_reduce")


@FAMILY.op("aten::index_fill.int_Scalar", infer=_same, takes_overlap=True, layout=ResultLayout.ELEMENTWISE)
def index_fill(self: Array, dim: int, index: Array, value: Any) -> Array:
    """``self[:, index[j]] = value``."""
    key = _slice_key("index_fill_", self, dim, index)
    result = self.copy()
    np.atleast_1d(result)[key] = constant(value, dtypes.by_numpy(self.dtype))
    return result


@FAMILY.op("aten::index_fill.int_Tensor", infer=_same, takes_overlap=True, layout=ResultLayout.ELEMENTWISE)
def index_fill_tensor(self: Array, dim: int, index: Array, value: Array) -> Array:
    """``self[:, index[j]] = value``, a 0-dim tensor."""
    if value.ndim:
        raise ShapeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
            "dimension(s)."
        )
    return index_fill(self, dim, index, value.item())
