"""GPU schedules with a thread per element: pointwise, window, concat and pack kernels, zeros of halos."""

from collections.abc import Sequence
from math import prod

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import BoolAttr, StringAttr, i1
from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.layouts import Layout
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import Index
from tsc.passes.schedules.body import Point, load, locate, store, uniform_value
from tsc.passes.schedules.concat import Copy, Part, read_parts
from tsc.passes.schedules.gpu_kernel import GpuKernelBuilder
from tsc.passes.schedules.kernel import unflatten
from tsc.passes.schedules.packing import pack_source
from tsc.passes.schedules.pointwise_loops import PointEmitter
from tsc.passes.schedules.window import WindowEmitter
from tsc.passes.schedules.window_block import Outputs

LANES = 4
"""Neighbouring elements of one thread, where they lie side by side: one load of 128 bits."""


def gpu_pointwise(model: KernelModel, target: Target) -> func.FuncOp:
    """A thread computes one element, or a few neighbours."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    emitter = PointEmitter.create(kernel, model.stages)
    *outer, inner = emitter.frame.sizes
    last = len(outer)
    whole = inner % LANES == 0 and all(a.address.strides[last] == 1 for a in emitter.writes())
    along = all(a.address.strides[last] in (0, 1) and not a.address.terms for a in emitter.reads())
    lanes = LANES if whole and along else 1
    sizes = (*outer, inner // lanes)
    if prod(sizes):
        with kernel.each(prod(sizes)) as number:
            *before, place = unflatten(kernel.builder, number, sizes)
            emitter.emit(Point((*before, place * lanes), last, lanes))
    return kernel.finish()


def gpu_window(model: KernelModel, target: Target) -> func.FuncOp:
    """A thread computes one output."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    emitter = WindowEmitter.create(kernel)
    if all(emitter.kept):
        with kernel.each(prod(emitter.kept)) as number:
            emitter.block.emit(tuple(unflatten(kernel.builder, number, emitter.kept)), Outputs(1, 1, 1))
    return kernel.finish()


def gpu_concat(model: KernelModel, target: Target) -> func.FuncOp:
    """A thread copies one element of each part, or chooses between part and fill."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    builder, (result,) = kernel.builder, model.results
    parts, fill = read_parts(result)
    if fill is not None:
        _fill_around(kernel, parts, fill)
        return kernel.finish()
    for part in parts:
        copy = Copy.create(kernel, result, part)
        if all(copy.sizes):
            with kernel.each(prod(copy.sizes)) as number:
                dims = tuple(unflatten(builder, number, copy.sizes))
                point = Point(dims, len(dims) - 1, 1)
                store(builder, load(builder, copy.source, point), copy.target, point)
    return kernel.finish()


def _fill_around(kernel: GpuKernelBuilder, parts: Sequence[Part], fill: SSAValue) -> None:
    """A thread writes one element of the result: from the part that covers it, or the fill."""
    builder, (result,) = kernel.builder, kernel.model.results
    memory = kernel.memory[result]
    with kernel.each(prod(memory.layout.shape)) as number:
        dims = unflatten(builder, number, memory.layout.shape)
        value = uniform_value(builder, fill)
        for part in parts:
            value = _covered(kernel, part, dims, value)
        target = builder.index(memory.layout.base)
        for dim, stride in zip(dims, memory.layout.strides, strict=True):
            target = target + dim * stride
        builder.store(value, memory.buffer, target)


def _covered(kernel: GpuKernelBuilder, part: Part, dims: Sequence[Index], value: SSAValue) -> SSAValue:
    """The element of `part` at `dims` where it covers them, else `value`."""
    if not all(part.sizes):
        return value
    builder, source = kernel.builder, kernel.memory[part.source]
    inside, at = builder.constant(BoolAttr.from_bool(True), i1), builder.index(source.layout.base)
    for d, dim in enumerate(dims):
        place = dim - part.offsets[d]
        for test in (builder.compare("sge", place, 0), builder.compare("slt", place, part.sizes[d])):
            inside = builder.binary(arith.AndIOp, inside, test)
        kept = place.maximum(0).minimum(part.sizes[d] - 1) + part.start[d]
        at = at + kept * source.layout.strides[d]
    return builder.add(arith.SelectOp(inside, builder.load(source.buffer, at), value))


def gpu_pack(model: KernelModel, target: Target) -> func.FuncOp:
    """A thread writes one element of a panel; columns beyond the last one are zero."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    builder = kernel.builder
    source, sizes, width = pack_source(kernel)
    result = kernel.memory[model.results[0]]
    batch, columns, depth = (prod(s) for s in sizes)
    panels = -(-columns // width)
    shape = (batch, panels, depth, width)
    if prod(shape):
        with kernel.each(prod(shape)) as number:
            entry, panel, step, lane = unflatten(builder, number, shape)
            column = panel * width + lane
            known = column.minimum(columns - 1)
            dims = (
                *unflatten(builder, entry, sizes[0]),
                *unflatten(builder, known, sizes[1]),
                *unflatten(builder, step, sizes[2]),
            )
            value = builder.load(source.buffer, locate(builder, source.address, dims))
            inside = builder.compare("slt", column, columns)
            zero = builder.zero(value.type)
            builder.store(builder.add(arith.SelectOp(inside, value, zero)), result.buffer, number)
    return kernel.finish()


def gpu_halo_kernel(layout: Layout, target: Target) -> func.FuncOp:
    """The whole buffer becomes zero; its producer writes the data afterwards."""
    shape = "x".join(str(layout.extents[d]) for d in layout.order)
    function = func.FuncOp(
        f"zero_halo_{shape}x{layout.element}", ([layout.memory_type], []), visibility="private"
    )
    function.attributes["tsc.kind"] = StringAttr("halo")
    model = KernelModel(function, "halo", (), ())
    kernel = GpuKernelBuilder(model, target, function, LoopBuilder(function.body.block), {})
    with kernel.each(layout.elements) as number:
        zero = kernel.builder.zero(layout.element)
        kernel.builder.store(zero, function.body.block.args[0], number)
    return kernel.finish()
