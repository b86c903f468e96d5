"""Factorizations in LAPACK's form, what they solve, and what is built on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import minimum
from tsc.dtypes import Array
from tsc.errors import DTypeError, Error, ShapeError
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.linear_algebra import attempt, require_matrix
from tsc.ops.matrix_arrays import exchanged, lu_of, substituted
from tsc.ops.matrix_equations import Equation
from tsc.ops.matrix_info import ZERO_PIVOT, Telling
from tsc.ops.matrix_lowering import has_kernels, lu_factors, solved_by_lu
from tsc.ops.running import inferred_by_running

FAMILY = Family()


def _dual(x: Array) -> Array:
    return np.conj(x.swapaxes(-1, -2))


def _by_columns(x: Array) -> Array:
    """`x` with its matrices column after column in memory, as LAPACK leaves them."""
    return np.array(x.swapaxes(-1, -2), order="C").swapaxes(-1, -2)


def _size_of(x: Array) -> Array:
    """What LAPACK compares pivots by."""
    return np.abs(x.real) + np.abs(x.imag) if np.iscomplexobj(x) else np.abs(x)


def _require_success(name: str, info: Array) -> None:
    if np.any(info):
        place = int(info.reshape(-1)[np.flatnonzero(info)[0]])
        raise Error(
            f"{name}: U[{place},{place}] is zero and using it to solve would result in a division by 0"
        )


# --- LU ---


def _lu_infer(a: TensorSpec, pivot: bool) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    require_matrix("lu_factor", a)
    *lead, rows, columns = a.shape
    pivots = TensorSpec((*lead, minimum(rows, columns)), dtypes.I32)
    return a, pivots, TensorSpec(tuple(lead), dtypes.I32)


def _lu_takes(a: TensorSpec, pivot: bool) -> bool:
    return pivot and has_kernels(a) and a.shape[-1] == a.shape[-2]


def _lu_lower(kernel: KernelBuilder, a: KernelValue, pivot: bool) -> tuple[KernelValue, ...]:
    return lu_factors(kernel, a)


@Telling("linalg_lu_factor", ZERO_PIVOT, _lu_infer, _lu_lower, _lu_takes).register(FAMILY)
def lu_factor(a: Array, pivot: bool) -> tuple[Array, Array, Array]:
    """Both triangles in one matrix, the row (from 1) that each row was exchanged with, and for each matrix
    the column (from 1) of the first pivot that is 0, or 0.
    """
    require_matrix("lu_factor", a)
    factor, pivots, info = lu_of(a, pivot=pivot)
    return _by_columns(factor), pivots, info


def _permutation(pivots: Array, rows: int) -> Array:
    """For each row of the product, which row of the factors it is."""
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.tile(np.arange(rows), (len(flat), 1))
    batch = np.arange(len(flat))
    for k in range(flat.shape[-1]):
        other = flat[:, k] - 1
        order[batch, k], order[batch, other] = order[batch, other], order[batch, k]
    return order.reshape(*pivots.shape[:-1], rows)


def _unpacked(factor: Array) -> tuple[Array, Array]:
    m, n = factor.shape[-2:]
    k = min(m, n)
    lower = np.tril(factor[..., :, :k], -1) + np.eye(m, k, dtype=factor.dtype)
    return np.ascontiguousarray(lower), np.ascontiguousarray(np.triu(factor[..., :k, :]))


def _exchange(pivots: Array, rows: int, dtype: np.dtype[Any]) -> Array:
    """The matrix P with ``A = P L U``."""
    return np.ascontiguousarray(np.eye(rows, dtype=dtype)[_permutation(pivots, rows)].swapaxes(-1, -2))


@inferred_by_running(FAMILY, "aten::linalg_lu")
def lu(A: Array, pivot: bool) -> tuple[Array, Array, Array]:  # noqa: N803
    """``A = P L U``; without pivots P is empty."""
    require_matrix("lu", A)
    factor, pivots, _ = lu_factor(A, pivot)
    exchange = _exchange(pivots, A.shape[-2], A.dtype) if pivot else np.zeros(0, A.dtype)
    return exchange, *_unpacked(factor)


@FAMILY.op("aten::lu_unpack")
def lu_unpack(
    LU_data: Array,  # noqa: N803
    LU_pivots: Array,  # noqa: N803
    unpack_data: bool,
    unpack_pivots: bool,
) -> tuple[Array, Array, Array]:
    """P, L and U of what ``lu_factor`` gives; what is not wanted is empty."""
    if unpack_pivots and LU_pivots.dtype != np.int32:
        raise ShapeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype"
        )
    none: Array = np.zeros(0, LU_data.dtype)
    exchange = _exchange(LU_pivots, LU_data.shape[-2], LU_data.dtype) if unpack_pivots else none
    lower, upper = _unpacked(LU_data) if unpack_data else (none, none)
    return exchange, lower, upper


def _lu_solve_infer(
    LU: TensorSpec,  # noqa: N803
    pivots: TensorSpec,
    B: TensorSpec,  # noqa: N803
    left: bool,
    adjoint: bool,
) -> TensorSpec:
    equation = Equation.of("lu_solve", LU, B, left, takes_vectors=False)
    if pivots.dtype is not dtypes.I32:
        raise DTypeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    return TensorSpec(equation.solution, B.dtype)


def _lu_solve_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    factors, pivots, b, left, adjoint = arguments
    return solved_by_lu(kernel, factors, pivots, b, left=left, transposed=adjoint)


@FAMILY.op(
    "aten::linalg_lu_solve", infer=_lu_solve_infer, lower=_lu_solve_lower,
    lowers=has_kernels, kind="matrices",
)  # fmt: skip
def lu_solve(LU: Array, pivots: Array, B: Array, left: bool, adjoint: bool) -> Array:  # noqa: N803
    """``A X = B`` (or ``X A = B``, or with the adjoint of A) for the A that was factored."""
    _lu_solve_infer(spec_of(LU), spec_of(pivots), spec_of(B), left, adjoint)
    right = B if left else _dual(B)
    lead = np.broadcast_shapes(LU.shape[:-2], right.shape[:-2])
    made = np.broadcast_to(right, (*lead, *right.shape[-2:]))
    if adjoint == left:
        made = substituted(_dual(LU), made, upper=False)
        made = exchanged(substituted(_dual(LU), made, upper=True, unit=True), pivots, backwards=True)
    else:
        made = substituted(LU, exchanged(made, pivots), upper=False, unit=True)
        made = substituted(LU, made, upper=True)
    made = made.astype(B.dtype)
    return _by_columns(made) if left else np.ascontiguousarray(_dual(made))


def _former_lu_solve_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    b, factors, pivots = arguments
    return solved_by_lu(kernel, factors, pivots, b)


def _former_lu_solve_infer(
    self: TensorSpec,
    LU_data: TensorSpec,  # noqa: N803
    LU_pivots: TensorSpec,  # noqa: N803
) -> TensorSpec:
    return _lu_solve_infer(LU_data, LU_pivots, self, True, False)


@FAMILY.op(
    "aten::lu_solve", infer=_former_lu_solve_infer, lower=_former_lu_solve_lower, lowers=has_kernels,
    kind="matrices",
)  # fmt: skip
def lu_solve_old(self: Array, LU_data: Array, LU_pivots: Array) -> Array:  # noqa: N803
    """As `lu_solve`."""
    return lu_solve(LU_data, LU_pivots, self, True, False)


# --- triangles ---


@inferred_by_running(FAMILY, "aten::triangular_solve")
def triangular_solve(
    self: Array,
    A: Array,  # noqa: N803
    upper: bool,
    transpose: bool,
    unitriangular: bool,
) -> tuple[Array, Array]:
    """The X with ``A X = B`` of a triangular A (or its transpose), and a copy of A."""
    require_matrix("triangular_solve", A, square=True)
    lead = np.broadcast_shapes(A.shape[:-2], self.shape[:-2])
    triangle = (np.triu if upper else np.tril)(A)
    if unitriangular:
        n = A.shape[-1]
        triangle = triangle * (1 - np.eye(n, dtype=A.dtype)) + np.eye(n, dtype=A.dtype)
    turned = triangle.swapaxes(-1, -2) if transpose else triangle
    a = np.broadcast_to(turned, (*lead, *A.shape[-2:]))
    b = np.broadcast_to(self, (*lead, *self.shape[-2:]))
    solution = attempt("triangular_solve", np.linalg.solve, a, b).astype(self.dtype)
    return _by_columns(solution), _by_columns(np.broadcast_to(A, (*lead, *A.shape[-2:])))


# --- Householder's reflections ---


@inferred_by_running(FAMILY, "aten::geqrf")
def geqrf(self: Array) -> tuple[Array, Array]:
    """R above the diagonal and the reflections that make Q below it, and their scales."""
    require_matrix("geqrf", self)
    reflections, scales = attempt("geqrf", np.linalg.qr, self, mode="raw")
    return _by_columns(reflections.swapaxes(-1, -2).astype(self.dtype)), scales.astype(self.dtype)


def _reflected(reflections: Array, scales: Array, target: Array, adjoint: bool) -> Array:
    """Q (or its adjoint) times `target`, where Q is the product of the reflections."""
    count = scales.shape[-1]
    for k in range(count) if adjoint else reversed(range(count)):
        vector = reflections[..., :, k].copy()
        vector[..., :k] = 0
        vector[..., k] = 1
        scale = scales[..., k, None, None]
        dots = np.conj(vector)[..., None, :] @ target
        target = target - (np.conj(scale) if adjoint else scale) * vector[..., None] * dots
    return target


@inferred_by_running(FAMILY, "aten::linalg_householder_product", "aten::orgqr")
def householder_product(input: Array, tau: Array) -> Array:
    """The first columns of the product of reflections."""
    require_matrix("householder_product", input)
    m, n = input.shape[-2:]
    if m < n:
        raise ShapeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    if n < tau.shape[-1]:
        raise ShapeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    columns = np.broadcast_to(np.eye(m, n, dtype=input.dtype), input.shape)
    return _by_columns(_reflected(input, tau, columns, False).astype(input.dtype))


@inferred_by_running(FAMILY, "aten::ormqr")
def ormqr(self: Array, input2: Array, input3: Array, left: bool, transpose: bool) -> Array:
    """`input3` times the whole product Q of reflections (or its adjoint), from the left or right."""
    require_matrix("ormqr", self)
    if left:
        return _by_columns(_reflected(self, input2, input3, transpose).astype(self.dtype))
    return _by_columns(_dual(_reflected(self, input2, _dual(input3), not transpose)).astype(self.dtype))


# --- LDL ---


def _ldl_column(a: Array, k: int, hermitian: bool) -> tuple[int, int]:
    """How large the block at `k` is, and which row is exchanged: the rule of Bunch and Kaufman, 1977."""
    alpha = (1 + math.sqrt(17)) / 8
    n = len(a)
    head = float(abs(a[k, k].real) if hermitian else _size_of(a[k, k]))
    if k + 1 == n:
        return 1, k
    row = k + 1 + int(_size_of(a[k + 1 :, k]).argmax())
    largest = float(_size_of(a[row, k]))
    if max(head, largest) == 0 or head >= alpha * largest:
        return 1, k
    others = [*_size_of(a[row, k:row]), *_size_of(a[row + 1 :, row])]
    other = float(max(others))
    if head >= alpha * largest * (largest / other):
        return 1, k
    at = float(abs(a[row, row].real) if hermitian else _size_of(a[row, row]))
    return (1, row) if at >= alpha * other else (2, row)


def _exchange_rows(a: Array, k: int, row: int, hermitian: bool) -> None:
    """Exchange rows and columns of the lower triangle of a symmetric matrix."""
    a[row + 1 :, [k, row]] = a[row + 1 :, [row, k]]
    between = a[k + 1 : row, k].copy()
    a[k + 1 : row, k] = np.conj(a[row, k + 1 : row]) if hermitian else a[row, k + 1 : row]
    a[row, k + 1 : row] = np.conj(between) if hermitian else between
    a[k, k], a[row, row] = a[row, row], a[k, k]
    if hermitian:
        a[row, k] = np.conj(a[row, k])


def _ldl(a: Array, hermitian: bool) -> tuple[Array, int]:
    """Factor one matrix in place, in its lower triangle; LAPACK's pivots, and where one is 0."""
    n, k, info = len(a), 0, 0
    pivots = np.zeros(n, np.int32)
    flip = np.conj if hermitian else np.asarray
    while k < n:
        size, row = _ldl_column(a, k, hermitian)
        last = k + size - 1
        if row != last:
            _exchange_rows(a, last, row, hermitian)
            if size == 2:
                a[[last, row], k] = a[[row, last], k]
        pivots[k : k + size] = row + 1 if size == 1 else -(row + 1)
        block = np.tril(a[k : last + 1, k : last + 1])
        block = block + flip(np.tril(block, -1).T)
        below = a[last + 1 :, k : last + 1].copy()
        if size == 1 and block[0, 0] == 0:
            info = info or k + 1
        else:
            factors = np.linalg.solve(block.T, below.T).T
            a[last + 1 :, k : last + 1] = factors
            update = factors @ flip(below.T)
            a[last + 1 :, last + 1 :] -= np.tril(update)
        k += size
    return pivots, info


