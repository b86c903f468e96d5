"""Schedule of `pointwise` kernels: merged loops, whole vectors along memory, the rest in smaller vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import func
from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelModel, KernelStage, Operand, body_cost
from tsc.analysis.target import Target
from tsc.dialects.loop_index import Index
from tsc.dims import hint_of, is_known, planned
from tsc.passes.schedules.body import Access, BodyEmitter, Point, load, store, uniform_value
from tsc.passes.schedules.kernel import LoopFrame, ScheduleBuilder, make_frame, rest_loops, unflatten
from tsc.passes.schedules.transpose import load_transposed, transposed_loop

UNROLL = 2


def schedule_pointwise(model: KernelModel, target: Target) -> func.FuncOp:
    """All outputs of the kernel in one sweep over memory."""
    kernel = ScheduleBuilder.create(model, target)
    emitter = PointEmitter.create(kernel, model.stages)
    sizes = emitter.frame.sizes
    if all(sizes):
        _loops(kernel, emitter, sizes)
    aliases = emitter.aliasing_arguments()
    if aliases:
        kernel.function.attributes["tsc.may_alias"] = DenseArrayBase.from_list(i64, aliases)
    return kernel.finish()


@dataclass
class PointEmitter:
    """Evaluates stages over one iteration space at a point of the merged loops, and stores what is
    returned.
    """

    kernel: ScheduleBuilder
    stages: Sequence[KernelStage]
    frame: LoopFrame
    returned: dict[SSAValue, Access] = field(default_factory=dict[SSAValue, Access])
    """Where tensors computed elsewhere (and passed to `emit` as known) are stored."""

    @staticmethod
    def create(kernel: ScheduleBuilder, stages: Sequence[KernelStage]) -> "PointEmitter":
        """Loops run in the order of the first output's memory, so that it is written from start to end."""
        last = stages[-1]
        written = next(o for s in stages for o in s.outputs if o.value in kernel.memory)
        strides = kernel.address(written, last.sizes).strides
        order = sorted(range(len(last.sizes)), key=lambda d: (-hint_of(strides[d]), d))
        return PointEmitter(kernel, stages, make_frame(kernel, stages, order))

    @property
    def cost(self) -> int:
        """Simple operations per point, memory traffic included."""
        return sum(body_cost(s.body) + len(s.inputs) + len(s.outputs) for s in self.stages)

    def emit(
        self,
        point: Point,
        prepared: dict[Access, SSAValue] | None = None,
        known: dict[SSAValue, SSAValue] | None = None,
    ) -> dict[SSAValue, SSAValue]:
        """One point (or `lanes` of them), stored where it is returned; gives the value of every tensor there.

        `prepared` are operands that were loaded before (what is loaded here joins them); `known` are tensors
        that
        were computed before.
        """
        loaded = {} if prepared is None else prepared
        live = dict(known or {})
        for number, stage in enumerate(self.stages):
            arguments = self.arguments(number, point, live, loaded)
            inits = [None if i is None else uniform_value(self.kernel.builder, i.value) for i in stage.inits]
            results = self.body(stage, point).run(stage, [*arguments, *inits])
            live.update(zip((o.value for o in stage.outputs), results, strict=True))
        self._store(point, live)
        return live

    def body(self, stage: KernelStage, point: Point) -> BodyEmitter:
        """An emitter of the body of `stage` at `point`."""
        builder = self.kernel.builder
        dims = self.frame.stage_dims(point.dims, len(stage.sizes), builder)
        return BodyEmitter(
            builder, point.lanes, dims, self.frame.own_loop(point.vector_loop), self.kernel.memory
        )

    def arguments(
        self, number: int, point: Point, live: dict[SSAValue, SSAValue], loaded: dict[Access, SSAValue]
    ) -> list[SSAValue | None]:
        """The inputs of stage `number`: values that are live, or loads."""
        inputs = self.stages[number].inputs
        return [self._argument(o, (number, p), point, live, loaded) for p, o in enumerate(inputs)]

    def _argument(
        self,
        operand: Operand,
        key: tuple[int, int],
        point: Point,
        live: dict[SSAValue, SSAValue],
        loaded: dict[Access, SSAValue],
    ) -> SSAValue | None:
        if operand.value in live:
            return live[operand.value]
        body_argument = self.stages[key[0]].body.args[key[1]]
        if not any(True for _ in body_argument.uses):
            return None
        access = self.frame.accesses.get(key)
        if access is None:
            return uniform_value(self.kernel.builder, operand.value)
        if access not in loaded:
            loaded[access] = load(self.kernel.builder, access, point)
        return loaded[access]

    def _store(self, point: Point, live: dict[SSAValue, SSAValue]) -> None:
        for value, access in self.returned.items():
            store(self.kernel.builder, live[value], access, point)
        for number, stage in enumerate(self.stages):
            for position, output in enumerate(stage.outputs, len(stage.inputs)):
                access = self.frame.accesses.get((number, position))
                if access is not None:
                    store(self.kernel.builder, live[output.value], access, point)

    def reads(self) -> list[Access]:
        """The operands read from memory."""
        return [a for (s, p), a in self.frame.accesses.items() if p < len(self.stages[s].inputs)]

    def writes(self) -> list[Access]:
        """The operands written to memory."""
        return [a for (s, p), a in self.frame.accesses.items() if p >= len(self.stages[s].inputs)]

    def aliasing_arguments(self) -> list[int]:
        """The arguments that the first result may overwrite: read exactly where it is written."""
        writes, buffers = self.writes(), list(self.kernel.function.body.block.args)
        if len(writes) != 1:
            return []
        reads = self.reads()
        memory = self.kernel.memory
        elsewhere = {memory[v].buffer for s in self.stages for v in s.extracted if v in memory}
        allowed: list[int] = []
        for number, buffer in enumerate(buffers[: len(self.kernel.model.arguments)]):
            mine = [r for r in reads if r.buffer is buffer]
            same = bool(mine) and all(r.address == writes[0].address for r in mine)
            if same and buffer not in elsewhere and buffer.type == writes[0].buffer.type:
                allowed.append(number)
        return allowed


