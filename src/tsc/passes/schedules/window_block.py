"""A block of outputs of a window kernel: accumulators in registers while the window passes over the data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue

from tsc.analysis.affine import linear_parts
from tsc.analysis.kernel_model import KernelStage, Operand, multiplied
from tsc.concurrency import computed_once
from tsc.dialects.loop_index import Index
from tsc.dims import is_known
from tsc.passes.schedules.body import Access, BodyEmitter, Point, load, locate, uniform_value
from tsc.passes.schedules.clamped import clamped_index
from tsc.passes.schedules.kernel import ScheduleBuilder
from tsc.passes.schedules.pointwise_loops import PointEmitter

MOST_UNROLLED = 32
"""Steps of the window written out; longer windows keep loops around them."""


@dataclass(frozen=True)
class Outputs:
    """`rows` neighbours along the second loop from within, times `vectors` of `lanes` along the innermost."""

    rows: int
    vectors: int
    lanes: int


@dataclass
class _Region:
    """Straight-line code: what was loaded in it, by operand and place relative to the block's start."""

    dims: tuple[Index, ...]
    loads: dict[tuple[int, tuple[int, ...]], SSAValue] = field(
        default_factory=dict[tuple[int, tuple[int, ...]], SSAValue]
    )
    starts: dict[int, Index] = field(default_factory=dict[int, Index])


