"""Joining, repeating, reversing and rotating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc.dtypes import Array
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.indexing import index_select
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


@composite(FAMILY, "aten::hstack", layout=ResultLayout.FOLLOWING)
def hstack(aten: Aten, tensors: Sequence[Any]) -> AnyTensor:
    """Side by side: along the second dim, or the only one."""
    if not tensors:
        raise ShapeError("hstack expects a non-empty TensorList")
    parts = [aten.atleast_1d(t) for t in tensors]
    return aten("cat", parts, 0 if len(aten.shape(parts[0])) == 1 else 1)


@composite(FAMILY, "aten::vstack", layout=ResultLayout.FOLLOWING)
def vstack(aten: Aten, tensors: Sequence[Any]) -> AnyTensor:
    """One below the other, vectors as rows."""
    if not tensors:
        raise ShapeError("vstack expects a non-empty TensorList")
    return aten("cat", [aten.atleast_2d(t) for t in tensors], 0)


@composite(FAMILY, "aten::dstack", layout=ResultLayout.FOLLOWING)
def dstack(aten: Aten, tensors: Sequence[Any]) -> AnyTensor:
    """One behind the other, along the third dim."""
    if not tensors:
        raise ShapeError("dstack expects a non-empty TensorList")
    return aten("cat", [aten.atleast_3d(t) for t in tensors], 2)


@composite(FAMILY, "aten::column_stack", layout=ResultLayout.FOLLOWING)
def column_stack(aten: Aten, tensors: Sequence[Any]) -> AnyTensor:
    """Side by side, vectors as columns."""
    if not tensors:
        raise ShapeError("column_stack expects a non-empty TensorList")
    columns = [
        t if len(aten.shape(t)) > 1 else aten("reshape", t, [(aten.shape(t) or (1,))[0], 1]) for t in tensors
    ]
    return aten("hstack", columns)


@composite(FAMILY, "aten::tile")
def tile(aten: Aten, self: AnyTensor, dims: Sequence[int]) -> AnyTensor:
    """As `repeat`, with ones in front where there are fewer counts than dims."""
    missing = len(aten.shape(self)) - len(dims)
    return aten("repeat", self, [*([1] * missing), *dims])


@composite(FAMILY, "aten::repeat_interleave.self_int")
def repeat_interleave(
    aten: Aten, self: AnyTensor, repeats: int, dim: int | None, output_size: int | None
) -> AnyTensor:
    """Each slice along `dim` (each element, without `dim`) `repeats` times in a row."""
    if repeats < 0:
        raise ShapeError("repeats has to be non-negative")
    x = aten("reshape", self, [-1]) if dim is None else aten.atleast_1d(self)
    shape = list(aten.shape(x))
    axis = 0 if dim is None else wrap_dim(dim, len(shape))
    if output_size is not None and output_size != shape[axis] * repeats:
        raise ShapeError(
            f"repeat_interleave: Invalid output_size, expected {shape[axis] * repeats} but got {output_size}"
        )
    wide = aten("expand", aten("unsqueeze", x, axis + 1), [*shape[: axis + 1], repeats, *shape[axis + 1 :]])
    copied = aten("clone", wide)
    return aten("reshape", copied, [*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]])


@FAMILY.op("aten::repeat_interleave.Tensor")
def repeat_numbers(repeats: Array, output_size: int | None) -> Array:
    """Each number ``i`` as often as ``repeats[i]`` says."""
    if repeats.ndim != 1:
        raise ShapeError(f"repeat_interleave only accept 1D vector as repeat; got {repeats.ndim} dims")
    if repeats.dtype.kind != "i":
        raise DTypeError(f"repeats has to be Long or Int tensor; got {repeats.dtype.name}")
    if repeats.size and repeats.min() < 0:
        raise ShapeError("repeats can not be negative")
    if output_size is not None and output_size != int(repeats.sum()):
        raise ShapeError("allocated size does not match required size")
    return np.repeat(np.arange(repeats.size), repeats).astype(repeats.dtype)


@FAMILY.op("aten::repeat_interleave.self_Tensor")
def repeat_by_tensor(self: Array, repeats: Array, dim: int | None, output_size: int | None) -> Array:
    """Each slice as often as `repeats` says."""
    x = self.reshape(-1) if dim is None or not self.ndim else self
    axis = 0 if dim is None else wrap_dim(dim, x.ndim)
    if repeats.size == 1:
        repeats = np.broadcast_to(repeats.reshape(-1), x.shape[axis : axis + 1])
    if repeats.size != x.shape[axis]:
        raise ShapeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.size} "
            f"and input.size({axis}) = {x.shape[axis]}"
        )
    return index_select(x, axis, repeat_numbers(repeats, output_size).astype(np.int64))


@composite(FAMILY, "aten::fliplr", layout=ResultLayout.ELEMENTWISE)
def fliplr(aten: Aten, self: AnyTensor) -> AnyTensor:
    """The second dim reversed."""
    if len(aten.shape(self)) < 2:
        raise ShapeError("Input must be >= 2-d.")
    return aten("flip", self, [1])


@composite(FAMILY, "aten::flipud", layout=ResultLayout.ELEMENTWISE)
def flipud(aten: Aten, self: AnyTensor) -> AnyTensor:
    """The first dim reversed."""
    if not aten.shape(self):
        raise ShapeError("Input must be >= 1-d.")
    return aten("flip", self, [0])


@composite(FAMILY, "aten::rot90", layout=ResultLayout.AS_COMPUTED)
def rot90(aten: Aten, self: AnyTensor, k: int, dims: Sequence[int]) -> AnyTensor:
    """Turned by `k` right angles in the plane of two dims."""
    ndim = len(aten.shape(self))
    if len(dims) != 2 or ndim < 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    first, second = (wrap_dim(d, ndim) for d in dims)
    if first == second:
        raise ShapeError("expected rotation dims to be different")
    k %= 4
    if k == 0:
        return aten("clone", self)
    if k == 2:
        return aten("flip", self, [first, second])
    turned = aten("flip", self, [second if k == 1 else first])
    return aten("transpose.int", turned, first, second)


@composite(FAMILY, "aten::sum_to_size")
def sum_to_size(aten: Aten, self: AnyTensor, size: Sequence[int]) -> AnyTensor:
    """Summed until it has `size`: the opposite of broadcasting."""
    shape = aten.shape(self)
    lead = len(shape) - len(size)
    if lead < 0 or any(m not in (1, n) for m, n in zip(size, shape[lead:], strict=True)):
        raise ShapeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    dims = [
        *range(lead),
        *(lead + i for i, (m, n) in enumerate(zip(size, shape[lead:], strict=True)) if m == 1 != n),
    ]
    if not size:
        return aten("sum", self)
    return aten("reshape", aten("sum.dim_IntList", self, dims, True), list(size)) if dims else self


def _refuse_ends(aten: Aten, self: AnyTensor, axis: int, ends: Sequence[AnyTensor]) -> None:
    """Raise where something else than `axis` differs.

    Raises:
        ShapeError: one of the `ends` does not fit `self`.
    """
    shape = aten.shape(self)
    for end in ends:
        other = aten.shape(end)
        if len(other) != len(shape):
            raise ShapeError("diff expects prepend or append to be the same dimension as input")
        for i, (own, its) in enumerate(zip(shape, other, strict=True)):
            if i != axis and own != its:
                raise ShapeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except "
                    f"along the differencing dimension; input.size({i}) = {own}, but got "
                    f"tensor.size({i}) = {its}"
                )


@composite(FAMILY, "aten::diff", layout=ResultLayout.FOLLOWING)
def diff(
    aten: Aten, self: AnyTensor, n: int, dim: int, prepend: AnyTensor | None, append: AnyTensor | None
) -> AnyTensor:
    """Differences of neighbours along `dim`, `n` times; of bools, whether they differ."""
    if not aten.shape(self):
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    ends = [t for t in (prepend, append) if t is not None]
    axis = wrap_dim(dim, len(aten.shape(self))) if n or ends else 0
    _refuse_ends(aten, self, axis, ends)
    if n == 0:
        return aten("clone", self)
    parts = [t for t in (prepend, self, append) if t is not None]
    made = aten("cat", parts, axis) if len(parts) > 1 else self
    subtract = "logical_xor" if aten.dtype(made).name == "bool" else "sub.Tensor"
    for _ in range(n if n == 1 else min(n, aten.shape(made)[axis])):
        first, second = aten("slice.Tensor", made, axis, 0, -1), aten("slice.Tensor", made, axis, 1)
        made = aten(subtract, second, first)
    return made
