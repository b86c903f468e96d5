"""Triangles, diagonals and products that make matrices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations as choose
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.creation import dtype_or
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.promotion import result_dtype
from tsc.ops.running import inferred_by_running
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, wrap_dim

FAMILY = Family()


def _triangle_infer(self: TensorSpec, diagonal: int) -> TensorSpec:
    if self.ndim < 2:
        raise ShapeError("tril: input tensor must have at least 2 dimensions")
    return self


def _triangle(name: str) -> None:
    lower = name == "tril"

    def lower_triangle(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, diagonal = arguments
        rank = x.spec.ndim

        def body(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
            row, column = (builder.index_scalar(i, dtypes.I64) for i in (rank - 2, rank - 1))
            keep = column - row <= diagonal if lower else column - row >= diagonal
            return [keep.where(inputs[0], 0)]

        identity = affine(rank, [dim(i) for i in range(rank)])
        return kernel.generic([(x, identity)], [Output(x.spec)], "p" * rank, body, f"aten::{name}")[0]

    @FAMILY.op(
        f"aten::{name}",
        infer=_triangle_infer,
        lower=lower_triangle,
        kind="pointwise",
        layout=ResultLayout.ROW_MAJOR,
        reads_places=True,
    )
    def triangle(self: Array, diagonal: int) -> Array:
        _triangle_infer(spec_of(self), diagonal)
        return (np.tril if lower else np.triu)(self, diagonal)


_triangle("tril")
_triangle("triu")


def _indices(lower: bool, row: int, col: int, offset: int, dtype: int | None) -> Array:
    if row < 0 or col < 0:
        raise ShapeError(f"row and col must be non-negative, got {row} and {col}")
    mask = np.tri(row, col, offset, bool) if lower else ~np.tri(row, col, offset - 1, bool)
    return np.stack(np.nonzero(mask)).astype(dtype_or(dtype, dtypes.I64).numpy)


@inferred_by_running(FAMILY, "aten::tril_indices")
def tril_indices(row: int, col: int, offset: int, dtype: int | None, *_: object) -> Array:
    """The places on and below a diagonal, as two rows."""
    return _indices(True, row, col, offset, dtype)


@inferred_by_running(FAMILY, "aten::triu_indices")
def triu_indices(row: int, col: int, offset: int, dtype: int | None, *_: object) -> Array:
    """The places on and above a diagonal, as two rows."""
    return _indices(False, row, col, offset, dtype)


def _eye_infer(n: int, m: int, dtype: int | None, *_: object) -> TensorSpec:
    if n < 0 or m < 0:
        raise ShapeError(f"n must be greater or equal to 0, got {min(n, m)}")
    return TensorSpec((n, m), dtype_or(dtype, dtypes.F32))


def _square_eye_infer(n: int, dtype: int | None, *_: object) -> TensorSpec:
    return _eye_infer(n, n, dtype)


@FAMILY.op("aten::eye", infer=_square_eye_infer)
def eye(n: int, dtype: int | None, *_: object) -> Array:
    """The identity matrix."""
    spec = _eye_infer(n, n, dtype)
    return np.eye(n).astype(spec.dtype.numpy)


@FAMILY.op("aten::eye.m", infer=_eye_infer)
def eye_m(n: int, m: int, dtype: int | None, *_: object) -> Array:
    """Ones on the diagonal of an ``n x m`` matrix."""
    return np.eye(n, m).astype(_eye_infer(n, m, dtype).dtype.numpy)


# --- diagonals ---


def _spread(aten: Aten, self: AnyTensor, offset: int, dim1: int, dim2: int) -> AnyTensor:
    """`diag_embed` in terms of other operators: the lines as columns, and zeros beside the diagonal."""
    shape = aten.shape(self)
    rank, n = len(shape) + 1, shape[-1] + abs(offset)
    first, second = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    numbers = aten("arange", n, dtypes.I64.code, None, None, None)
    gaps = aten("sub.Tensor", numbers, aten("unsqueeze", numbers, 1))
    line = aten("constant_pad_nd", self, [max(offset, 0), max(-offset, 0)], 0)
    columns = aten("expand", aten("unsqueeze", line, -2), [*shape[:-1], n, n], implicit=False)
    spread = aten("masked_fill.Scalar", columns, aten("ne.Scalar", gaps, offset), 0)
    return aten("clone", aten("movedim.intlist", spread, [-2, -1], [first, second]), 0)


def _diagonal_or_spread(aten: Aten, self: AnyTensor, diagonal: int) -> AnyTensor:
    """`diag` in terms of other operators."""
    if len(aten.shape(self)) == 1:
        return aten("diag_embed", self, diagonal, 0, 1)
    return aten("clone", aten("diagonal", self, diagonal, 0, 1), 0)


@inferred_by_running(FAMILY, "aten::diag", kind="composite", composite=_diagonal_or_spread)
def diag(self: Array, diagonal: int) -> Array:
    """The matrix with a given diagonal, or the diagonal of a matrix."""
    if self.ndim not in (1, 2):
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {self.ndim}D")
    if self.ndim == 1:
        return diag_embed(self, diagonal, 0, 1)
    return np.array(np.diagonal(self, diagonal))


@inferred_by_running(FAMILY, "aten::diag_embed", kind="composite", composite=_spread)
def diag_embed(self: Array, offset: int, dim1: int, dim2: int) -> Array:
    """The last dim spread on a diagonal of two new dims."""
    rank = self.ndim + 1
    first, second = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    count: int = self.shape[-1]
    n = count + abs(offset)
    result = np.zeros((*self.shape[:-1], n, n), self.dtype)
    place = np.arange(count)
    result[..., place + max(-offset, 0), place + max(offset, 0)] = self
    return np.moveaxis(result, (-2, -1), (first, second))


@composite(FAMILY, "aten::diagflat")
def diagflat(aten: Aten, self: AnyTensor, offset: int) -> AnyTensor:
    """The flattened tensor on a diagonal."""
    return aten("diag", aten("reshape", self, [-1]), offset)


@composite(FAMILY, "aten::trace")
def trace(aten: Aten, self: AnyTensor) -> AnyTensor:
    """The sum of the diagonal."""
    if len(aten.shape(self)) != 2:
        raise ShapeError("trace: expected a matrix")
    return aten("sum", aten("diagonal", self))


# --- products ---


@composite(FAMILY, "aten::outer", "aten::ger")
def outer(aten: Aten, self: AnyTensor, vec2: AnyTensor) -> AnyTensor:
    """All products of two vectors' elements."""
    if len(aten.shape(self)) != 1 or len(aten.shape(vec2)) != 1:
        raise ShapeError("outer: Expected 1-D arguments")
    return aten("mul.Tensor", aten("unsqueeze", self, 1), vec2)


