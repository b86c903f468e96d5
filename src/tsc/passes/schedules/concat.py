"""Schedule of `concat` kernels: every argument is copied to its slice, the rest is filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import func, tensor
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import SSAValue

from tsc.analysis.affine import Address, merge_loops
from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.layouts import layout_of
from tsc.analysis.target import Target
from tsc.dialects.loop_index import Index
from tsc.dialects.sized import mixed
from tsc.dims import hint_of, is_known, maximum, planned
from tsc.errors import CodegenError
from tsc.passes.schedules.body import Access, Point, load, store, uniform_value
from tsc.passes.schedules.kernel import (
    MOST_CHUNKS,
    ScheduleBuilder,
    chunk_size,
    pieces,
    rest_loops,
    unflatten,
)

COST = 4
"""Simple operations that copying one element counts for, where memory is not contiguous."""


def schedule_concat(model: KernelModel, target: Target) -> func.FuncOp:
    """Copies into disjoint slices: all their chunks are independent."""
    kernel = ScheduleBuilder.create(model, target)
    (result,) = model.results
    parts, fill = read_parts(result)
    copies = [Copy.create(kernel, result, part) for part in parts]
    if fill is not None:
        _fill(kernel, result, fill)
    ConcatEmitter(kernel, [c for c in copies if all(c.sizes)]).emit()
    return kernel.finish()


@dataclass(frozen=True)
class Part:
    """A box of the result: `sizes` elements from `offsets` on, read from `source` beginning at `start`."""

    source: SSAValue
    offsets: tuple[int, ...]
    start: tuple[int, ...]
    sizes: tuple[int, ...]


def read_parts(value: SSAValue) -> tuple[list[Part], SSAValue | None]:
    """The boxes a tensor is made of, and the scalar that fills what they leave."""
    parts: list[Part] = []
    owner = value.owner
    while isinstance(owner, tensor.InsertSliceOp):
        offsets = mixed(owner.static_offsets.get_values(), owner.offsets)
        sizes = mixed(owner.static_sizes.get_values(), owner.sizes)
        parts.append(Part(owner.source, tuple(offsets), (0,) * len(sizes), tuple(sizes)))
        owner = owner.dest.owner
    parts.reverse()
    match owner:
        case tensor.EmptyOp():
            return parts, None
        case linalg.FillOp():
            return parts, owner.inputs[0]
        case tensor.PadOp():
            padded, fill = _read_pad(owner)
            return [*padded, *parts], fill
        case _:
            raise CodegenError(f"concat: requires insert_slice, pad, fill or empty; got {value}")


def _read_pad(op: tensor.PadOp) -> tuple[list[Part], SSAValue]:
    """A negative margin cuts the source."""
    shape = layout_of(op.source.type).shape
    low, high = op.static_low.get_values(), op.static_high.get_values()
    start = tuple(max(0, -a) for a in low)
    cut = [s + max(0, -b) for s, b in zip(start, high, strict=True)]
    sizes = tuple(n if c == 0 else maximum(n - c, 0) for n, c in zip(shape, cut, strict=True))
    last = op.region.block.last_op
    assert last is not None
    part = Part(op.source, tuple(max(0, a) for a in low), start, sizes)
    return [part], last.operands[0]


@dataclass(frozen=True)
class Copy:
    """One box as merged loops, with source and destination over them."""

    sizes: Sequence[int]
    source: Access
    target: Access
    lanes: int

    @staticmethod
    def create(kernel: ScheduleBuilder, result: SSAValue, part: Part) -> "Copy":
        """Loops in the order of the result's memory."""
        if part.source not in kernel.memory:
            raise CodegenError(
                f"{kernel.model.func.sym_name.data}: requires arguments to copy; got a computed tensor"
            )
        memory = (kernel.memory[part.source], kernel.memory[result])
        addresses = [
            Address(
                m.layout.base + sum(s * o for s, o in zip(m.layout.strides, origin, strict=True)),
                m.layout.strides,
            )
            for m, origin in zip(memory, (part.start, part.offsets), strict=True)
        ]
        order = sorted(range(len(part.sizes)), key=lambda d: (-hint_of(addresses[1].strides[d]), d))
        loops = merge_loops(part.sizes, addresses, order, set())
        source, target = (Access(m.buffer, loops.apply(a)) for m, a in zip(memory, addresses, strict=True))
        lanes = kernel.lanes_of(memory[1].layout.element)
        if target.address.strides[-1] != 1 or source.address.strides[-1] != 1:
            lanes = 1
        while lanes > max(1, planned(loops.sizes[-1])):
            lanes //= 2
        return Copy(loops.sizes, source, target, lanes)

    @property
    def units(self) -> int:
        """Iterations that chunks are made of: the outer loops, or vectors of a single one."""
        if len(self.sizes) > 1:
            return prod(self.sizes[:-1])
        return self.sizes[0] // self.lanes

    @property
    def unit_cost(self) -> int:
        """Simple operations of one unit."""
        return COST * (self.sizes[-1] if len(self.sizes) > 1 else self.lanes)


