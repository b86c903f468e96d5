"""Writing at index tensors and masks: index_put, put, masked_scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import certainly_equal
from tsc.dtypes import Array, DType
from tsc.errors import CodegenError, DTypeError, NotSupportedError, ShapeError
from tsc.ops.advanced_indexing import (
    Places,
    has_masks,
    index_bounds,
    numpy_key,
    require_index_tensors,
    require_mask_shapes,
)
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.indexing import require_within
from tsc.ops.kernel_builder import KernelBuilder, KernelValue, broadcast_map
from tsc.ops.scatter_lowering import (
    add,
    at_indices,
    store,
)
from tsc.ops.shapes import broadcast, like_self

FAMILY = Family()


def _put_infer(self: TensorSpec, indices: Sequence[Any], values: TensorSpec, accumulate: bool) -> TensorSpec:
    _require_dtypes(self.dtype, values.dtype)
    if self.ndim:
        require_index_tensors(indices)
        require_mask_shapes(self, indices)
        if not has_masks(indices):
            _require_fitting(values.shape, Places(self, indices).shape)
    return self


def _require_dtypes(self: DType, values: DType) -> None:
    if values is not self:
        raise DTypeError(
            "Index put requires the source and destination dtypes match, got "
            f"{self.name} for the destination and {values.name} for the source."
        )


def _require_fitting(values: Sequence[int], target: Sequence[int]) -> None:
    """Values broadcast to `target`; dims of size 1 in front of its dims are too many.

    Raises:
        ShapeError: they do not.
    """
    pairs = zip(reversed(values), reversed(target), strict=False)
    if len(values) > len(target) or any(not certainly_equal(n, m) and n not in (1, m) for n, m in pairs):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(values)} cannot be broadcast to indexing "
            f"result of shape {list(target)}"
        )


def _is_fill(indices: Sequence[Any], values: Sequence[int], accumulate: bool) -> bool:
    """Whether one value is stored where the one mask among specs of `indices` holds: that has any number of
    dims, as PyTorch fills with it.
    """
    given = [i for i in indices if i is not None]
    return len(given) == 1 and has_masks(given) and math.prod(values) == 1 and not accumulate


def _put_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, indices, values, accumulate = arguments
    specs = specs_of(indices)
    if not x.spec.ndim or has_masks(specs) or all(s is None for s in specs):
        raise CodegenError("index_put: requires indices of a tensor with dims, and no masks")
    places = Places(x.spec, specs)
    _require_fitting(values.spec.shape, places.shape)
    if values.spec.size != 1:
        values = values.view(places.shape, broadcast_map(values.spec.shape, places.shape).results)
    writes = at_indices(kernel, x.spec, places, [indices[i] for i in places.axes])
    return writes.apply(kernel, x, values, add if accumulate else store, "aten::index_put")


def _put_where(
    aten: Aten, self: AnyTensor, indices: Sequence[Any], values: AnyTensor, accumulate: bool
) -> AnyTensor:
    """With one mask, and values of which the mask chooses none, as ``where(mask, values, self)``.

    Raises:
        NotSupportedError: there are other indices, or one value for each place where the mask holds.
    """
    masks = [(axis, i) for axis, i in enumerate(indices) if i is not None]
    if len(masks) != 1 or aten.dtype(masks[0][1]) is not dtypes.BOOL:
        raise NotSupportedError("index_put: only one mask is chosen by")
    axis, mask = masks[0]
    shape, extents = aten.shape(self), aten.shape(mask)
    after = len(shape) - axis - len(extents)
    if shape[axis : axis + len(extents)] != extents or (accumulate and aten.dtype(self) is dtypes.BOOL):
        raise NotSupportedError("index_put: the mask has another shape")
    target = (*shape[:axis], 1, *shape[axis + len(extents) :])
    given = aten.shape(values)
    if math.prod(given) == 1 and not accumulate:
        given = ()  # a fill, as `_is_fill` says
    _require_fitting(given, target)
    aligned = [1] * (len(target) - len(given)) + list(given)
    spread = aten("reshape", values, [*aligned[:axis], *[1] * len(extents), *aligned[axis + 1 :]])
    holds = aten("reshape", mask, [*extents, *[1] * after])
    written = aten("add.Tensor", self, spread) if accumulate else spread
    return aten("where.self", holds, written, self)


def _put_into(self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool) -> Array:
    """Store or add `values` at ``self[indices]``."""
    _require_dtypes(dtypes.by_numpy(self.dtype), dtypes.by_numpy(values.dtype))
    if not self.ndim and len(indices) == 1 and indices[0] is not None and not indices[0].ndim:
        _put_into(self.reshape(1), [indices[0].reshape(1)], values, accumulate)
        return self
    key = numpy_key(self, indices)
    target = self[key].shape
    if _is_fill(specs_of(list(indices)), values.shape, accumulate):
        values = values.reshape(())
    _require_fitting(values.shape, target)
    source = np.broadcast_to(values, target)
    if accumulate:
        np.add.at(self, key, source)
    else:
        self[key] = source
    return self


@FAMILY.op(
    "aten::index_put",
    "aten::index_put.hacked_twin",
    infer=_put_infer,
    lower=_put_lower,
    kind="scatter",
    bounds=index_bounds,
    composite=_put_where,
    takes_overlap=True,
    layout=ResultLayout.ELEMENTWISE,
)
def index_put(self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool) -> Array:
    """A copy of `self` with `values` stored at ``self[indices]``, or added there.

    Raises:
        BoundsError: an index is out of range.
    """
    return _put_into(self.copy(), indices, values, accumulate)


@FAMILY.op("aten::index_put_", "aten::index_put_.hacked_twin", kind="inplace", takes_overlap=True)
def index_put_(self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool) -> Array:
    """Store `values` at ``self[indices]``, or add them there, and write nowhere else."""
    return _put_into(
        self, indices, values.copy() if np.may_share_memory(self, values) else values, accumulate
    )


@FAMILY.op("aten::_index_put_impl_", "aten::_index_put_impl_.hacked_twin", kind="inplace", takes_overlap=True)
def index_put_impl(
    self: Array, indices: Sequence[Array | None], values: Array, accumulate: bool, unsafe: bool
) -> Array:
    """Store `values` at ``self[indices]``, or add them there."""
    return _put_into(self, indices, values, accumulate)


@FAMILY.op("aten::put", infer=like_self, layout=ResultLayout.ELEMENTWISE)
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
