"""Linear algebra: decompositions, solutions, determinants, matrix norms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.errors import DTypeError, ScriptError, ShapeError
from tsc.ops.composite import Aten, composite
from tsc.ops.promotion import computation_dtype
from tsc.ops.registry import Family
from tsc.ops.shapes import wrap_dim

FAMILY = Family()
Array = np.ndarray[Any, Any]
ALLOWED = (dtypes.F32, dtypes.F64, dtypes.C64, dtypes.C128)


def _require_matrix(name: str, x: Array, square: bool = False) -> None:
    if dtypes.by_numpy(x.dtype) not in ALLOWED:
        raise DTypeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.by_numpy(x.dtype).name}"
        )
    if x.ndim < 2:
        raise ShapeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions.")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )


def _attempt(name: str, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Run a NumPy decomposition; singular and the like become a `ScriptError`."""
    try:
        with np.errstate(all="ignore"):
            return function(*arguments, **keywords)
    except np.linalg.LinAlgError as error:
        raise ScriptError(f"linalg.{name}: {error}") from error


@FAMILY.op("aten::linalg_inv", "aten::inverse")
def inverse(A: Array) -> Array:  # noqa: N803
    """The inverse."""
    _require_matrix("inv", A, square=True)
    return _attempt("inv", np.linalg.inv, A).astype(A.dtype)


@FAMILY.op("aten::linalg_inv_ex")
def inverse_ex(A: Array, check_errors: bool) -> tuple[Array, Array]:  # noqa: N803
    """The inverse, and zeros for success."""
    return inverse(A), np.zeros(A.shape[:-2], np.int32)


@FAMILY.op("aten::linalg_det", "aten::det")
def det(A: Array) -> Array:  # noqa: N803
    """The determinant."""
    _require_matrix("det", A, square=True)
    return np.asarray(np.linalg.det(A)).astype(A.dtype)


@FAMILY.op("aten::logdet")
def logdet(self: Array) -> Array:
    """The logarithm of the determinant."""
    _require_matrix("logdet", self, square=True)
    with np.errstate(all="ignore"):
        sign, size = np.linalg.slogdet(self)
        return np.asarray(size + np.log(sign)).astype(self.dtype)


@FAMILY.op("aten::linalg_slogdet", "aten::slogdet")
def slogdet(A: Array) -> tuple[Array, Array]:  # noqa: N803
    """Sign and logarithm of the absolute value of the determinant."""
    _require_matrix("slogdet", A, square=True)
    sign, size = np.linalg.slogdet(A)
    return np.asarray(sign).astype(A.dtype), np.asarray(size).astype(A.real.dtype)


def _solved(A: Array, B: Array, left: bool) -> Array:  # noqa: N803
    _require_matrix("solve", A, square=True)
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    right = B[..., None] if vector else B
    a, b = (A, right) if left or vector else (A.swapaxes(-1, -2), right.swapaxes(-1, -2))
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            "linalg.solve: Incompatible shapes of A and B for the equation AX = B "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )
    x = _attempt("solve", np.linalg.solve, a, b)
    x = x if left or vector else x.swapaxes(-1, -2)
    return (x[..., 0] if vector else x).astype(A.dtype)


@FAMILY.op("aten::linalg_solve")
def solve(A: Array, B: Array, left: bool) -> Array:  # noqa: N803
    """The ``X`` with ``A X = B``, or ``X A = B`` unless `left`."""
    return _solved(A, B, left)


@FAMILY.op("aten::linalg_solve_ex")
def solve_ex(A: Array, B: Array, left: bool, check_errors: bool) -> tuple[Array, Array]:  # noqa: N803
    """As `solve`, and zeros for success."""
    return _solved(A, B, left), np.zeros(A.shape[:-2], np.int32)


@FAMILY.op("aten::linalg_solve_triangular")
def solve_triangular(self: Array, B: Array, upper: bool, left: bool, unitriangular: bool) -> Array:  # noqa: N803
    """`solve` that reads one triangle of the matrix only."""
    _require_matrix("solve_triangular", self, square=True)
    triangle = (np.triu if upper else np.tril)(self)
    if unitriangular:
        n = self.shape[-1]
        triangle = triangle * (1 - np.eye(n, dtype=self.dtype)) + np.eye(n, dtype=self.dtype)
    lead = np.broadcast_shapes(triangle.shape[:-2], B.shape[:-2])
    wide = np.broadcast_to(triangle, (*lead, *triangle.shape[-2:]))
    return _solved(wide, np.broadcast_to(B, (*lead, *B.shape[-2:])), left)


