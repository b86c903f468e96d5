"""Reading by index tensors: embedding, index_select, gather, ``x[i, j]``, masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.errors import BoundsError, CodegenError, DTypeError, ShapeError, UnsupportedOperatorError
from tsc.ops.composite import Aten, composite
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, broadcast_map, dim
from tsc.ops.registry import Family, IndexBound, TensorSpec
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, wrap_dim

FAMILY = Family()
Array = np.ndarray[Any, Any]
INDEX_DTYPES = (dtypes.I64, dtypes.I32)
MASK_DTYPES = (dtypes.BOOL, dtypes.U8)


def require_index_dtype(name: str, index: TensorSpec) -> None:
    """An index tensor holds int64 or int32.

    Raises:
        DTypeError: it does not.
    """
    if index.dtype not in INDEX_DTYPES:
        raise DTypeError(f"{name}(): Expected dtype int32/int64 for index; got {index.dtype.name}")


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


def _embedding_infer(weight: TensorSpec, indices: TensorSpec, *_: Any) -> TensorSpec:
    if weight.ndim != 2:
        raise ShapeError("'weight' must be 2-D")
    if indices.dtype not in INDEX_DTYPES:
        raise DTypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
            f"Int; but got {indices.dtype.name} instead (while checking arguments for embedding)"
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


def _embedding_bounds(weight: TensorSpec, indices: TensorSpec, *_: Any) -> list[IndexBound]:
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
    if index.size:
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
    if x.spec.ndim != index.spec.ndim or not spec.ndim:
        raise CodegenError("gather: requires tensors with dims")
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
    if not spec.size or not index.ndim:
        return (
            np.broadcast_to(self.reshape(-1)[index.reshape(-1)], spec.shape or (1,))
            .reshape(spec.shape)
            .copy()
        )
    return (self if self.ndim else self.reshape(1))[along(index, axis, index.shape)]


@FAMILY.op("aten::take")
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
def take_along_dim(aten: Aten, self: Any, indices: Any, dim: int | None) -> Any:
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


# --- x[...] with tensors ---


def _mask_shapes(self: TensorSpec, indices: Sequence[Any]) -> None:
    axis = 0
    for i, index in enumerate(indices):
        if index is not None and index.dtype in MASK_DTYPES:
            extents = self.shape[axis : axis + index.ndim]
            if extents != index.shape:
                raise BoundsError(
                    f"The shape of the mask {list(index.shape)} at index {i} does not match the shape of the "
                    f"indexed tensor {list(self.shape)} at index {axis}"
                )
            axis += index.ndim
        else:
            axis += 1
    if axis > self.ndim:
        raise BoundsError(f"too many indices for tensor of dimension {self.ndim} (got {axis})")


class Places:
    """How index tensors (no masks) address a tensor: which dims they replace, and where their own dims go."""

    def __init__(self, self_: TensorSpec, indices: Sequence[Any]) -> None:
        self.axes = [i for i, index in enumerate(indices) if index is not None]
        shapes = [indices[i].shape for i in self.axes]
        try:
            self.common = broadcast(*shapes)
        except ShapeError:
            listed = ", ".join(str(list(s)) for s in shapes)
            raise BoundsError(
                f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
            ) from None
        adjacent = not self.axes or self.axes == list(range(self.axes[0], self.axes[-1] + 1))
        self.at = self.axes[0] if adjacent and self.axes else 0
        self.kept = [i for i in range(self_.ndim) if i not in self.axes]
        before = [self_.shape[i] for i in self.kept if i < self.at and adjacent]
        after = [self_.shape[i] for i in self.kept[len(before) :]]
        self.at = len(before)
        self.shape = (*before, *self.common, *after)

    def position(self, axis: int) -> int:
        """The dim of the result that a kept dim of the tensor became."""
        place = self.kept.index(axis)
        return place if place < self.at else place + len(self.common)


def _index_infer(self: TensorSpec, indices: Sequence[Any]) -> TensorSpec:
    _require_index_tensors(indices)
    _mask_shapes(self, indices)
    if any(i is not None and i.dtype in MASK_DTYPES for i in indices):
        raise UnsupportedOperatorError(
            "aten::index.Tensor: with a mask its result shape is not known before it runs"
        )
    return TensorSpec(Places(self, indices).shape, self.dtype)


def _require_index_tensors(indices: Sequence[Any]) -> None:
    for index in indices:
        if index is not None and index.dtype not in (*INDEX_DTYPES, *MASK_DTYPES):
            raise BoundsError("tensors used as indices must be long, int, byte or bool tensors")


def _index_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, indices = arguments
    specs = specs_of(indices)
    if any(s is not None and s.dtype in MASK_DTYPES for s in specs):
        raise CodegenError("index: a mask has no native form")
    spec = _index_infer(x.spec, specs)
    places = Places(x.spec, specs)
    source = kernel.materialize(x)
    window = [dim(places.at + i) for i in range(len(places.common))]

    def reading(index: KernelValue) -> Any:
        local = broadcast_map(index.spec.shape, places.common)
        return local.compose(affine(spec.ndim, window))

    def body(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
        given = dict(zip(places.axes, inputs, strict=True))
        at = [
            builder.to_index(_wrapped(given[i], n)) if i in given else builder.index(places.position(i))
            for i, n in enumerate(x.spec.shape)
        ]
        return [builder.extract(source, at)]

    pairs = [(indices[i], reading(indices[i])) for i in places.axes]
    return kernel.generic(pairs, [Output(spec)], "p" * spec.ndim, body, "aten::index")[0]


def _wrapped(index: Scalar, extent: int) -> Scalar:
    """A negative index counted from the end."""
    return (index < 0).where(index + extent, index)


def _index_bounds(self: TensorSpec, indices: Sequence[Any]) -> list[IndexBound]:
    return [
        IndexBound(1, -n, n, i)
        for i, n in enumerate(self.shape)
        if i < len(indices) and indices[i] is not None
    ]


def numpy_key(self: Array, indices: Sequence[Array | None]) -> tuple[Any, ...]:
    """`indices` as NumPy understands them, checked: masks as the places where they hold, None as everything.

    Raises:
        BoundsError: an index is out of range, or a mask does not fit.
    """
    specs = specs_of(list(indices))
    _require_index_tensors(specs)
    _mask_shapes(spec_of(self), specs)
    key: list[Any] = []
    for index in indices:
        if index is None:
            key.append(slice(None))
        elif dtypes.by_numpy(index.dtype) in MASK_DTYPES:
            key += np.nonzero(index)
        else:
            key.append(index)
    for axis, index in enumerate(key):
        if not isinstance(index, slice):
            n = self.shape[axis]
            require_within(
                index, -n, n, f"index {{index}} is out of bounds for dimension {axis} with size {n}"
            )
    Places(spec_of(self), [None if isinstance(k, slice) else k for k in key])
    return tuple(key)


@FAMILY.op(
    "aten::index.Tensor", "aten::index.Tensor_hacked_twin", "aten::_unsafe_index.Tensor",
    "aten::_unsafe_index.Tensor_hacked_twin", infer=_index_infer, lower=_index_lower, kind="gather",
    bounds=_index_bounds,
)  # fmt: skip
def index(self: Array, indices: Sequence[Array | None]) -> Array:
    """``self[i, :, mask]``: index tensors broadcast together; None keeps a dim; a mask stands for the places
    where it holds.

    Raises:
        BoundsError: an index is out of range, or a mask does not fit.
    """
    return np.array(self[numpy_key(self, indices)], copy=True)


def _masked(self: Array, mask: Array) -> Array:
    if mask.dtype != np.bool_:
        raise DTypeError(f"masked_select: expected BoolTensor for mask; got {mask.dtype.name}")
    shape = broadcast(self.shape, mask.shape)
    return np.broadcast_to(self, shape)[np.broadcast_to(mask, shape)]


@FAMILY.op("aten::masked_select")
def masked_select(self: Array, mask: Array) -> Array:
    """The elements where `mask` holds, in row-major order; the two broadcast."""
    return _masked(self, mask)


def _places(self: Array) -> Array:
    if not self.ndim:
        return np.zeros((int(self != 0), 0), np.int64)
    return np.argwhere(self).astype(np.int64)


@FAMILY.op("aten::nonzero", "aten::argwhere")
def nonzero(self: Array) -> Array:
    """The indices of nonzero elements, one row each."""
    return _places(self)


@FAMILY.op("aten::nonzero_numpy", "aten::where")
def nonzero_numpy(self: Array) -> list[Array]:
    """The indices of nonzero elements, one tensor per dim."""
    return [np.asarray(column).astype(np.int64) for column in np.nonzero(np.atleast_1d(self))]


@FAMILY.op("aten::one_hot")
def one_hot(self: Array, num_classes: int) -> Array:
    """A vector of zeros with a one at the given place, for each element.

    Raises:
        ShapeError: a class is negative or not below `num_classes`.
    """
    if self.dtype != np.int64:
        raise DTypeError(
            f"one_hot is only applicable to index tensor of type LongTensor; got {self.dtype.name}"
        )
    if num_classes <= 0 and not self.size:
        raise ShapeError("Can not infer total number of classes from empty tensor.")
    if self.size and self.min() < 0:
        raise ShapeError("Class values must be non-negative.")
    count = num_classes if num_classes >= 0 else int(self.max()) + 1
    if self.size and self.max() >= count:
        raise ShapeError("Class values must be smaller than num_classes.")
    return (self[..., None] == np.arange(count)).astype(np.int64)
