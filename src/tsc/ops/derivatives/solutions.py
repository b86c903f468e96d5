"""Derivatives of what solves equations of matrices: least squares, pseudo-inverses, solutions by factors.

Source: Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems",
1973; PyTorch torch/csrc/autograd/FunctionsManual.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.matrices import product
from tsc.ops.derivatives.products import turned
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, formula

Flows = Mapping[Place, Flow]


def _pseudo_inverse_back(aten: Aten, a: AnyTensor, inverse: AnyTensor, gradient: AnyTensor) -> AnyTensor:
    """Of a matrix `a`, the gradient from that of its pseudo-inverse; products are as small as can be."""
    rows, columns = aten.shape(a)[-2:]
    back, across = turned(aten, inverse), turned(aten, gradient)
    if rows <= columns:
        k = product(aten, across, inverse)
        k_back = product(aten, k, back)
        made = aten("sub.Tensor", k_back, turned(aten, product(aten, inverse, k)))
        made = aten("sub.Tensor", made, product(aten, product(aten, a, inverse), k_back))
        beside = aten("sub.Tensor", across, product(aten, k, a))
        return aten("add.Tensor", made, product(aten, product(aten, back, inverse), beside))
    k = product(aten, inverse, across)
    back_k = product(aten, back, k)
    made = aten("sub.Tensor", back_k, turned(aten, product(aten, k, inverse)))
    beside = aten("sub.Tensor", across, product(aten, a, k))
    made = aten("add.Tensor", made, product(aten, beside, product(aten, inverse, back)))
    return aten("sub.Tensor", made, product(aten, product(aten, back_k, inverse), a))


@derivative("linalg_pinv.atol_rtol_float", "linalg_pinv.atol_rtol_tensor", "pinverse", "linalg_pinv",
            "linalg_pinv.rcond_tensor")  # fmt: skip
def _pseudo_inverse(call: Call, a: AnyTensor, *_: Any) -> Flows:
    return {0: lambda: _pseudo_inverse_back(call.aten, a, call.result, call.gradient)}


@derivative("linalg_lstsq")
def _least_squares(call: Call, a: AnyTensor, b: AnyTensor, *_: Any) -> Flows:
    """The solution is the pseudo-inverse times `b`; residuals are sums of squares, least where it is."""
    aten = call.aten
    is_vector = len(aten.shape(b)) == 1 or (
        len(aten.shape(b)) == len(aten.shape(a)) - 1 and list(aten.shape(b)) == list(aten.shape(a))[:-1]
    )

    def column(x: AnyTensor) -> AnyTensor:
        return aten("unsqueeze", x, -1) if is_vector else x

    def inverse() -> AnyTensor:
        return aten("linalg_pinv.atol_rtol_float", a)

    def beside() -> AnyTensor | None:
        """The gradient of the differences, where that of the residuals is given."""
        if call.gradients[1] is None or not aten.numel_of(call.results[1]):
            return None
        x = column(call.result)
        difference = aten("sub.Tensor", product(aten, a, x), column(b))
        scale = aten("mul.Scalar", aten("unsqueeze", call.gradients[1], -2), 2)
        return aten("mul.Tensor", difference, scale)

    def to_a() -> AnyTensor:
        by_inverse = product(aten, column(call.gradient), turned(aten, column(b)))
        made = _pseudo_inverse_back(aten, a, inverse(), by_inverse)
        rest = beside()
        if rest is not None:
            made = aten("add.Tensor", made, product(aten, rest, turned(aten, column(call.result))))
        return made

    def to_b() -> AnyTensor:
        made = product(aten, turned(aten, inverse()), column(call.gradient))
        rest = beside()
        made = made if rest is None else aten("sub.Tensor", made, rest)
        return aten("squeeze.dim", made, -1) if is_vector else made

    return {0: to_a, 1: to_b}


@formula("cholesky_inverse")
def _cholesky_inverse(aten: Aten, factor: AnyTensor, upper: bool) -> AnyTensor:
    pair = (turned(aten, factor), factor) if upper else (factor, turned(aten, factor))
    return aten("linalg_inv", product(aten, *pair))


@formula("linalg_cond")
def _condition(aten: Aten, a: AnyTensor, p: Any) -> AnyTensor:
    if p is None or (isinstance(p, (int, float)) and abs(p) == 2):
        values = aten("linalg_svdvals", a)
        ends = [aten("select.int", values, -1, i) for i in (0, -1)]
        return aten("div.Tensor", *(ends if p is None or p > 0 else ends[::-1]))
    norms = [aten("linalg_matrix_norm", x, p, [-2, -1]) for x in (a, aten("linalg_inv", a))]
    return aten("mul.Tensor", *norms)


@formula("triangular_solve")
def _triangular_solve(
    aten: Aten, b: AnyTensor, a: AnyTensor, upper: bool, transpose: bool, unitriangular: bool
) -> tuple[Any, ...]:
    matrix = aten("transpose.int", a, -2, -1) if transpose else a
    x = aten(
        "linalg_solve_triangular", matrix, b, upper=upper != transpose, left=True, unitriangular=unitriangular
    )
    return x, aten("clone", a)


@formula("linalg_lu_solve")
def _lu_solve(
    aten: Aten, packed: AnyTensor, pivots: AnyTensor, b: AnyTensor, left: bool, adjoint: bool
) -> AnyTensor:
    """``P L U x = b``, or of the adjoint; ``x P L U = b`` is that of the adjoint with both sides turned."""
    permutation = aten("lu_unpack", packed, pivots, False, True)[0]
    permutation = aten("to.dtype", permutation, aten.dtype(packed).code)
    y = b if left else turned(aten, b)
    if adjoint != (not left):
        back = turned(aten, packed)
        y = aten("linalg_solve_triangular", back, y, upper=False, left=True)
        y = aten("linalg_solve_triangular", back, y, upper=True, left=True, unitriangular=True)
        y = product(aten, permutation, y)
    else:
        y = product(aten, turned(aten, permutation), y)
        y = aten("linalg_solve_triangular", packed, y, upper=False, left=True, unitriangular=True)
        y = aten("linalg_solve_triangular", packed, y, upper=True, left=True)
    return y if left else turned(aten, y)


@formula("lu_solve")
def _former_lu_solve(aten: Aten, b: AnyTensor, packed: AnyTensor, pivots: AnyTensor) -> AnyTensor:
    return _lu_solve(aten, packed, pivots, b, left=True, adjoint=False)


@derivative("matrix_exp", "linalg_matrix_exp")
def _exponential(call: Call, a: AnyTensor) -> Flows:
    """The upper right of the exponential of the adjoint twice, with the gradient there."""
    aten = call.aten

    def to_a() -> AnyTensor:
        size = aten.shape(a)[-1]
        back = turned(aten, a)
        top = aten("cat", [back, call.gradient], -1)
        bottom = aten("cat", [aten("zeros_like", back), back], -1)
        whole = aten("matrix_exp", aten("cat", [top, bottom], -2))
        lines = aten("slice.Tensor", whole, -2, 0, size, 1)
        return aten("slice.Tensor", lines, -1, size, 2 * size, 1)

    return {0: to_a}


@formula("linalg_tensorinv")
def _tensor_inverse(aten: Aten, a: AnyTensor, ind: int) -> AnyTensor:
    shape = list(aten.shape(a))
    lead, rest = shape[:ind], shape[ind:]
    inverse = aten("linalg_inv", aten("reshape", a, [math.prod(lead), math.prod(rest)]))
    return aten("reshape", inverse, [*rest, *lead])


@formula("linalg_tensorsolve")
def _tensor_solve(aten: Aten, a: AnyTensor, b: AnyTensor, dims: Sequence[int] | None) -> AnyTensor:
    rank = len(aten.shape(a))
    if dims is not None:
        last = [d % rank for d in dims]
        a = aten("permute", a, [*(d for d in range(rank) if d not in last), *last])
    of_x = list(aten.shape(a))[len(aten.shape(b)) :]
    matrix = aten("reshape", a, [-1, math.prod(of_x)])
    x = aten("linalg_solve", matrix, aten("reshape", b, [-1]), left=True)
    return aten("reshape", x, of_x)


@formula("kron")
def _kronecker(aten: Aten, a: AnyTensor, b: AnyTensor) -> AnyTensor:
    """Each element of `a` times all of `b`."""
    rank = max(len(aten.shape(a)), len(aten.shape(b)))
    of_a, of_b = ([1] * (rank - len(aten.shape(x))) + list(aten.shape(x)) for x in (a, b))
    spread = aten("reshape", a, [n for extent in of_a for n in (extent, 1)])
    beside = aten("reshape", b, [n for extent in of_b for n in (1, extent)])
    whole = aten("mul.Tensor", spread, beside)
    return aten("reshape", whole, [m * n for m, n in zip(of_a, of_b, strict=True)])


@formula("linalg_vander")
def _vandermonde(aten: Aten, x: AnyTensor, count: int | None) -> AnyTensor:
    shape = list(aten.shape(x)) or [1]
    x = aten("reshape", x, shape)
    columns = shape[-1] if count is None else count
    one = aten("ones", [*shape, 1], dtype=aten.dtype(x).code)
    spread = aten("expand", aten("unsqueeze", x, -1), [*shape, columns - 1], implicit=False)
    return aten("cat", [one, aten("cumprod", spread, -1, dtype=None)], -1)
