"""Condition numbers, and linear equations between tensors of many dims."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.linear_algebra import attempt, require_matrix, svdvals
from tsc.ops.running import inferred_by_running
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


@inferred_by_running(FAMILY, "aten::linalg_cond", "aten::linalg_cond.p_str")
def cond(self: Array, p: float | str | None) -> Array:
    """How much a norm of the matrix, times that of its inverse, is: infinite for singular matrices."""
    require_matrix("cond", self, square=p not in (None, 2, -2))
    with np.errstate(all="ignore"):
        if p in (None, 2, -2):
            values = svdvals(self, None)
            first, last = values[..., 0], values[..., -1]
            return np.asarray(last / first if p == -2 else first / last).astype(self.real.dtype)
        try:
            return np.asarray(np.linalg.cond(self, p)).astype(self.real.dtype)  # pyright: ignore[reportArgumentType]
        except np.linalg.LinAlgError:
            return np.full(self.shape[:-2], math.inf, self.real.dtype)


def _tensorinv_infer(self: TensorSpec, ind: int) -> TensorSpec:
    return TensorSpec((*self.shape[ind:], *self.shape[:ind]), self.dtype)


@FAMILY.op("aten::linalg_tensorinv", infer=_tensorinv_infer)
def tensorinv(self: Array, ind: int) -> Array:
    """The inverse of the matrix whose rows are the first `ind` dims together."""
    if ind <= 0:
        raise ShapeError("Expected a strictly positive integer for 'ind'")
    rows, columns = math.prod(self.shape[:ind]), math.prod(self.shape[ind:])
    if rows != columns:
        raise ShapeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but "
            f"got {columns} != {rows}"
        )
    inverse = attempt("tensorinv", np.linalg.inv, self.reshape(rows, columns))
    return inverse.reshape(*self.shape[ind:], *self.shape[:ind]).astype(self.dtype)


def _turned(ndim: int, dims: Sequence[int] | None) -> list[int]:
    """All dims, those of `dims` last."""
    moved = [] if dims is None else [wrap_dim(d, ndim) for d in dims]
    return [*(d for d in range(ndim) if d not in moved), *moved]


def _tensorsolve_infer(self: TensorSpec, other: TensorSpec, dims: Sequence[int] | None) -> TensorSpec:
    order = _turned(self.ndim, dims)[other.ndim :]
    return TensorSpec(tuple(self.shape[d] for d in order), self.dtype)


@FAMILY.op("aten::linalg_tensorsolve", infer=_tensorsolve_infer)
def tensorsolve(self: Array, other: Array, dims: Sequence[int] | None) -> Array:
    """The tensor that `self`, as a matrix to `other`, is to be applied to; `dims` are moved to the end."""
    turned = self.transpose(_turned(self.ndim, dims))
    shape = turned.shape[other.ndim :]
    if math.prod(shape) != other.size:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(shape)} != {other.size}"
        )
    matrix = turned.reshape(other.size, other.size)
    return (
        attempt("tensorsolve", np.linalg.solve, matrix, other.reshape(-1)).reshape(shape).astype(self.dtype)
    )
