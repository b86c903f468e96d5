"""Schedule of `window` kernels: reductions vectorised along a dim that is kept, with a block of outputs in
registers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import func
from xdsl.ir import SSAValue

from tsc.analysis.affine import Address, LoopOrder, merge_loops
from tsc.analysis.kernel_model import KernelModel, KernelStage, Operand, body_cost, dims_of
from tsc.analysis.target import Target
from tsc.dialects.loop_index import Index
from tsc.dims import certainly_equal, hint_of, is_known, planned
from tsc.errors import CodegenError
from tsc.passes.schedules.body import Access, indexed_loops
from tsc.passes.schedules.clamped import clampable
from tsc.passes.schedules.kernel import (
    LoopFrame,
    ScheduleBuilder,
    half,
    pieces,
    rest_loops,
    unflatten,
    widened,
)
from tsc.passes.schedules.pointwise_loops import PointEmitter
from tsc.passes.schedules.tiles import cut_rows, rest_tiles
from tsc.passes.schedules.window_block import Outputs, WindowBlock


def schedule_window(model: KernelModel, target: Target) -> func.FuncOp:
    """Pooling, depthwise convolution, sums over leading dims, with their epilogue."""
    kernel = ScheduleBuilder.create(model, target)
    emitter = WindowEmitter.create(kernel)
    if all(emitter.kept):
        emitter.emit()
    return kernel.finish()


@dataclass
class WindowEmitter:
    """Writes the loops of a window kernel: `kept` loops (the last one vectorised), then `reduced` ones."""

    kernel: ScheduleBuilder
    stage: KernelStage
    block: WindowBlock
    kept: tuple[int, ...]
    lanes: int

    @staticmethod
    def create(kernel: ScheduleBuilder) -> "WindowEmitter":
        """Merge and order the loops; decide which operands are read with clamped indices."""
        model = kernel.model
        (stage,) = model.reductions
        clamped = {n for n, o in enumerate(stage.inputs) if _needs_clamp(kernel, stage, o)}
        order, count = _loop_order(kernel, stage, clamped)
        accesses, returned = _accesses(kernel, stage, order, clamped)
        others = [s for s in model.stages if s is not stage]
        epilogue = PointEmitter(kernel, others, LoopFrame(order, accesses[1]), returned)
        inputs = PointEmitter(kernel, [stage], LoopFrame(order, accesses[0]))
        kept, lanes = order.sizes[:count], kernel.lanes(model.stages)
        innermost = [*returned.values(), *epilogue.writes()]
        if any(a.address.strides[count - 1] != 1 for a in innermost):
            lanes = 1
        while lanes > max(1, planned(kept[-1])):
            lanes //= 2
        block = WindowBlock(kernel, stage, inputs, epilogue, count, clamped)
        return WindowEmitter(kernel, stage, block, kept, lanes)

    def emit(self) -> None:
        """Chunks over the outer loops; inside, blocks of neighbours along the second loop from within."""
        builder = self.kernel.builder
        cost = (body_cost(self.stage.body) + 1) * prod(self.block.reduced)
        if len(self.kept) == 1:
            self._single_loop(cost)
            return
        if not all(map(is_known, (cost, *self.kept))):
            self._symbolic_loops(cost)
            return
        cost = cost / 2
        vectors = prod(self.kept) / self.lanes
        cut = cut_rows(self.kept[-2], self._tile_rows())
        outer = (*self.kept[:-2], cut.count)
        self.kernel.notes.append(f"tile {self._tile_rows()}x{self.lanes}")
        unit = cost * vectors * self.lanes / max(1, prod(outer))
        with (
            self.kernel.chunks(prod(outer[:-1]), unit * cut.count) as (first, last),
            builder.loop(first, last) as loop,
        ):
            at = tuple(unflatten(builder, loop.index, outer[:-1]))
            self._tiles(at, cut.tall, 0, cut.rows + 1)
            self._tiles(at, cut.count - cut.tall, cut.tall * (cut.rows + 1), cut.rows)

    def _symbolic_loops(self, cost: int) -> None:
        """The same with sizes that are not known: whole blocks, then ever smaller ones, each of which there
        may be once.
        """
        builder, rows = self.kernel.builder, self._tile_rows()
        self.kernel.notes.append(f"tile {rows}x{self.lanes}")
        *outer, count, size = self.kept
        with (
            self.kernel.chunks(prod(outer), cost * count * size // (2 * self.lanes)) as (first, last),
            builder.loop(first, last) as loop,
        ):
            at = tuple(unflatten(builder, loop.index, outer))
            whole = count // rows
            self._tiles(at, whole, 0, rows)
            done = whole * rows
            for part in rest_tiles(rows):
                end = done + (count - done) // part * part
                with builder.loop(done, end, part) as rest:
                    self._along((*at, rest.index), size, part, max(1, 6 // part))
                done = end

    def _tile_rows(self) -> int:
        most = 12 if self.kernel.target.vector_registers > 16 else 6
        return min(self.kept[-2], most) if is_known(self.kept[-2]) else most

    def _tiles(self, outer: tuple[Index, ...], count: int, start: int, rows: int) -> None:
        """`count` blocks of `rows` neighbours, the first at `start`."""
        if certainly_equal(count, 0):
            return
        vectors = max(1, 6 // rows)
        with self.kernel.builder.loop(0, count) as tile:
            at = (*outer, tile.index * rows + start)
            self._along(at, self.kept[-1], rows, vectors)

    def _along(self, outer: tuple[Index, ...], size: int, rows: int, vectors: int) -> None:
        """The innermost loop: `vectors` at a time, then one, then smaller ones."""
        builder, lanes = self.kernel.builder, self.lanes
        done = 0
        if not is_known(size):
            step = vectors * lanes
            with builder.loop(0, size // step * step, step) as loop:
                self.block.emit((*outer, loop.index), Outputs(rows, vectors, lanes))
            for rest, part in rest_loops(builder, size // step * step, size, lanes):
                self.block.emit((*outer, rest.index), Outputs(rows, 1, part))
            return
        for count in (vectors, 1) if vectors > 1 else (1,):
            step = count * lanes
            whole = (size - done) // step * step
            if whole:
                with builder.loop(done, done + whole, step) as loop:
                    self.block.emit((*outer, loop.index), Outputs(rows, count, lanes))
            done += whole
        for start, part in pieces(size - done):
            self.block.emit((*outer, builder.index(done + start)), Outputs(rows, 1, part))

    def _single_loop(self, cost: int) -> None:
        """Only one loop is kept: chunks are pieces of it."""
        builder, lanes, size = self.kernel.builder, self.lanes, self.kept[0]
        vectors = max(1, min(8, planned(size) // lanes))
        step = vectors * lanes
        with (
            self.kernel.chunks(size // step, half(cost * step)) as (first, last),
            builder.loop(first, last) as loop,
        ):
            self.block.emit((loop.index * step,), Outputs(1, vectors, lanes))
        done = size // step * step
        if not is_known(size):
            for rest, part in rest_loops(builder, done, size, lanes):
                self.block.emit((rest.index,), Outputs(1, 1, part))
            return
        for start in range(done, size - size % lanes, lanes):
            self.block.emit((builder.index(start),), Outputs(1, 1, lanes))
        done = size - size % lanes
        for start, part in pieces(size - done):
            self.block.emit((builder.index(done + start),), Outputs(1, 1, part))


def _needs_clamp(kernel: ScheduleBuilder, stage: KernelStage, operand: Operand) -> bool:
    """Whether padding must be avoided by clamping indices, since no halo holds it."""
    padding = operand.padding
    if padding is None or operand.value not in kernel.memory:
        return False
    if padding.is_zero and kernel.memory[operand.value].layout.covers(padding.low, padding.high):
        return False
    if clampable(stage, operand):
        return True
    raise CodegenError(f"{kernel.model.func.sym_name.data}: requires a halo for the pad; got none")


def _loop_order(kernel: ScheduleBuilder, stage: KernelStage, clamped: set[int]) -> tuple[LoopOrder, int]:
    """Kept loops in the order of the output's memory, then reduced ones in the order of the data's."""
    rank = len(stage.sizes)
    written: list[Address] = []
    read: list[Address] = []
    for other in kernel.model.stages:
        operands: Sequence[Operand] = (*other.inputs, *other.outputs)
        for operand in operands:
            if operand.value not in kernel.memory or operand.padding is not None:
                continue
            address = widened(kernel.address(operand, other.sizes), rank)
            (written if operand in other.outputs else read).append(address)
    free = [o for n, o in enumerate(stage.inputs) if n not in clamped and o.padding is not None]
    read += [kernel.address(o, stage.sizes) for o in free]
    pinned = set[int]().union(*(indexed_loops(s) for s in kernel.model.stages))
    pinned |= {d for n in clamped for d in dims_of(stage.inputs[n].map)}
    kept = sorted(stage.kept, key=lambda d: (-hint_of(written[0].strides[d]), d))
    addresses = [*written, *read]
    farthest = {d: max([hint_of(a.strides[d]) for a in read], default=0) for d in stage.reduced}
    reduced = sorted(stage.reduced, key=lambda d: (-farthest[d], d))
    merged = [merge_loops(stage.sizes, addresses, dims, pinned) for dims in (kept, reduced)]
    order = LoopOrder(merged[0].groups + merged[1].groups, merged[0].sizes + merged[1].sizes)
    return order, len(merged[0].sizes)


Accesses = dict[tuple[int, int], Access]


def _accesses(
    kernel: ScheduleBuilder, stage: KernelStage, order: LoopOrder, clamped: set[int]
) -> tuple[tuple[Accesses, Accesses], dict[SSAValue, Access]]:
    """Of the reduction's inputs, of the epilogue, and of the reduction's own results where they are
    returned.
    """
    rank = len(stage.sizes)

    def access(operand: Operand, sizes: Sequence[int]) -> Access:
        address = order.apply(widened(kernel.address(operand, sizes), rank))
        return Access(kernel.memory[operand.value].buffer, address)

    inputs: Accesses = {}
    for position, operand in enumerate(stage.inputs):
        if operand.value in kernel.memory and position not in clamped:
            inputs[0, position] = access(operand, stage.sizes)
    epilogue: Accesses = {}
    others = [s for s in kernel.model.stages if s is not stage]
    for number, other in enumerate(others):
        for position, operand in enumerate((*other.inputs, *other.outputs)):
            if operand.value in kernel.memory:
                epilogue[number, position] = access(operand, other.sizes)
    returned = {o.value: access(o, stage.sizes) for o in stage.outputs if o.value in kernel.memory}
    return (inputs, epilogue), returned
