"""Writing along a dim, where an index tensor says: scatter, scatter_add, scatter_reduce."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import certainly_empty
from tsc.dtypes import Array, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.creation import constant
from tsc.ops.definition import Family, IndexBound, ResultLayout, TensorSpec
from tsc.ops.elementwise import specs_of
from tsc.ops.indexing import along, require_gather_shapes, require_index_dtype, require_within
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.promotion import computation_dtype
from tsc.ops.scatter_lowering import (
    NEUTRAL,
    Writes,
    along_dim,
    part,
    reduced_from,
    reduced_into,
    store,
)
from tsc.ops.shapes import like_self, wrap_dim

FAMILY = Family()
Lower = Callable[..., KernelValue]
"""``lower(kernel, x, writes, source or number, *rest)``."""


def widened(x: Array) -> Array:
    """A copy in the dtype accumulation is done in."""
    return x.astype(computation_dtype(dtypes.by_numpy(x.dtype)).numpy)


_REDUCERS: dict[str, Callable[..., Any]] = {
    "sum": np.add.at, "add": np.add.at, "mean": np.add.at, "prod": np.multiply.at, "multiply": np.multiply.at,
    "amax": np.maximum.at, "amin": np.minimum.at,
}  # fmt: skip


def reducer(name: str, reduce: str) -> Callable[..., Any]:
    """What combines values into an array, as `reduce` says.

    Raises:
        ShapeError: it says nothing that is known.
    """
    if reduce not in _REDUCERS:
        raise ShapeError(
            f"{name}: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    return _REDUCERS[reduce]


def _require_scatter(
    name: str, self: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec | None
) -> int:
    """The dim that `index` replaces the place in, after `index` and `source` were found to fit `self`.

    Raises:
        ShapeError: they do not.
    """
    axis = wrap_dim(dim, self.ndim)
    require_index_dtype(name, index)
    if certainly_empty(index.shape):
        return axis
    require_gather_shapes(name, self, axis, index)
    if source is not None:
        if max(source.ndim, 1) != max(index.ndim, 1):
            raise ShapeError(f"{name}(): Index tensor must have the same number of dimensions as src tensor")
        if any(n > m for n, m in zip(index.shape, source.shape, strict=False)):
            raise ShapeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(self.shape)} apart from "
                f"dimension {axis} and to be no larger size than src {list(source.shape)}"
            )
    return axis


def _scatter_key(name: str, self: Array, dim: int, index: Array, source: Array | None) -> tuple[Array, ...]:
    """NumPy indices of the places written, checked."""
    axis = _require_scatter(name, *specs_of([self, dim, index, source]))
    if not index.size:
        return (np.zeros(0, np.int64),) * max(self.ndim, 1)
    extent = self.shape[axis] if self.ndim else 1
    require_within(
        index, 0, extent, f"index {{index}} is out of bounds for dimension {axis} with size {extent}"
    )
    return along(np.atleast_1d(index), axis, index.shape or (1,))


def _scatter_bounds(self: TensorSpec, dim: int, index: TensorSpec, *_: object) -> list[IndexBound]:
    return [IndexBound(2, 0, self.shape[wrap_dim(dim, self.ndim)] if self.ndim else 1)]


def _scatters(name: str, has_source: bool, lower: Lower, *names: str, **parts: object) -> Any:
    """Register a kind of `scatter`: of which `name` errors speak, and what a kernel does."""

    def infer(
        self: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec | Number, *_: object
    ) -> TensorSpec:
        if has_source:
            assert isinstance(source, TensorSpec)
            _same_dtype(name, self, source)
        _require_scatter(name, self, dim, index, source if isinstance(source, TensorSpec) else None)
        return self

    def lowered(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, dim, index, source, *rest = arguments
        if not index.spec.size:
            return kernel.elementwise([x], x.spec, lambda element: element, "copy")
        writes = along_dim(kernel, x.spec, wrap_dim(dim, x.spec.ndim), index)
        given = part(source, index.spec.shape) if has_source else source
        return lower(kernel, x, writes, given, *rest)

    return FAMILY.op(*names, infer=infer, lower=lowered, kind="scatter", bounds=_scatter_bounds, **parts)


def _source_part(source: Array, index: Array) -> Array:
    if not index.size:
        return source.reshape(-1)[:0]
    return np.atleast_1d(source)[tuple(slice(n) for n in index.shape or (1,))]


def _same_dtype(name: str, self: TensorSpec | Array, source: TensorSpec | Array) -> None:
    """Of two arrays, or of two specs."""
    if self.dtype != source.dtype:
        raise DTypeError(f"{name}(): Expected self.dtype to be equal to src.dtype")


def _scatter_lower(kernel: KernelBuilder, x: KernelValue, writes: Writes, source: KernelValue) -> KernelValue:
    return writes.apply(kernel, x, source, store, "aten::scatter")


@_scatters("scatter", True, _scatter_lower, "aten::scatter.src", layout=ResultLayout.AS_COMPUTED)
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


def _number_lower(kernel: KernelBuilder, x: KernelValue, writes: Writes, number: Number) -> KernelValue:
    return writes.fill(kernel, x, number, "aten::scatter")


@_scatters("scatter", False, _number_lower, "aten::scatter.value", layout=ResultLayout.AS_COMPUTED)
def scatter_value(self: Array, dim: int, index: Array, value: Number) -> Array:
    """``self[i, index[i, j], k] = value``."""
    key = _scatter_key("scatter", self, dim, index, None)
    result = self.copy()
    np.atleast_1d(result)[key] = constant(value, dtypes.by_numpy(self.dtype))
    return result


def _reduced_into(self: Array, key: tuple[Array, ...], values: Array, combine: Callable[..., Any]) -> Array:
    result = np.atleast_1d(widened(self))
    combine(result, key, values.astype(result.dtype, copy=False))
    return result


def _add_lower(kernel: KernelBuilder, x: KernelValue, writes: Writes, source: KernelValue) -> KernelValue:
    return reduced_into(kernel, x, writes, source, "sum", "aten::scatter_add")


@_scatters("scatter_add", True, _add_lower, "aten::scatter_add")
def scatter_add(self: Array, dim: int, index: Array, src: Array) -> Array:
    """``self[i, index[i, j], k] += src[i, j, k]``."""
    _same_dtype("scatter_add", self, src)
    key = _scatter_key("scatter_add", self, dim, index, src)
    result = _reduced_into(self, key, _source_part(src, index), np.add.at)
    return result.astype(self.dtype).reshape(self.shape)


def _old_lower(
    kernel: KernelBuilder, x: KernelValue, writes: Writes, source: KernelValue, reduce: str
) -> KernelValue:
    return reduced_into(kernel, x, writes, source, reduce, "aten::scatter")


@_scatters("scatter", True, _old_lower, "aten::scatter.reduce")
def scatter_reduce_old(self: Array, dim: int, index: Array, src: Array, reduce: str) -> Array:
    """`scatter` that adds or multiplies."""
    _same_dtype("scatter", self, src)
    key = _scatter_key("scatter", self, dim, index, src)
    result = _reduced_into(self, key, _source_part(src, index), reducer("scatter", reduce))
    return result.astype(self.dtype).reshape(self.shape)


@FAMILY.op("aten::scatter.value_reduce", infer=like_self, layout=ResultLayout.ROW_MAJOR)
def scatter_value_reduce(self: Array, dim: int, index: Array, value: Number, reduce: str) -> Array:
    """`scatter` of a number that adds or multiplies."""
    key = _scatter_key("scatter", self, dim, index, None)
    values = np.broadcast_to(np.asarray(value), index.shape or (1,)) if index.size else np.zeros(0)
    return _reduced_into(self, key, values, reducer("scatter", reduce)).astype(self.dtype).reshape(self.shape)


def with_counts(
    self: Array, key: tuple[Array, ...], values: Array, reduce: str, include_self: bool, name: str
) -> Array:
    """Combine `values` into `self` at `key`; means divide by how many took part, integers rounding down."""
    combine = reducer(name, reduce)
    result = np.atleast_1d(widened(self))
    if not include_self:
        dtype = dtypes.by_numpy(result.dtype)
        start = NEUTRAL[reduce]
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


@_scatters("scatter_reduce", True, reduced_from, "aten::scatter_reduce.two")
def scatter_reduce(self: Array, dim: int, index: Array, src: Array, reduce: str, include_self: bool) -> Array:
    """Elements of `src` combined into places of `self` by sum, product, mean or extremum."""
    reducer("scatter_reduce", reduce)
    _same_dtype("scatter_reduce", self, src)
    key = _scatter_key("scatter_reduce", self, dim, index, src)
    return with_counts(self, key, _source_part(src, index), reduce, include_self, "scatter_reduce")
