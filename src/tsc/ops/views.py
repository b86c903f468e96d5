"""Views: reshapes, transposes, slices, broadcasts.

Eagerly they alias their argument, as in PyTorch; in kernels they cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import certainly_equal, is_one
from tsc.dtypes import Array
from tsc.errors import BoundsError, DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, Sharing, TensorSpec
from tsc.ops.index_views import IndexView
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.python_forms import PythonForm
from tsc.ops.shapes import infer_size, require_expandable, wrap_dim
from tsc.ops.strides import strided_view
from tsc.ops.view_inverses import (
    diagonal_back,
    matrix_turned_back,
    moved_back,
    narrowed_back,
    permuted_back,
    reshaped_back,
    same_back,
    selected_back,
    sliced_back,
    swapped_back,
    turned_back,
)
from tsc.ops.view_maps import infer_by_running, lower_by_tracing

FAMILY = Family()


def _view(*names: str, **parts: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A view that is an affine map of indices."""

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        infer, lower = infer_by_running(view), lower_by_tracing(view)
        return FAMILY.op(*names, infer=infer, lower=lower, kind="view", **parts)(view)

    return register


@_view("aten::transpose.int", "aten::swapaxes", "aten::swapdims", inverse=swapped_back)
def transpose(self: Array, dim0: int, dim1: int) -> Array:
    """Dims `dim0` and `dim1` exchanged."""
    a, b = wrap_dim(dim0, self.ndim), wrap_dim(dim1, self.ndim)
    return self.swapaxes(a, b) if self.ndim else self.view()


@_view("aten::numpy_T", inverse=turned_back)
def numpy_transpose(self: Array) -> Array:
    """All dims reversed."""
    return self.T


@_view("aten::t", inverse=turned_back)
def t(self: Array) -> Array:
    """The transpose of a matrix; a vector or a scalar itself."""
    if self.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
    return self.T if self.ndim == 2 else self[...]


@_view("aten::mT", inverse=matrix_turned_back)
def matrix_transpose(self: Array) -> Array:
    """The last two dims exchanged; a scalar itself."""
    return self.swapaxes(-1, -2) if self.ndim else self


@_view("aten::permute", inverse=permuted_back)
def permute(self: Array, dims: Sequence[int]) -> Array:
    """Dims reordered."""
    if len(dims) != self.ndim:
        raise ShapeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            "desired "
            f"ordering of dimensions i.e. input.dim() = {self.ndim} is not equal to len(dims) = {len(dims)}"
        )
    return self.transpose([wrap_dim(d, self.ndim) for d in dims])


@_view(
    "aten::movedim.intlist",
    "aten::movedim.int",
    "aten::moveaxis.int",
    "aten::moveaxis.intlist",
    inverse=moved_back,
)
def movedim(self: Array, source: Sequence[int] | int, destination: Sequence[int] | int) -> Array:
    """Dims `source` moved to the places `destination`."""
    if not self.ndim:
        for d in (*np.atleast_1d(source), *np.atleast_1d(destination)):
            wrap_dim(int(d), 0)
        return self[...]
    return np.moveaxis(self, source, destination)


@_view("aten::unsqueeze", inverse=reshaped_back)
def unsqueeze(self: Array, dim: int) -> Array:
    """A dim of size 1 inserted before `dim`, with the stride that PyTorch gives it: NumPy chooses another."""
    at = wrap_dim(dim, self.ndim + 1)
    if isinstance(self, IndexView):
        return np.expand_dims(self, at)
    step = self.itemsize if at == self.ndim else self.shape[at] * self.strides[at]
    before, after = self.shape[:at], self.shape[at:]
    return strided_view(self, (*before, 1, *after), (*self.strides[:at], step, *self.strides[at:]))


@_view("aten::squeeze", inverse=reshaped_back, is_identity=True)
def squeeze(self: Array) -> Array:
    """All dims of size 1 dropped."""
    return _squeezed(self, range(self.ndim))


@_view("aten::squeeze.dim", inverse=reshaped_back, is_identity=True)
def squeeze_dim(self: Array, dim: int) -> Array:
    """Dim `dim` dropped if its size is 1."""
    return _squeezed(self, [wrap_dim(dim, self.ndim)])


@_view("aten::squeeze.dims", inverse=reshaped_back, is_identity=True)
def squeeze_dims(self: Array, dim: Sequence[int]) -> Array:
    """Those of the dims `dim` whose size is 1 dropped."""
    return _squeezed(self, [wrap_dim(d, self.ndim) for d in dim])


def _squeezed(self: Array, axes: Iterable[int]) -> Array:
    """Those of `axes` that have size 1 dropped; another tensor even if there is none."""
    dropped = {a for a in axes if self.ndim and self.shape[a] == 1}
    return self.squeeze(tuple(dropped)) if dropped else self.view()


