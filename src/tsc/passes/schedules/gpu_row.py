"""GPU schedule of `row` kernels: a block per row, whose threads share each sweep."""

from math import prod

from xdsl.dialects import func
from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.loop_index import Index
from tsc.passes.schedules.body import Point
from tsc.passes.schedules.gpu_kernel import MOST_BLOCKS, THREADS, GpuKernelBuilder
from tsc.passes.schedules.kernel import unflatten
from tsc.passes.schedules.reduction import Combiner, combiners_of
from tsc.passes.schedules.row import RowEmitter
from tsc.passes.schedules.sweeps import Sweep

NOTHING_KEPT = 1 << 30
"""A row size for which no value is kept between sweeps: threads compute it again."""


def gpu_row(model: KernelModel, target: Target) -> func.FuncOp:
    """A block per row; a thread per row where a reduction has a body of its own (argmax)."""
    kernel = GpuKernelBuilder.for_gpu(model, target)
    rows = RowEmitter.create(kernel, NOTHING_KEPT)
    rows.lanes, rows.is_vertical = 1, True
    count = prod(rows.outer)
    if count == 0:
        return kernel.finish()
    if all(combiners_of(s) is not None for s in model.reductions):
        _block_per_row(kernel, rows, count)
    else:
        with kernel.each(count) as number:
            rows.row(tuple(unflatten(kernel.builder, number, rows.outer)))
    return kernel.finish()


def _block_per_row(kernel: GpuKernelBuilder, rows: RowEmitter, count: int) -> None:
    builder = kernel.builder
    kernel.blocks = min(count, MOST_BLOCKS)
    thread = kernel.thread()
    with builder.loop(kernel.block_number(), count, kernel.blocks) as loop:
        row = tuple(unflatten(builder, loop.index, rows.outer))
        live: dict[SSAValue, SSAValue] = {}
        for sweep in rows.sweeps:
            if sweep.wide:
                live.update(_sweep(kernel, rows, sweep, row, thread, live))
            live.update(rows.finish_sweep(sweep, row, live))


def _sweep(
    kernel: GpuKernelBuilder,
    rows: RowEmitter,
    sweep: Sweep,
    row: tuple[Index, ...],
    thread: Index,
    live: dict[SSAValue, SSAValue],
) -> dict[SSAValue, SSAValue]:
    """Threads take turns along the row; what each has accumulated is combined in shared memory."""
    builder = kernel.builder
    combiners = [c for s in sweep.reductions for c in combiners_of(s) or ()]
    outputs = [o.value for s in sweep.reductions for o in s.outputs]
    runner = rows.runner(sweep, live)
    starts = runner.initial()
    neutral = [c.neutral(builder, s.type) for c, s in zip(combiners, starts, strict=True)]
    with builder.loop(thread, prod(rows.inner), THREADS, neutral) as loop:
        dims = (*row, *unflatten(builder, loop.index, rows.inner))
        values = runner.evaluate(Point(dims, len(row) - 1, 1), None)
        pairs = zip(combiners, loop.carried, values, strict=True)
        loop.carry([c.combine(builder, total, value) for c, total, value in pairs])
    totals = [_across_block(kernel, c, v, thread) for c, v in zip(combiners, loop.results, strict=True)]
    begun = [c.combine(builder, s, t) for c, s, t in zip(combiners, starts, totals, strict=True)]
    return dict(zip(outputs, begun, strict=True))


def _across_block(kernel: GpuKernelBuilder, combiner: Combiner, value: SSAValue, thread: Index) -> SSAValue:
    """The values of all threads combined by halves; every thread gets the result."""
    builder = kernel.builder
    shared = kernel.shared(value.type, THREADS)
    builder.store(value, shared, thread)
    kernel.barrier()
    width = THREADS // 2
    while width:
        with builder.branch(builder.compare("slt", thread, width)):
            both = (builder.load(shared, thread), builder.load(shared, thread + width))
            builder.store(combiner.combine(builder, *both), shared, thread)
        kernel.barrier()
        width //= 2
    result = builder.load(shared, builder.index(0))
    kernel.barrier()
    return result