@FAMILY.op("aten::linalg_cholesky", "aten::cholesky")
def cholesky(self: Array, upper: bool) -> Array:
    """The triangular ``L`` with ``L L^H = A``."""
    _require_matrix("cholesky", self, square=True)
    factor = _attempt("cholesky", np.linalg.cholesky, _hermitian(self, not upper)).astype(self.dtype)
    return np.conj(factor.swapaxes(-1, -2)) if upper else factor


def _hermitian(x: Array, lower: bool) -> Array:
    """The Hermitian matrix with one triangle of `x`."""
    if lower:
        return np.tril(x) + np.conj(np.tril(x, -1).swapaxes(-1, -2))
    return np.triu(x) + np.conj(np.triu(x, 1).swapaxes(-1, -2))


@FAMILY.op("aten::linalg_cholesky_ex")
def cholesky_ex(self: Array, upper: bool, check_errors: bool) -> tuple[Array, Array]:
    """As `cholesky`, and zeros for success."""
    return cholesky(self, upper), np.zeros(self.shape[:-2], np.int32)


@FAMILY.op("aten::cholesky_inverse")
def cholesky_inverse(self: Array, upper: bool) -> Array:
    """The inverse of the matrix with a given factor."""
    _require_matrix("cholesky_inverse", self, square=True)
    factor = np.triu(self) if upper else np.tril(self)
    dual = np.conj(factor.swapaxes(-1, -2))
    return inverse(dual @ factor if upper else factor @ dual)


@FAMILY.op("aten::cholesky_solve")
def cholesky_solve(self: Array, input2: Array, upper: bool) -> Array:
    """`solve` for the matrix with a given factor."""
    factor = np.triu(input2) if upper else np.tril(input2)
    dual = np.conj(factor.swapaxes(-1, -2))
    product = dual @ factor if upper else factor @ dual
    lead = np.broadcast_shapes(product.shape[:-2], self.shape[:-2])
    return _solved(
        np.broadcast_to(product, (*lead, *product.shape[-2:])),
        np.broadcast_to(self, (*lead, *self.shape[-2:])),
        True,
    )


