"""Linear algebra: decompositions, solutions, determinants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, Error, ShapeError, UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family
from tsc.ops.running import inferred_by_running

FAMILY = Family()
ALLOWED = (dtypes.F32, dtypes.F64, dtypes.C64, dtypes.C128)


def require_matrix(name: str, x: Array, square: bool = False) -> None:
    """Raise a `DTypeError` or `ShapeError` unless `x` holds (square) floating matrices."""
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


def attempt(name: str, function: Callable[..., Any], *arguments: object, **keywords: object) -> Any:
    """Run a NumPy decomposition; singular and the like become a `Error`."""
    try:
        with np.errstate(all="ignore"):
            return function(*arguments, **keywords)
    except np.linalg.LinAlgError as error:
        raise Error(f"linalg.{name}: {error}") from error


@inferred_by_running(FAMILY, "aten::linalg_inv", "aten::inverse")
def inverse(A: Array) -> Array:  # noqa: N803
    """The inverse."""
    require_matrix("inv", A, square=True)
    return attempt("inv", np.linalg.inv, A).astype(A.dtype)


@inferred_by_running(FAMILY, "aten::linalg_inv_ex")
def inverse_ex(A: Array, check_errors: bool) -> tuple[Array, Array]:  # noqa: N803
    """The inverse, and zeros for success."""
    return inverse(A), np.zeros(A.shape[:-2], np.int32)


LARGEST_EXPANDED = 3
"""Matrices up to this size have a determinant by the formula."""


def _expanded_det(aten: Aten, A: AnyTensor) -> AnyTensor:  # noqa: N803
    """The determinant of small matrices by their minors."""
    shape = aten.shape(A)
    if len(shape) < 2 or shape[-1] != shape[-2] or not 1 <= shape[-1] <= LARGEST_EXPANDED:
        raise UnsupportedOperatorError(f"det: matrices of shape {shape} have no formula here")
    if not aten.dtype(A).is_floating:
        raise UnsupportedOperatorError("det: has a formula of reals alone")
    return aten(
        "sum.dim_IntList", aten("mul.Tensor", aten("select.int", A, -2, 0), minors(aten, A)), [-1], False
    )


def minors(aten: Aten, A: AnyTensor) -> AnyTensor:  # noqa: N803
    """What the elements of the first row of a small matrix are multiplied with in its determinant."""
    size = aten.shape(A)[-1]
    rows = [aten("select.int", A, -2, i) for i in range(size)]
    if size == 1:
        return aten("ones_like", rows[0])
    if size == 2:
        turned = aten.flip(rows[1], [-1])
        first, second = (aten("slice.Tensor", turned, -1, i, i + 1, 1) for i in range(2))
        return aten("cat", [first, aten.neg(second)], -1)
    return aten("linalg_cross", rows[1], rows[2], dim=-1)


@inferred_by_running(FAMILY, "aten::linalg_det", "aten::det", composite=_expanded_det)
def det(A: Array) -> Array:  # noqa: N803
    """The determinant."""
    require_matrix("det", A, square=True)
    return np.asarray(np.linalg.det(A)).astype(A.dtype)


@inferred_by_running(FAMILY, "aten::logdet")
def logdet(self: Array) -> Array:
    """The logarithm of the determinant."""
    require_matrix("logdet", self, square=True)
    with np.errstate(all="ignore"):
        sign, size = np.linalg.slogdet(self)
        return np.asarray(size + np.log(sign)).astype(self.dtype)


@inferred_by_running(FAMILY, "aten::linalg_slogdet", "aten::slogdet")
def slogdet(A: Array) -> tuple[Array, Array]:  # noqa: N803
    """Sign and logarithm of the absolute value of the determinant."""
    require_matrix("slogdet", A, square=True)
    sign, size = np.linalg.slogdet(A)
    return np.asarray(sign).astype(A.dtype), np.asarray(size).astype(A.real.dtype)


def _solved(A: Array, B: Array, left: bool) -> Array:  # noqa: N803
    require_matrix("solve", A, square=True)
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    right = B[..., None] if vector else B
    a, b = (A, right) if left or vector else (A.swapaxes(-1, -2), right.swapaxes(-1, -2))
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            "linalg.solve: Incompatible shapes of A and B for the equation AX = B "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )
    x = attempt("solve", np.linalg.solve, a, b)
    x = x if left or vector else x.swapaxes(-1, -2)
    return (x[..., 0] if vector else x).astype(A.dtype)


@inferred_by_running(FAMILY, "aten::linalg_solve")
def solve(A: Array, B: Array, left: bool) -> Array:  # noqa: N803
    """The ``X`` with ``A X = B``, or ``X A = B`` unless `left`."""
    return _solved(A, B, left)


@inferred_by_running(FAMILY, "aten::linalg_solve_ex")
def solve_ex(A: Array, B: Array, left: bool, check_errors: bool) -> tuple[Array, Array]:  # noqa: N803
    """As `solve`, and zeros for success."""
    return _solved(A, B, left), np.zeros(A.shape[:-2], np.int32)


@inferred_by_running(FAMILY, "aten::linalg_solve_triangular")
def solve_triangular(self: Array, B: Array, upper: bool, left: bool, unitriangular: bool) -> Array:  # noqa: N803
    """`solve` that reads one triangle of the matrix only."""
    require_matrix("solve_triangular", self, square=True)
    triangle = (np.triu if upper else np.tril)(self)
    if unitriangular:
        n = self.shape[-1]
        triangle = triangle * (1 - np.eye(n, dtype=self.dtype)) + np.eye(n, dtype=self.dtype)
    lead = np.broadcast_shapes(triangle.shape[:-2], B.shape[:-2])
    wide = np.broadcast_to(triangle, (*lead, *triangle.shape[-2:]))
    return _solved(wide, np.broadcast_to(B, (*lead, *B.shape[-2:])), left)


@inferred_by_running(FAMILY, "aten::linalg_cholesky", "aten::cholesky")
def cholesky(self: Array, upper: bool) -> Array:
    """The triangular ``L`` with ``L L^H = A``."""
    require_matrix("cholesky", self, square=True)
    factor = attempt("cholesky", np.linalg.cholesky, hermitian_of(self, not upper)).astype(self.dtype)
    return np.conj(factor.swapaxes(-1, -2)) if upper else factor


def hermitian_of(x: Array, lower: bool) -> Array:
    """The Hermitian matrix with one triangle of `x`."""
    if lower:
        return np.tril(x) + np.conj(np.tril(x, -1).swapaxes(-1, -2))
    return np.triu(x) + np.conj(np.triu(x, 1).swapaxes(-1, -2))


@inferred_by_running(FAMILY, "aten::linalg_cholesky_ex")
def cholesky_ex(self: Array, upper: bool, check_errors: bool) -> tuple[Array, Array]:
    """As `cholesky`, and zeros for success."""
    return cholesky(self, upper), np.zeros(self.shape[:-2], np.int32)


@inferred_by_running(FAMILY, "aten::cholesky_inverse")
def cholesky_inverse(self: Array, upper: bool) -> Array:
    """The inverse of the matrix with a given factor."""
    require_matrix("cholesky_inverse", self, square=True)
    factor = np.triu(self) if upper else np.tril(self)
    dual = np.conj(factor.swapaxes(-1, -2))
    return inverse(dual @ factor if upper else factor @ dual)


@inferred_by_running(FAMILY, "aten::cholesky_solve")
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


@inferred_by_running(FAMILY, "aten::linalg_qr")
def qr(A: Array, mode: str) -> tuple[Array, Array]:  # noqa: N803
    """``A = Q R``, orthogonal times triangular; ``mode`` is reduced, complete or r."""
    require_matrix("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    found = attempt("qr", np.linalg.qr, A, mode=mode)
    if mode == "r":
        return np.zeros(0, A.dtype), np.asarray(found).astype(A.dtype)
    return found[0].astype(A.dtype), found[1].astype(A.dtype)


@inferred_by_running(FAMILY, "aten::qr")
def qr_some(self: Array, some: bool) -> tuple[Array, Array]:
    """As `linalg_qr`."""
    return qr(self, "reduced" if some else "complete")


@inferred_by_running(FAMILY, "aten::linalg_svd")
def svd(A: Array, full_matrices: bool, driver: str | None) -> tuple[Array, Array, Array]:  # noqa: N803
    """``A = U diag(S) Vh``, the singular values falling."""
    require_matrix("svd", A)
    u, s, vh = attempt("svd", np.linalg.svd, A, full_matrices)
    return u.astype(A.dtype), s.astype(A.real.dtype), vh.astype(A.dtype)


@inferred_by_running(FAMILY, "aten::linalg_svdvals")
def svdvals(A: Array, driver: str | None) -> Array:  # noqa: N803
    """The singular values, falling."""
    require_matrix("svdvals", A)
    return attempt("svdvals", np.linalg.svd, A, compute_uv=False).astype(A.real.dtype)


@inferred_by_running(FAMILY, "aten::svd")
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


@inferred_by_running(FAMILY, "aten::linalg_eigh")
def eigh(self: Array, UPLO: str) -> tuple[Array, Array]:  # noqa: N803
    """Eigenvalues (rising) and eigenvectors of a Hermitian matrix."""
    require_matrix("eigh", self, square=True)
    values, vectors = attempt("eigh", np.linalg.eigh, self, UPLO)
    return values.astype(self.real.dtype), vectors.astype(self.dtype)


@inferred_by_running(FAMILY, "aten::linalg_eigvalsh")
def eigvalsh(self: Array, UPLO: str) -> Array:  # noqa: N803
    """Eigenvalues of a Hermitian matrix, rising."""
    return eigh(self, UPLO)[0]


@inferred_by_running(FAMILY, "aten::linalg_eig")
def eig(self: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors."""
    require_matrix("eig", self, square=True)
    values, vectors = attempt("eig", np.linalg.eig, self)
    target = np.result_type(self.dtype, np.complex64)
    return values.astype(target), vectors.astype(target)


@inferred_by_running(FAMILY, "aten::linalg_eigvals")
def eigvals(self: Array) -> Array:
    """Eigenvalues."""
    return eig(self)[0]


@FAMILY.op("aten::linalg_lstsq")
def lstsq(
    self: Array, b: Array, rcond: float | None, driver: str | None
) -> tuple[Array, Array, Array, Array]:
    """The least-squares solution; residuals, rank and singular values where the driver computes them."""
    require_matrix("lstsq", self)
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
