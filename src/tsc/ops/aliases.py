"""More views: strided memory, several pieces at once, other names; and the forms that copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tsc.dims import holds_dim
from tsc.dtypes import Array
from tsc.errors import BoundsError, DTypeError, ShapeError, UnsupportedOperatorError
from tsc.memory.roots import root_of
from tsc.ops.complex_numbers import resolve, view_as_complex, view_as_real
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.shapes import broadcast, wrap_dim
from tsc.ops.strides import lay_out, strided_view
from tsc.ops.views import (
    chunk,
    diagonal,
    expand,
    permute,
    select,
    slice_,
    split,
    split_with_sizes,
    squeeze,
    squeeze_dim,
    squeeze_dims,
    t,
    transpose,
    unbind,
    unfold,
    unsqueeze,
    view,
    view_dtype,
)

FAMILY = Family()


def _root(x: Array) -> Array:
    """All the memory that `x` is known to be a view of, flat, as elements of the dtype of `x`."""
    root = root_of(x)
    low, high = np.lib.array_utils.byte_bounds(root)
    count = (high - low) // root.itemsize if root.size else 0
    return np.lib.stride_tricks.as_strided(root, (count,), (root.itemsize,)).view(x.dtype)


def _as_strided_infer(self: TensorSpec, size: Sequence[int], *_: object) -> TensorSpec:
    return TensorSpec(tuple(size), self.dtype)


def _strided_windows(
    aten: Aten, self: AnyTensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None
) -> AnyTensor:
    """The same of a tensor that is row-major: windows of it, in which there are windows, and so on.

    Raises:
        UnsupportedOperatorError: it may show more of the memory than the tensor does.
    """
    reaches = [1]
    """Of the elements from the first to the last of the dims from one on, how many there are."""
    if holds_dim([size, stride]) or storage_offset is not None or not all(size):
        raise UnsupportedOperatorError("aten::as_strided: it is not known what it shows")
    for n, step in zip(reversed(size), reversed(stride), strict=True):
        reaches.append(reaches[-1] + (n - 1) * step)
    whole, *inner = reversed(reaches)
    flat = aten("reshape", self, [-1])
    if holds_dim(aten.shape(flat)) or whole > aten.shape(flat)[0]:
        raise UnsupportedOperatorError("aten::as_strided: it shows more than its argument does")
    made = aten("narrow", flat, 0, 0, whole)
    for axis, (n, step, reach) in enumerate(zip(size, stride, inner, strict=True)):
        if step:
            made = aten("unfold", made, axis, reach, step)
        else:
            line = aten("unsqueeze", made, axis)
            made = aten("expand", line, [*size[:axis], n, reach], implicit=False)
    return aten("squeeze.dim", made, -1)


@FAMILY.op(
    "aten::as_strided", infer=_as_strided_infer, kind="composite", composite=_strided_windows,
    sharing=Sharing.SOMETIMES, reads_layout=True,
)  # fmt: skip
def as_strided(self: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None) -> Array:
    """A view of the same memory with any sizes and strides, counted in elements: which elements it shows
    depends on how `self` lies, not on its value alone.

    Raises:
        BoundsError: the view would reach beyond the memory, or begin where a view without elements does,
            which NumPy does not keep.
    """
    root = _root(self)
    if storage_offset is None and root.size and not self.size and all(size):
        raise BoundsError("as_strided: requires elements, or a storage_offset; got a view without any")
    start = root.__array_interface__["data"][0]
    offset = (
        (self.__array_interface__["data"][0] - start) // self.itemsize
        if storage_offset is None
        else storage_offset
    )
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if all(size) and not 0 <= offset <= last < root.size:
        raise BoundsError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset} require "
            f"{last + 1} elements; the storage has {root.size}"
        )
    strides = [s * self.itemsize for s in stride]
    return strided_view(root, size, strides, offset * root.itemsize)


# --- pieces ---


def _pieces_infer(view: Callable[..., list[Array]]) -> Callable[..., list[TensorSpec]]:
    def infer(self: TensorSpec, *rest: object) -> list[TensorSpec]:
        pieces = view(np.broadcast_to(np.empty((), self.dtype.numpy), self.shape), *rest)
        return [TensorSpec(p.shape, self.dtype) for p in pieces]

    return infer


def _pieces(
    *names: str, **parts: object
) -> Callable[[Callable[..., list[Array]]], Callable[..., list[Array]]]:
    """A view that is a list, and what it is on specs."""

    def register(view: Callable[..., list[Array]]) -> Callable[..., list[Array]]:
        FAMILY.op(*names, infer=_pieces_infer(view), **parts)(view)
        return view

    return register


@_pieces("aten::tensor_split.sections")
def tensor_split(self: Array, sections: int, dim: int) -> list[Array]:
    """`sections` pieces, the first ones longer by one where they cannot be equal."""
    if not self.ndim:
        raise ShapeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    if sections <= 0:
        raise ShapeError(f"number of sections must be larger than 0, got {sections}")
    return [np.asarray(p) for p in np.array_split(self, sections, wrap_dim(dim, self.ndim))]


@_pieces("aten::tensor_split.indices")
def tensor_split_at(self: Array, indices: Sequence[int], dim: int) -> list[Array]:
    """The pieces between the given places."""
    if not self.ndim:
        raise ShapeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    axis = wrap_dim(dim, self.ndim)
    edges = [None, *indices, None]
    return [self[(slice(None),) * axis + (slice(a, b),)] for a, b in pairwise(edges)]


@FAMILY.op("aten::tensor_split.tensor_indices_or_sections")
def tensor_split_tensor(self: Array, tensor_indices_or_sections: Array, dim: int) -> list[Array]:
    """`tensor_split` by a tensor: a 0-dim one is a number of sections."""
    if tensor_indices_or_sections.ndim == 0:
        return tensor_split(self, int(tensor_indices_or_sections), dim)
    return tensor_split_at(self, tensor_indices_or_sections.tolist(), dim)


def _define_split(name: str, minimum: int, axis_of: Callable[[Array], int]) -> None:
    def require(self: Array, sections: int | Sequence[int]) -> int:
        if self.ndim < minimum:
            raise ShapeError(
                f"torch.{name} requires a tensor with at least {minimum} dimension, but got a tensor with "
                f"{self.ndim} dimensions!"
            )
        axis = axis_of(self)
        if isinstance(sections, int) and (sections <= 0 or self.shape[axis] % sections):
            raise ShapeError(
                f"torch.{name} attempted to split along dimension {axis}, but the size of the dimension "
                f"{self.shape[axis]} is not divisible by the split_size {sections}!"
            )
        return axis

    @_pieces(f"aten::{name}.int")
    def by_sections(self: Array, sections: int) -> list[Array]:
        return tensor_split(self, sections, require(self, sections))

    @_pieces(f"aten::{name}.array")
    def at_indices(self: Array, indices: Sequence[int]) -> list[Array]:
        return tensor_split_at(self, indices, require(self, indices))


_define_split("hsplit", 1, lambda x: 0 if x.ndim == 1 else 1)
_define_split("vsplit", 2, lambda x: 0)
_define_split("dsplit", 3, lambda x: 2)


_pieces("aten::unsafe_split.Tensor", sharing=Sharing.SOMETIMES)(split)
_pieces("aten::unsafe_split_with_sizes", sharing=Sharing.SOMETIMES)(split_with_sizes)
_pieces("aten::unsafe_chunk", sharing=Sharing.SOMETIMES)(chunk)


@_pieces("aten::split_copy.Tensor")
def split_copy(self: Array, split_size: int, dim: int) -> list[Array]:
    """As `split`, but copies."""
    return [p.copy() for p in split(self, split_size, dim)]


@_pieces("aten::split_with_sizes_copy")
def split_with_sizes_copy(self: Array, split_sizes: Sequence[int], dim: int) -> list[Array]:
    """As `split_with_sizes`, but copies."""
    return [p.copy() for p in split_with_sizes(self, split_sizes, dim)]


@_pieces("aten::unbind_copy.int")
def unbind_copy(self: Array, dim: int) -> list[Array]:
    """As `unbind`, but copies."""
    return [p.copy() for p in unbind(self, dim)]


# --- views under other names, and views that copy ---


@composite(FAMILY, "aten::broadcast_to", is_identity=True)
def broadcast_to(aten: Aten, self: AnyTensor, size: Sequence[int]) -> AnyTensor:
    """As `expand`."""
    return aten("expand", self, list(size))


@composite(FAMILY, "aten::ravel", sharing=Sharing.SOMETIMES, is_identity=True, layout=ResultLayout.ROW_MAJOR)
def ravel(aten: Aten, self: AnyTensor) -> AnyTensor:
    """All elements in one dim: a view of a row-major tensor, else a copy."""
    return aten("reshape", aten("contiguous", self), [-1])


@composite(FAMILY, "aten::linalg_diagonal")
def linalg_diagonal(aten: Aten, A: AnyTensor, offset: int, dim1: int, dim2: int) -> AnyTensor:  # noqa: N803
    """As `diagonal`, by default of the last two dims."""
    return aten("diagonal", A, offset, dim1, dim2)


@composite(FAMILY, "aten::atleast_1d", sharing=Sharing.SOMETIMES, is_identity=True)
def atleast_1d(aten: Aten, self: AnyTensor) -> AnyTensor:
    """At least one dim, dims of size 1 added."""
    return self if aten.shape(self) else aten("reshape", self, [1])


@composite(FAMILY, "aten::atleast_2d", sharing=Sharing.SOMETIMES, is_identity=True)
def atleast_2d(aten: Aten, self: AnyTensor) -> AnyTensor:
    """At least two dims, added in front."""
    shape = aten.shape(self)
    return self if len(shape) >= 2 else aten("reshape", self, [1, *(shape or (1,))])


@composite(FAMILY, "aten::atleast_3d", sharing=Sharing.SOMETIMES, is_identity=True)
def atleast_3d(aten: Aten, self: AnyTensor) -> AnyTensor:
    """At least three dims, the last of them added behind."""
    shape = aten.shape(self)
    if len(shape) >= 3:
        return self
    return aten("reshape", self, {0: [1, 1, 1], 1: [1, *shape, 1], 2: [*shape, 1]}[len(shape)])


_COPYING: dict[str, Callable[..., Array]] = {
    "aten::view_copy": view, "aten::view_copy.dtype": view_dtype, "aten::permute_copy": permute,
    "aten::select_copy.int": select, "aten::slice_copy.Tensor": slice_, "aten::squeeze_copy": squeeze,
    "aten::squeeze_copy.dim": squeeze_dim, "aten::squeeze_copy.dims": squeeze_dims, "aten::t_copy": t,
    "aten::transpose_copy.int": transpose, "aten::unsqueeze_copy": unsqueeze, "aten::expand_copy": expand,
    "aten::diagonal_copy": diagonal, "aten::unfold_copy": unfold, "aten::as_strided_copy": as_strided,
    "aten::alias_copy": resolve, "aten::detach_copy": resolve,
    "aten::view_as_real_copy": view_as_real, "aten::view_as_complex_copy": view_as_complex,
}  # fmt: skip


def _copying(name: str, view: Callable[..., Array]) -> None:
    @FAMILY.op(name, layout=ResultLayout.ROW_MAJOR)
    def copying(*arguments: object) -> Array:
        return np.array(view(*arguments))


for _name, _view in _COPYING.items():
    _copying(_name, _view)


@FAMILY.op("aten::narrow_copy")
def narrow_copy(self: Array, dim: int, start: int, length: int) -> Array:
    """As `narrow`, but a copy."""
    from tsc.ops.views import narrow

    return narrow(self, dim, start, length).copy()


@composite(FAMILY, "aten::broadcast_tensors", sharing=Sharing.SOMETIMES)
def broadcast_tensors(aten: Aten, tensors: Sequence[Any]) -> list[Any]:
    """Views of one common shape; those that have it themselves."""
    shape = broadcast(*(aten.shape(t) for t in tensors))
    return [t if aten.shape(t) == shape else aten("expand", t, list(shape)) for t in tensors]


@composite(FAMILY, "aten::meshgrid", "aten::meshgrid.indexing", sharing=Sharing.SOMETIMES)
def meshgrid(aten: Aten, tensors: Sequence[Any], indexing: str = "ij") -> list[Any]:
    """Each 1-dim tensor spread over a grid, as a view."""
    shapes, dtypes = [aten.shape(t) for t in tensors], {aten.dtype(t) for t in tensors}
    if not tensors:
        raise ShapeError("meshgrid expects a non-empty TensorList")
    if any(len(shape) > 1 for shape in shapes):
        raise ShapeError("torch.meshgrid: Expected 0D or 1D tensor in the tensor list")
    if len(dtypes) > 1:
        raise DTypeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise ShapeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    axes = list(range(len(tensors)))
    if indexing == "xy":
        axes[:2] = axes[1::-1]
    sizes = [shape[0] if shape else 1 for shape in shapes]
    grid = [sizes[axis] for axis in axes]
    columns = [[-1 if axis == i else 1 for axis in axes] for i in range(len(tensors))]
    return [aten("expand", aten("view", t, c), grid) for t, c in zip(tensors, columns, strict=True)]


def _define_atleast(dims: int, pad: Callable[[Aten, Any], Any]) -> None:
    @composite(FAMILY, f"aten::atleast_{dims}d.Sequence", sharing=Sharing.SOMETIMES)
    def atleast(aten: Aten, tensors: Sequence[Any]) -> list[Any]:
        return [pad(aten, t) for t in tensors]


_define_atleast(1, atleast_1d)
_define_atleast(2, atleast_2d)
_define_atleast(3, atleast_3d)


# --- how this very tensor lies in memory, changed in place ---

_RELAYING: dict[str, Callable[..., Array]] = {
    "aten::unsqueeze_": unsqueeze, "aten::squeeze_": squeeze, "aten::squeeze_.dim": squeeze_dim,
    "aten::squeeze_.dims": squeeze_dims, "aten::t_": t, "aten::transpose_": transpose,
    "aten::swapaxes_": transpose, "aten::swapdims_": transpose,
}  # fmt: skip


def _relaying(name: str, view: Callable[..., Array]) -> None:
    @FAMILY.op(name, kind="inplace", takes_overlap=True, changes_shape=True)
    def relay(self: Array, *arguments: object) -> Array:
        seen = view(self, *arguments)
        lay_out(self, seen.shape, seen.strides)
        return self


for _name, _view in _RELAYING.items():
    _relaying(_name, _view)


@FAMILY.op("aten::detach_", kind="inplace", takes_overlap=True)
def detach_in_place(self: Array) -> Array:
    """The tensor itself."""
    return self
