"""Schedule of `fourier` kernels: Stockham's transform, stage by stage, along the lanes of vectors.

Source: Van Loan, "Computational frameworks for the fast Fourier transform", 1992, section 1.7; of real
numbers, section 4.4.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from xdsl.dialects import arith, func
from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.layouts import element_bytes
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_fourier import FourierOp, FourierPlan, Stage, Transform, columns_of
from tsc.errors import CodegenError
from tsc.passes.schedules.butterflies import Butterflies, Complex
from tsc.passes.schedules.fourier_planes import PackedPlanes, Planes
from tsc.passes.schedules.kernel import ScheduleBuilder, chunk_size, pieces, unflatten


def schedule_fourier(model: KernelModel, target: Target) -> func.FuncOp:
    """Blocks of lines are independent, and shared among chunks.

    Raises:
        CodegenError: the kernel is another one.
    """
    kernel = ScheduleBuilder.create(model, target)
    op = model.results[0].owner
    if not isinstance(op, FourierOp):
        raise CodegenError(f"fourier: requires a transform; got {model.results[0]}")
    batches, _, size = shape_of(op.planes[0])
    lines = Lines(kernel, op, op.plan, size, columns_of(size))
    with lines.each(batches) as block:
        block.emit()
    return kernel.finish()


@dataclass(frozen=True)
class Lines:
    """The lines of a transform: `size` neighbours in each batch, of which `columns` make a block."""

    kernel: ScheduleBuilder
    op: FourierOp
    plan: FourierPlan
    size: int
    columns: int

    @contextmanager
    def each(self, batches: int) -> Generator["Block"]:
        """A loop over the blocks, shared among chunks that have a slot of the workspace each."""
        builder, blocks = self.kernel.builder, self.size // self.columns
        slots, room = shape_of(self.op.memory)
        cost = 6.0 * self.plan.extent * self.columns
        with self.kernel.chunks(batches * blocks, cost, slots) as (first, last):
            slot = first // chunk_size(batches * blocks, cost, slots)
            with builder.loop(first, last) as loop:
                batch, column = unflatten(builder, loop.index, (batches, blocks))
                yield Block(self, batch, column * self.columns, slot * room)


@dataclass(frozen=True)
class Block:
    """Some neighbouring lines: their batch, where the first column is, and where the memory to work in is."""

    lines: Lines
    batch: Index
    column: Index
    slot: Index

    def emit(self) -> None:
        """Transform the lines."""
        plan, op = self.lines.plan, self.lines.op
        given, made = self._planes(op.planes, plan.given), self._planes(op.made, plan.made)
        if plan.transform is Transform.COMPLEX:
            self._stages(given.turned(op.is_inverse), made.scaled(op.scale).turned(op.is_inverse))
        elif plan.transform is Transform.TO_HALF:
            spare = self._work(1)
            self._stages(PackedPlanes.of(given) if plan.is_packed else given, spare)
            self._halve(spare, made.scaled(op.scale))
        else:
            spare = self._work(1)
            self._whole(given, spare)
            target = PackedPlanes.of(made.scaled(op.scale)) if plan.is_packed else made.scaled(op.scale)
            self._stages(spare, target.turned(True))

    def _planes(self, values: Sequence[SSAValue], extent: int) -> Planes:
        kernel, size = self.lines.kernel, self.lines.size
        base = self.batch * (extent * size) + self.column
        buffers = [kernel.memory[v].buffer for v in values]
        imag = buffers[1] if len(buffers) > 1 else None
        return Planes(kernel.builder, buffers[0], base, imag, base, size, self.lines.columns)

    def _work(self, number: int) -> Planes:
        """One of the two pairs of planes to work in."""
        plan, columns = self.lines.plan, self.lines.columns
        room = max(plan.core, plan.half) * columns
        buffer = self.lines.kernel.memory[self.lines.op.memory].buffer
        real = self.slot + 2 * number * room
        return Planes(self.lines.kernel.builder, buffer, real, buffer, real + room, columns, columns)

    # --- the transform of complex numbers ---

    def _stages(self, source: Planes, target: Planes) -> None:
        """All stages, between the two pairs of planes; the second may be where they begin or end."""
        stages = self.lines.plan.stages
        for number, stage in enumerate(stages):
            is_last = number == len(stages) - 1
            following = target if is_last else self._work((number + self._first_work()) % 2)
            self._stage(stage, source, following)
            source = following

    def _first_work(self) -> int:
        """Into which planes the first stage goes, so that none writes where it reads: halves are made of the
        second ones, and whole lines are there.
        """
        plan = self.lines.plan
        return len(plan.stages) % 2 if plan.transform is Transform.TO_HALF else 0

    def _stage(self, stage: Stage, source: Planes, target: Planes) -> None:
        if stage.inner * self.lines.columns == 1:
            self._along(stage, source, target)
            return
        builder = self.lines.kernel.builder
        with builder.loop(0, stage.rest) as loop:
            roots = self._roots(stage, loop.index, 1)
            for row, column, lanes in self._inner(stage, source, target):
                self._butterfly(stage, source, target, (loop.index, row, column), roots, lanes)

    def _inner(self, stage: Stage, source: Planes, target: Planes) -> Generator[tuple[Index, Index, int]]:
        """Loops over rows and columns of what has the same roots: all as one, where memory goes on so."""
        builder, columns = self.lines.kernel.builder, self.lines.columns
        if source.is_dense and target.is_dense:
            for column, lanes in self._vectors(stage.inner * columns):
                yield builder.index(0), column, lanes
        elif columns == 1:
            for row, lanes in self._vectors(stage.inner):
                yield row, builder.index(0), lanes
        else:
            with builder.loop(0, stage.inner) as loop:
                for column, lanes in self._vectors(columns):
                    yield loop.index, column, lanes

    def _butterfly(
        self, stage: Stage, source: Planes, target: Planes, at: tuple[Index, Index, Index],
        roots: Sequence[Complex], lanes: int,
    ) -> None:  # fmt: skip
        """The transform of `radix` rows, `rest` groups of them apart, into neighbouring groups."""
        butterflies = Butterflies(self.lines.kernel.builder, lanes)
        group, row, column = at
        rows = [(group + i * stage.rest) * stage.inner + row for i in range(stage.radix)]
        values = butterflies.transform([source.load(r, column, lanes) for r in rows])
        first = group * stage.radix
        for j, value in enumerate(values):
            if j and roots:
                wide = tuple(self.lines.kernel.builder.broadcast_to(part, lanes) for part in roots[j - 1])
                value = butterflies.multiply(value, (wide[0], wide[1]))
            target.store(value, (first + j) * stage.inner + row, column, lanes)

    def _along(self, stage: Stage, source: Planes, target: Planes) -> None:
        """The first stage of lines along memory: neighbours have roots of their own, and go apart."""
        butterflies_at = self.lines.kernel.builder
        for group, lanes in self._vectors(stage.rest):
            butterflies = Butterflies(butterflies_at, lanes)
            roots = self._roots(stage, group, lanes)
            zero = butterflies_at.index(0)
            values = [source.load(group + i * stage.rest, zero, lanes) for i in range(stage.radix)]
            made = butterflies.transform(values)
            rooted = [butterflies.multiply(v, r) for v, r in zip(made[1:], roots, strict=False)]
            target.store_apart([made[0], *(rooted or made[1:])], group * stage.radix, lanes)

    def _roots(self, stage: Stage, group: Index, lanes: int) -> list[Complex]:
        """What the values of a butterfly but the first are multiplied by."""
        if stage.rest == 1:
            return []
        places = [stage.table + j * stage.rest for j in range(stage.radix - 1)]
        return [self._table(group + at, stage.factors, lanes) for at in places]

    def _table(self, at: Index, imag: int, lanes: int) -> Complex:
        """Roots from the table: cosines, and sines `imag` further on."""
        builder, table = self.lines.kernel.builder, self.lines.kernel.memory[self.lines.op.table].buffer
        return builder.load(table, at, lanes), builder.load(table, at + imag, lanes)

    def _vectors(self, extent: int) -> Generator[tuple[Index, int]]:
        """Loops over vectors of neighbours, then what is left."""
        kernel = self.lines.kernel
        most = kernel.target.lanes(8 * element_bytes(element_of(self.lines.op.planes[0].type)))
        whole = extent // most * most
        if whole:
            with kernel.builder.loop(0, whole, most) as loop:
                yield loop.index, most
        for start, lanes in pieces(extent - whole):
            yield kernel.builder.index(whole + start), lanes

    # --- real numbers ---

    def _halve(self, source: Planes, target: Planes) -> None:
        """What real numbers have become, of what the packed ones have."""
        plan = self.lines.plan
        if not plan.is_packed:
            self._copy(source, target, plan.half)
            return
        self._ends(source, target)
        for at, back, roots, column, lanes in self._mirrored():
            butterflies = Butterflies(source.builder, lanes)
            a = source.load(at, column, lanes)
            b = source.load_back(back, column, lanes)
            even = _halved(butterflies, butterflies.add(a, (b[0], butterflies.negative(b[1]))))
            apart = _halved(butterflies, butterflies.subtract(a, (b[0], butterflies.negative(b[1]))))
            odd = butterflies.multiply((apart[1], butterflies.negative(apart[0])), roots)
            target.store(butterflies.add(even, odd), at, column, lanes)
            other = butterflies.subtract(even, odd)
            target.store_back((other[0], butterflies.negative(other[1])), back, column, lanes)

    def _ends(self, source: Planes, target: Planes) -> None:
        """The first and the last number of a half line, which are real."""
        builder, core = source.builder, self.lines.plan.core
        for column, lanes in self._vectors(self.lines.columns):
            zero = builder.broadcast(builder.zero(element_of(source.real.type)), lanes)
            a = source.load(builder.index(0), column, lanes)
            target.store((builder.binary(arith.AddfOp, *a), zero), builder.index(0), column, lanes)
            target.store((builder.binary(arith.SubfOp, *a), zero), builder.index(core), column, lanes)

    def _whole(self, source: Planes, target: Planes) -> None:
        """Of a half line the numbers to be transformed; their planes are exchanged, as it is inverse."""
        plan = self.lines.plan
        if not plan.is_packed:
            self._unfold(source, target.turned(True))
            return
        builder = source.builder
        for column, lanes in self._vectors(self.lines.columns):
            a, b = (source.load(builder.index(r), column, lanes)[0] for r in (0, plan.core))
            made = builder.binary(arith.AddfOp, a, b), builder.binary(arith.SubfOp, a, b)
            target.turned(True).store(made, builder.index(0), column, lanes)
        for at, back, roots, column, lanes in self._mirrored():
            butterflies = Butterflies(builder, lanes)
            a, b = source.load(at, column, lanes), source.load_back(back, column, lanes)
            mirrored = b[0], butterflies.negative(b[1])
            even, apart = butterflies.add(a, mirrored), butterflies.subtract(a, mirrored)
            odd = butterflies.multiply(apart, (roots[0], butterflies.negative(roots[1])))
            turned = butterflies.negative(odd[1]), odd[0]
            target.turned(True).store(butterflies.add(even, turned), at, column, lanes)
            other = butterflies.subtract(even, turned)
            target.turned(True).store_back((other[0], butterflies.negative(other[1])), back, column, lanes)

    def _mirrored(self) -> Generator[tuple[Index, Index, Complex, Index, int]]:
        """Loops over the places ``k`` of half a packed line but the first, with ``core - k`` and the root
        that belongs to them.
        """
        builder, plan = self.lines.kernel.builder, self.lines.plan
        core, roots = plan.core, plan.roots
        if self.lines.columns == 1:
            for start, lanes in self._vectors(core // 2):
                at = start + 1
                yield (
                    at,
                    builder.index(core) - at,
                    self._table(at + roots, plan.root_count, lanes),
                    builder.index(0),
                    lanes,
                )
            return
        with builder.loop(1, core // 2 + 1) as loop:
            root = self._table(loop.index + roots, plan.root_count, 1)
            for column, lanes in self._vectors(self.lines.columns):
                wide = tuple(builder.broadcast_to(part, lanes) for part in root)
                yield loop.index, builder.index(core) - loop.index, (wide[0], wide[1]), column, lanes

    def _copy(self, source: Planes, target: Planes, rows: int) -> None:
        """Some rows as they are."""
        with source.builder.loop(0, rows) as loop:
            for column, lanes in self._vectors(self.lines.columns):
                target.store(source.load(loop.index, column, lanes), loop.index, column, lanes)

    def _unfold(self, source: Planes, target: Planes) -> None:
        """The whole line that a half is of: what is left is the conjugate of what is there."""
        builder, plan = source.builder, self.lines.plan
        for column, lanes in self._vectors(self.lines.columns):
            zero = builder.broadcast(builder.zero(element_of(source.real.type)), lanes)
            first = source.load(builder.index(0), column, lanes)[0]
            target.store((first, zero), builder.index(0), column, lanes)
        with builder.loop(1, plan.half) as loop:
            for column, lanes in self._vectors(self.lines.columns):
                real, imag = source.load(loop.index, column, lanes)
                target.store((real, imag), loop.index, column, lanes)
                conjugate = real, Butterflies(builder, lanes).negative(imag)
                target.store(conjugate, builder.index(plan.core) - loop.index, column, lanes)


def _halved(butterflies: Butterflies, a: Complex) -> Complex:
    return butterflies.scale(a[0], 0.5), butterflies.scale(a[1], 0.5)