@inferred_by_running(FAMILY, "aten::kron", layout=ResultLayout.ELEMENTWISE)
def kron(self: Array, other: Array) -> Array:
    """Each element of `self` times all of `other`."""
    dtype = result_dtype([spec_of(self), spec_of(other)]).numpy
    return np.asarray(np.kron(self.astype(dtype), other.astype(dtype)))


def _cross(aten: Aten, self: AnyTensor, other: AnyTensor, dim: int) -> AnyTensor:
    first, second = aten.shape(self), aten.shape(other)
    if len(first) != len(second):
        raise ShapeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = wrap_dim(dim, len(first))
    if first[axis] != 3 or second[axis] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {first[axis]} and {second[axis]}"
        )
    shape = list(broadcast(first, second))
    a, b = aten("expand", self, shape), aten("expand", other, shape)

    def turned(x: AnyTensor, by: int) -> AnyTensor:
        return aten("roll", x, [by], [axis])

    left = aten("mul.Tensor", turned(a, -1), turned(b, -2))
    return aten("sub.Tensor", left, aten("mul.Tensor", turned(a, -2), turned(b, -1)))


@composite(FAMILY, "aten::linalg_cross")
def linalg_cross(aten: Aten, self: AnyTensor, other: AnyTensor, dim: int) -> AnyTensor:
    """The cross product of vectors of 3 elements along `dim`."""
    return _cross(aten, self, other, dim)


@composite(FAMILY, "aten::cross")
def cross(aten: Aten, self: AnyTensor, other: AnyTensor, dim: int | None) -> AnyTensor:
    """The cross product along `dim`, by default the first of size 3."""
    if dim is None:
        dim = next((i for i, n in enumerate(aten.shape(self)) if n == 3), None)
        if dim is None:
            raise ShapeError("no dimension of size 3 in input")
    return _cross(aten, self, other, dim)


@inferred_by_running(FAMILY, "aten::block_diag")
def block_diag(tensors: Sequence[Array]) -> Array:
    """Matrices along the diagonal of a bigger one."""
    blocks = [np.atleast_2d(t) for t in tensors]
    if any(b.ndim > 2 for b in blocks):
        raise ShapeError("torch.block_diag: Input tensors must have 2 or fewer dimensions")
    dtype = result_dtype([spec_of(t) for t in tensors]).numpy
    result = np.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)), dtype)
    row = column = 0
    for block in blocks:
        result[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return result


@inferred_by_running(FAMILY, "aten::cartesian_prod", sharing=Sharing.ALONE)
def cartesian_prod(tensors: Sequence[Array]) -> Array:
    """All combinations of one element of each vector, one row each."""
    if any(t.ndim != 1 for t in tensors):
        raise ShapeError("Expect a 1D vector")
    if len(tensors) == 1:
        return tensors[0]
    return np.stack([g.reshape(-1) for g in np.meshgrid(*tensors, indexing="ij")], 1)


@inferred_by_running(FAMILY, "aten::combinations")
def combinations(self: Array, r: int, with_replacement: bool) -> Array:
    """All choices of `r` elements of a vector, one row each."""
    if self.ndim != 1 or r < 0:
        raise ShapeError("Expect a 1D vector and a non-negative number")
    places = list((combinations_with_replacement if with_replacement else choose)(range(self.size), r))
    if not r:
        return np.zeros(0, self.dtype)
    return self[np.array(places, np.int64).reshape(-1, r)]


def _powers(x: Array, count: int | None, increasing: bool) -> Array:
    n = x.shape[-1] if count is None else count
    if n < 0:
        raise ShapeError("N must be non-negative.")
    wide = x if x.dtype.kind in "fcV" else x.astype(np.int64)
    exponents = np.arange(n) if increasing else np.arange(n)[::-1]
    return (wide[..., None] ** exponents.astype(wide.dtype)).astype(wide.dtype)


@inferred_by_running(FAMILY, "aten::vander")
def vander(x: Array, N: int | None, increasing: bool) -> Array:  # noqa: N803
    """The powers of each element, one row each."""
    if x.ndim != 1:
        raise ShapeError("x must be a one-dimensional tensor.")
    return _powers(x, N, increasing)


@inferred_by_running(FAMILY, "aten::linalg_vander")
def linalg_vander(x: Array, N: int | None) -> Array:  # noqa: N803
    """The powers of each element, increasing, in a new last dim."""
    return _powers(np.atleast_1d(x), N, True)
