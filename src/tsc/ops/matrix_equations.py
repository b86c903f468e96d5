"""Linear equations: inverses, determinants, solutions, and the factors of positive-definite matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import DTypeError, ShapeError, UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.linear_algebra import hermitian_of, require_matrix
from tsc.ops.matrix_arrays import cholesky_of, solution_of, substituted
from tsc.ops.matrix_info import NOT_POSITIVE, SINGULAR, UNSOLVED, Telling, require_success
from tsc.ops.matrix_lowering import (
    cholesky_factor,
    has_kernels,
    identities,
    lu_factors,
    solved_by_lu,
    solved_triangle,
)
from tsc.ops.parts_emitter import PART_DTYPES
from tsc.ops.shapes import broadcast

FAMILY = Family()


def info_of(a: TensorSpec) -> TensorSpec:
    """What is told of each matrix."""
    return TensorSpec(a.shape[:-2], dtypes.I32)


# --- inverses ---


def _inverse_infer(a: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    require_matrix("inv", a, square=True)
    return a, info_of(a)


def _inverse_lower(kernel: KernelBuilder, a: KernelValue) -> tuple[KernelValue, KernelValue]:
    factors, pivots, info = lu_factors(kernel, a)
    return solved_by_lu(kernel, factors, pivots, identities(kernel, a.spec)), info


@Telling("linalg_inv", SINGULAR, _inverse_infer, _inverse_lower, has_kernels).register(FAMILY, "inverse")
def inverse(a: Array) -> tuple[Array, Array]:
    """The inverse, and the first zero on the diagonal of a singular matrix."""
    _inverse_infer(spec_of(a))
    return solution_of(a, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape))


# --- determinants ---

LARGEST_EXPANDED = 3
"""Matrices up to this size have a determinant by the formula."""


def _determinant(aten: Aten, A: AnyTensor) -> AnyTensor:  # noqa: N803
    """By the minors of small matrices, and of others by their triangles."""
    shape = aten.shape(A)
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 1:
        raise UnsupportedOperatorError(f"det: matrices of shape {shape} have no formula here")
    if not aten.dtype(A).is_floating:
        raise UnsupportedOperatorError("det: has a formula of reals alone")
    if shape[-1] > LARGEST_EXPANDED:
        diagonal, sign = _diagonal_and_sign(aten, A)
        return aten("mul.Tensor", aten("prod.dim_int", diagonal, -1, False), sign)
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


def _diagonal_and_sign(aten: Aten, A: AnyTensor) -> tuple[AnyTensor, AnyTensor]:  # noqa: N803
    """What the determinant is the product of: the diagonal of the upper triangle, and -1 for each exchange.

    Raises:
        UnsupportedOperatorError: there are no kernels for such matrices.
    """
    spec = aten.spec(A)
    if not has_kernels(spec) or spec.shape[-1] != spec.shape[-2]:
        raise UnsupportedOperatorError(f"det: there are no kernels for {spec}")
    factors, pivots, _ = aten("linalg_lu_factor_ex", A, pivot=True, check_errors=False)
    own = aten("arange.start", 1, spec.shape[-1] + 1, dtypes.I32.code)
    exchanges = aten("sum.dim_IntList", aten("ne.Tensor", pivots, own), [-1], False)
    sign = aten("rsub.Scalar", aten("bitwise_and.Scalar", exchanges, 1), 1, 2)
    return aten("diagonal", factors, 0, -2, -1), aten.in_dtype(sign, spec.dtype)


def _square_infer(name: str) -> Any:
    def infer(self: TensorSpec) -> TensorSpec:
        require_matrix(name, self, square=True)
        return TensorSpec(self.shape[:-2], self.dtype)

    return infer


@FAMILY.op("aten::linalg_det", "aten::det", infer=_square_infer("det"), composite=_determinant)
def det(A: Array) -> Array:  # noqa: N803
    """The determinant."""
    require_matrix("det", A, square=True)
    return np.asarray(np.linalg.det(A)).astype(A.dtype)


def _real(dtype: DType) -> DType:
    return PART_DTYPES.get(dtype, dtype)


def _slogdet_infer(self: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    require_matrix("slogdet", self, square=True)
    lead = self.shape[:-2]
    return TensorSpec(lead, self.dtype), TensorSpec(lead, _real(self.dtype))


def _logarithm(aten: Aten, A: AnyTensor) -> tuple[AnyTensor, AnyTensor]:  # noqa: N803
    """The sign of the determinant, and the logarithm of its size."""
    diagonal, sign = _diagonal_and_sign(aten, A)
    signs = aten("prod.dim_int", aten("sign", diagonal), -1, False)
    sizes = aten("sum.dim_IntList", aten("log", aten("abs", diagonal)), [-1], False)
    return aten("mul.Tensor", signs, sign), sizes


@FAMILY.op(
    "aten::linalg_slogdet", "aten::slogdet", infer=_slogdet_infer, composite=_logarithm, kind="matrices"
)  # fmt: skip
def slogdet(A: Array) -> tuple[Array, Array]:  # noqa: N803
    """Sign and logarithm of the absolute value of the determinant."""
    require_matrix("slogdet", A, square=True)
    sign, size = np.linalg.slogdet(A)
    return np.asarray(sign).astype(A.dtype), np.asarray(size).astype(A.real.dtype)


def _real_logarithm(aten: Aten, self: AnyTensor) -> AnyTensor:
    """NaN, where the determinant is negative."""
    sign, size = _logarithm(aten, self)
    return aten("where.ScalarSelf", aten("lt.Scalar", sign, 0), float("nan"), size)


@FAMILY.op("aten::logdet", infer=_square_infer("logdet"), composite=_real_logarithm, kind="matrices")
def logdet(self: Array) -> Array:
    """The logarithm of the determinant."""
    require_matrix("logdet", self, square=True)
    with np.errstate(all="ignore"):
        sign, size = np.linalg.slogdet(self)
        return np.asarray(size + np.log(sign)).astype(self.dtype)


# --- solutions ---


@dataclass(frozen=True)
class Equation:
    """The shapes of ``A X = B``, or of ``X A = B`` unless `left`."""

    is_vector: bool
    """Whether the right side is a vector, or one for each matrix."""
    right: tuple[int, ...]
    """The shape of the right side, of which a vector is a column."""
    solution: tuple[int, ...]
    """The shape of X."""
    left: bool

    @staticmethod
    def of(name: str, a: TensorSpec, b: TensorSpec, left: bool, takes_vectors: bool = True) -> Equation:
        """The shapes that go with each other.

        Raises:
            DTypeError: the matrices have two dtypes.
            ShapeError: there is no such equation.
        """
        require_matrix(name, a, square=True)
        if a.dtype is not b.dtype:
            raise DTypeError(
                f"linalg.{name}: Expected A and B to have the same dtype, but found A of type {a.dtype.name} "
                f"and B of type {b.dtype.name} instead"
            )
        is_vector = takes_vectors and (b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]))
        if b.ndim < 2 and not is_vector:
            raise ShapeError(f"linalg.{name}: The input tensor B must have at least 2 dimensions.")
        right, left = (*b.shape, 1) if is_vector else b.shape, left or is_vector
        if a.shape[-1] != right[-2 if left else -1]:
            raise ShapeError(
                f"linalg.{name}: Incompatible shapes of A and B for the equation "
                f"{'AX = B' if left else 'XA = B'} ({a.shape[-2]}x{a.shape[-1]} and {right[-2]}x{right[-1]})"
            )
        made = (*broadcast(a.shape[:-2], right[:-2]), *right[-2:])
        return Equation(is_vector, right, made[:-1] if is_vector else made, left)


def _solve_infer(a: TensorSpec, b: TensorSpec, left: bool) -> tuple[TensorSpec, TensorSpec]:
    return TensorSpec(Equation.of("solve", a, b, left).solution, a.dtype), info_of(a)


def _solve_takes(a: TensorSpec, b: TensorSpec, left: bool) -> bool:
    equation = Equation.of("solve", a, b, left)
    return has_kernels(a, TensorSpec(equation.right, b.dtype))


def _solve_lower(
    kernel: KernelBuilder, a: KernelValue, b: KernelValue, left: bool
) -> tuple[KernelValue, KernelValue]:
    equation = Equation.of("solve", a.spec, b.spec, left)
    right = kernel.reshape_in_memory(kernel.materialize(b), equation.right) if equation.is_vector else b
    factors, pivots, info = lu_factors(kernel, a)
    made = solved_by_lu(kernel, factors, pivots, right, left=equation.left)
    return kernel.reshape_in_memory(made, equation.solution) if equation.is_vector else made, info


@Telling("linalg_solve", UNSOLVED, _solve_infer, _solve_lower, _solve_takes).register(FAMILY)
def solve(a: Array, b: Array, left: bool) -> tuple[Array, Array]:
    """The ``X`` with ``A X = B``, or ``X A = B`` unless `left`, and the first zero pivot of each matrix."""
    equation = Equation.of("solve", spec_of(a), spec_of(b), left)
    right = b.reshape(equation.right)
    if equation.left:
        made, info = solution_of(a, right)
        return made.reshape(equation.solution), info
    made, info = solution_of(a.swapaxes(-1, -2), right.swapaxes(-1, -2))
    return made.swapaxes(-1, -2), info


def _triangular_infer(self: TensorSpec, B: TensorSpec, upper: bool, left: bool, *_: object) -> TensorSpec:  # noqa: N803
    same = TensorSpec(B.shape, self.dtype)  # PyTorch does not ask for one dtype
    return TensorSpec(Equation.of("solve_triangular", self, same, left, False).solution, self.dtype)


def _triangular_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    a, b, upper, left, unit = arguments
    return solved_triangle(kernel, a, b, upper=upper, left=left, unit=unit)


@FAMILY.op(
    "aten::linalg_solve_triangular", infer=_triangular_infer, lower=_triangular_lower,
    lowers=has_kernels, kind="matrices",
)  # fmt: skip
def solve_triangular(self: Array, B: Array, upper: bool, left: bool, unitriangular: bool) -> Array:  # noqa: N803
    """`solve` that reads one triangle of the matrix only."""
    _triangular_infer(spec_of(self), spec_of(B), upper, left)
    if left:
        return substituted(self, B, upper=upper, unit=unitriangular).astype(self.dtype)
    turned = substituted(self.swapaxes(-1, -2), B.swapaxes(-1, -2), upper=not upper, unit=unitriangular)
    return turned.swapaxes(-1, -2).astype(self.dtype)


# --- positive-definite matrices ---


def _cholesky_infer(self: TensorSpec, upper: bool) -> tuple[TensorSpec, TensorSpec]:
    require_matrix("cholesky", self, square=True)
    return self, info_of(self)


def _cholesky_lower(kernel: KernelBuilder, self: KernelValue, upper: bool) -> tuple[KernelValue, KernelValue]:
    return cholesky_factor(kernel, self, upper=upper)


@Telling("linalg_cholesky", NOT_POSITIVE, _cholesky_infer, _cholesky_lower, has_kernels).register(
    FAMILY, "cholesky"
)
def cholesky(self: Array, upper: bool) -> tuple[Array, Array]:
    """The triangular ``L`` with ``L L^H = A``, and the first minor of each matrix that is not positive."""
    _cholesky_infer(spec_of(self), upper)
    factor, info = cholesky_of(hermitian_of(self, not upper))
    return np.conj(factor.swapaxes(-1, -2)) if upper else factor, info


def _solved_by_factor(factor: Array, b: Array, upper: bool) -> Array:
    dual = np.conj(factor.swapaxes(-1, -2))
    first, second = (dual, factor) if upper else (factor, dual)
    return substituted(second, substituted(first, b, upper=False), upper=True)


def _inverse_of_factor(aten: Aten, self: AnyTensor, upper: bool) -> AnyTensor:
    """The solution for an identity, of factors without zeros on their diagonals."""
    spec = aten.spec(self)
    if not has_kernels(spec):
        raise UnsupportedOperatorError(f"cholesky_inverse: there are no kernels for {spec}")
    zeros = aten("eq.Scalar", aten("diagonal", self, 0, -2, -1), 0)
    aten.require(aten("logical_not", aten("any.dims", zeros, None, False)))
    return aten("cholesky_solve", aten("eye", spec.shape[-1], dtype=spec.dtype.code), self, upper)


def _factor_infer(self: TensorSpec, upper: bool) -> TensorSpec:
    require_matrix("cholesky_inverse", self, square=True)
    return self


@FAMILY.op("aten::cholesky_inverse", infer=_factor_infer, composite=_inverse_of_factor, kind="matrices")
def cholesky_inverse(self: Array, upper: bool) -> Array:
    """The inverse of the matrix with a given factor."""
    require_matrix("cholesky_inverse", self, square=True)
    zeros = np.diagonal(self, axis1=-2, axis2=-1) == 0
    info = np.where(zeros.any(-1), zeros.argmax(-1) + 1 if zeros.size else 0, 0)
    require_success(SINGULAR, "cholesky_inverse", np.asarray(info))
    return _solved_by_factor(self, np.eye(self.shape[-1], dtype=self.dtype), upper)


def _cholesky_solve_infer(self: TensorSpec, input2: TensorSpec, upper: bool) -> TensorSpec:
    if self.ndim < 2:
        raise ShapeError(f"b should have at least 2 dimensions, but has {self.ndim} dimensions instead")
    require_matrix("cholesky_solve", input2, square=True)
    if self.shape[-2] != input2.shape[-1]:
        raise ShapeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {input2.shape[-1]} by "
            f"{input2.shape[-1]} but each b matrix is {self.shape[-2]} by {self.shape[-1]}"
        )
    return TensorSpec((*broadcast(self.shape[:-2], input2.shape[:-2]), *self.shape[-2:]), self.dtype)


def _cholesky_solve_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    b, factor, upper = arguments
    made = solved_triangle(kernel, factor, b, upper=upper, transposed=upper)
    return solved_triangle(kernel, factor, made, upper=upper, transposed=not upper)


@FAMILY.op(
    "aten::cholesky_solve", infer=_cholesky_solve_infer, lower=_cholesky_solve_lower,
    lowers=has_kernels, kind="matrices",
)  # fmt: skip
def cholesky_solve(self: Array, input2: Array, upper: bool) -> Array:
    """`solve` for the matrix with a given factor."""
    _cholesky_solve_infer(spec_of(self), spec_of(input2), upper)
    return _solved_by_factor(input2, self, upper).astype(self.dtype)
