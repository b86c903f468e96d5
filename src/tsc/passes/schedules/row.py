"""Schedule of `row` kernels: each row is swept a few times while it lies in the nearest cache."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.dialects import func
from xdsl.ir import SSAValue

from tsc.analysis.affine import Address, LoopOrder, merge_loops, row_major_strides
from tsc.analysis.kernel_model import KernelModel, KernelStage, Operand, body_cost
from tsc.analysis.layouts import element_bytes
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_index import Index
from tsc.dims import hint_of, is_known, is_one, planned
from tsc.passes.schedules.body import Access, Point, indexed_loops, store
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
from tsc.passes.schedules.reduction import combiners_of
from tsc.passes.schedules.sweep_runner import ACCUMULATORS, SweepRunner
from tsc.passes.schedules.sweeps import MOST_KEPT_BYTES, Arrangement, Sweep, arrange_sweeps

LONG_ROW = 1 << 16
"""Elements from which a full reduction is cut into chunks."""
PARTS = 16
"""Chunks of a full reduction; a constant, so that sums do not depend on the number of threads."""

SCANNED_ROWS = 4
"""Rows that are scanned side by side: each step of a scan waits for the one before, other rows do not."""


def schedule_row(model: KernelModel, target: Target) -> func.FuncOp:
    """Reductions along rows, and what is computed from them."""
    kernel = ScheduleBuilder.create(model, target)
    emitter = RowEmitter.create(kernel)
    if all(emitter.outer):
        emitter.emit()
    return kernel.finish()


@dataclass
class RowEmitter:
    """Writes the loops of a row kernel. Loops are `outer` (rows), then `inner` (along a row)."""

    kernel: ScheduleBuilder
    main: KernelStage
    order: LoopOrder
    outer: tuple[int, ...]
    inner: tuple[int, ...]
    arrangement: Arrangement
    lanes: int
    is_vertical: bool = False
    """Whether the lanes of a vector are neighbouring rows: because rows run across memory, or are scanned."""
    kept: dict[SSAValue, Access] = field(default_factory=dict[SSAValue, Access])

    @staticmethod
    def create(kernel: ScheduleBuilder, row_size: int | None = None) -> "RowEmitter":
        """Merge the loops and arrange the stages in sweeps."""
        stages = kernel.model.stages
        main = max(stages, key=lambda s: (len(s.sizes), not s.is_parallel))
        reduced = kernel.model.reductions[0].reduced
        rank = len(main.sizes)
        addresses = [
            widened(kernel.address(o, s.sizes), rank)
            for s in stages
            for o in (*s.inputs, *s.outputs)
            if o.value in kernel.memory
        ]
        pinned = set[int]().union(*(indexed_loops(s) for s in stages))
        rows = [d for d in range(rank) if d not in reduced]
        along = sorted(reduced, key=lambda d: -max([hint_of(a.strides[d]) for a in addresses], default=0))
        merged = [merge_loops(main.sizes, addresses, dims, pinned) for dims in (rows, along)]
        order = LoopOrder(merged[0].groups + merged[1].groups, merged[0].sizes + merged[1].sizes)
        outer, inner = merged[0].sizes, merged[1].sizes
        along, across = len(order.sizes) - 1, len(outer) - 1
        is_vertical = not _is_contiguous(order, addresses, along) and _is_contiguous(order, addresses, across)
        arrangement = arrange_sweeps(kernel.model, row_size or (LONG_ROW if is_vertical else prod(inner)))
        lanes = 1
        if is_vertical or _is_contiguous(order, addresses, along):
            lanes = _lanes(kernel, outer[-1] if is_vertical else inner[-1])
        if not is_vertical and not is_one(prod(outer[-1:])) and any(s.running for s in stages):
            lanes, is_vertical = min(SCANNED_ROWS, _lanes(kernel, outer[-1])), True
        return RowEmitter(kernel, main, order, outer, inner, arrangement, lanes, is_vertical)

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """The passes over a row."""
        return self.arrangement.sweeps

    def emit(self) -> None:
        """Rows in chunks; a full reduction of many elements is cut along its only row instead."""
        builder, rows = self.kernel.builder, prod(self.outer)
        self.kernel.notes.append(f"{self.lanes} lanes, {len(self.sweeps)} sweeps")
        if rows == 1 and self._can_split():
            self._split_row()
            return
        if self.is_vertical:
            self._vertical_rows()
            return
        with self.kernel.chunks(rows, self._cost()) as (first, last):
            self._keep_rows()
            with builder.loop(first, last) as loop:
                self.row(tuple(unflatten(builder, loop.index, self.outer)))

    def _cost(self) -> int:
        stages = [s for sweep in self.sweeps for s in sweep.wide]
        per_element = sum(body_cost(s.body) + len(s.inputs) for s in stages)
        return per_element * prod(self.inner) * (1 if self.lanes > 1 else 4)

    def row(self, row: tuple[Index, ...], rows_at_once: int = 1) -> None:
        """All sweeps over one row, or over neighbouring ones as the lanes of vectors."""
        live: dict[SSAValue, SSAValue] = {}
        for sweep in self.sweeps:
            if sweep.wide and self.is_vertical:
                live.update(self.runner(sweep, live).run_vertical(row, self.inner, rows_at_once))
            elif sweep.wide:
                live.update(self.runner(sweep, live).run(row, self.inner))
            live.update(self.finish_sweep(sweep, row, live, rows_at_once))

    def _vertical_rows(self) -> None:
        """A vector of neighbouring rows at a time, then what is left of them in smaller vectors."""
        builder, lanes, count = self.kernel.builder, self.lanes, self.outer[-1]
        blocks = (*self.outer[:-1], count // lanes)
        cost = self._cost() * lanes
        with (
            self.kernel.chunks(prod(blocks), half(cost)) as (first, last),
            builder.loop(first, last) as loop,
        ):
            *before, block = unflatten(builder, loop.index, blocks)
            self.row((*before, block * lanes), lanes)
        if not is_known(count):
            with builder.loop(0, prod(blocks[:-1])) as loop:
                before = unflatten(builder, loop.index, blocks[:-1])
                for along, part in rest_loops(builder, count // lanes * lanes, count, lanes // 2):
                    self.row((*before, along.index), part)
            return
        rest = pieces(count % lanes)
        if rest:
            with builder.loop(0, prod(blocks[:-1])) as loop:
                before = unflatten(builder, loop.index, blocks[:-1])
                for start, part in rest:
                    self.row((*before, builder.index(count // lanes * lanes + start)), part)

    def runner(self, sweep: Sweep, live: dict[SSAValue, SSAValue], start: Index | None = None) -> SweepRunner:
        """What sweeps over (part of) a row."""
        emitter = PointEmitter(self.kernel, sweep.wide, self._frame(sweep.wide))
        return SweepRunner(self.kernel, sweep, emitter, live, self.lanes, start)

    def finish_sweep(
        self, sweep: Sweep, row: tuple[Index, ...], live: dict[SSAValue, SSAValue], rows_at_once: int = 1
    ) -> dict[SSAValue, SSAValue]:
        """Store the results of the reductions, and compute what there is one of per row."""
        zeros = tuple(self.kernel.builder.index(0) for _ in self.inner)
        at = Point((*row, *zeros), len(self.outer) - 1, rows_at_once)
        for stage in sweep.reductions:
            for output in stage.outputs:
                if output.value in self.kernel.memory and output not in stage.running:
                    access = self._access(output, stage)
                    store(self.kernel.builder, live[output.value], access, at)
        emitter = PointEmitter(self.kernel, sweep.narrow, self._frame(sweep.narrow))
        return emitter.emit(at, None, live)

    def _frame(self, stages: Sequence[KernelStage]) -> LoopFrame:
        """Addresses of what `stages` read, and of what they write at each point of a row."""
        accesses: dict[tuple[int, int], Access] = {}
        for number, stage in enumerate(stages):
            written = stage.outputs if stage.is_parallel else stage.running
            outputs = [(p, o) for p, o in enumerate(stage.outputs, len(stage.inputs)) if o in written]
            for position, operand in (*enumerate(stage.inputs), *outputs):
                if operand.value in self.kept:
                    accesses[number, position] = self.kept[operand.value]
                elif operand.value in self.kernel.memory:
                    accesses[number, position] = self._access(operand, stage)
        return LoopFrame(self.order, accesses)

    def _access(self, operand: Operand, stage: KernelStage) -> Access:
        address = widened(self.kernel.address(operand, stage.sizes), len(self.main.sizes))
        return Access(self.kernel.memory[operand.value].buffer, self.order.apply(address))

    def _keep_rows(self) -> None:
        """Stack memory for values that a later sweep needs and that are too dear to compute again."""
        for value in self.arrangement.kept:
            element, count = element_of(value.type), prod(self.inner)
            most = count if is_known(count) else MOST_KEPT_BYTES // element_bytes(element)
            buffer = self.kernel.builder.scratch(element, most)
            strides = (*[0] * len(self.outer), *row_major_strides(self.inner))
            self.kept[value] = Access(buffer, Address(0, strides))

    # One long row

    def _can_split(self) -> bool:
        stages = self.sweeps[0].wide
        simple = len(self.sweeps) == 1 and all(s.is_parallel or combiners_of(s) for s in stages)
        is_pure = not any(o.value in self.kernel.memory for s in stages if s.is_parallel for o in s.outputs)
        is_long = len(self.inner) == 1 and is_known(self.inner[0]) and self.inner[0] >= LONG_ROW
        return simple and is_pure and is_long and self.lanes > 1

    def _split_row(self) -> None:
        """Chunks leave partial results side by side; they are combined in order afterwards."""
        builder, sweep, size = self.kernel.builder, self.sweeps[0], self.inner[0]
        unit = self.lanes * ACCUMULATORS
        step = size // (PARTS * unit) * unit
        results = [o.value for s in sweep.reductions for o in s.outputs]
        partial = [builder.scratch(element_of(v.type), PARTS) for v in results]
        row = tuple(builder.index(0) for _ in self.outer)
        self.kernel.notes.append(f"{PARTS} chunks")
        with builder.parallel(PARTS) as chunk:
            values = self.runner(sweep, {}, chunk * step).run(row, (step,), is_part=True)
            for result, buffer in zip(results, partial, strict=True):
                builder.store(values[result], buffer, chunk)
        rest = self.runner(sweep, {}, builder.index(PARTS * step))
        live = rest.run(row, (size - PARTS * step,))
        combiners = [c for s in sweep.reductions for c in combiners_of(s) or ()]
        for result, combiner, buffer in zip(results, combiners, partial, strict=True):
            with builder.loop(0, PARTS, 1, [live[result]]) as loop:
                part = builder.load(buffer, loop.index)
                loop.carry([combiner.combine(builder, loop.carried[0], part)])
            live[result] = loop.results[0]
        self.finish_sweep(sweep, row, live)


def _is_contiguous(order: LoopOrder, addresses: Sequence[Address], loop: int) -> bool:
    """Whether neighbours along a merged loop are neighbours in memory (or the same element) everywhere."""
    moved = [order.apply(a) for a in addresses]
    return all(a.strides[loop] in (0, 1) and loop not in a.pinned() for a in moved)


def _lanes(kernel: ScheduleBuilder, size: int) -> int:
    lanes = kernel.lanes(kernel.model.stages)
    while lanes > max(1, planned(size)):
        lanes //= 2
    return lanes