@_view("aten::expand", is_identity=True)
def expand(self: Array, size: Sequence[int], implicit: bool) -> Array:
    """Dims of size 1 repeated without a copy; -1 keeps a size.

    Raises:
        ShapeError: a size other than 1 would have to change.
    """
    lead = len(size) - self.ndim
    if any(n == -1 for n in size[: max(lead, 0)]):
        raise ShapeError(
            "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension "
            f"{list(size).index(-1)}"
        )
    target = [n if n != -1 else self.shape[i - lead] for i, n in enumerate(size)]
    require_expandable(self.shape, target)
    steps = zip(self.shape, target[lead:], self.strides, strict=True)
    strides = [0] * lead + [s if _stays(m, n) else 0 for m, n, s in steps]
    return strided_view(self, target, strides)


def _stays(size: int, target: int) -> bool:
    """Whether a dim is not repeated. Expressions may differ and be equal all the same: what was asked when
    they were found to fit is known.
    """
    return certainly_equal(size, target) or (not is_one(size) and size == target)


@composite(FAMILY, "aten::expand_as", is_identity=True)
def expand_as(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """Expanded to the shape of `other`."""
    return aten("expand", self, list(aten.shape(other)))


def _indexed(tensor: str, dim: str, index: str) -> str | None:
    """Python for ``tensor[index]`` at a dim that is known; with an ellipsis a result is always an array."""
    if dim == "-1":
        return f"{tensor}[..., {index}]"
    return f"{tensor}[{':, ' * int(dim)}{index}, ...]" if dim in ("0", "1", "2", "3") else None


def _sliced(tensor: str, dim: str, start: str, end: str, step: str) -> str | None:
    is_forward = step.isdecimal() and step != "0"
    return _indexed(tensor, dim, f"{start}:{end}:{step}") if is_forward else None


@_view("aten::select.int", inverse=selected_back, elements_only=("index",), python=PythonForm(_indexed))
def select(self: Array, dim: int, index: int) -> Array:
    """The slice `index` of dim `dim`, which is dropped.

    Raises:
        BoundsError: the index is out of range.
    """
    axis = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        raise BoundsError("select() cannot be applied to a 0-dim tensor.")
    n = self.shape[axis]
    if not -n <= index < n:
        raise BoundsError(
            f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {dim}"
        )
    return self[(slice(None),) * axis + (index % n, ...)]


@_view("aten::slice.Tensor", inverse=sliced_back, python=PythonForm(_sliced))
def slice_(self: Array, dim: int, start: int | None, end: int | None, step: int) -> Array:
    """``self[..., start:end:step]`` in dim `dim`; limits beyond the ends are cut off."""
    if not self.ndim:
        raise ShapeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise ShapeError("slice step must be positive")
    axis = wrap_dim(dim, self.ndim)
    return self[(slice(None),) * axis + (slice(start, end, step),)]


@_view("aten::narrow", inverse=narrowed_back, elements_only=("start",))
def narrow(self: Array, dim: int, start: int, length: int) -> Array:
    """`length` elements of dim `dim` from `start`."""
    axis = wrap_dim(dim, self.ndim)
    n = self.shape[axis]
    begin = start + n if start < 0 else start
    if length < 0 or not 0 <= begin <= n - length:
        raise ShapeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return self[(slice(None),) * axis + (slice(begin, begin + length),)]


@FAMILY.op("aten::narrow.Tensor")
def narrow_at(self: Array, dim: int, start: Array, length: int) -> Array:
    """`narrow` from a place that a tensor says."""
    if start.ndim or start.dtype.kind not in "iu":
        raise ShapeError("start must be an 0-dim integral Tensor.")
    return narrow(self, dim, int(start), length)


@_view("aten::split.Tensor")
def split(self: Array, split_size: int, dim: int) -> list[Array]:
    """Pieces of `split_size` (the last may be smaller)."""
    axis = wrap_dim(dim, self.ndim)
    if split_size < 0 or (split_size == 0 and self.shape[axis]):
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    starts = range(0, max(self.shape[axis], 1), split_size or 1)
    return [self[(slice(None),) * axis + (slice(s, s + split_size),)] for s in starts]


@_view("aten::split_with_sizes", "aten::split.sizes", "aten::split")
def split_with_sizes(self: Array, split_sizes: Sequence[int], dim: int) -> list[Array]:
    """Pieces of the given sizes."""
    axis = wrap_dim(dim, self.ndim)
    if sum(split_sizes) != self.shape[axis]:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {self.shape[axis]} (input tensor's size "
            f"at dimension {dim}), but got split_sizes={list(split_sizes)}"
        )
    pieces: list[Array] = []
    start = 0
    for n in split_sizes:
        pieces.append(self[(slice(None),) * axis + (slice(start, start + n),)])
        start += n
    return pieces


@_view("aten::chunk")
def chunk(self: Array, chunks: int, dim: int) -> list[Array]:
    """At most `chunks` pieces of equal size (the last may be smaller); of a dim without elements, all."""
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not self.ndim:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    n = self.shape[wrap_dim(dim, self.ndim)]
    return split(self, -(-n // chunks), dim) if n else split_with_sizes(self, [0] * chunks, dim)


@_view("aten::unbind.int")
def unbind(self: Array, dim: int) -> list[Array]:
    """All slices along `dim`."""
    axis = wrap_dim(dim, self.ndim)
    return [self[(slice(None),) * axis + (i, ...)] for i in range(self.shape[axis])]


@_view("aten::diagonal", inverse=diagonal_back)
def diagonal(self: Array, offset: int, dim1: int, dim2: int) -> Array:
    """The diagonal of dims `dim1` and `dim2`, as the last dim."""
    axes = wrap_dim(dim1, self.ndim), wrap_dim(dim2, self.ndim)
    view = np.diagonal(self, offset, *axes)
    view = view if view.shape[-1] else np.diagonal(self, 0, *axes)[..., :0]  # where it begins is asked for
    view.flags.writeable = self.flags.writeable
    return view


@_view("aten::unfold")
def unfold(self: Array, dimension: int, size: int, step: int) -> Array:
    """Windows of `size` elements every `step` along `dimension`; a window's elements become the last dim."""
    axis = wrap_dim(dimension, self.ndim)
    extent = self.shape[axis] if self.ndim else 1
    if not 0 <= size <= extent:
        raise ShapeError(f"maximum size for tensor at dimension {axis} is {extent} but size is {size}")
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    if not self.ndim:
        return self.reshape(1)[:size]
    count = (extent - size) // step + 1
    shape = [*self.shape[:axis], count, *self.shape[axis + 1 :], size]
    stride = self.strides[axis]
    strides = [*self.strides[:axis], stride * step, *self.strides[axis + 1 :], stride]
    return strided_view(self, shape, strides)


@_view("aten::positive", inverse=same_back, is_identity=True, gives_argument=True)
def positive(self: Array) -> Array:
    """The tensor itself."""
    if self.dtype == np.bool_:
        raise DTypeError("The `+` operator, on a bool tensor is not supported.")
    return self


@_view("aten::detach", "aten::alias", inverse=same_back, is_identity=True)
def detach(self: Array) -> Array:
    """The tensor itself."""
    return self[...]


def _reshape_infer(self: TensorSpec, shape: Sequence[int]) -> TensorSpec:
    return TensorSpec(infer_size(shape, self.size), self.dtype)


def _reshape_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, shape = arguments
    return kernel.reshape(x, infer_size(shape, x.spec.size))


@FAMILY.op(
    "aten::reshape", infer=_reshape_infer, lower=_reshape_lower, kind="reshape",
    sharing=Sharing.SOMETIMES, is_identity=True,
)  # fmt: skip
def reshape(self: Array, shape: Sequence[int]) -> Array:
    """The same elements under another shape; a view where the layout allows, else a copy."""
    return self.reshape(infer_size(shape, self.size))


@FAMILY.op(
    "aten::view", "aten::_unsafe_view", infer=_reshape_infer, lower=_reshape_lower, kind="reshape",
    inverse=reshaped_back, is_identity=True, needs_layout=True,
)  # fmt: skip
def view(self: Array, size: Sequence[int]) -> Array:
    """The same memory under another shape.

    Raises:
        ShapeError: the layout does not allow it without a copy.
    """
    shape = infer_size(size, self.size)
    try:
        return self.reshape(shape, copy=False)
    except ValueError:
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two contiguous subspaces). Use .reshape(...) instead."
        ) from None


@composite(FAMILY, "aten::reshape_as", sharing=Sharing.SOMETIMES, is_identity=True, gives_argument=False)
def reshape_as(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """Reshaped to the shape of `other`."""
    return aten("reshape", self, list(aten.shape(other)))


@composite(FAMILY, "aten::view_as", inverse=reshaped_back, is_identity=True)
def view_as(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """Viewed in the shape of `other`."""
    return aten("view", self, list(aten.shape(other)))


@composite(FAMILY, "aten::flatten.using_ints", sharing=Sharing.SOMETIMES, is_identity=True)
def flatten(aten: Aten, self: AnyTensor, start_dim: int, end_dim: int) -> AnyTensor:
    """Dims `start_dim` to `end_dim` made one."""
    shape = list(aten.shape(self))
    if not shape:
        return aten("reshape", self, [1])
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return self
    size = prod(shape[first : last + 1])
    return aten("reshape", self, [*shape[:first], size, *shape[last + 1 :]])


@composite(FAMILY, "aten::unflatten.int", inverse=reshaped_back, is_identity=True)
def unflatten(aten: Aten, self: AnyTensor, dim: int, sizes: Sequence[int]) -> AnyTensor:
    """Dim `dim` split into `sizes`."""
    shape = list(aten.shape(self))
    axis = wrap_dim(dim, len(shape))
    return aten("view", self, [*shape[:axis], *infer_size(sizes, shape[axis]), *shape[axis + 1 :]])


@FAMILY.op("aten::view.dtype")
def view_dtype(self: Array, dtype: int) -> Array:
    """The same bytes as another dtype."""
    return self.view(dtypes.by_code(dtype).numpy)
