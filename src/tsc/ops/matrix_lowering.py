"""Factors of matrices, and solutions with them, in kernels: batches of row-major matrices in memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.linalg.ops import FillOp
from xdsl.ir import AttributeCovT, OpResult

from tsc import dtypes
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.tsc_matrices import CholeskyOp, ExchangeRowsOp, LuOp, TriangularSolveOp
from tsc.dims import alike, is_known, is_one
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, broadcast_map, dim
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast

LARGEST = 256
"""Rows of a matrix in kernels, at most. One matrix is one thread's work: of larger ones LAPACK shares the
work among threads, and of one right side it solves a triangle of 512 rows in 0.6 of the time.
"""
DTYPES = (dtypes.F32, dtypes.F64)


def has_kernels(*arguments: object) -> bool:
    """Whether there are kernels for the matrices among some arguments (pivots are none): all of one dtype,
    with numbers for rows and columns. How many they are may be symbolic.
    """
    matrices = [a for a in arguments if isinstance(a, TensorSpec) and a.dtype is not dtypes.I32]
    dtype = matrices[0].dtype
    return dtype in DTYPES and all(m.dtype is dtype and m.ndim >= 2 and _fits(m.shape) for m in matrices)


def _fits(shape: Sequence[int]) -> bool:
    rows, columns = shape[-2:]
    is_empty = any(is_known(n) and n == 0 for n in shape)
    return is_known(rows) and is_known(columns) and rows <= LARGEST and not is_empty


def solved_triangle(
    kernel: KernelBuilder, a: KernelValue, b: KernelValue, *, upper: bool, left: bool = True,
    unit: bool = False, transposed: bool = False,
) -> KernelValue:  # fmt: skip
    """The ``x`` with ``a x = b``, or ``x a = b`` unless `left`, or with the transpose of `a`; of which one
    triangle is read. Batches broadcast.
    """
    lead = _common(a, b)
    right = b if left else _turned(b)
    triangles, columns = _batches(kernel, a, lead), _batches(kernel, right, lead, whole=True)
    turned = transposed == left
    op = TriangularSolveOp.of(triangles.ssa, columns.ssa, upper=upper, unit=unit, transposed=turned)
    kernel.add(op)
    made = _result(kernel, op.results[0], right.spec.dtype, (*lead, *right.spec.shape[-2:]))
    return made if left else _turned(made)


def cholesky_factor(kernel: KernelBuilder, a: KernelValue, *, upper: bool) -> tuple[KernelValue, KernelValue]:
    """The factor of matrices, of which one triangle is read, and what there is to tell of each."""
    lead = a.spec.shape[:-2]
    op = CholeskyOp.of(_batches(kernel, a, lead, whole=True).ssa, upper=upper)
    kernel.add(op)
    factor = _result(kernel, op.results[0], a.spec.dtype, a.spec.shape)
    return factor, _result(kernel, op.results[1], dtypes.I32, lead)


def lu_factors(kernel: KernelBuilder, a: KernelValue) -> tuple[KernelValue, KernelValue, KernelValue]:
    """Both factors in one matrix, the exchanges of rows, and what there is to tell of each matrix."""
    *lead, size, _ = a.spec.shape
    op = LuOp.of(_batches(kernel, a, lead, whole=True).ssa)
    kernel.add(op)
    return (
        _result(kernel, op.results[0], a.spec.dtype, a.spec.shape),
        _result(kernel, op.results[1], dtypes.I32, (*lead, size)),
        _result(kernel, op.results[2], dtypes.I32, lead),
    )


def solved_by_lu(
    kernel: KernelBuilder, factors: KernelValue, pivots: KernelValue, b: KernelValue, *, left: bool = True,
    transposed: bool = False,
) -> KernelValue:  # fmt: skip
    """The ``x`` with ``a x = b``, or ``x a = b`` unless `left`, or with the transpose of the `a` that the
    factors are of. Batches broadcast.
    """
    right = b if left else _turned(b)
    if transposed == left:
        made = solved_triangle(kernel, factors, right, upper=True, transposed=True)
        made = solved_triangle(kernel, factors, made, upper=False, unit=True, transposed=True)
        made = _exchanged(kernel, made, pivots, backwards=True)
    else:
        lead = _common(factors, right)
        wide = _broadcast(right, (*lead, *right.spec.shape[-2:]))
        made = _exchanged(kernel, wide, pivots, backwards=False)
        made = solved_triangle(kernel, factors, made, upper=False, unit=True)
        made = solved_triangle(kernel, factors, made, upper=True)
    return made if left else _turned(made)


def identities(kernel: KernelBuilder, like: TensorSpec) -> KernelValue:
    """A matrix with ones on its diagonal for each one of a batch."""
    rank = like.ndim

    def body(builder: BodyBuilder, _: list[Scalar], __: list[Scalar]) -> list[Scalar]:
        row, column = (builder.index_scalar(i, dtypes.I64) for i in (rank - 2, rank - 1))
        return [row.eq(column).to(like.dtype)]

    return kernel.generic([], [Output(like)], "p" * rank, body, "aten::eye", like.shape)[0]


def _exchanged(kernel: KernelBuilder, x: KernelValue, pivots: KernelValue, *, backwards: bool) -> KernelValue:
    """The rows of `x` in another order."""
    lead = x.spec.shape[:-2]
    rows = _batches(kernel, x, lead, whole=True)
    places = _batches(kernel, pivots, lead, dims=1)
    op = ExchangeRowsOp.of(rows.ssa, places.ssa, backwards=backwards)
    kernel.add(op)
    return _result(kernel, op.results[0], x.spec.dtype, x.spec.shape)


# --- batches ---


def _common(a: KernelValue, b: KernelValue) -> tuple[int, ...]:
    """The batch dims of two matrices together."""
    return broadcast(a.spec.shape[:-2], b.spec.shape[:-2])


def _batches(
    kernel: KernelBuilder, x: KernelValue, lead: Sequence[int], *, whole: bool = False, dims: int = 2
) -> KernelValue:
    """The last dims of `x` for each batch of `lead`, in memory; or once, if they are the same for all and it
    need not be the `whole`.
    """
    own, last = x.spec.shape[: x.spec.ndim - dims], x.spec.shape[x.spec.ndim - dims :]
    if not whole and all(is_one(n) for n in own):
        return _in_memory(kernel, x, (1, *last))
    return _in_memory(kernel, _broadcast(x, (*lead, *last)), (prod(lead), *last))


def _broadcast(x: KernelValue, shape: Sequence[int]) -> KernelValue:
    if alike(x.spec.shape, shape):
        return x
    return x.view(shape, broadcast_map(x.spec.shape, shape).results)


def _turned(x: KernelValue) -> KernelValue:
    """The transposes."""
    *lead, rows, columns = x.spec.shape
    places = [dim(i) for i in range(len(lead))]
    return x.view((*lead, columns, rows), [*places, dim(len(lead) + 1), dim(len(lead))])


def _in_memory(kernel: KernelBuilder, x: KernelValue, shape: tuple[int, ...]) -> KernelValue:
    x = kernel.materialize(x)
    if isinstance(x.ssa.owner, FillOp):  # a number everywhere lies nowhere
        x = kernel.elementwise([x], x.spec, lambda element: element, "copy")
    return kernel.reshape_in_memory(x, shape)


def _result(
    kernel: KernelBuilder, result: OpResult[AttributeCovT], dtype: dtypes.DType, shape: Sequence[int]
) -> KernelValue:
    value = KernelValue(result, TensorSpec(shape_of(result), dtype))
    return kernel.reshape_in_memory(value, shape) if shape else value.view((), [0] * value.spec.ndim)
