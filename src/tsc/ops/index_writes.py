"""Writing whole slices that an index vector numbers: index_add, index_copy, index_fill, index_reduce."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import BoundsError, CodegenError, DTypeError, ShapeError, TscError
from tsc.ops.creation import constant
from tsc.ops.definition import Family, IndexBound, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.indexing import require_index_dtype, require_within
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.promotion import computation_dtype
from tsc.ops.scatter_lowering import (
    Writes,
    reduced_from,
    reduced_into,
    store,
    whole_slices,
)
from tsc.ops.scattering import Lower, widened, with_counts
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


WANT_I64: dict[str, type[TscError]] = {"index_copy_": DTypeError, "index_fill_": BoundsError}
"""Those that take no int32, and what they raise."""


def _require_vector(name: str, self: TensorSpec, dim: int, index: TensorSpec) -> int:
    """The dim whose slices `index` numbers.

    Raises:
        ShapeError: `index` is no vector.
        BoundsError: it holds none of the integers that are taken.
    """
    axis = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise ShapeError(f"{name}(): Index is supposed to be a vector")
    require_index_dtype(name, index)
    if name in WANT_I64 and index.dtype is not dtypes.I64:
        raise WANT_I64[name](f"{name}(): Expected dtype int64 for index; got {index.dtype.scalar_type}")
    return axis


def _slice_key(name: str, self: Array, dim: int, index: Array) -> tuple[Any, ...]:
    axis = _require_vector(name, spec_of(self), dim, spec_of(index))
    extent = self.shape[axis] if self.ndim else 1
    low = -extent if name == "index_fill_" else 0
    if extent and not self.size:
        index = np.zeros_like(index)  # there is nothing to reach
    require_within(index, low, extent, "index out of range in self")
    return (*(slice(None),) * axis, index.reshape(-1))


def _require_source(
    name: str, self: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec
) -> tuple[int, ...]:
    """The shape that `source` stands for.

    Raises:
        DTypeError: it has another dtype than `self`.
        ShapeError: it does not fit `self` except in `dim`.
    """
    if source.dtype is not self.dtype:
        raise DTypeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {self.dtype.name} "
            f"and (source) {source.dtype.name}"
        )
    axis = _require_vector(name, self, dim, index)
    expected = (*self.shape[:axis], index.size, *self.shape[axis + 1 :]) if self.ndim else (index.size,)
    shape = source.shape or (*[1] * axis, index.size, *[1] * (self.ndim - axis - 1))
    if shape != expected and not math.prod(shape) == index.size == math.prod(expected) == 1:
        raise ShapeError(f"{name}(): requires source of shape {list(expected)}; got {list(source.shape)}")
    return expected


def _checked_source(name: str, self: Array, dim: int, index: Array, source: Array) -> Array:
    """`source` with as many dims as `self`, fitting it except in `dim`."""
    expected = _require_source(name, *specs_of([self, dim, index, source]))
    return source.reshape(expected) if source.ndim else np.broadcast_to(source, expected)


def _slices(name: str, has_source: bool, lower: Lower, *names: str, **parts: object) -> Any:
    """As `_scatters`, for whole slices."""
    low = -1 if name == "index_fill_" else 0

    def infer(
        self: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec | Number, *_: object
    ) -> TensorSpec:
        if has_source:
            assert isinstance(source, TensorSpec)
            _require_source(name, self, dim, index, source)
        else:
            _require_vector(name, self, dim, index)
        return self

    def bounds(self: TensorSpec, dim: int, *_: object) -> list[IndexBound]:
        extent = self.shape[wrap_dim(dim, self.ndim)] if self.ndim else 1
        return [IndexBound(2, low * extent, extent)]

    def lowered(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, dim, index, source, *rest = arguments
        if not index.spec.size:
            return kernel.elementwise([x], x.spec, lambda element: element, "copy")
        writes = whole_slices(kernel, x.spec, wrap_dim(dim, x.spec.ndim), index)
        return lower(kernel, x, writes, source, *rest)

    return FAMILY.op(*names, infer=infer, lower=lowered, kind="scatter", bounds=bounds, **parts)


def _index_add_lower(
    kernel: KernelBuilder, x: KernelValue, writes: Writes, source: KernelValue, alpha: Number
) -> KernelValue:
    wide = computation_dtype(x.spec.dtype)
    scaled = TensorSpec(source.spec.shape, wide)
    if alpha != 1:
        source = kernel.elementwise([source], scaled, lambda s: s.to(wide) * s.to(wide).lift(alpha), "scale")
    return reduced_into(kernel, x, writes, source, "sum", "aten::index_add")


@_slices("index_add", True, _index_add_lower, "aten::index_add")
def index_add(self: Array, dim: int, index: Array, source: Array, alpha: Number) -> Array:
    """``self[:, index[j]] += alpha * source[:, j]``."""
    key = _slice_key("index_add", self, dim, index)
    source = _checked_source("index_add", self, dim, index, source)
    result = np.atleast_1d(widened(self))
    np.add.at(result, key, (widened(source) * np.asarray(alpha).astype(result.dtype)).astype(result.dtype))
    return result.astype(self.dtype).reshape(self.shape)


def _index_copy_lower(
    kernel: KernelBuilder, x: KernelValue, writes: Writes, source: KernelValue
) -> KernelValue:
    return writes.apply(kernel, x, source, store, "aten::index_copy")


@_slices("index_copy_", True, _index_copy_lower, "aten::index_copy", layout=ResultLayout.AS_COMPUTED)
def index_copy(self: Array, dim: int, index: Array, source: Array) -> Array:
    """``self[:, index[j]] = source[:, j]``."""
    return index_copy_(self.copy(), dim, index, source)


@FAMILY.op("aten::index_copy_", kind="inplace")
def index_copy_(self: Array, dim: int, index: Array, source: Array) -> Array:
    """``self[:, index[j]] = source[:, j]``, written there and nowhere else."""
    key = _slice_key("index_copy_", self, dim, index)
    source = _checked_source("index_copy_", self, dim, index, source)
    np.atleast_1d(self)[key] = source.copy() if np.may_share_memory(self, source) else source
    return self


@_slices("index_reduce", True, reduced_from, "aten::index_reduce", layout=ResultLayout.AS_COMPUTED)
def index_reduce(
    self: Array, dim: int, index: Array, source: Array, reduce: str, include_self: bool
) -> Array:
    """Slices of `source` combined into slices of `self` by product, mean or extremum."""
    key = _slice_key("index_reduce", self, dim, index)
    source = _checked_source("index_reduce", self, dim, index, source)
    return with_counts(self, key, source, reduce, include_self, "index_reduce")


def _fill_lower(kernel: KernelBuilder, x: KernelValue, writes: Writes, number: Number) -> KernelValue:
    return writes.fill(kernel, x, number, "aten::index_fill")


@_slices(
    "index_fill_", False, _fill_lower, "aten::index_fill.int_Scalar", takes_overlap=True,
    elements_only=("value",),
    layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def index_fill(self: Array, dim: int, index: Array, value: Number) -> Array:
    """``self[:, index[j]] = value``."""
    key = _slice_key("index_fill_", self, dim, index)
    result = self.copy()
    np.atleast_1d(result)[key] = constant(value, dtypes.by_numpy(self.dtype))
    return result


def _fill_tensor_lower(
    kernel: KernelBuilder, x: KernelValue, writes: Writes, value: KernelValue
) -> KernelValue:
    if value.spec.ndim:
        raise CodegenError("index_fill: requires a value without dims")
    return writes.apply(kernel, x, kernel.convert(value, x.spec.dtype), store, "aten::index_fill")


@_slices(
    "index_fill_", False, _fill_tensor_lower, "aten::index_fill.int_Tensor", takes_overlap=True,
    layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def index_fill_tensor(self: Array, dim: int, index: Array, value: Array) -> Array:
    """``self[:, index[j]] = value``, a 0-dim tensor."""
    if value.ndim:
        raise ShapeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
            "dimension(s)."
        )
    return index_fill(self, dim, index, value.item())
