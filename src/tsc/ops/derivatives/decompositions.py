"""Derivatives of decompositions: QR, LU, SVD, and what is made of Householder's reflections.

Source: Roberts and Roberts, "QR and LQ decomposition matrix backpropagation algorithms", 2020; PyTorch
torch/csrc/autograd/FunctionsManual.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.matrices import product
from tsc.ops.derivatives.products import turned
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, formula

Flows = Mapping[Place, Flow]


def _columns(aten: Aten, x: AnyTensor, start: int, end: int) -> AnyTensor:
    return aten("slice.Tensor", x, -1, start, end, 1)


def _rows(aten: Aten, x: AnyTensor, start: int, end: int) -> AnyTensor:
    return aten("slice.Tensor", x, -2, start, end, 1)


def _identity(aten: Aten, rows: int, columns: int, like: AnyTensor) -> AnyTensor:
    return aten("eye.m", rows, columns, dtype=aten.dtype(like).code)


# --- QR ---


def _through_qr(aten: Aten, q: AnyTensor, r: AnyTensor, by_q: AnyTensor, by_r: AnyTensor) -> AnyTensor:
    """Of a matrix that is not wide, the gradient from those of its `q` and `r`."""
    inner = aten("sub.Tensor", product(aten, r, turned(aten, by_r)), product(aten, turned(aten, by_q), q))
    below = aten.tril(inner, -1)
    diagonal = aten("diagonal", inner, 0, -2, -1)
    if aten.dtype(inner).is_complex:
        diagonal = aten("to.dtype", aten("real", diagonal), aten.dtype(inner).code)
    mirrored = aten("add.Tensor", aten("add.Tensor", below, turned(aten, below)),
                    aten("diag_embed", diagonal, 0, -2, -1))  # fmt: skip
    whole = aten("add.Tensor", by_q, product(aten, q, mirrored))
    return aten("linalg_solve_triangular", turned(aten, r), whole, upper=False, left=False)


def _qr_back(call: Call, a: AnyTensor) -> AnyTensor:
    """Of a wide matrix the first columns have a decomposition, and others are `q` times the rest of `r`."""
    aten = call.aten
    rows, columns = aten.shape(a)[-2:]
    q, r = call.results
    by_q, by_r = call.gradient_of(0), call.gradient_of(1)
    if rows >= columns:
        return _through_qr(aten, q, r, by_q, by_r)
    rest, by_rest = _columns(aten, a, rows, columns), _columns(aten, by_r, rows, columns)
    by_q = aten("add.Tensor", by_q, product(aten, rest, turned(aten, by_rest)))
    first = _through_qr(aten, q, _columns(aten, r, 0, rows), by_q, _columns(aten, by_r, 0, rows))
    return aten("cat", [first, product(aten, q, by_rest)], -1)


@derivative("linalg_qr")
def _qr(call: Call, a: AnyTensor, mode: str) -> Flows:
    return {0: lambda: _qr_back(call, a)}


@derivative("qr")
def _former_qr(call: Call, a: AnyTensor, some: bool) -> Flows:
    return {0: lambda: _qr_back(call, a)}


# --- LU ---


def _through_lu(
    aten: Aten, lower: AnyTensor, upper: AnyTensor, by_lower: AnyTensor, by_upper: AnyTensor
) -> AnyTensor:
    """The gradient of ``lower @ upper``, by its factors: first of the square that decides them, then of what
    is right of it or below.
    """
    rows, columns = aten.shape(lower)[-2], aten.shape(upper)[-1]
    size = min(rows, columns)
    top, left = _rows(aten, lower, 0, size), _columns(aten, upper, 0, size)
    by_left = _columns(aten, by_upper, 0, size)
    inner_lower = product(aten, turned(aten, top), _rows(aten, by_lower, 0, size))
    inner_upper = product(aten, by_left, turned(aten, left))
    pieces: list[AnyTensor] = []
    if columns > size:
        right, by_right = (_columns(aten, x, size, columns) for x in (upper, by_upper))
        inner_lower = aten("sub.Tensor", inner_lower, product(aten, by_right, turned(aten, right)))
        pieces.append(_left_of(aten, top, by_right))
    if rows > size:
        bottom, by_bottom = (_rows(aten, x, size, rows) for x in (lower, by_lower))
        inner_upper = aten("sub.Tensor", inner_upper, product(aten, turned(aten, bottom), by_bottom))
        pieces.append(_right_of(aten, left, by_bottom))
    inner = aten("add.Tensor", aten.tril(inner_lower, -1), aten.triu(inner_upper))
    square = _left_of(aten, top, _right_of(aten, left, inner))
    return aten("cat", [square, *pieces], -1 if columns > size else -2) if pieces else square


def _left_of(aten: Aten, lower: AnyTensor, x: AnyTensor) -> AnyTensor:
    """``lower^-H @ x``."""
    return aten("linalg_solve_triangular", turned(aten, lower), x, upper=True, left=True, unitriangular=True)


def _right_of(aten: Aten, upper: AnyTensor, x: AnyTensor) -> AnyTensor:
    """``x @ upper^-H``."""
    return aten("linalg_solve_triangular", turned(aten, upper), x, upper=False, left=False)


@derivative("linalg_lu")
def _lu(call: Call, a: AnyTensor, pivot: bool) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        permutation, lower, upper = call.results
        made = _through_lu(aten, lower, upper, call.gradient_of(1), call.gradient_of(2))
        return product(aten, permutation, made) if pivot else made

    return {0: to_a}


@derivative("linalg_lu_factor", "linalg_lu_factor_ex")
def _lu_factor(call: Call, a: AnyTensor, pivot: bool, *_: Any) -> Flows:
    """The factors are one matrix, whose diagonal is that of the upper one."""
    aten = call.aten

    def to_a() -> AnyTensor:
        permutation, lower, upper = aten("lu_unpack", call.result, call.results[1], True, True)
        size = min(aten.shape(a)[-2:])
        by_lower = aten.tril(_columns(aten, call.gradient, 0, size), -1)
        by_upper = aten.triu(_rows(aten, call.gradient, 0, size))
        made = _through_lu(aten, lower, upper, by_lower, by_upper)
        return product(aten, permutation, made) if pivot else made

    return {0: to_a}


@formula("lu_unpack")
def _lu_unpack(
    aten: Aten, packed: AnyTensor, pivots: AnyTensor, unpack_data: bool, unpack_pivots: bool
) -> tuple[Any, ...]:
    rows, columns = aten.shape(packed)[-2:]
    size = min(rows, columns)
    below = aten.tril(_columns(aten, packed, 0, size), -1)
    lower = aten("add.Tensor", below, _identity(aten, rows, size, packed))
    return None, lower, aten.triu(_rows(aten, packed, 0, size))


# --- singular values ---


def _svd_back(
    aten: Aten, u: AnyTensor, s: AnyTensor, vh: AnyTensor, by_u: AnyTensor | None, by_s: AnyTensor | None,
    by_vh: AnyTensor | None,
) -> AnyTensor:  # fmt: skip
    """The gradient from those of the singular vectors and values; of equal values it has no limit."""
    size, code = aten.shape(s)[-1], aten.dtype(u).code
    u, vh = _columns(aten, u, 0, size), _rows(aten, vh, 0, size)
    by_u = None if by_u is None else _columns(aten, by_u, 0, size)
    by_v = None if by_vh is None else turned(aten, _rows(aten, by_vh, 0, size))
    scale = aten("to.dtype", s, code)
    across, down = aten("unsqueeze", scale, -2), aten("unsqueeze", scale, -1)
    gap = aten("mul.Tensor", aten("sub.Tensor", across, down), aten("add.Tensor", across, down))
    gap = aten("add.Tensor", gap, _identity(aten, size, size, u))
    inner = aten("diag_embed", aten("zeros_like", scale) if by_s is None else aten("to.dtype", by_s, code),
                 0, -2, -1)  # fmt: skip
    if by_u is not None:
        turning = _skew(aten, product(aten, turned(aten, u), by_u))
        inner = aten("add.Tensor", inner, aten("mul.Tensor", aten("div.Tensor", turning, gap), across))
        if aten.dtype(u).is_complex and by_v is not None:
            phases = aten("div.Tensor", aten("diagonal", turning, 0, -2, -1), aten("mul.Scalar", scale, 2))
            inner = aten("add.Tensor", inner, aten("diag_embed", phases, 0, -2, -1))
    if by_v is not None:
        turning = _skew(aten, product(aten, vh, by_v))
        inner = aten("add.Tensor", inner, aten("mul.Tensor", down, aten("div.Tensor", turning, gap)))
    made = product(aten, u, inner, vh)
    if by_u is not None and aten.shape(u)[-2] > size:
        beside = aten("sub.Tensor", by_u, product(aten, u, turned(aten, u), by_u))
        made = aten("add.Tensor", made, product(aten, aten("div.Tensor", beside, across), vh))
    if by_v is not None and aten.shape(vh)[-1] > size:
        beside = aten("sub.Tensor", by_v, product(aten, turned(aten, vh), vh, by_v))
        made = aten("add.Tensor", made, product(aten, u, turned(aten, aten("div.Tensor", beside, across))))
    return made


def _skew(aten: Aten, x: AnyTensor) -> AnyTensor:
    return aten("sub.Tensor", x, turned(aten, x))


@derivative("linalg_svd")
def _svd(call: Call, a: AnyTensor, *_: Any) -> Flows:
    (u, s, vh), (by_u, by_s, by_vh) = call.results, call.gradients
    return {0: lambda: _svd_back(call.aten, u, s, vh, by_u, by_s, by_vh)}


@derivative("svd")
def _former_svd(call: Call, a: AnyTensor, some: bool, compute_uv: bool) -> Flows:
    aten = call.aten

    def to_a() -> AnyTensor:
        u, s, v = call.results if compute_uv else aten("svd", a, True, True)
        by_v = call.gradients[2]
        by_vh = None if by_v is None else turned(aten, by_v)
        return _svd_back(aten, u, s, turned(aten, v), call.gradients[0], call.gradients[1], by_vh)

    return {0: to_a}


# --- reflections ---


def _reflected(aten: Aten, vectors: AnyTensor, factors: AnyTensor, x: AnyTensor, adjoint: bool) -> AnyTensor:
    """``H_1 ... H_k @ x`` of the reflections ``1 - factor * v @ v^H``, or its adjoint times `x`; vectors are
    the columns below the diagonal, which is one.
    """
    rows, columns = aten.shape(vectors)[-2:]
    whole = aten("add.Tensor", aten.tril(vectors, -1), _identity(aten, rows, columns, vectors))
    count = aten.shape(factors)[-1]
    for i in range(count) if adjoint else reversed(range(count)):
        vector = _columns(aten, whole, i, i + 1)
        factor = aten("unsqueeze", _columns(aten, factors, i, i + 1), -1)
        if adjoint and aten.dtype(factor).is_complex:
            factor = aten("conj_physical", factor)
        share = aten("mul.Tensor", factor, product(aten, turned(aten, vector), x))
        x = aten("sub.Tensor", x, product(aten, vector, share))
    return x


@formula("linalg_householder_product", "orgqr")
def _householder_product(aten: Aten, vectors: AnyTensor, factors: AnyTensor) -> AnyTensor:
    shape = list(aten.shape(vectors))
    x = aten("expand", _identity(aten, shape[-2], shape[-1], vectors), shape, implicit=False)
    return _reflected(aten, vectors, factors, x, adjoint=False)


@formula("ormqr")
def _ormqr(
    aten: Aten, vectors: AnyTensor, factors: AnyTensor, x: AnyTensor, left: bool, transpose: bool
) -> AnyTensor:
    if left:
        return _reflected(aten, vectors, factors, x, adjoint=transpose)
    return turned(aten, _reflected(aten, vectors, factors, turned(aten, x), adjoint=not transpose))
