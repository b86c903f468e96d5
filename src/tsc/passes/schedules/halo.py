"""Kernels that zero the halo around a tensor's data, before its producer writes the data itself."""

from math import prod

from xdsl.dialects import func
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue

from tsc.analysis.affine import row_major_strides
from tsc.analysis.layouts import Layout, element_bytes
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import LoopBuilder, element_of
from tsc.dialects.loop_index import INDEX, Index
from tsc.dims import certainly_equal, symbols_in
from tsc.passes.schedules.kernel import unflatten


def halo_kernel(layout: Layout, target: Target) -> func.FuncOp:
    """``@zero_halo_...(%buffer)`` for buffers of `layout`."""
    extents = [layout.extents[d] for d in layout.order]
    low = [layout.low[d] for d in layout.order]
    high = [layout.high[d] for d in layout.order]
    shape = "x".join(str(n) for n in extents)
    margins = "_".join(f"{a}_{b}" for a, b in zip(low, high, strict=True))
    name = f"zero_halo_{shape}x{layout.element}_{margins}"
    symbols = symbols_in(extents)
    function = func.FuncOp(name, ([layout.memory_type, *[INDEX] * len(symbols)], []), visibility="private")
    function.attributes["tsc.kind"] = StringAttr("halo")
    builder = LoopBuilder(function.body.block)
    builder.take_sizes(symbols, function.body.block.args[1:])
    buffer = function.body.block.args[0]
    lanes = target.lanes(8 * element_bytes(layout.element))
    strides = row_major_strides(extents)
    for dim, (before, after) in enumerate(zip(low, high, strict=True)):
        for start, count in ((0, before), (extents[dim] - after, after)):
            if count:
                run = count * strides[dim]
                with builder.loop(0, prod(extents[:dim])) as loop:
                    at = _slice_start(builder, loop.index, extents[:dim], strides)
                    _fill(builder, buffer, at + start * strides[dim], run, lanes)
    builder.effect(func.ReturnOp())
    return function


def _slice_start(builder: LoopBuilder, number: Index, extents: list[int], strides: tuple[int, ...]) -> Index:
    """Where slice `number` of some outer dims starts (their halo included: corners are zeroed again)."""
    total = builder.index(0)
    for index, stride in zip(unflatten(builder, number, extents), strides, strict=False):
        total = total + index * stride
    return total


def _fill(builder: LoopBuilder, buffer: SSAValue, start: Index, count: int, lanes: int) -> None:
    zero = builder.zero(element_of(buffer.type))
    vector = builder.broadcast(zero, lanes)
    whole = count // lanes * lanes
    if not certainly_equal(whole, 0):
        with builder.loop(0, whole, lanes) as loop:
            builder.store(vector, buffer, start + loop.index)
    if not certainly_equal(whole, count):
        with builder.loop(whole, count) as loop:
            builder.store(zero, buffer, start + loop.index)
