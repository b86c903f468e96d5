"""Derivatives of linear algebra: inverses, determinants, factorizations.

Source: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
2008; PyTorch tools/autograd/FunctionsManual.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.products import turned
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, scaled, sum_to

Flows = Mapping[Place, Flow]


def product(aten: Aten, *factors: AnyTensor) -> AnyTensor:
    """The product of matrices, from the left."""
    made, *rest = factors
    for factor in rest:
        made = aten("matmul", made, factor)
    return made


def _corner(aten: Aten, x: AnyTensor) -> AnyTensor:
    """A number for each matrix, to be multiplied with it."""
    return aten("unsqueeze", aten("unsqueeze", x, -1), -1)


def _inverse_turned(aten: Aten, a: AnyTensor) -> AnyTensor:
    return turned(aten, aten("linalg_inv", a))


def _cofactors(aten: Aten, a: AnyTensor) -> AnyTensor:
    """Of 3 x 3 matrices: right for singular ones too."""
    rows = [aten("select.int", a, -2, i) for i in range(3)]
    crossed = [aten("linalg_cross", rows[(i + 1) % 3], rows[(i + 2) % 3], dim=-1) for i in range(3)]
    return aten("stack", crossed, -2)


@derivative("linalg_inv", "inverse", "linalg_inv_ex")
def _inverse(call: Call, a: AnyTensor, *_: Any) -> Flows:
    aten, y = call.aten, call.result

    def to_a() -> AnyTensor:
        back = turned(aten, y)
        return aten.neg(product(aten, back, call.gradient, back))

    return {0: to_a}


@derivative("linalg_det", "det")
def _determinant(call: Call, a: AnyTensor) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        if aten.shape(a)[-1] == 3:
            return scaled(aten, _corner(aten, call.gradient), _cofactors(aten, a))
        scale = scaled(aten, call.gradient, call.result)
        return aten("mul.Tensor", _corner(aten, scale), _inverse_turned(aten, a))

    return {0: to_a}


@derivative("logdet")
def _logdet(call: Call, a: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: aten("mul.Tensor", _corner(aten, call.gradient), _inverse_turned(aten, a))}


@derivative("linalg_slogdet", "slogdet")
def _slogdet(call: Call, a: AnyTensor) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        scale = call.gradient_of(1)
        if aten.dtype(a).is_complex:  # the sign turns with the determinant
            turning = scaled(aten, call.gradient_of(0), call.result)
            scale = aten("complex", scale, aten("imag", turning))
        return aten("mul.Tensor", _corner(aten, scale), _inverse_turned(aten, a))

    return {0: to_a}


@derivative("linalg_solve", "linalg_solve_ex")
def _solve(call: Call, a: AnyTensor, b: AnyTensor, left: bool, *_: Any) -> Flows:
    aten, x = call.aten, call.result
    is_vector = len(aten.shape(b)) == 1 or (
        len(aten.shape(b)) == len(aten.shape(a)) - 1 and list(aten.shape(b)) == list(aten.shape(a))[:-1]
    )

    def solved() -> AnyTensor:
        return aten("linalg_solve", turned(aten, a), call.gradient, left=left)

    def to_a() -> AnyTensor:
        g, y = solved(), x
        if is_vector:
            g, y = aten("unsqueeze", g, -1), aten("unsqueeze", y, -1)
        pair = (g, turned(aten, y)) if left else (turned(aten, y), g)
        return sum_to(aten, aten.neg(product(aten, *pair)), aten.shape(a))

    return {0: to_a, 1: lambda: sum_to(aten, solved(), aten.shape(b))}


@derivative("linalg_solve_triangular")
def _solve_triangular(
    call: Call, a: AnyTensor, b: AnyTensor, upper: bool, left: bool, unitriangular: bool
) -> Flows:
    aten, x = call.aten, call.result

    def solved() -> AnyTensor:
        return aten(
            "linalg_solve_triangular", turned(aten, a), call.gradient,
            upper=not upper, left=left, unitriangular=unitriangular,
        )  # fmt: skip

    def to_a() -> AnyTensor:
        pair = (solved(), turned(aten, x)) if left else (turned(aten, x), solved())
        whole = sum_to(aten, aten.neg(product(aten, *pair)), aten.shape(a))
        return aten("triu" if upper else "tril", whole, (1 if upper else -1) if unitriangular else 0)

    return {0: to_a, 1: lambda: sum_to(aten, solved(), aten.shape(b))}


@derivative("linalg_cholesky", "cholesky", "linalg_cholesky_ex")
def _cholesky(call: Call, a: AnyTensor, upper: bool, *_: Any) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        lower, gradient = call.result, call.gradient
        if upper:
            lower, gradient = turned(aten, lower), turned(aten, gradient)
        phi = product(aten, turned(aten, lower), gradient)
        phi = aten("add.Tensor", aten.tril(phi), turned(aten, aten.tril(phi, -1)))
        left = aten("linalg_solve_triangular", turned(aten, lower), phi, upper=True, left=True)
        whole = turned(
            aten,
            aten("linalg_solve_triangular", turned(aten, lower), turned(aten, left), upper=True, left=True),
        )
        return aten("mul.Scalar", whole, 0.5)

    return {0: to_a}


@derivative("linalg_eigh", "_linalg_eigh")
def _eigh(call: Call, a: AnyTensor, *_: Any) -> Flows:
    """Eigenvalues that are equal have no derivative, and give NaN or infinities."""
    aten = call.aten

    def to_a() -> AnyTensor:
        values, vectors = call.results
        inner: Any = aten("diag_embed", call.gradient_of(0), 0, -2, -1)
        if call.gradients[1] is not None:
            gap = aten("sub.Tensor", aten("unsqueeze", values, -2), aten("unsqueeze", values, -1))
            is_same = aten("eye", aten.shape(values)[-1], dtype=aten.dtype(values).code)
            weight = aten("where.ScalarSelf", aten("ne.Scalar", is_same, 0), 0.0, aten.reciprocal(gap))
            turning = product(aten, turned(aten, vectors), call.gradient_of(1))
            inner = aten("add.Tensor", inner, aten("mul.Tensor", turning, weight))
        return product(aten, vectors, inner, turned(aten, vectors))

    return {0: to_a}


@derivative("linalg_eigvalsh")
def _eigvalsh(call: Call, a: AnyTensor, triangle: str) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        _, vectors = aten("linalg_eigh", a, triangle)
        scaled = aten("mul.Tensor", vectors, aten("unsqueeze", call.gradient, -2))
        return product(aten, scaled, turned(aten, vectors))

    return {0: to_a}


@derivative("trace")
def _trace(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        rows, columns = aten.shape(self)
        return aten("mul.Tensor", aten("eye.m", rows, columns, dtype=aten.dtype(self).code), call.gradient)

    return {0: to_self}


@derivative("linalg_matrix_power", "matrix_power")
def _matrix_power(call: Call, self: AnyTensor, n: int) -> Flows:
    """The gradient between all powers before and behind, summed; of negative powers those of the inverse."""
    aten = call.aten

    def of_positive(a: AnyTensor, count: int) -> AnyTensor:
        back = turned(aten, a)
        total = gradient = call.gradient
        before: AnyTensor | None = None
        for _ in range(count - 1):
            before = back if before is None else aten("matmul", before, back)
            total = aten("add.Tensor", aten("matmul", total, back), aten("matmul", before, gradient))
        return total

    def to_self() -> AnyTensor:
        if n == 0:
            return aten("zeros_like", self)
        if n > 0:
            return of_positive(self, n)
        inverse = aten("linalg_inv", self)
        back = turned(aten, inverse)
        return aten.neg(product(aten, back, of_positive(inverse, -n), back))

    return {0: to_self}


@derivative("linalg_svdvals")
def _svdvals(call: Call, a: AnyTensor, driver: Any) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        u, _, vh = aten("linalg_svd", a, False, driver=None)
        return product(aten, aten("mul.Tensor", u, aten("unsqueeze", call.gradient, -2)), vh)

    return {0: to_a}


@derivative("cholesky_solve")
def _cholesky_solve(call: Call, b: AnyTensor, factor: AnyTensor, upper: bool) -> Flows:
    aten = call.aten

    def solved() -> AnyTensor:
        return aten("cholesky_solve", call.gradient, factor, upper)

    def to_factor() -> AnyTensor:
        outer = aten("matmul", solved(), turned(aten, call.result))
        whole = aten("add.Tensor", outer, turned(aten, outer))
        if upper:
            return aten.triu(sum_to(aten, aten.neg(aten("matmul", factor, whole)), aten.shape(factor)))
        return aten.tril(sum_to(aten, aten.neg(aten("matmul", whole, factor)), aten.shape(factor)))

    return {0: lambda: sum_to(aten, solved(), aten.shape(b)), 1: to_factor}