@dataclass
class WindowBlock:
    """Writes blocks. `inputs` knows where the reduction's operands lie; `clamped` of them are padded but
    have no halo.
    """

    kernel: ScheduleBuilder
    stage: KernelStage
    inputs: PointEmitter
    epilogue: PointEmitter
    kept_count: int
    clamped: set[int]

    @property
    def reduced(self) -> tuple[int, ...]:
        """Trip counts of the loops over the window."""
        return self.inputs.frame.sizes[self.kept_count :]

    def emit(self, start: tuple[Index, ...], block: Outputs) -> None:
        """Accumulate and store the block of outputs that begins at `start` (the kept loops)."""
        positions = [(r, v) for r in range(block.rows) for v in range(block.vectors)]
        sums = [s for place in positions for s in self._initial(start, place, block)]
        sums = self._loops(0, start, (), block, sums)
        width = len(self.stage.outputs)
        for number, place in enumerate(positions):
            values = sums[number * width : (number + 1) * width]
            outputs = [o.value for o in self.stage.outputs]
            point = self._point(start, place, block)
            self.epilogue.emit(point, None, dict(zip(outputs, values, strict=True)))

    def _point(self, start: tuple[Index, ...], place: tuple[int, int], block: Outputs) -> Point:
        """One vector of the block, for the epilogue (which does not read the window's loops)."""
        dims = list(start)
        if block.rows > 1:
            dims[-2] = dims[-2] + place[0]
        dims[-1] = dims[-1] + place[1] * block.lanes
        zeros = [self.kernel.builder.index(0)] * len(self.reduced)
        return Point((*dims, *zeros), self.kept_count - 1, block.lanes)

    def _initial(self, start: tuple[Index, ...], place: tuple[int, int], block: Outputs) -> list[SSAValue]:
        builder = self.kernel.builder
        result: list[SSAValue] = []
        arguments = self.stage.body.args[len(self.stage.inputs) :]
        for init, argument in zip(self.stage.inits, arguments, strict=True):
            scalar = builder.zero(argument.type) if init is None else uniform_value(builder, init.value)
            result.append(builder.broadcast(scalar, block.lanes))
        return result

    def _loops(
        self,
        level: int,
        start: tuple[Index, ...],
        at: tuple[Index, ...],
        block: Outputs,
        sums: list[SSAValue],
    ) -> list[SSAValue]:
        """Loops over the window from `level` inwards; the innermost ones are written out."""
        builder, sizes = self.kernel.builder, self.reduced
        if is_known(prod(sizes[level:])) and prod(sizes[level:]) <= MOST_UNROLLED:
            zeros = (builder.index(0),) * (len(sizes) - level)
            region = _Region((*start, *at, *zeros))
            for number in range(prod(sizes[level:])):
                self._step(region, self._steps(level, number), block, sums)
            return sums
        if level < len(sizes) - 1:
            with builder.loop(0, sizes[level], 1, sums) as loop:
                loop.carry(self._loops(level + 1, start, (*at, loop.index), block, list(loop.carried)))
            return loop.results
        return self._long_loop(start, at, block, sums)

    def _long_loop(
        self, start: tuple[Index, ...], at: tuple[Index, ...], block: Outputs, sums: list[SSAValue]
    ) -> list[SSAValue]:
        """The innermost loop of a long window, four steps at a time."""
        builder, size = self.kernel.builder, self.reduced[-1]
        unroll = 4
        whole = size // unroll * unroll
        with builder.loop(0, whole, unroll, sums) as loop:
            values, region = list(loop.carried), _Region((*start, *at, loop.index))
            for step in range(unroll):
                self._step(region, (*[0] * (len(self.reduced) - 1), step), block, values)
            loop.carry(values)
        if not is_known(size):
            with builder.loop(whole, size, 1, loop.results) as rest:
                values, region = list(rest.carried), _Region((*start, *at, rest.index))
                self._step(region, (0,) * len(self.reduced), block, values)
                rest.carry(values)
            return rest.results
        values, region = list(loop.results), _Region((*start, *at, builder.index(whole)))
        for step in range(size - whole):
            self._step(region, (*[0] * (len(self.reduced) - 1), step), block, values)
        return values

    def _steps(self, level: int, number: int) -> tuple[int, ...]:
        """The displacement along each loop over the window, of step `number` of the written-out ones."""
        result: list[int] = []
        for size in reversed(self.reduced[level:]):
            result.append(number % size)
            number //= size
        return (*[0] * level, *reversed(result))

    def _step(self, region: _Region, window: tuple[int, ...], block: Outputs, sums: list[SSAValue]) -> None:
        """One step of the window for every output of the block; updates `sums`."""
        width = len(self.stage.outputs)
        for row in range(block.rows):
            for vector in range(block.vectors):
                first = (row * block.vectors + vector) * width
                moved = [0] * self.kept_count
                moved[-1] = vector * block.lanes
                if block.rows > 1:
                    moved[-2] = row
                away = (*moved, *window)
                sums[first : first + width] = self._combine(region, away, block, sums[first : first + width])

    def _combine(
        self, region: _Region, away: tuple[int, ...], block: Outputs, sums: Sequence[SSAValue]
    ) -> list[SSAValue]:
        builder, stage = self.kernel.builder, self.stage
        values = [self._operand(region, n, o, away, block) for n, o in enumerate(stage.inputs)]
        if self._factors is not None:
            a, b = (values[f] for f in self._factors)
            if a is not None and b is not None and block.lanes > 1:
                wide = [builder.broadcast_to(v, block.lanes) for v in (a, b)]
                return [builder.fma(wide[0], wide[1], sums[0])]
        dims = [d + n for d, n in zip(region.dims, away, strict=True)]
        own = self.inputs.frame.stage_dims(dims, len(stage.sizes), builder)
        ramp = self.inputs.frame.own_loop(self.kept_count - 1)
        body = BodyEmitter(builder, block.lanes, own, ramp, self.kernel.memory)
        results = body.run(stage, [*values, *sums])
        return [builder.broadcast_to(r, block.lanes) if block.lanes > 1 else r for r in results]

    @computed_once
    def _factors(self) -> tuple[int, int] | None:
        """The inputs that are multiplied as they are, if that is all the body does."""
        factors, arguments = multiplied(self.stage), self.stage.body.args
        if factors is None or len({arguments[f].type for f in (*factors, -1)}) > 1:
            return None
        return factors if isinstance(arguments[-1].type, AnyFloat) else None

    @computed_once
    def _is_used(self) -> Sequence[bool]:
        """Of each input, whether the body reads it."""
        return [argument.first_use is not None for argument in self.stage.body.args]

    def _operand(
        self, region: _Region, number: int, operand: Operand, away: tuple[int, ...], block: Outputs
    ) -> SSAValue | None:
        """An input at a place of the region, loaded once; None where the body does not use it."""
        builder = self.kernel.builder
        if not self._is_used[number]:
            return None
        if operand.value not in self.kernel.memory:
            return uniform_value(builder, operand.value)
        if number in self.clamped:
            return self._clamped(region, number, operand, away, block)
        access = self.inputs.frame.accesses[0, number]
        strides, terms = access.address.strides, access.address.terms
        place = (sum(s * n for s, n in zip(strides, away, strict=True)),) if not terms else away
        if (number, place) not in region.loads:
            region.loads[number, place] = self._load(region, number, access, away, place, block)
        return region.loads[number, place]

    def _load(
        self,
        region: _Region,
        number: int,
        access: Access,
        away: tuple[int, ...],
        place: tuple[int, ...],
        block: Outputs,
    ) -> SSAValue:
        builder = self.kernel.builder
        inner = access.address.strides[self.kept_count - 1]
        if access.address.terms or (inner not in (0, 1) and block.lanes > 1):
            dims = tuple(d + n for d, n in zip(region.dims, away, strict=True))
            return load(builder, access, Point(dims, self.kept_count - 1, block.lanes))
        if number not in region.starts:
            region.starts[number] = locate(builder, access.address, region.dims)
        return builder.load(access.buffer, region.starts[number] + place[0], block.lanes if inner else 1)

    def _clamped(
        self, region: _Region, number: int, operand: Operand, away: tuple[int, ...], block: Outputs
    ) -> SSAValue:
        """Loaded at the nearest element of the data; equal displacements of the data are equal places."""
        builder, layout = self.kernel.builder, self.kernel.memory[operand.value].layout
        rank = len(self.stage.sizes)
        still = self.inputs.frame.stage_dims([builder.index(n) for n in away], rank, builder)
        known = [i.known or 0 for i in still]
        place = tuple(e.eval(known, []) for e in operand.map.results)
        if (number, place) not in region.loads:
            dims = [d + n for d, n in zip(region.dims, away, strict=True)]
            own = self.inputs.frame.stage_dims(dims, rank, builder)
            at = clamped_index(builder, operand, layout, own)
            inner = self.inputs.frame.own_loop(self.kept_count - 1)
            contiguous = inner is not None and _is_contiguous(operand, layout.strides, inner)
            if contiguous or block.lanes == 1:
                value = builder.load(self.kernel.memory[operand.value].buffer, at, block.lanes)
            else:
                value = self._gathered(operand, own, inner, block.lanes)
            region.loads[number, place] = value
        return region.loads[number, place]

    def _gathered(self, operand: Operand, own: Sequence[Index], inner: int | None, lanes: int) -> SSAValue:
        """One scalar load per lane, each clamped by itself."""
        builder, memory = self.kernel.builder, self.kernel.memory[operand.value]
        scalars: list[SSAValue] = []
        for lane in range(lanes):
            dims = [d + lane if n == inner else d for n, d in enumerate(own)]
            at = clamped_index(builder, operand, memory.layout, dims)
            scalars.append(builder.load(memory.buffer, at))
        return builder.gather(scalars)


def _is_contiguous(operand: Operand, strides: Sequence[int], loop: int) -> bool:
    """Whether neighbours along `loop` are neighbours in memory, in a dim without padding."""
    padding = operand.padding
    for row, expression in enumerate(operand.map.results):
        if any(getattr(e, "position", None) == loop for e in expression.dfs()):
            _, coefficients, terms = linear_parts(expression, operand.map.num_dims)
            padded = padding is not None and (padding.low[row] or padding.high[row])
            return not terms and coefficients[loop] == 1 and strides[row] == 1 and not padded
    return False