@inferred_by_running(FAMILY, "aten::linalg_ldl_factor_ex")
def ldl_factor_ex(self: Array, hermitian: bool, check_errors: bool) -> tuple[Array, Array, Array]:
    """L and the blocks of D in one matrix, the exchanges (negative for blocks of two), zeros for success."""
    require_matrix("ldl_factor_ex", self, square=True)
    n, hermitian = self.shape[-1], hermitian and np.iscomplexobj(self)
    work: Array = self.reshape(math.prod(self.shape[:-2]), n, n).copy()
    found = [_ldl(a, hermitian) for a in work]
    lead: tuple[int, ...] = self.shape[:-2]
    pivots: Array = np.array([p for p, _ in found], np.int32).reshape(*lead, n)
    info: Array = np.array([i for _, i in found], np.int32).reshape(lead)
    if check_errors:
        _require_success("linalg.ldl_factor_ex", info)
    return _by_columns(np.tril(work).reshape(self.shape)), pivots, info


@inferred_by_running(FAMILY, "aten::linalg_ldl_factor")
def ldl_factor(self: Array, hermitian: bool) -> tuple[Array, Array]:
    """L and the blocks of D in one matrix, and the exchanges."""
    factor, pivots, _ = ldl_factor_ex(self, hermitian, True)
    return factor, pivots