@dataclass
class ConcatEmitter:
    """Writes the copies; their chunks are numbered through."""

    kernel: ScheduleBuilder
    copies: Sequence[Copy]

    def emit(self) -> None:
        """One parallel loop over the chunks of all copies."""
        costs = [hint_of(c.units) * hint_of(c.unit_cost) for c in self.copies]
        most = [max(1, round(MOST_CHUNKS * cost / max(1, sum(costs)))) for cost in costs]
        steps = [chunk_size(c.units, c.unit_cost, n) for c, n in zip(self.copies, most, strict=True)]
        counts = [-(-c.units // step) for c, step in zip(self.copies, steps, strict=True)]
        if is_known(sum(counts)) and sum(counts) <= len(self.copies):
            for copy in self.copies:
                self._units(copy, self.kernel.builder.index(0), self.kernel.builder.index(copy.units))
        else:
            self.kernel.notes.append(f"{sum(counts)} chunks")
            with self.kernel.builder.parallel(sum(counts)) as chunk:
                self._choose(chunk, list(zip(self.copies, steps, counts, strict=True)))
        for copy in self.copies:
            if len(copy.sizes) == 1:
                self._rest(copy, (), copy.units * copy.lanes)

    def _choose(self, chunk: Index, work: Sequence[tuple[Copy, int, int]]) -> None:
        """The copy whose chunk this is: the first whose chunks reach so far."""
        copy, step, count = work[0]
        builder = self.kernel.builder
        if len(work) == 1:
            self._units(copy, chunk * step, (chunk * step + step).minimum(copy.units))
            return
        with builder.branch(builder.compare("slt", chunk, count)) as branch:
            self._units(copy, chunk * step, (chunk * step + step).minimum(copy.units))
        with builder.otherwise(branch):
            self._choose(chunk - count, work[1:])

    def _units(self, copy: Copy, first: Index, last: Index) -> None:
        builder = self.kernel.builder
        with builder.loop(first, last) as loop:
            self._unit(copy, loop.index)

    def _unit(self, copy: Copy, number: Index) -> None:
        builder = self.kernel.builder
        if len(copy.sizes) == 1:
            self._move(copy, (number * copy.lanes,), copy.lanes)
            return
        outer = tuple(unflatten(builder, number, copy.sizes[:-1]))
        whole = copy.sizes[-1] // copy.lanes * copy.lanes
        with builder.loop(0, whole, copy.lanes) as along:
            self._move(copy, (*outer, along.index), copy.lanes)
        self._rest(copy, outer, whole)

    def _rest(self, copy: Copy, outer: tuple[Index, ...], start: int) -> None:
        if not is_known(copy.sizes[-1]):
            for loop, lanes in rest_loops(self.kernel.builder, start, copy.sizes[-1], copy.lanes):
                self._move(copy, (*outer, loop.index), lanes)
            return
        for offset, lanes in pieces(copy.sizes[-1] - start):
            if copy.lanes == 1:
                lanes = 1
            self._move(copy, (*outer, self.kernel.builder.index(start + offset)), lanes)

    def _move(self, copy: Copy, dims: tuple[Index, ...], lanes: int) -> None:
        point = Point(dims, len(dims) - 1, lanes)
        store(self.kernel.builder, load(self.kernel.builder, copy.source, point), copy.target, point)


def _fill(kernel: ScheduleBuilder, result: SSAValue, fill: SSAValue) -> None:
    """The whole result, before the parts are copied over it."""
    builder, memory = kernel.builder, kernel.memory[result]
    lanes = kernel.lanes_of(memory.layout.element)
    scalar = uniform_value(builder, fill)
    vector, size = builder.broadcast(scalar, lanes), memory.layout.elements
    if memory.layout.has_halo:
        raise CodegenError(
            f"{kernel.model.func.sym_name.data}: a filled tensor requires a buffer without halo"
        )
    if not is_known(size):
        for loop, part in rest_loops(builder, 0, size, lanes):
            builder.store(builder.broadcast(scalar, part), memory.buffer, loop.index)
        return
    with builder.loop(0, size // lanes * lanes, lanes) as loop:
        builder.store(vector, memory.buffer, loop.index)
    for offset, part in pieces(size % lanes):
        value = builder.broadcast(scalar, part)
        builder.store(value, memory.buffer, builder.index(size // lanes * lanes + offset))
