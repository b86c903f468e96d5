"""Reading along one dim by index tensors: embedding, index_select, gather, take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import certainly_empty
from tsc.dtypes import Array
from tsc.errors import BoundsError, CodegenError, DTypeError, ShapeError, UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, IndexBound, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, wrap_dim

FAMILY = Family()
INDEX_DTYPES = (dtypes.I64, dtypes.I32)
MASK_DTYPES = (dtypes.BOOL, dtypes.U8)


def require_index_dtype(name: str, index: TensorSpec) -> None:
    """An index tensor holds int64 or int32.

    Raises:
        DTypeError: it does not.
    """
    if index.dtype not in INDEX_DTYPES:
        raise DTypeError(f"{name}(): Expected dtype int32/int64 for index; got {index.dtype.scalar_type}")


def require_within(index: Array, low: int, high: int, message: str) -> None:
    """Every element lies in ``[low, high)``; `message` may name ``{index}``.

    Raises:
        BoundsError: one does not.
    """
    if not index.size or (index.min() >= low and index.max() < high):
        return
    wrong = index[(index < low) | (index >= high)].reshape(-1)[0]
    raise BoundsError(message.format(index=wrong))


# --- embedding and index_select: whole slices ---


def _embedding_infer(weight: TensorSpec, indices: TensorSpec, *_: object) -> TensorSpec:
    if weight.ndim != 2:
        raise ShapeError("'weight' must be 2-D")
    if indices.dtype not in INDEX_DTYPES:
        raise DTypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
            f"Int; but got {indices.dtype.scalar_type} instead (while checking arguments for embedding)"
        )
    return TensorSpec((*indices.shape, weight.shape[1]), weight.dtype)


def _embedding_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    weight, indices = arguments[:2]
    spec = _embedding_infer(weight.spec, indices.spec)
    table = kernel.materialize(weight)

    def body(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
        return [builder.extract(table, [builder.to_index(inputs[0]), builder.index(spec.ndim - 1)])]

    rows = affine(spec.ndim, [dim(i) for i in range(spec.ndim - 1)])
    return kernel.generic([(indices, rows)], [Output(spec)], "p" * spec.ndim, body, "aten::embedding")[0]


def _embedding_bounds(weight: TensorSpec, indices: TensorSpec, *_: object) -> list[IndexBound]:
    return [IndexBound(1, 0, weight.shape[0])]


@FAMILY.op(
    "aten::embedding", infer=_embedding_infer, lower=_embedding_lower, kind="gather", bounds=_embedding_bounds
)
def embedding(
    weight: Array, indices: Array, padding_idx: int, scale_grad_by_freq: bool, sparse: bool
) -> Array:
    """The rows of `weight` with the numbers `indices`.

    Raises:
        BoundsError: there is no such row.
    """
    _embedding_infer(spec_of(weight), spec_of(indices))
    require_within(indices, 0, weight.shape[0], "index out of range in self")
    return weight[np.asarray(indices)].copy() if not indices.ndim else weight[indices]


def _index_select_infer(self: TensorSpec, dim: int, index: TensorSpec) -> TensorSpec:
    axis = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise ShapeError("index_select(): Index is supposed to be a vector")
    require_index_dtype("index_select", index)
    if not self.ndim:
        if index.size != 1:
            raise ShapeError("index_select(): Index to scalar can have only 1 value, got 0 value(s)")
        return self
    return TensorSpec((*self.shape[:axis], index.size, *self.shape[axis + 1 :]), self.dtype)


def _index_select_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, position, index = arguments
    spec = _index_select_infer(x.spec, position, index.spec)
    axis = wrap_dim(position, x.spec.ndim)
    if not spec.ndim:
        return x
    source = kernel.materialize(x)
    places = affine(spec.ndim, [dim(axis)] if index.spec.ndim else [])

    def body(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
        at = [builder.to_index(inputs[0]) if i == axis else builder.index(i) for i in range(spec.ndim)]
        return [builder.extract(source, at)]

    return kernel.generic([(index, places)], [Output(spec)], "p" * spec.ndim, body, "aten::index_select")[0]


def _index_select_bounds(self: TensorSpec, dim: int, index: TensorSpec) -> list[IndexBound]:
    return [IndexBound(2, 0, self.shape[wrap_dim(dim, self.ndim)] if self.ndim else 1)]


@FAMILY.op(
    "aten::index_select",
    infer=_index_select_infer,
    lower=_index_select_lower,
    kind="gather",
    bounds=_index_select_bounds,
)
def index_select(self: Array, dim: int, index: Array) -> Array:
    """The slices `index` of dim `dim`.

    Raises:
        BoundsError: there is no such slice; negative numbers are not allowed.
    """
    _index_select_infer(spec_of(self), dim, spec_of(index))
    axis = wrap_dim(dim, self.ndim)
    require_within(index, 0, self.shape[axis] if self.ndim else 1, "index out of range in self")
    if not self.ndim:
        return self.copy()
    return np.take(self, index.reshape(-1), axis)


# --- gather ---


def require_gather_shapes(name: str, self: TensorSpec, axis: int, index: TensorSpec) -> None:
    """`index` has as many dims as `self` and nowhere, except in `axis`, more elements.

    Raises:
        ShapeError: it does not fit.
    """
    if max(self.ndim, 1) != max(index.ndim, 1):
        raise ShapeError(f"{name}(): Index tensor must have the same number of dimensions as input tensor")
    for i, (n, limit) in enumerate(zip(index.shape, self.shape, strict=False)):
        if i != axis and n > limit:
            raise ShapeError(
                f"{name}(): Size does not match at dimension {i} expected index {list(index.shape)} to be no "
                f"larger than self {list(self.shape)} apart from dimension {axis}"
            )


def _gather_infer(self: TensorSpec, dim: int, index: TensorSpec, sparse_grad: bool) -> TensorSpec:
    axis = wrap_dim(dim, self.ndim)
    if not certainly_empty(index.shape):
        require_index_dtype("gather", index)
        require_gather_shapes("gather", self, axis, index)
    return TensorSpec(index.shape, self.dtype)


def along(index: Array, axis: int, shape: Sequence[int]) -> tuple[Array, ...]:
    """NumPy indices that address ``[i0, ..., index[i0, ...], ...]`` with `index` in place of dim `axis`."""
    grid: list[Array] = list(np.ogrid[tuple(slice(n) for n in shape)])
    grid[axis] = index
    return tuple(grid)


def _gather_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, position, index, _ = arguments
    spec = _gather_infer(x.spec, position, index.spec, False)
    if x.spec.ndim != index.spec.ndim:
        raise CodegenError("gather: requires tensors with the same number of dims")
    axis = wrap_dim(position, x.spec.ndim)
    source = kernel.materialize(x)

    def body(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
        at = [builder.to_index(inputs[0]) if i == axis else builder.index(i) for i in range(spec.ndim)]
        return [builder.extract(source, at)]

    places = affine(spec.ndim, [dim(i) for i in range(spec.ndim)])
    return kernel.generic([(index, places)], [Output(spec)], "p" * spec.ndim, body, "aten::gather")[0]


def _gather_bounds(self: TensorSpec, dim: int, index: TensorSpec, sparse_grad: bool) -> list[IndexBound]:
    return [IndexBound(2, 0, self.shape[wrap_dim(dim, self.ndim)] if self.ndim else 1)]


@FAMILY.op("aten::gather", infer=_gather_infer, lower=_gather_lower, kind="gather", bounds=_gather_bounds)
def gather(self: Array, dim: int, index: Array, sparse_grad: bool) -> Array:
    """``self[i, index[i, j], k]``: the index replaces the place in dim `dim`.

    Raises:
        BoundsError: an index is out of range; negative ones are not allowed.
    """
    axis = wrap_dim(dim, self.ndim)
    spec = _gather_infer(spec_of(self), dim, spec_of(index), sparse_grad)
    extent = self.shape[axis] if self.ndim else 1
    require_within(
        index, 0, extent, f"index {{index}} is out of bounds for dimension {axis} with size {extent}"
    )
    if not spec.size:
        return np.empty(spec.shape, self.dtype)
    if not index.ndim:
        return (
            np.broadcast_to(self.reshape(-1)[index.reshape(-1)], spec.shape or (1,))
            .reshape(spec.shape)
            .copy()
        )
    return (self if self.ndim else self.reshape(1))[along(index, axis, index.shape)]


def _take_infer(self: TensorSpec, index: TensorSpec) -> TensorSpec:
    return TensorSpec(index.shape, self.dtype)


def _taken(aten: Aten, self: AnyTensor, index: AnyTensor) -> AnyTensor:
    """`take` in terms of other operators."""
    flat, places = aten("reshape", self, [-1]), aten("reshape", index, [-1])
    if aten.dtype(index) is not dtypes.I64:
        raise UnsupportedOperatorError(f"aten::take: of indices that are {aten.dtype(index).name}")
    return aten("reshape", aten("index.Tensor", flat, [places]), list(aten.shape(index)))


@FAMILY.op("aten::take", infer=_take_infer, kind="composite", composite=_taken)
def take(self: Array, index: Array) -> Array:
    """Elements of the flattened tensor; negative indices count from the end."""
    if index.dtype != np.int64:
        raise DTypeError(f"take(): Expected a long tensor for index, but got {index.dtype.name}")
    require_within(
        index,
        -self.size,
        self.size,
        f"out of range: tried to access index {{index}} on a tensor of {self.size} elements.",
    )
    return np.asarray(self.reshape(-1)[np.asarray(index).reshape(-1)]).reshape(index.shape)


@composite(FAMILY, "aten::take_along_dim")
def take_along_dim(aten: Aten, self: AnyTensor, indices: AnyTensor, dim: int | None) -> AnyTensor:
    """`gather` with broadcasting; over the flattened tensor without `dim`."""
    if dim is None:
        return aten("gather", aten("reshape", self, [-1]), 0, aten("reshape", indices, [-1]))
    shape, places = aten.shape(self), aten.shape(indices)
    if len(shape) != len(places):
        raise ShapeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shape)} dimensions for input, and {len(places)} dimensions for indices"
        )
    axis = wrap_dim(dim, len(shape))
    common = list(broadcast((*shape[:axis], 1, *shape[axis + 1 :]), (*places[:axis], 1, *places[axis + 1 :])))
    common[axis] = shape[axis]
    wide = aten("expand", self, common)
    common[axis] = places[axis]
    wrapped = aten(
        "where.self", aten("lt.Scalar", indices, 0), aten("add.Scalar", indices, shape[axis]), indices
    )
    return aten("gather", wide, axis, aten("expand", wrapped, common))
