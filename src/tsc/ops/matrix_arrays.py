"""Factors of batches of matrices, and solutions with them, as NumPy arrays."""

from __future__ import annotations

import math

import numpy as np

from tsc.dtypes import Array


def lu_of(a: Array, *, pivot: bool = True) -> tuple[Array, Array, Array]:
    """Both triangles in one matrix, the row (from 1) that each row was exchanged with, and for each matrix
    the column (from 1) of the first pivot that is 0, or 0.
    """
    m, n = a.shape[-2:]
    work: Array = a.reshape(math.prod(a.shape[:-2]), m, n).copy()
    batch = np.arange(len(work))
    pivots = np.zeros((len(work), min(m, n)), np.int32)
    info: Array = np.zeros(len(work), np.int32)
    for k in range(min(m, n)):
        row = k + _largest(work[:, k:, k]) if pivot else np.full(len(work), k)
        pivots[:, k] = row + 1
        work[batch, k], work[batch, row] = work[batch, row], work[batch, k]
        head = work[:, k, k]
        info = np.where((head == 0) & (info == 0), k + 1, info).astype(np.int32)
        with np.errstate(all="ignore"):
            below = work[:, k + 1 :, k] / np.where(head == 0, 1, head)[:, None]
            work[:, k + 1 :, k] = below
            work[:, k + 1 :, k + 1 :] -= below[:, :, None] * work[:, k, None, k + 1 :]
    lead: tuple[int, ...] = a.shape[:-2]
    return work.reshape(a.shape), pivots.reshape(*lead, min(m, n)), info.reshape(lead)


def _largest(columns: Array) -> Array:
    """Where each column has its largest element, by what LAPACK compares pivots by: none is larger than NaN
    at the head, and NaN elsewhere is larger than none.
    """
    sizes = np.abs(columns.real) + np.abs(columns.imag) if np.iscomplexobj(columns) else np.abs(columns)
    unknown = np.isnan(sizes)
    sizes = np.where(unknown, -1, sizes)
    sizes[:, 0] = np.where(unknown[:, 0], np.inf, sizes[:, 0])
    return sizes.argmax(-1)


def exchanged(b: Array, pivots: Array, *, backwards: bool = False) -> Array:
    """Matrices whose rows were exchanged one after the other, as `lu_of` says, or in the opposite order."""
    made: Array = b.reshape(math.prod(b.shape[:-2]), *b.shape[-2:]).copy()
    flat = np.broadcast_to(pivots, (*b.shape[:-2], pivots.shape[-1])).reshape(len(made), pivots.shape[-1])
    batch = np.arange(len(made))
    numbers = range(flat.shape[-1])
    for k in reversed(numbers) if backwards else numbers:
        row = flat[:, k].clip(1, made.shape[1]) - 1
        made[batch, k], made[batch, row] = made[batch, row], made[batch, k]
    return made.reshape(b.shape)


def substituted(a: Array, b: Array, *, upper: bool, unit: bool = False) -> Array:
    """The ``x`` with ``a x = b`` of triangles, of which nothing else is read: row after row. Batches
    broadcast. Where the diagonal has a zero, the result is what dividing by it gives.
    """
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    made: Array = np.broadcast_to(b, (*lead, *b.shape[-2:])).astype(np.result_type(a, b))
    size = a.shape[-1]
    with np.errstate(all="ignore"):
        for row in reversed(range(size)) if upper else range(size):
            known = slice(row + 1, None) if upper else slice(row)
            made[..., row, :] -= (a[..., row, None, known] @ made[..., known, :])[..., 0, :]
            if not unit:
                made[..., row, :] /= a[..., row, row, None]
    return made


def cholesky_of(a: Array) -> tuple[Array, Array]:
    """The lower factors of Hermitian matrices, of which the lower triangle is read, and for each the order of
    the first leading minor that is not positive, or 0: what the factor is means nothing then.
    """
    info: Array = np.zeros(a.shape[:-2], np.int32)
    try:
        with np.errstate(all="ignore"):
            return np.linalg.cholesky(a).astype(a.dtype), info
    except np.linalg.LinAlgError:
        made: Array = np.tril(a)
    for k in range(a.shape[-1]):
        square = made[..., k, k].real
        info = np.where(~(square > 0) & (info == 0), k + 1, info).astype(np.int32)
        with np.errstate(all="ignore"):
            made[..., k:, k] /= np.sqrt(square)[..., None]
            below = made[..., k + 1 :, k]
            made[..., k + 1 :, k + 1 :] -= np.tril(below[..., :, None] * np.conj(below[..., None, :]))
    return made, info


def solution_of(a: Array, b: Array) -> tuple[Array, Array]:
    """The ``x`` with ``a x = b``, and for each matrix the first pivot that is 0, or 0. Batches broadcast."""
    info: Array = np.zeros(a.shape[:-2], np.int32)
    try:
        with np.errstate(all="ignore"):
            return np.linalg.solve(a, b).astype(a.dtype), info
    except np.linalg.LinAlgError:
        factor, pivots, info = lu_of(a)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    right = exchanged(np.broadcast_to(b, (*lead, *b.shape[-2:])), pivots)
    made = substituted(factor, substituted(factor, right, upper=False, unit=True), upper=True)
    return made, info
