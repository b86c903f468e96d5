"""Linear algebra: decompositions, and least squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, Error, ShapeError
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.running import inferred_by_running

FAMILY = Family()
ALLOWED = (dtypes.F32, dtypes.F64, dtypes.C64, dtypes.C128)


def require_matrix(name: str, x: Array | TensorSpec, square: bool = False) -> None:
    """Raise a `DTypeError` or `ShapeError` unless `x` holds (square) floating matrices."""
    dtype = x.dtype if isinstance(x, TensorSpec) else dtypes.by_numpy(x.dtype)
    if dtype not in ALLOWED:
        raise DTypeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {dtype.name}"
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


def hermitian_of(x: Array, lower: bool) -> Array:
    """The Hermitian matrix with one triangle of `x`."""
    if lower:
        return np.tril(x) + np.conj(np.tril(x, -1).swapaxes(-1, -2))
    return np.triu(x) + np.conj(np.triu(x, 1).swapaxes(-1, -2))


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