@FAMILY.op("aten::linalg_qr")
def qr(A: Array, mode: str) -> tuple[Array, Array]:  # noqa: N803
    """``A = Q R``, orthogonal times triangular; ``mode`` is reduced, complete or r."""
    _require_matrix("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    found = _attempt("qr", np.linalg.qr, A, mode=mode)
    if mode == "r":
        return np.zeros(0, A.dtype), np.asarray(found).astype(A.dtype)
    return found[0].astype(A.dtype), found[1].astype(A.dtype)


@FAMILY.op("aten::qr")
def qr_some(self: Array, some: bool) -> tuple[Array, Array]:
    """As `linalg_qr`."""
    return qr(self, "reduced" if some else "complete")


@FAMILY.op("aten::linalg_svd")
def svd(A: Array, full_matrices: bool, driver: str | None) -> tuple[Array, Array, Array]:  # noqa: N803
    """``A = U diag(S) Vh``, the singular values falling."""
    _require_matrix("svd", A)
    u, s, vh = _attempt("svd", np.linalg.svd, A, full_matrices)
    return u.astype(A.dtype), s.astype(A.real.dtype), vh.astype(A.dtype)


@FAMILY.op("aten::linalg_svdvals")
def svdvals(A: Array, driver: str | None) -> Array:  # noqa: N803
    """The singular values, falling."""
    _require_matrix("svdvals", A)
    return _attempt("svdvals", np.linalg.svd, A, compute_uv=False).astype(A.real.dtype)


@FAMILY.op("aten::svd")
def svd_old(self: Array, some: bool, compute_uv: bool) -> tuple[Array, Array, Array]:
    """As `linalg_svd`, with ``V`` itself."""
    u, s, vh = svd(self, not some, None)
    if not compute_uv:
        m, n = self.shape[-2:]
        return (
            np.zeros((*self.shape[:-2], m, m), self.dtype),
            s,
            np.zeros((*self.shape[:-2], n, n), self.dtype),
        )
    return u, s, np.conj(vh.swapaxes(-1, -2))


@FAMILY.op("aten::linalg_eigh")
def eigh(self: Array, UPLO: str) -> tuple[Array, Array]:  # noqa: N803
    """Eigenvalues (rising) and eigenvectors of a Hermitian matrix."""
    _require_matrix("eigh", self, square=True)
    values, vectors = _attempt("eigh", np.linalg.eigh, self, UPLO)
    return values.astype(self.real.dtype), vectors.astype(self.dtype)


@FAMILY.op("aten::linalg_eigvalsh")
def eigvalsh(self: Array, UPLO: str) -> Array:  # noqa: N803
    """Eigenvalues of a Hermitian matrix, rising."""
    return eigh(self, UPLO)[0]


@FAMILY.op("aten::linalg_eig")
def eig(self: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors."""
    _require_matrix("eig", self, square=True)
    values, vectors = _attempt("eig", np.linalg.eig, self)
    target = np.result_type(self.dtype, np.complex64)
    return values.astype(target), vectors.astype(target)


@FAMILY.op("aten::linalg_eigvals")
def eigvals(self: Array) -> Array:
    """Eigenvalues."""
    return eig(self)[0]


@FAMILY.op("aten::linalg_lstsq")
def lstsq(
    self: Array, b: Array, rcond: float | None, driver: str | None
) -> tuple[Array, Array, Array, Array]:
    """The least-squares solution; residuals, rank and singular values where the driver computes them."""
    _require_matrix("lstsq", self)
    vector = b.ndim == self.ndim - 1
    right = b[..., None] if vector else b
    m, n = self.shape[-2:]
    x = (
        np.linalg.pinv(
            self, rcond=rcond if rcond is not None else float(np.finfo(self.dtype).eps) * max(m, n)
        )
        @ right
    )
    residuals = np.zeros(0, self.real.dtype)
    if m > n and driver != "gelsy":
        gap = self @ x - right
        residuals = (gap * np.conj(gap)).real.sum(-2).astype(self.real.dtype)
    ranks = (
        np.asarray(np.linalg.matrix_rank(self)).astype(np.int64)
        if driver != "gels"
        else np.zeros(0, np.int64)
    )
    values = svdvals(self, None) if driver in ("gelsd", "gelss") else np.zeros(0, self.real.dtype)
    return (x[..., 0] if vector else x).astype(self.dtype), residuals, ranks, values


# --- powers, ranks, pseudo-inverses ---


@FAMILY.op("aten::linalg_matrix_power", "aten::matrix_power")
def matrix_power(self: Array, n: int) -> Array:
    """The matrix multiplied by itself."""
    _require_matrix("matrix_power", self, square=True)
    return np.asarray(_attempt("matrix_power", np.linalg.matrix_power, self, n)).astype(self.dtype)


@FAMILY.op("aten::linalg_matrix_exp", "aten::matrix_exp")
def matrix_exp(self: Array) -> Array:
    """The exponential of a matrix: its Taylor series after scaling, then squared back."""
    _require_matrix(
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


def _tolerance(x: Array, values: Array, atol: Any, rtol: Any) -> Array:
    """The size below which a singular value counts as zero."""
    largest = values.max(-1) if values.shape[-1] else np.zeros(values.shape[:-1])
    if rtol is None:
        given = atol is not None and np.any(np.asarray(atol) > 0)
        rtol = 0.0 if given else float(np.finfo(x.dtype).eps) * max(x.shape[-2:])
    return np.maximum(0.0 if atol is None else np.asarray(atol), np.asarray(rtol) * largest)


def _pseudo_inverse(x: Array, atol: Any, rtol: Any) -> Array:
    _require_matrix("pinv", x)
    if not x.size:
        return np.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    keep = s > _tolerance(x, s, atol, rtol)[..., None]
    inverses = np.where(keep, 1 / np.where(keep, s, 1), 0)
    return ((np.conj(vh.swapaxes(-1, -2)) * inverses[..., None, :]) @ np.conj(u.swapaxes(-1, -2))).astype(
        x.dtype
    )


@FAMILY.op("aten::linalg_pinv.atol_rtol_float", "aten::linalg_pinv.atol_rtol_tensor")
def pinv(self: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
    """The pseudo-inverse."""
    return _pseudo_inverse(_hermitian(self, True) if hermitian else self, atol, rtol)


@FAMILY.op("aten::linalg_pinv", "aten::linalg_pinv.rcond_tensor")
def pinv_rcond(self: Array, rcond: Any, hermitian: bool) -> Array:
    """The pseudo-inverse, small singular values cut off."""
    return _pseudo_inverse(_hermitian(self, True) if hermitian else self, 0.0, rcond)


@FAMILY.op("aten::pinverse")
def pinverse(self: Array, rcond: float) -> Array:
    """The pseudo-inverse."""
    return _pseudo_inverse(self, 0.0, rcond)


def _rank(x: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
    _require_matrix("matrix_rank", x, hermitian)
    values = np.abs(np.linalg.eigvalsh(x)) if hermitian else np.linalg.svd(x, compute_uv=False)
    if not x.size:
        return np.zeros(x.shape[:-2], np.int64)
    return np.asarray((values > _tolerance(x, values, atol, rtol)[..., None]).sum(-1)).astype(np.int64)


@FAMILY.op("aten::linalg_matrix_rank.atol_rtol_float", "aten::linalg_matrix_rank.atol_rtol_tensor")
def matrix_rank(self: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
    """How many singular values are not (nearly) zero."""
    return _rank(self, atol, rtol, hermitian)


@FAMILY.op("aten::linalg_matrix_rank", "aten::linalg_matrix_rank.tol_tensor")
def matrix_rank_tol(self: Array, tol: Any, hermitian: bool) -> Array:
    """How many singular values are above `tol`."""
    return _rank(self, tol, 0.0, hermitian)


# --- matrix norms ---


def _singular(aten: Aten, x: Any, axes: Sequence[int]) -> Any:
    order = [i for i in range(len(aten.shape(x))) if i not in axes] + list(axes)
    return aten("linalg_svdvals", aten("permute", x, order))


def _spectral_norm(aten: Aten, values: Any, ord: Any) -> Any:
    """The sum (``nuc``), largest (2) or smallest (-2) of the singular values."""
    if ord == "nuc":
        return aten("sum.dim_IntList", values, [-1])
    return aten.amax(values, [-1], False) if ord == 2 else aten.amin(values, [-1], False)


def _matrix_norm(aten: Aten, x: Any, ord: Any, dim: Sequence[int], keepdim: bool) -> Any:
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


def _converted(aten: Aten, x: Any, dtype: int | None) -> Any:
    return x if dtype is None else aten("to.dtype", x, dtype)


@composite(FAMILY, "aten::linalg_matrix_norm", "aten::linalg_matrix_norm.str_ord")
def linalg_matrix_norm(
    aten: Aten, self: Any, ord: Any, dim: Sequence[int], keepdim: bool, dtype: int | None
) -> Any:
    """The norm of matrices: ``fro``, ``nuc``, 1, 2, inf and their opposites."""
    return _matrix_norm(aten, _converted(aten, self, dtype), ord, dim, keepdim)


@composite(FAMILY, "aten::linalg_norm", "aten::linalg_norm.ord_str")
def linalg_norm(aten: Aten, self: Any, ord: Any, dim: Any, keepdim: bool, dtype: int | None) -> Any:
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
def nuclear_norm(aten: Aten, self: Any, keepdim: bool) -> Any:
    """The sum of the singular values."""
    return _matrix_norm(aten, self, "nuc", [-2, -1], keepdim)


@composite(FAMILY, "aten::nuclear_norm.dim")
def nuclear_norm_dim(aten: Aten, self: Any, dim: Sequence[int], keepdim: bool) -> Any:
    """The sum of the singular values of matrices along two dims."""
    return _matrix_norm(aten, self, "nuc", dim, keepdim)


@composite(FAMILY, "aten::frobenius_norm.dim")
def frobenius_norm(aten: Aten, self: Any, dim: Sequence[int], keepdim: bool) -> Any:
    """The root of the sum of squares along one or two dims."""
    return aten("linalg_vector_norm", self, 2, list(dim), keepdim)