def _loops(kernel: ScheduleBuilder, emitter: PointEmitter, sizes: tuple[int, ...]) -> None:
    """Chunks over the outer loops (or over a single long one), vectors along the innermost."""
    lanes = _vector_lanes(kernel, emitter, sizes)
    kernel.notes.append(f"{lanes} lanes")
    across = transposed_loop(emitter.reads(), emitter.writes(), sizes, lanes)
    if across is not None:
        _transposed_loops(kernel, emitter, sizes, across, lanes)
    elif len(sizes) == 1:
        _flat_loop(kernel, emitter, sizes[0], lanes)
    else:
        _nested_loops(kernel, emitter, sizes, lanes)


def _vector_lanes(kernel: ScheduleBuilder, emitter: PointEmitter, sizes: tuple[int, ...]) -> int:
    lanes = kernel.lanes(emitter.stages)
    inner = len(sizes) - 1
    contiguous = all(w.address.strides[inner] == 1 for w in emitter.writes())
    while lanes > planned(sizes[inner]):
        lanes //= 2
    return lanes if contiguous else 1


def _flat_loop(kernel: ScheduleBuilder, emitter: PointEmitter, size: int, lanes: int) -> None:
    step = lanes * UNROLL
    whole = size // step
    with kernel.chunks(whole, emitter.cost * step) as (first, last), kernel.builder.loop(first, last) as loop:
        for part in range(UNROLL):
            emitter.emit(Point((loop.index * step + part * lanes,), 0, lanes))
    _remainder(kernel, emitter, (), whole * step, size, lanes)


def _remainder(
    kernel: ScheduleBuilder,
    emitter: PointEmitter,
    outer: tuple[Index, ...],
    start: int,
    size: int,
    lanes: int,
) -> None:
    """What is left of the innermost loop, in vectors of falling powers of two."""
    if not is_known(size):
        for loop, part in rest_loops(kernel.builder, start, size, lanes):
            emitter.emit(Point((*outer, loop.index), len(outer), part))
        return
    while start < size:
        while lanes > size - start:
            lanes //= 2
        dims = (*outer, kernel.builder.index(start))
        emitter.emit(Point(dims, len(dims) - 1, lanes))
        start += lanes


