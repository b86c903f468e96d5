"""Order in kernels: elements as keys, unsigned integers in the same order, and operations on those."""

from __future__ import annotations

from math import prod

from xdsl.dialects import arith
from xdsl.ir import Block

from tsc import dtypes
from tsc.dialects.arith_emitter import element_type
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.tsc import YieldOp
from tsc.dialects.tsc_order import LONGEST, OrderOp, OrderStatisticOp, SortOp, TopKOp
from tsc.dims import most_of
from tsc.dtypes import DType
from tsc.errors import UnsupportedOperatorError
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.scalar import Scalar

_SIGNED = {8: dtypes.I8, 16: dtypes.I16, 32: dtypes.I32, 64: dtypes.I64}


def sorted_lines(
    kernel: KernelBuilder, x: KernelValue, axis: int, descending: bool
) -> tuple[KernelValue, KernelValue]:
    """`x` in order along a dim, and where the elements were; equal ones as they stood."""
    shape = x.spec.shape or (1,)
    if most_of(shape[axis]) > LONGEST:
        raise UnsupportedOperatorError(f"sort: requires lines of at most {LONGEST} elements")
    lines = _in_memory(kernel, x, (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])))
    op = SortOp.of(lines.ssa, _key_body(x.spec.dtype, descending))
    return _results(kernel, op, x.spec, x.spec.shape)


def topk_of_lines(
    kernel: KernelBuilder, x: KernelValue, count: int, axis: int, descending: bool, in_order: bool
) -> tuple[KernelValue, KernelValue]:
    """The first `count` elements along a dim, and where they are."""
    lines = _lines(kernel, x, axis)
    op = TopKOp.of(lines.ssa, _key_body(x.spec.dtype, descending), count, in_order)
    shape = tuple(count if i == axis else n for i, n in enumerate(x.spec.shape))
    return _results(kernel, op, x.spec, shape)


def order_statistic(
    kernel: KernelBuilder, x: KernelValue, rank: KernelValue | int, axis: int, keepdim: bool
) -> tuple[KernelValue, KernelValue]:
    """The element at a rank along a dim, and its place; `rank` is one number, or a tensor of them, of the
    shape of the result without the dim.
    """
    lines = _lines(kernel, x, axis)
    batches, _, size = lines.spec.shape
    if isinstance(rank, int):
        ranks = kernel.full(TensorSpec((batches, size), dtypes.I64), rank)
    else:
        ranks = _in_memory(kernel, rank, (batches, size))
    op = OrderStatisticOp.of(lines.ssa, ranks.ssa, _key_body(x.spec.dtype, False))
    kept = [n for i, n in enumerate(x.spec.shape) if i != axis]
    shape = [1 if i == axis else n for i, n in enumerate(x.spec.shape)] if keepdim else kept
    return _results(kernel, op, x.spec, shape)


def count_nan(kernel: KernelBuilder, x: KernelValue, axis: int) -> KernelValue:
    """How many elements along a dim are NaN."""
    rank = x.spec.ndim
    kept = [i for i in range(rank) if i != axis]
    spec = TensorSpec(tuple(x.spec.shape[i] for i in kept), dtypes.I64)
    iterators = "".join("r" if i == axis else "p" for i in range(rank))

    def body(_: BodyBuilder, inputs: list[Scalar], totals: list[Scalar]) -> list[Scalar]:
        return [totals[0] + inputs[0].is_nan().to(dtypes.I64)]

    pair = (x, affine(rank, [dim(i) for i in range(rank)]))
    output = Output(spec, affine(rank, [dim(i) for i in kept]), 0)
    return kernel.generic([pair], [output], iterators, body, "count_nan")[0]


def _lines(kernel: KernelBuilder, x: KernelValue, axis: int) -> KernelValue:
    """`x` as ``[batches, extent, size]``: the lines along a dim. Their length is a number: what puts lines in
    order is written for it.
    """
    shape = x.spec.shape or (1,)
    return _in_memory(kernel, x, (prod(shape[:axis]), int(shape[axis]), prod(shape[axis + 1 :])))


def _in_memory(kernel: KernelBuilder, x: KernelValue, shape: tuple[int, ...]) -> KernelValue:
    line = x if x.spec.ndim else x.view((1,), [])
    return kernel.reshape_in_memory(kernel.materialize(line), shape)


def _results(
    kernel: KernelBuilder, op: OrderOp, spec: TensorSpec, shape: tuple[int, ...] | list[int]
) -> tuple[KernelValue, KernelValue]:
    """Values and places, in the shape of the operator's results."""
    kernel.add(op)
    made: list[KernelValue] = []
    for result, dtype in zip(op.results, (spec.dtype, dtypes.I64), strict=False):
        value = KernelValue(result, TensorSpec(shape_of(result), dtype))
        made.append(
            kernel.reshape_in_memory(value, shape) if shape else value.view((), [0] * value.spec.ndim)
        )
    return made[0], made[1]


# --- keys ---


def _key_body(dtype: DType, descending: bool) -> Block:
    """The key of an element: an unsigned integer, the lower the earlier the element comes."""
    block = Block(arg_types=[element_type(dtype)])
    builder = BodyBuilder(block)
    key = _key(builder, Scalar(builder, block.args[0], dtype))
    block.add_op(YieldOp.create(operands=[(~key if descending else key).value]))
    return block


def _key(builder: BodyBuilder, x: Scalar) -> Scalar:
    if x.dtype.is_floating:
        return _float_key(builder, x)
    return x ^ -(1 << (x.dtype.bits - 1)) if x.dtype.is_signed else x


def _float_key(builder: BodyBuilder, x: Scalar) -> Scalar:
    """The bits of a number, those of negative ones inverted; both zeros are one, and NaN is above all."""
    width = x.dtype.bits
    kind = _SIGNED[width]
    bits = Scalar(builder, builder.emit(arith.BitcastOp, [x.value], element_type(kind)), kind)
    bits = x.eq(0).where(0, bits)
    sign = builder.emit(arith.ShRSIOp, [bits.value, builder.const(width - 1, kind)], element_type(kind))
    key = bits ^ (Scalar(builder, sign, kind) | -(1 << (width - 1)))
    return x.is_nan().where(-1, key)
