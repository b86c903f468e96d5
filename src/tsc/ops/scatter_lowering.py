"""Writing by index tensors in kernels: tensors as batches of rows, positions of rows, and what goes there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, prod

from xdsl.ir.affine import AffineDimExpr

from tsc import dtypes
from tsc.dtypes import DType, Number
from tsc.errors import CodegenError
from tsc.ops.advanced_indexing import Places, wrapped
from tsc.ops.creation import constant
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import (
    BodyBuilder,
    Combine,
    KernelBuilder,
    KernelValue,
    Output,
    affine,
    broadcast_map,
    dim,
)
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar


def store(_: Scalar, value: Scalar) -> Scalar:
    """The value."""
    return value


def add(now: Scalar, value: Scalar) -> Scalar:
    """The sum, rounded to the dtype each time; of bools, whether either holds."""
    if now.dtype is dtypes.BOOL:
        return now | value
    wide = computation_dtype(now.dtype)
    return (now.to(wide) + value.to(wide)).to(now.dtype)


def multiply(now: Scalar, value: Scalar) -> Scalar:
    """The product; of bools, whether both hold."""
    return now & value if now.dtype is dtypes.BOOL else now * value


COMBINERS: dict[str, Combine] = {
    "sum": add, "add": add, "prod": multiply, "multiply": multiply,
    "amax": Scalar.maximum, "amin": Scalar.minimum,
}  # fmt: skip
"""What the reductions of `scatter_reduce` and `index_reduce` combine with."""
NEUTRAL: dict[str, float] = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -inf, "amin": inf}
"""What each of them starts from where nothing is there."""


@dataclass(frozen=True)
class Writes:
    """Rows of a tensor that are written: the tensor's elements as ``[batches, rows, size]``, and for each
    batch (or for all alike) the numbers of rows.
    """

    shape: tuple[int, int, int]
    positions: KernelValue

    @property
    def values_shape(self) -> tuple[int, int, int]:
        """The shape of what is written."""
        batches, _, size = self.shape
        return batches, self.positions.spec.shape[1], size

    def apply(
        self, kernel: KernelBuilder, x: KernelValue, values: KernelValue, combine: Combine, doc: str
    ) -> KernelValue:
        """`x` after the writes; `values` is one element, or one for each that is written."""
        if values.spec.size == 1:
            values = _in_memory(kernel, values, (1, 1, 1))
        elif values.constant is None:
            values = _in_memory(kernel, values, self.values_shape)
        made = kernel.scatter(_in_memory(kernel, x, self.shape), self.positions, values, combine, doc)
        return _in_memory(kernel, made, x.spec.shape)

    def counts(self, kernel: KernelBuilder, shape: Sequence[int], dtype: DType, start: int) -> KernelValue:
        """How often each element of a tensor of this shape is written, and `start` more."""
        base = kernel.full(TensorSpec(self.shape, dtype), start)
        one = kernel.full(TensorSpec((1, 1, 1), dtype), 1)
        made = kernel.scatter(base, self.positions, one, add, "counts")
        return _in_memory(kernel, made, shape)

    def fill(self, kernel: KernelBuilder, x: KernelValue, number: Number, doc: str) -> KernelValue:
        """`x` with a number in the rows."""
        value = kernel.full(TensorSpec((1, 1, 1), x.spec.dtype), constant(number, x.spec.dtype).item())
        return self.apply(kernel, x, value, store, doc)


def _in_memory(kernel: KernelBuilder, x: KernelValue, shape: Sequence[int]) -> KernelValue:
    """`x` under another shape, and no view."""
    if x.spec.ndim and shape:
        return kernel.reshape_in_memory(kernel.materialize(x), shape)
    return kernel.materialize(x.view(shape, [0] * x.spec.ndim))


def _line(x: KernelValue) -> KernelValue:
    """A tensor without dims as one with a dim."""
    return x if x.spec.ndim else x.view((1,), [])


def part(x: KernelValue, shape: Sequence[int]) -> KernelValue:
    """The elements of `x` whose indices lie in `shape`."""
    return _line(x).view(tuple(shape) or (1,), [dim(i) for i in range(max(len(shape), 1))])


def along_dim(kernel: KernelBuilder, x: TensorSpec, axis: int, index: KernelValue) -> Writes:
    """The writes of `scatter`: `index` replaces the place in dim `axis`."""
    index = _line(index)
    shape = x.shape or (1,)
    others = [n for i, n in enumerate(shape) if i != axis]
    lead, after = prod(shape[:axis]), prod(shape[axis + 1 :])
    if [n for i, n in enumerate(index.spec.shape) if i != axis] != others:
        return _single_elements(kernel, shape, axis, index, 0)
    if _is_same_along(index, axis + 1):
        first = [dim(i) if i <= axis else 0 for i in range(len(shape))]
        rows = index.view(index.spec.shape[: axis + 1], first)
        places = kernel.convert(rows, dtypes.I64)
        return Writes((lead, shape[axis], after), _in_memory(kernel, places, (lead, rows.spec.shape[axis])))
    return _single_elements(kernel, shape, axis, index, axis)


def _is_same_along(x: KernelValue, first: int) -> bool:
    """Whether dims from `first` on are expanded ones: along them all elements are one."""
    if first == x.spec.ndim or x.access is None:
        return first == x.spec.ndim
    parts = [e for result in x.access.results for e in result.dfs()]
    return all(e.position < first for e in parts if isinstance(e, AffineDimExpr))


def _single_elements(
    kernel: KernelBuilder, shape: Sequence[int], axis: int, index: KernelValue, batch_dims: int
) -> Writes:
    """Each element is a row; the first `batch_dims` dims are batches."""
    strides, inner = _strides(shape), range(batch_dims, len(shape))

    def position(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
        places = [
            inputs[0].to(dtypes.I64) if i == axis else builder.index_scalar(i, dtypes.I64) for i in inner
        ]
        return [_sum(p * strides[i] for p, i in zip(places, inner, strict=True))]

    spec, rank = TensorSpec(index.spec.shape, dtypes.I64), index.spec.ndim
    whole = affine(rank, [dim(i) for i in range(rank)])
    found = kernel.generic([(index, whole)], [Output(spec)], "p" * rank, position, "positions", spec.shape)[0]
    batches = prod(shape[:batch_dims])
    count = prod(spec.shape[batch_dims:])
    return Writes((batches, prod(shape[batch_dims:]), 1), _in_memory(kernel, found, (batches, count)))


def _sum(terms: Iterable[Scalar]) -> Scalar:
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


def _strides(shape: Sequence[int]) -> list[int]:
    """Row-major ones."""
    return [prod(shape[i + 1 :]) for i in range(len(shape))]


def whole_slices(kernel: KernelBuilder, x: TensorSpec, axis: int, index: KernelValue) -> Writes:
    """The writes of `index_add`: slices of dim `axis` with the numbers `index`, the same in all batches."""
    shape, index = x.shape or (1,), _line(index)
    extent, spec = shape[axis], TensorSpec(index.spec.shape, dtypes.I64)
    places = kernel.elementwise([index], spec, lambda i: wrapped(i.to(dtypes.I64), extent), "positions")
    lead, after = prod(shape[:axis]), prod(shape[axis + 1 :])
    return Writes((lead, extent, after), _in_memory(kernel, places, (1, places.spec.size)))


def at_indices(
    kernel: KernelBuilder, x: TensorSpec, places: Places, indices: Sequence[KernelValue]
) -> Writes:
    """The writes of `index_put`: the index tensors broadcast together, and stand for dims ``places.axes``."""
    first, stop = places.axes[0], places.axes[-1] + 1
    is_block = places.axes == list(range(first, stop))
    if not is_block:
        first, stop = 0, x.ndim
    strides = _strides(x.shape[first:stop])
    shape = places.common if is_block else places.shape
    window = affine(len(shape), [dim(i + (0 if is_block else places.at)) for i in range(len(places.common))])

    def position(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
        given = dict(zip(places.axes, inputs, strict=True))
        at = [
            wrapped(given[d].to(dtypes.I64), x.shape[d])
            if d in given
            else builder.index_scalar(places.position(d), dtypes.I64)
            for d in range(first, stop)
        ]
        return [_sum(p * s for p, s in zip(at, strides, strict=True))]

    pairs = [(i, broadcast_map(i.spec.shape, places.common).compose(window)) for i in indices]
    output = Output(TensorSpec(shape, dtypes.I64))
    found = kernel.generic(pairs, [output], "p" * len(shape), position, "positions", shape)[0]
    lead, after = prod(x.shape[:first]), prod(x.shape[stop:])
    rows = prod(x.shape[first:stop])
    return Writes((lead, rows, after), _in_memory(kernel, found, (1, prod(shape))))


def reduced_into(
    kernel: KernelBuilder, x: KernelValue, writes: Writes, values: KernelValue, reduce: str, doc: str
) -> KernelValue:
    """`values` combined into `x` by one of `COMBINERS`, in the dtype sums are computed in."""
    if reduce not in COMBINERS:
        raise CodegenError(f"{doc}: requires one of {', '.join(COMBINERS)}; got {reduce}")
    wide = computation_dtype(x.spec.dtype)
    made = writes.apply(kernel, kernel.convert(x, wide), kernel.convert(values, wide), COMBINERS[reduce], doc)
    return kernel.convert(made, x.spec.dtype)


def reduced_from(
    kernel: KernelBuilder,
    x: KernelValue,
    writes: Writes,
    values: KernelValue,
    reduce: str,
    include_self: bool,
) -> KernelValue:
    """As `reduced_into`, from what is in `x` or from nothing.

    Raises:
        CodegenError: a mean of integers, or no number of theirs to start from.
    """
    dtype = x.spec.dtype
    if not dtype.is_floating and (reduce == "mean" or not include_self):
        raise CodegenError(f"{reduce}: requires a floating dtype, or a start; got {dtype.name}")
    if not include_self:
        x = writes.fill(kernel, x, NEUTRAL[reduce], "start")
    if reduce != "mean":
        return reduced_into(kernel, x, writes, values, reduce, f"aten::{reduce}")
    wide = computation_dtype(dtype)
    terms = [kernel.convert(v, wide) for v in (x, values)]
    total = reduced_into(kernel, terms[0], writes, terms[1], "sum", "aten::mean")
    count = writes.counts(kernel, x.spec.shape, wide, int(include_self))
    return kernel.elementwise([total, count], x.spec, lambda t, n: (t / n.maximum(1)).to(dtype), "aten::mean")