def _nested_loops(kernel: ScheduleBuilder, emitter: PointEmitter, sizes: Sequence[int], lanes: int) -> None:
    """The two innermost loops stay loops where the last is short; those outside them are one."""
    inner = 2 if len(sizes) > 2 and planned(sizes[-1]) < 16 * lanes else 1
    outer = sizes[: len(sizes) - inner]
    units, unit = _product(outer), _product(sizes[len(sizes) - inner :])
    builder = kernel.builder
    with kernel.chunks(units, emitter.cost * unit) as (first, last), builder.loop(first, last) as loop:
        dims = tuple(unflatten(builder, loop.index, outer))
        if inner == 1:
            _row(kernel, emitter, dims, sizes[-1], lanes)
            return
        with builder.loop(0, sizes[-2]) as middle:
            _row(kernel, emitter, (*dims, middle.index), sizes[-1], lanes)


def _row(
    kernel: ScheduleBuilder, emitter: PointEmitter, outer: tuple[Index, ...], size: int, lanes: int
) -> None:
    step = lanes * UNROLL if planned(size) >= 2 * lanes * UNROLL else lanes
    whole = size // step * step
    with kernel.builder.loop(0, whole, step) as loop:
        for part in range(step // lanes):
            dims = (*outer, loop.index + part * lanes)
            emitter.emit(Point(dims, len(outer), lanes))
    _remainder(kernel, emitter, outer, whole, size, lanes)


def _transposed_loops(
    kernel: ScheduleBuilder, emitter: PointEmitter, sizes: tuple[int, ...], across: int, lanes: int
) -> None:
    """Square blocks of `lanes` x `lanes`: operands that lie along loop `across` are turned in registers."""
    builder, inner = kernel.builder, len(sizes) - 1
    blocks = sizes[across] // lanes
    outer = [d for d in range(inner) if d != across]
    outer_sizes = [*(sizes[d] for d in outer), blocks]
    cost = emitter.cost * sizes[inner] * lanes
    with kernel.chunks(_product(outer_sizes), cost) as (first, last), builder.loop(first, last) as loop:
        at = unflatten(builder, loop.index, outer_sizes)
        dims = _place(dict(zip(outer, at[:-1], strict=True)) | {across: at[-1] * lanes}, inner)
        whole = sizes[inner] // lanes * lanes
        with builder.loop(0, whole, lanes) as column:
            _block(emitter, Point((*dims, column.index), inner, lanes), across, lanes)
        if not is_known(sizes[inner]):
            with builder.loop(0, lanes) as rows:
                moved = tuple(d + rows.index if n == across else d for n, d in enumerate(dims))
                _remainder(kernel, emitter, moved, whole, sizes[inner], lanes)
        for part in range(lanes if is_known(sizes[inner]) and whole < sizes[inner] else 0):
            moved = tuple(d + part if n == across else d for n, d in enumerate(dims))
            _remainder(kernel, emitter, moved, whole, sizes[inner], lanes)
    _leftover_rows(kernel, emitter, sizes, across, lanes)


def _leftover_rows(
    kernel: ScheduleBuilder, emitter: PointEmitter, sizes: tuple[int, ...], across: int, lanes: int
) -> None:
    """The rows of loop `across` beyond the last whole block."""
    builder, inner = kernel.builder, len(sizes) - 1
    start = sizes[across] // lanes * lanes
    outer = [d for d in range(inner) if d != across]
    rest = [*(sizes[d] for d in outer), sizes[across] - start]
    with builder.loop(0, _product(rest)) as loop:
        at = unflatten(builder, loop.index, rest)
        dims = _place(dict(zip(outer, at[:-1], strict=True)) | {across: at[-1] + start}, inner)
        _row(kernel, emitter, dims, sizes[inner], lanes)


def _block(emitter: PointEmitter, point: Point, across: int, lanes: int) -> None:
    builder = emitter.kernel.builder
    turned: dict[Access, list[SSAValue]] = {}
    for access in emitter.reads():
        if access not in turned and access.address.strides[across] == 1:
            turned[access] = load_transposed(builder, access, point, across, lanes)
    for part in range(lanes):
        prepared = {access: rows[part] for access, rows in turned.items()}
        emitter.emit(point.moved(across, part), prepared)


def _place(dims: dict[int, Index], count: int) -> tuple[Index, ...]:
    return tuple(dims[d] for d in range(count))


def _product(sizes: Sequence[int]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
