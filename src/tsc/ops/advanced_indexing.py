"""Indexing with tensors: ``x[i, :, mask]``, masks, and the places of nonzero elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import BoundsError, CodegenError, DTypeError, ShapeError, UnsupportedOperatorError
from tsc.narrowing import is_array
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, IndexBound, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.indexing import INDEX_DTYPES, MASK_DTYPES, require_within
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, broadcast_map, dim
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast
from tsc.ops.strides import indexed

FAMILY = Family()


def require_mask_shapes(self: TensorSpec, indices: Sequence[Any]) -> None:
    """Masks have the shapes of the dims they stand for, and there are no more indices than dims.

    Raises:
        BoundsError: they have others, or there are more.
    """
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


def has_masks(indices: Sequence[Any]) -> bool:
    """Whether any of these specs is a mask's."""
    return any(i is not None and i.dtype in MASK_DTYPES for i in indices)


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
    require_index_tensors(indices)
    require_mask_shapes(self, indices)
    if has_masks(indices):
        raise UnsupportedOperatorError(
            "aten::index.Tensor: with a mask its result shape is not known before it runs"
        )
    return TensorSpec(Places(self, indices).shape, self.dtype)


def require_index_tensors(indices: Sequence[Any]) -> None:
    """Indices are integers, or masks.

    Raises:
        BoundsError: one is neither.
    """
    for index in indices:
        if index is not None and index.dtype not in (*INDEX_DTYPES, *MASK_DTYPES):
            raise BoundsError("tensors used as indices must be long, int, byte or bool tensors")


def _index_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, indices = arguments
    specs = specs_of(indices)
    if has_masks(specs):
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
            builder.to_index(wrapped(given[i], n)) if i in given else builder.index(places.position(i))
            for i, n in enumerate(x.spec.shape)
        ]
        return [builder.extract(source, at)]

    pairs = [(indices[i], reading(indices[i])) for i in places.axes]
    return kernel.generic(pairs, [Output(spec)], "p" * spec.ndim, body, "aten::index")[0]


def wrapped(index: Scalar, extent: int) -> Scalar:
    """A negative index counted from the end."""
    return (index < 0).where(index + extent, index)


def index_bounds(self: TensorSpec, indices: Sequence[Any], *_: object) -> list[IndexBound]:
    """What index tensors must keep to; masks say themselves where they hold."""
    if has_masks(indices):
        return []
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
    require_index_tensors(specs)
    require_mask_shapes(spec_of(self), specs)
    key: list[Any] = []
    for index in indices:
        if index is None:
            key.append(slice(None))
        elif dtypes.by_numpy(index.dtype) not in MASK_DTYPES:
            key.append(index)
        elif index.ndim:
            key += np.nonzero(index)
        else:
            key.append(np.bool_(index))  # a mask without dims: a new dim, of size 1 where it holds
    _check_key(self, [k for k in key if not isinstance(k, np.bool_)])
    if self.size or any(n == 0 and not isinstance(k, slice) for n, k in zip(self.shape, key, strict=False)):
        return tuple(key)
    return tuple(np.zeros_like(k) if is_array(k) else k for k in key)  # there is nothing to reach


def _check_key(self: Array, key: Sequence[Any]) -> None:
    if len(key) > self.ndim:
        raise BoundsError(f"too many indices for tensor of dimension {self.ndim} (got {len(key)})")
    for axis, index in enumerate(key):
        if not isinstance(index, slice) and (self.size or not self.shape[axis]):
            n = self.shape[axis]
            require_within(
                index, -n, n, f"index {{index}} is out of bounds for dimension {axis} with size {n}"
            )
    Places(spec_of(self), [None if isinstance(k, slice) else k for k in key])


@FAMILY.op(
    "aten::index.Tensor", "aten::index.Tensor_hacked_twin", "aten::_unsafe_index.Tensor",
    "aten::_unsafe_index.Tensor_hacked_twin", infer=_index_infer, lower=_index_lower, kind="gather",
    bounds=index_bounds, layout=ResultLayout.FOLLOWING,
)  # fmt: skip
def index(self: Array, indices: Sequence[Array | None]) -> Array:
    """``self[i, :, mask]``: index tensors broadcast together; None keeps a dim; a mask stands for the places
    where it holds.

    Raises:
        BoundsError: an index is out of range, or a mask does not fit.
    """
    if _is_one_mask(self, indices):
        return self[indices[0]]
    key = numpy_key(self, indices)
    result = np.array(self[key], copy=True)
    return result if self.flags.c_contiguous and result.ndim < 2 else _laid_out(result, self, key)


def _is_one_mask(self: Array, indices: Sequence[Array | None]) -> bool:
    """Whether a row-major tensor has one index: a mask that fits its first dims. NumPy does the same then."""
    mask = indices[0] if len(indices) == 1 else None
    if mask is None or mask.dtype != np.bool_ or not mask.ndim or not self.flags.c_contiguous:
        return False
    return self.shape[: mask.ndim] == mask.shape


def _laid_out(result: Array, self: Array, key: Sequence[Any]) -> Array:
    """`result` of indexing, in PyTorch's memory."""
    if any(isinstance(k, np.bool_) for k in key):
        return np.array(result, order="C")
    places = Places(spec_of(self), [None if isinstance(k, slice) else spec_of(k) for k in key])
    kept = [self.strides[axis] for axis in places.kept]
    strides = [*kept[: places.at], *[0] * len(places.common), *kept[places.at :]]
    return indexed(result, strides, [key[a] for a in places.axes], places.at + len(places.common))


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
    """The indices of nonzero elements, one row each; those along one dim are neighbours in memory."""
    return np.asfortranarray(_places(self))


@FAMILY.op("aten::nonzero_numpy", "aten::where")
def nonzero_numpy(self: Array) -> list[Array]:
    """The indices of nonzero elements, one tensor per dim."""
    return [np.asarray(column).astype(np.int64) for column in np.nonzero(np.atleast_1d(self))]


def _one_hot(self: Array, num_classes: int) -> Array:
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


@composite(FAMILY, "aten::one_hot", eager=_one_hot)
def one_hot(aten: Aten, self: AnyTensor, num_classes: int) -> AnyTensor:
    """Ones, put in their places; where elements say how many classes there are, only running tells."""
    if num_classes <= 0 or aten.dtype(self) is not dtypes.I64:
        raise UnsupportedOperatorError("aten::one_hot: the number of classes is not known before it runs")
    shape = [*aten.shape(self), num_classes]
    empty = aten("zeros", shape, dtype=dtypes.I64.code)
    return aten("scatter.value", empty, -1, aten("unsqueeze", self, -1), 1)
