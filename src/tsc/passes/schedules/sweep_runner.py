"""One sweep over a row: vectors of elements, several accumulators for each reduction, the rest in smaller
vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelStage
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_index import Index
from tsc.dims import is_known, planned
from tsc.passes.schedules.body import Access, Point, store, uniform_value
from tsc.passes.schedules.kernel import ScheduleBuilder, pieces, rest_loops, unflatten
from tsc.passes.schedules.pointwise_loops import PointEmitter
from tsc.passes.schedules.reduction import Combiner, combiners_of
from tsc.passes.schedules.sweeps import Sweep

BLOCK = 32
"""Steps after which accumulators are added to others, where a line is longer than two such blocks."""
ACCUMULATORS = 4
"""Vectors a sum is spread over: hides the latency, and keeps the rounding error near a pairwise sum's."""


@dataclass
class SweepRunner:
    """Writes one sweep over (a part of) one row, which begins at `start`; `live` are results of earlier
    sweeps.
    """

    kernel: ScheduleBuilder
    sweep: Sweep
    emitter: PointEmitter
    live: dict[SSAValue, SSAValue]
    lanes: int
    start: Index | None = None

    def run(
        self, row: tuple[Index, ...], inner: tuple[int, ...], is_part: bool = False
    ) -> dict[SSAValue, SSAValue]:
        """The results of the reductions over loops `inner`; a part starts from the neutral element."""
        groups = [combiners_of(s) for s in self.sweep.reductions]
        outputs = [o.value for s in self.sweep.reductions for o in s.outputs]
        starts = self.initial()
        if any(group is None for group in groups):
            return dict(zip(outputs, self._sequential(row, inner, starts), strict=True))
        combiners = [c for group in groups for c in group or ()]
        if is_part:
            builder = self.kernel.builder
            starts = [c.neutral(builder, s.type) for c, s in zip(combiners, starts, strict=True)]
        return dict(zip(outputs, self._accumulate(row, inner, combiners, starts), strict=True))

    def initial(self) -> list[SSAValue]:
        """What each output starts from."""
        builder = self.kernel.builder
        result: list[SSAValue] = []
        for stage in self.sweep.reductions:
            for init, argument in zip(stage.inits, stage.body.args[len(stage.inputs) :], strict=True):
                zero = init is None
                result.append(builder.zero(argument.type) if zero else uniform_value(builder, init.value))
        return result

    def _accumulate(
        self,
        row: tuple[Index, ...],
        inner: tuple[int, ...],
        combiners: list[Combiner],
        starts: list[SSAValue],
    ) -> list[SSAValue]:
        """Carried through the loops: one scalar per reduction, then one vector for each of several copies."""
        builder, lanes, count = self.kernel.builder, self.lanes, len(combiners)
        copies = max(1, min(ACCUMULATORS, planned(inner[-1]) // (2 * lanes)))
        copies = 1 << (copies.bit_length() - 1)
        neutral = [
            builder.broadcast(c.neutral(builder, s.type), lanes)
            for c, s in zip(combiners, starts, strict=True)
        ]
        carried = self._outer_loops(row, (), inner, [*starts, *neutral * copies], combiners)
        totals: list[SSAValue] = []
        for n, combiner in enumerate(combiners):
            vectors = carried[count + n :: count]
            while len(vectors) > 1:
                pairs = zip(vectors[::2], vectors[1::2], strict=True)
                vectors = [combiner.combine(builder, a, b) for a, b in pairs]
            total = builder.reduce(vectors[0], combiner.kind)
            totals.append(combiner.combine(builder, carried[n], total))
        return totals

    def _outer_loops(
        self,
        row: tuple[Index, ...],
        along: tuple[Index, ...],
        inner: tuple[int, ...],
        carried: list[SSAValue],
        combiners: list[Combiner],
    ) -> list[SSAValue]:
        if len(along) == len(inner) - 1:
            return self._line((*row, *along), inner[-1], carried, combiners)
        with self.kernel.builder.loop(0, inner[len(along)], 1, carried) as loop:
            loop.carry(self._outer_loops(row, (*along, loop.index), inner, loop.carried, combiners))
        return loop.results

    def _line(
        self, outer: tuple[Index, ...], size: int, carried: list[SSAValue], combiners: list[Combiner]
    ) -> list[SSAValue]:
        """The innermost loop: all copies in each step, then single vectors, then smaller ones into the
        scalars.
        """
        builder, lanes, count = self.kernel.builder, self.lanes, len(combiners)
        copies = (
            max(1, len(carried) // max(1, count) - 1) if count else (2 if planned(size) >= 4 * lanes else 1)
        )
        step = copies * lanes
        if not is_known(size):
            return self._symbolic_line(outer, size, step, list(carried), combiners)
        whole, vectors = size // step * step, size // lanes * lanes
        values = list(carried)
        blocks = whole // (step * BLOCK) if count else 0
        if blocks > 1:
            values = self._blocks(outer, blocks, step, values, combiners)
        done = blocks * step * BLOCK if blocks > 1 else 0
        if done < whole:
            start = builder.index(done)
            values = self._steps(outer, start, builder.index(whole), step, values, combiners)
        for start in range(whole, vectors, lanes):
            at = self._point(outer, builder.index(start), lanes)
            values[count : 2 * count] = self._step(at, values[count : 2 * count], combiners)
        for start, part in pieces(size - vectors):
            at = self._point(outer, builder.index(vectors + start), part)
            values[:count] = self._step(at, values[:count], combiners)
        return values

    def _symbolic_line(
        self,
        outer: tuple[Index, ...],
        size: int,
        step: int,
        values: list[SSAValue],
        combiners: list[Combiner],
    ) -> list[SSAValue]:
        """The same for a line of unknown length."""
        builder, lanes, count = self.kernel.builder, self.lanes, len(combiners)
        whole, vectors, done = size // step * step, size // lanes * lanes, 0
        if count:
            blocks = size // (step * BLOCK)
            values = self._blocks(outer, blocks, step, values, combiners)
            done = blocks * (step * BLOCK)
        values = self._steps(outer, builder.index(done), builder.index(whole), step, values, combiners)
        if step > lanes:
            with builder.loop(whole, vectors, lanes, values[count : 2 * count]) as loop:
                loop.carry(self._step(self._point(outer, loop.index, lanes), loop.carried, combiners))
            values[count : 2 * count] = loop.results
        scalars = values[:count]
        for loop, part in rest_loops(builder, vectors, size, lanes // 2, scalars):
            loop.carry(self._step(self._point(outer, loop.index, part), loop.carried, combiners))
        values[:count] = scalars
        return values

    def _blocks(
        self,
        outer: tuple[Index, ...],
        blocks: int,
        step: int,
        values: list[SSAValue],
        combiners: list[Combiner],
    ) -> list[SSAValue]:
        """Long lines are accumulated in blocks, so that rounding errors grow with the root of the length."""
        builder, count = self.kernel.builder, len(combiners)
        scalars, vectors = values[:count], values[count:]
        repeated = [combiners[n % count] for n in range(len(vectors))]
        with builder.loop(0, blocks, 1, vectors) as loop:
            neutral = [
                builder.broadcast_to(c.neutral(builder, element_of(v.type)), self.lanes)
                for c, v in zip(repeated, vectors, strict=True)
            ]
            start = loop.index * (step * BLOCK)
            part = self._steps(outer, start, start + step * BLOCK, step, [*scalars, *neutral], combiners)
            pairs = zip(repeated, loop.carried, part[count:], strict=True)
            loop.carry([c.combine(builder, total, value) for c, total, value in pairs])
        return [*scalars, *loop.results]

    def _steps(
        self,
        outer: tuple[Index, ...],
        start: Index,
        stop: Index,
        step: int,
        carried: list[SSAValue],
        combiners: list[Combiner],
    ) -> list[SSAValue]:
        """All copies of the accumulators in each step."""
        builder, count = self.kernel.builder, len(combiners)
        with builder.loop(start, stop, step, carried) as loop:
            values = list(loop.carried)
            for copy in range(step // self.lanes):
                at = self._point(outer, loop.index + copy * self.lanes, self.lanes)
                first = count * (1 + copy)
                values[first : first + count] = self._step(at, values[first : first + count], combiners)
            loop.carry(values)
        return list(loop.results)

    def _point(self, outer: tuple[Index, ...], at: Index, lanes: int) -> Point:
        dims = (*outer, at if self.start is None else self.start + at)
        return Point(dims, len(dims) - 1, lanes)

    def _step(self, at: Point, sums: Sequence[SSAValue], combiners: list[Combiner]) -> list[SSAValue]:
        """Evaluate all stages at a point and combine; a scalar total takes the lanes of a vector combined."""
        builder = self.kernel.builder
        result: list[SSAValue] = []
        for total, value, combiner in zip(sums, self.evaluate(at, None), combiners, strict=True):
            vector = builder.broadcast_to(value, at.lanes)
            if total.type != vector.type:
                vector = builder.reduce(vector, combiner.kind)
            result.append(combiner.combine(builder, total, vector))
        return result

    def _sequential(
        self, row: tuple[Index, ...], inner: tuple[int, ...], starts: list[SSAValue]
    ) -> list[SSAValue]:
        """Any body at all, one element after the other."""
        builder = self.kernel.builder
        with builder.loop(0, prod(inner), 1, starts) as loop:
            along = tuple(unflatten(builder, loop.index, inner))
            at = self._point((*row, *along[:-1]), along[-1], 1)
            loop.carry(self.evaluate(at, loop.carried))
        return loop.results

    def run_vertical(
        self, row: tuple[Index, ...], inner: tuple[int, ...], rows_at_once: int
    ) -> dict[SSAValue, SSAValue]:
        """The same for neighbouring rows, one per lane: any body at all."""
        builder = self.kernel.builder
        outputs = [o.value for s in self.sweep.reductions for o in s.outputs]
        starts = [builder.broadcast_to(v, rows_at_once) for v in self.initial()]
        with builder.loop(0, prod(inner), 1, starts) as loop:
            dims = (*row, *unflatten(builder, loop.index, inner))
            values = self.evaluate(Point(dims, len(row) - 1, rows_at_once), loop.carried)
            loop.carry([builder.broadcast_to(v, rows_at_once) for v in values])
        return dict(zip(outputs, loop.results, strict=True))

    def evaluate(self, at: Point, sums: Sequence[SSAValue] | None) -> list[SSAValue]:
        """Run all stages at a point, storing what is returned or kept.

        Gives what each reduction takes in, or (where its accumulators `sums` are given) what it yields.
        """
        live, loaded = dict(self.live), dict[Access, SSAValue]()
        values: list[SSAValue] = []
        for number, stage in enumerate(self.sweep.wide):
            arguments = self.emitter.arguments(number, at, live, loaded)
            body, count = self.emitter.body(stage, at), len(stage.outputs)
            if stage.is_parallel:
                self._record(number, stage, body.run(stage, [*arguments, *[None] * count]), at, live)
            elif sums is None:
                combiners = combiners_of(stage) or []
                wanted, skipped = [c.value for c in combiners], [c.step for c in combiners]
                values += body.run(stage, [*arguments, *[None] * count], wanted, skipped)
            else:
                results = body.run(stage, [*arguments, *sums[len(values) : len(values) + count]])
                self._store(number, stage, results, at)
                values += results
        return values

    def _record(
        self,
        number: int,
        stage: KernelStage,
        results: Sequence[SSAValue],
        at: Point,
        live: dict[SSAValue, SSAValue],
    ) -> None:
        live.update(zip((o.value for o in stage.outputs), results, strict=True))
        self._store(number, stage, results, at)

    def _store(self, number: int, stage: KernelStage, results: Sequence[SSAValue], at: Point) -> None:
        """Write those of the results that memory has a place for at each point."""
        for position, value in enumerate(results, len(stage.inputs)):
            access = self.emitter.frame.accesses.get((number, position))
            if access is not None:
                store(self.kernel.builder, value, access, at)
