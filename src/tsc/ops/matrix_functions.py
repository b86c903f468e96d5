"""Powers, exponentials, ranks, pseudo-inverses and norms of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Real
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family
from tsc.ops.linear_algebra import attempt, hermitian_of, require_matrix
from tsc.ops.promotion import computation_dtype
from tsc.ops.running import inferred_by_running
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


# --- powers, ranks, pseudo-inverses ---


@inferred_by_running(FAMILY, "aten::linalg_matrix_power", "aten::matrix_power")
def matrix_power(self: Array, n: int) -> Array:
    """The matrix multiplied by itself."""
    require_matrix("matrix_power", self, square=True)
    return np.asarray(attempt("matrix_power", np.linalg.matrix_power, self, n)).astype(self.dtype)


@inferred_by_running(FAMILY, "aten::linalg_matrix_exp", "aten::matrix_exp")
def matrix_exp(self: Array) -> Array:
    """The exponential of a matrix: its Taylor series after scaling, then squared back."""
    require_matrix(
        "matrix_exp", self.astype(computation_dtype(dtypes.by_numpy(self.dtype)).numpy), square=True
    )
    if not self.size:
        return self.copy()
    wide = self.astype(np.result_type(self.dtype, np.float64))
    norm = float(np.abs(wide).sum(-2).max())
    squarings = max(0, math.ceil(math.log2(norm)) + 4) if norm > 0 else 0
    scaled = wide / 2.0**squarings
    total = term = np.broadcast_to(np.eye(self.shape[-1], dtype=wide.dtype), wide.shape)
    for k in range(1, 14):
        term = term @ scaled / k
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total.astype(self.dtype)


def _tolerance(x: Array, values: Array, atol: float | Array | None, rtol: float | Array | None) -> Array:
    """The size below which a singular value counts as zero."""
    largest = values.max(-1) if values.shape[-1] else np.zeros(values.shape[:-1])
    if rtol is None:
        given = atol is not None and np.any(np.asarray(atol) > 0)
        rtol = 0.0 if given else float(np.finfo(x.dtype).eps) * max(x.shape[-2:])
    return np.maximum(0.0 if atol is None else np.asarray(atol), np.asarray(rtol) * largest)


def _pseudo_inverse(x: Array, atol: float | Array | None, rtol: float | Array | None) -> Array:
    require_matrix("pinv", x)
    if not x.size:
        return np.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    keep = s > _tolerance(x, s, atol, rtol)[..., None]
    inverses = np.where(keep, 1 / np.where(keep, s, 1), 0)
    return ((np.conj(vh.swapaxes(-1, -2)) * inverses[..., None, :]) @ np.conj(u.swapaxes(-1, -2))).astype(
        x.dtype
    )


@inferred_by_running(FAMILY, "aten::linalg_pinv.atol_rtol_float", "aten::linalg_pinv.atol_rtol_tensor")
def pinv(self: Array, atol: float | Array | None, rtol: float | Array | None, hermitian: bool) -> Array:
    """The pseudo-inverse."""
    return _pseudo_inverse(hermitian_of(self, True) if hermitian else self, atol, rtol)


@inferred_by_running(FAMILY, "aten::linalg_pinv", "aten::linalg_pinv.rcond_tensor")
def pinv_rcond(self: Array, rcond: float | Array, hermitian: bool) -> Array:
    """The pseudo-inverse, small singular values cut off."""
    return _pseudo_inverse(hermitian_of(self, True) if hermitian else self, 0.0, rcond)


@inferred_by_running(FAMILY, "aten::pinverse")
def pinverse(self: Array, rcond: float) -> Array:
    """The pseudo-inverse."""
    return _pseudo_inverse(self, 0.0, rcond)


def _rank(x: Array, atol: float | Array | None, rtol: float | Array | None, hermitian: bool) -> Array:
    require_matrix("matrix_rank", x, hermitian)
    values = np.abs(np.linalg.eigvalsh(x)) if hermitian else np.linalg.svd(x, compute_uv=False)
    if not x.size:
        return np.zeros(x.shape[:-2], np.int64)
    return np.asarray((values > _tolerance(x, values, atol, rtol)[..., None]).sum(-1)).astype(np.int64)


@inferred_by_running(
    FAMILY, "aten::linalg_matrix_rank.atol_rtol_float", "aten::linalg_matrix_rank.atol_rtol_tensor"
)
def matrix_rank(
    self: Array, atol: float | Array | None, rtol: float | Array | None, hermitian: bool
) -> Array:
    """How many singular values are not (nearly) zero."""
    return _rank(self, atol, rtol, hermitian)


@inferred_by_running(FAMILY, "aten::linalg_matrix_rank", "aten::linalg_matrix_rank.tol_tensor")
def matrix_rank_tol(self: Array, tol: float | Array, hermitian: bool) -> Array:
    """How many singular values are above `tol`."""
    return _rank(self, tol, 0.0, hermitian)


# --- matrix norms ---


def _singular(aten: Aten, x: AnyTensor, axes: Sequence[int]) -> AnyTensor:
    order = [i for i in range(len(aten.shape(x))) if i not in axes] + list(axes)
    return aten("linalg_svdvals", aten("permute", x, order))


def _spectral_norm(aten: Aten, values: AnyTensor, ord: Real | str) -> AnyTensor:
    """The sum (``nuc``), largest (2) or smallest (-2) of the singular values."""
    if ord == "nuc":
        return aten("sum.dim_IntList", values, [-1])
    return aten.amax(values, [-1], False) if ord == 2 else aten.amin(values, [-1], False)


def _matrix_norm(aten: Aten, x: AnyTensor, ord: Real | str, dim: Sequence[int], keepdim: bool) -> AnyTensor:
    ndim = len(aten.shape(x))
    if len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {list(dim)}")
    rows, columns = (wrap_dim(d, ndim) for d in dim)
    if rows == columns:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return aten("linalg_vector_norm", x, 2, [rows, columns], keepdim)
    if ord in ("nuc", 2, -2):
        values = _singular(aten, x, (rows, columns))
        norm = _spectral_norm(aten, values, ord)
        kept = [1 if i in (rows, columns) else n for i, n in enumerate(aten.shape(x))]
        return aten("reshape", norm, kept) if keepdim else norm
    if ord not in (1, -1, math.inf, -math.inf):
        raise ShapeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, picked = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = aten("sum.dim_IntList", aten.abs(x), [summed], True)
    norm = (aten.amax if ord > 0 else aten.amin)(sums, [picked], True)
    return norm if keepdim else aten("squeeze.dims", norm, [rows, columns])


def _converted(aten: Aten, x: AnyTensor, dtype: int | None) -> AnyTensor:
    return x if dtype is None else aten("to.dtype", x, dtype)


@composite(FAMILY, "aten::linalg_matrix_norm", "aten::linalg_matrix_norm.str_ord")
def linalg_matrix_norm(
    aten: Aten, self: AnyTensor, ord: Real | str, dim: Sequence[int], keepdim: bool, dtype: int | None
) -> AnyTensor:
    """The norm of matrices: ``fro``, ``nuc``, 1, 2, inf and their opposites."""
    return _matrix_norm(aten, _converted(aten, self, dtype), ord, dim, keepdim)


@composite(FAMILY, "aten::linalg_norm", "aten::linalg_norm.ord_str")
def linalg_norm(
    aten: Aten,
    self: AnyTensor,
    ord: Real | str | None,
    dim: Sequence[int] | None,
    keepdim: bool,
    dtype: int | None,
) -> AnyTensor:
    """A vector norm, or a matrix norm where two dims (or a matrix, with an order) are given."""
    ndim = len(aten.shape(self))
    x = _converted(aten, self, dtype)
    if ord is not None and ((dim is not None and len(dim) == 2) or (dim is None and ndim == 2)):
        return _matrix_norm(aten, x, ord, dim or [-2, -1], keepdim)
    if isinstance(ord, str):
        raise ShapeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D."
        )
    return aten("linalg_vector_norm", x, 2 if ord is None else ord, dim, keepdim)


@composite(FAMILY, "aten::nuclear_norm")
def nuclear_norm(aten: Aten, self: AnyTensor, keepdim: bool) -> AnyTensor:
    """The sum of the singular values."""
    return _matrix_norm(aten, self, "nuc", [-2, -1], keepdim)


@composite(FAMILY, "aten::nuclear_norm.dim")
def nuclear_norm_dim(aten: Aten, self: AnyTensor, dim: Sequence[int], keepdim: bool) -> AnyTensor:
    """The sum of the singular values of matrices along two dims."""
    return _matrix_norm(aten, self, "nuc", dim, keepdim)


@composite(FAMILY, "aten::frobenius_norm.dim")
def frobenius_norm(aten: Aten, self: AnyTensor, dim: Sequence[int], keepdim: bool) -> AnyTensor:
    """The root of the sum of squares along one or two dims."""
    return aten("linalg_vector_norm", self, 2, list(dim), keepdim)