def _ldl_solved(factor: Array, pivots: Sequence[int], b: Array, hermitian: bool) -> Array:
    """Rows and columns as they were exchanged: forwards through L and D, and back through its transpose."""
    flip, n, k, starts = np.conj if hermitian else np.asarray, len(factor), 0, list[tuple[int, int]]()
    while k < n:
        size, last = (1, k) if pivots[k] > 0 else (2, k + 1)
        row = abs(pivots[k]) - 1
        b[[last, row]] = b[[row, last]]
        b[last + 1 :] -= factor[last + 1 :, k : last + 1] @ b[k : last + 1]
        block = np.tril(factor[k : last + 1, k : last + 1])
        b[k : last + 1] = np.linalg.solve(block + flip(np.tril(block, -1).T), b[k : last + 1])
        starts.append((k, last))
        k += size
    for k, last in reversed(starts):
        b[k : last + 1] -= flip(factor[last + 1 :, k : last + 1].T) @ b[last + 1 :]
        row = abs(pivots[k]) - 1
        b[[last, row]] = b[[row, last]]
    return b


@FAMILY.op("aten::linalg_ldl_solve")
def ldl_solve(LD: Array, pivots: Array, B: Array, hermitian: bool) -> Array:  # noqa: N803
    """The X with ``A X = B`` for the A that ``ldl_factor`` factored."""
    require_matrix("ldl_solve", LD, square=True)
    n, hermitian = LD.shape[-1], hermitian and np.iscomplexobj(LD)
    lead = np.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    count = math.prod(lead)
    factors = np.broadcast_to(LD, (*lead, n, n)).reshape(count, n, n)
    rows = np.broadcast_to(pivots, (*lead, n)).reshape(count, n).tolist()
    made = np.broadcast_to(B, (*lead, *B.shape[-2:])).reshape(count, *B.shape[-2:]).copy()
    for factor, row, b in zip(factors, rows, made, strict=True):
        _ldl_solved(factor, row, b, hermitian)
    return _by_columns(made.reshape(*lead, *B.shape[-2:]))
