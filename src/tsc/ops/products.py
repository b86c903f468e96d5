"""Products of tensors beyond matmul: einsum, tensordot, bilinear forms, distances."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dims import certainly_equal
from tsc.dtypes import Array, Number, Real
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.elementwise import specs_of
from tsc.ops.promotion import computation_dtype
from tsc.ops.shapes import broadcast, require_expandable, require_shape, wrap_dim, wrap_dims

FAMILY = Family()


# --- einsum ---


def _terms(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, an ellipsis replaced by unused upper-case labels."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ShapeError(
            f"einsum(): the number of subscripts in the equation ({len(inputs)}) does not match the number "
            f"of operands ({len(ranks)})"
        )
    spare = [c for c in string.ascii_letters if c not in equation]
    dots = max(
        (rank - len(t.replace("...", "")) for t, rank in zip(inputs, ranks, strict=True) if "..." in t),
        default=0,
    )
    ellipsis = "".join(spare[: max(dots, 0)])
    expanded: list[str] = []
    for term, rank in zip(inputs, ranks, strict=True):
        named = len(term.replace("...", ""))
        if named > rank or ("..." not in term and named != rank):
            raise ShapeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the number of "
                f"dimensions ({rank}) for an operand"
            )
        expanded.append(
            term.replace("...", ellipsis[len(ellipsis) - (rank - named) :] if rank > named else "")
        )
    if arrow:
        return expanded, right.replace("...", ellipsis)
    letters = "".join(inputs).replace(".", "")
    return expanded, ellipsis + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))


def _aligned(aten: Aten, x: AnyTensor, term: str, order: str) -> AnyTensor:
    """`x` with its labels in `order`, size 1 for those it lacks; repeated labels take the diagonal."""
    while len(set(term)) < len(term):
        label = next(c for c in term if term.count(c) > 1)
        first = term.index(label)
        second = term.index(label, first + 1)
        x = aten("diagonal", x, 0, first, second)
        term = "".join(c for i, c in enumerate(term) if i not in (first, second)) + label
    present = [c for c in order if c in term]
    x = aten("permute", x, [term.index(c) for c in present])
    sizes = iter(aten.shape(x))
    return aten("reshape", x, [next(sizes) if c in term else 1 for c in order])


def _pairwise(aten: Aten, a: AnyTensor, b: AnyTensor, order: str, summed: Sequence[int]) -> AnyTensor:
    """The product of two aligned tensors, summed over some dims (kept with size 1), as one batched matmul."""
    first, second = aten.shape(a), aten.shape(b)
    both = [i for i in summed if first[i] != 1 and second[i] != 1]
    a = _summed_alone(aten, a, [i for i in summed if second[i] == 1 and first[i] != 1])
    b = _summed_alone(aten, b, [i for i in summed if first[i] == 1 and second[i] != 1])
    if not both:
        return aten("mul.Tensor", a, b)
    first, second = aten.shape(a), aten.shape(b)
    rest = [i for i in range(len(order)) if i not in both]
    batch = [i for i in rest if first[i] != 1 and second[i] != 1]
    rows = [i for i in rest if i not in batch and first[i] != 1]
    columns = [i for i in rest if i not in batch and i not in rows]
    product = aten("matmul", _grouped(aten, a, batch, rows, both), _grouped(aten, b, batch, both, columns))
    sizes = [broadcast(first[i : i + 1], second[i : i + 1])[0] for i in [*batch, *rows, *columns]]
    spread = aten("reshape", product, [*sizes, *([1] * len(both))])
    places = [*batch, *rows, *columns, *both]
    return aten("permute", spread, [places.index(i) for i in range(len(order))])


def _summed_alone(aten: Aten, x: AnyTensor, dims: Sequence[int]) -> AnyTensor:
    return aten("sum.dim_IntList", x, list(dims), True) if dims else x


def _grouped(
    aten: Aten, x: AnyTensor, batch: Sequence[int], rows: Sequence[int], columns: Sequence[int]
) -> AnyTensor:
    """`x` as a batch of matrices, groups of dims joined; dims in no group have size 1."""
    shape = aten.shape(x)
    rest = [i for i in range(len(shape)) if i not in (*batch, *rows, *columns)]
    moved = aten("permute", x, [*batch, *rows, *columns, *rest])
    return aten("reshape", moved, [math.prod(shape[i] for i in group) for group in (batch, rows, columns)])


def _einsum_sizes(aten: Aten, terms: Sequence[str], operands: Sequence[Any]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for number, (term, x) in enumerate(zip(terms, operands, strict=True)):
        own: dict[str, int] = {}
        for label, n in zip(term, aten.shape(x), strict=True):
            if own.setdefault(label, n) != n:
                raise ShapeError(
                    f"einsum(): subscript {label} is repeated for operand {number} but the sizes don't "
                    f"match, {n} != {own[label]}"
                )
            known = sizes.setdefault(label, n)
            if certainly_equal(known, n):
                continue
            if known != 1 and n not in (1, known):
                raise ShapeError(
                    f"einsum(): subscript {label} has size {n} for an operand which does not broadcast with "
                    f"previously seen size {known}"
                )
            sizes[label] = max(known, n) if n else 0
    return sizes


@composite(FAMILY, "aten::einsum", sharing=Sharing.ALONE, layout=ResultLayout.AS_COMPUTED)
def einsum(aten: Aten, equation: str, tensors: Sequence[Any], path: Sequence[int] | None) -> AnyTensor:
    """Products summed over the labels missing in the result, two operands at a time, from the left."""
    if not tensors:
        raise ShapeError("einsum(): must provide at least one operand")
    terms, result = _terms(equation, [len(aten.shape(t)) for t in tensors])
    sizes = _einsum_sizes(aten, terms, tensors)
    if any(c not in sizes for c in result) or len(set(result)) != len(result):
        raise ShapeError(
            f"einsum(): output subscript of {equation} does not appear in the equation for any input "
            "operand, or twice"
        )
    order = result + "".join(c for c in sizes if c not in result)
    operands = [_aligned(aten, x, term, order) for x, term in zip(tensors, terms, strict=True)]
    total = operands[0]
    for k, operand in enumerate(operands[1:], 1):
        later = set("".join(terms[k + 1 :]))
        done = [i for i, c in enumerate(order) if c not in result and c not in later]
        total = _pairwise(aten, total, operand, order, done)
    extra = list(range(len(result), len(order)))
    if not extra:
        return total
    total = _summed_alone(aten, total, extra) if len(operands) == 1 else total  # else they are summed
    return aten("reshape", total, list(aten.shape(total)[: len(result)]))


@composite(FAMILY, "aten::tensordot")
def tensordot(
    aten: Aten, self: AnyTensor, other: AnyTensor, dims_self: Sequence[int], dims_other: Sequence[int]
) -> AnyTensor:
    """Products summed over pairs of dims."""
    a, b = aten.shape(self), aten.shape(other)
    if len(dims_self) != len(dims_other):
        raise ShapeError("both dimension lists should have same length")
    first, second = ([wrap_dim(d, len(s)) for d in dims] for s, dims in ((a, dims_self), (b, dims_other)))
    for i, j in zip(first, second, strict=True):
        if a[i] != b[j] and 1 not in (a[i], b[j]):
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {a[i]} in dim {i} and second has "
                f"size {b[j]} in dim {j}"
            )
    for i, j in zip(first, second, strict=True):
        self = _summed_alone(aten, self, [i] if b[j] == 1 else [])
        other = _summed_alone(aten, other, [j] if a[i] == 1 else [])
    a, b = aten.shape(self), aten.shape(other)
    rows, columns = (
        [i for i in range(len(a)) if i not in first],
        [j for j in range(len(b)) if j not in second],
    )
    left = _grouped(aten, self, [], rows, first)
    right = _grouped(aten, other, [], second, columns)
    product = aten("matmul", left, right)
    return aten("reshape", product, [*(a[i] for i in rows), *(b[j] for j in columns)])


# --- matrix products with extras ---


def _scaled_sum(aten: Aten, self: AnyTensor, product: AnyTensor, beta: Number, alpha: Number) -> AnyTensor:
    if aten.dtype(product).is_integral:
        alpha, beta = (int(cast("Real", n)) for n in (alpha, beta))
    scaled = product if alpha == 1 else aten("mul.Scalar", product, alpha)
    if beta == 0:
        return scaled
    return aten("add.Tensor", self if beta == 1 else aten("mul.Scalar", self, beta), scaled)


@composite(FAMILY, "aten::addbmm")
def addbmm(
    aten: Aten, self: AnyTensor, batch1: AnyTensor, batch2: AnyTensor, beta: Number, alpha: Number
) -> AnyTensor:
    """``beta * self`` plus `alpha` times the sum of a batch of products."""
    product = aten("sum.dim_IntList", aten("bmm", batch1, batch2), [0], dtype=aten.dtype(batch1).code)
    require_expandable(aten.shape(self), aten.shape(product))
    return _scaled_sum(aten, self, product, beta, alpha)


@composite(FAMILY, "aten::addr", layout=ResultLayout.ELEMENTWISE)
def addr(
    aten: Aten, self: AnyTensor, vec1: AnyTensor, vec2: AnyTensor, beta: Number, alpha: Number
) -> AnyTensor:
    """``beta * self + alpha * outer(vec1, vec2)``."""
    product = aten("outer", vec1, vec2)
    require_expandable(aten.shape(self), aten.shape(product))
    if aten.dtype(self) is dtypes.BOOL and aten.dtype(product) is dtypes.BOOL:
        added = product if alpha else aten("zeros_like", product)
        return aten("logical_or", self, added) if beta else added
    return _scaled_sum(aten, self, product, beta, alpha)


@composite(FAMILY, "aten::vdot")
def vdot(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """The product of two vectors, the first conjugated."""
    return aten("dot", aten("conj_physical", self) if aten.dtype(self).is_complex else self, other)


@composite(FAMILY, "aten::linalg_vecdot")
def linalg_vecdot(aten: Aten, x: AnyTensor, y: AnyTensor, dim: int) -> AnyTensor:
    """Products of vectors along `dim`, the first conjugated."""
    left = aten("conj_physical", x) if aten.dtype(x).is_complex else x
    return aten("sum.dim_IntList", aten("mul.Tensor", left, y), [dim], dtype=aten.dtype(x).code)


@composite(FAMILY, "aten::linalg_matmul")
def linalg_matmul(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """The matrix product."""
    return aten("matmul", self, other)


@composite(FAMILY, "aten::chain_matmul", "aten::linalg_multi_dot")
def multi_dot(aten: Aten, tensors: Sequence[Any]) -> AnyTensor:
    """The product of several matrices; the first and the last may be vectors."""
    if len(tensors) < 1:
        raise ShapeError("multi_dot(): expected at least 2 tensors but got 0")
    total = tensors[0]
    for tensor in tensors[1:]:
        total = aten("matmul", total, tensor)
    return total


@composite(FAMILY, "aten::bilinear")
def bilinear(
    aten: Aten, input1: AnyTensor, input2: AnyTensor, weight: AnyTensor, bias: AnyTensor | None
) -> AnyTensor:
    """``x1 @ W[k] @ x2`` for each output `k`."""
    if aten.shape(input1)[:-1] != aten.shape(input2)[:-1]:
        raise ShapeError("bilinear(): input batch dimensions do not match")
    y = aten("einsum", "...i,kij,...j->...k", [input1, weight, input2])
    if bias is None:
        return y
    require_shape("bilinear: the first dim of the bias", aten.shape(bias)[:1], aten.shape(weight)[:1])
    return aten("add.Tensor", y, bias)


def _grouped_infer(
    self: TensorSpec,
    mat2: TensorSpec,
    offs: TensorSpec | None,
    bias: TensorSpec | None,
    out_dtype: int | None,
) -> TensorSpec:
    dtype = self.dtype if out_dtype is None else dtypes.by_code(out_dtype)
    if self.ndim == 2 and mat2.ndim == 2:
        assert offs is not None
        return TensorSpec((offs.shape[0], self.shape[0], mat2.shape[1]), dtype)
    return TensorSpec((*(self.shape[:-1] if self.ndim == 3 or mat2.ndim == 3 else ()), mat2.shape[-1]), dtype)


@FAMILY.op("aten::_grouped_mm", infer=_grouped_infer)
def grouped_mm(
    self: Array, mat2: Array, offs: Array | None, bias: Array | None, out_dtype: int | None
) -> Array:
    """Products of groups of rows (or columns) that end at `offs`, each with its own matrix."""
    spec = _grouped_infer(*specs_of([self, mat2, offs, bias, out_dtype]))
    wide = computation_dtype(spec.dtype).numpy
    a, b = self.astype(wide), mat2.astype(wide)
    if offs is None:
        return np.matmul(a, b).astype(spec.dtype.numpy)
    ends = offs.tolist()
    ranges = list(zip([0, *ends], ends, strict=False))
    result = np.zeros(spec.shape, wide)
    for group, (start, end) in enumerate(ranges):
        if a.ndim == 2 and b.ndim == 3:
            result[start:end] = a[start:end] @ b[group]
        elif a.ndim == 3:
            result[..., start:end] = a[group] @ b[:, start:end]
        else:
            result[group] = a[:, start:end] @ b[start:end]
    return result.astype(spec.dtype.numpy)


# --- distances ---


@composite(FAMILY, "aten::dist")
def dist(aten: Aten, self: AnyTensor, other: AnyTensor, p: Number) -> AnyTensor:
    """The norm of the difference."""
    return aten("norm.Scalar", aten("sub.Tensor", self, other), p)


@composite(FAMILY, "aten::pairwise_distance")
def pairwise_distance(
    aten: Aten, x1: AnyTensor, x2: AnyTensor, p: float, eps: float, keepdim: bool
) -> AnyTensor:
    """The norms of the differences along the last dim, `eps` added to each."""
    difference = aten("add.Scalar", aten("sub.Tensor", x1, x2), eps)
    return aten("linalg_vector_norm", difference, p, [-1], keepdim)


@composite(FAMILY, "aten::cdist")
def cdist(aten: Aten, x1: AnyTensor, x2: AnyTensor, p: float, compute_mode: int | None) -> AnyTensor:
    """The distances of all pairs of rows."""
    a, b = aten.shape(x1), aten.shape(x2)
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-1]:
        raise ShapeError(f"X1 and X2 must have the same number of columns. X1: {list(a)} X2: {list(b)}")
    if not (aten.dtype(x1).is_floating and aten.dtype(x2).is_floating):
        raise DTypeError(f"cdist only supports floating-point dtypes, X1 got: {aten.dtype(x1).name}")
    difference = aten("sub.Tensor", aten("unsqueeze", x1, -2), aten("unsqueeze", x2, -3))
    return _norms_of_rows(aten, difference, p)


def _norms_of_rows(aten: Aten, rows: AnyTensor, p: float) -> AnyTensor:
    """The norms along the last dim; of order 0 how many are not 0, where NaN stays."""
    if p == 0:
        rows = aten("clamp_max", aten("ceil", aten("abs", rows)), 1)
    if p == 0 or aten.shape(rows)[-1] == 0:
        return aten("sum.dim_IntList", rows, [-1])
    return aten("linalg_vector_norm", rows, p, [-1], False)


@FAMILY.op("aten::pdist")
def pdist(self: Array, p: float) -> Array:
    """The distances of all pairs of different rows."""
    from tsc.ops.composite import eager_aten

    if self.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {self.ndim}D")
    rows, columns = np.triu_indices(len(self), 1)
    difference = self[rows] - self[columns]
    if not difference.size:
        return np.zeros(len(rows), self.dtype)
    return cast("Array", _norms_of_rows(eager_aten(), difference, p))


@composite(FAMILY, "aten::renorm")
def renorm(aten: Aten, self: AnyTensor, p: Number, dim: int, maxnorm: Number) -> AnyTensor:
    """Slices along `dim` scaled down to a norm of at most `maxnorm`."""
    shape = aten.shape(self)
    if len(shape) < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {len(shape)} dimensions")
    axis = wrap_dim(dim, len(shape))
    dims = [i for i in wrap_dims(None, len(shape)) if i != axis]
    norm = aten("linalg_vector_norm", self, p, dims, True)
    factor = aten("mul.Scalar", aten.reciprocal(aten("add.Scalar", norm, 1e-7)), maxnorm)
    small = aten("ones_like", factor)
    return aten("mul.Tensor", self, aten("where.self", aten("gt.Scalar", norm, maxnorm), factor, small))
