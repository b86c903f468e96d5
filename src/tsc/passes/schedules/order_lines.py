"""What the schedules that put lines in order share: the lines, their keys, and the memory to work in."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import IntegerType, MemRefType, VectorType, i64
from xdsl.ir import Attribute, SSAValue

from tsc.analysis.layouts import element_bytes
from tsc.dialects.loop_builder import LoopBuilder, element_of, vector_type
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import INDEX, Index
from tsc.dialects.sized import plain
from tsc.dialects.tsc_order import PLACE_BITS, OrderOp
from tsc.dims import is_known
from tsc.passes.schedules.body import Access, BodyEmitter, Point, load, store
from tsc.passes.schedules.flow import as_index
from tsc.passes.schedules.kernel import ScheduleBuilder, chunk_size, unflatten
from tsc.passes.schedules.scatter import operand_access

PLACE = IntegerType(PLACE_BITS)


@dataclass
class Items:
    """Keys and places in memory: what is moved while a line is put in order."""

    builder: LoopBuilder
    keys: SSAValue
    places: SSAValue

    @property
    def key_type(self) -> Attribute:
        """The type of a stored key."""
        return element_of(self.keys.type)

    @property
    def place_type(self) -> Attribute:
        """The type of a stored place."""
        return element_of(self.places.type)

    def key(self, at: Index, lanes: int = 1) -> SSAValue:
        """One key, or some neighbours."""
        return self.builder.load(self.keys, at, lanes)

    def place(self, at: Index) -> SSAValue:
        """One place."""
        return self.builder.load(self.places, at)

    def item(self, at: Index) -> tuple[SSAValue, SSAValue]:
        """A key and its place."""
        return self.key(at), self.place(at)

    def put(self, at: Index, item: tuple[SSAValue, SSAValue]) -> None:
        """Store a key and its place."""
        self.builder.store(item[0], self.keys, at)
        self.builder.store(item[1], self.places, at)

    def swap(self, a: Index, b: Index) -> None:
        """Exchange two items."""
        first, second = self.item(a), self.item(b)
        self.put(a, second)
        self.put(b, first)


@dataclass
class Lines:
    """The lines of an operation: `batches` times `size` of them, each of `extent` elements."""

    kernel: ScheduleBuilder
    op: OrderOp
    source: Access | SSAValue
    results: tuple[Access | None, ...]
    """Values and places, where they are wanted."""
    batches: int
    extent: int
    size: int

    @staticmethod
    def of(kernel: ScheduleBuilder, op: OrderOp) -> "Lines":
        """The lines that `op`, the only operation of the kernel, reads."""
        batches, extent, size = shape_of(op.source)
        wanted = [
            operand_access(kernel, r) if r in kernel.memory else None
            for r in op.results
            if r is not op.memory
        ]
        results = tuple(r if isinstance(r, Access) else None for r in wanted)
        source = operand_access(kernel, op.source)
        return Lines(kernel, op, source, results, batches, extent, size)

    @property
    def builder(self) -> LoopBuilder:
        """Where operations go."""
        return self.kernel.builder

    @property
    def key_type(self) -> IntegerType:
        """The type of a stored key."""
        return IntegerType(self.op.workspace.key_bits)

    @property
    def lanes(self) -> int:
        """Elements per vector where keys are computed."""
        bits = 8 * max(element_bytes(a.type) for a in self.op.body.args)
        return self.kernel.target.lanes(max(bits, self.op.workspace.key_bits))

    @contextmanager
    def each(self, cost: float) -> Generator["Line"]:
        """A loop over the lines, shared among chunks that have a slot of the workspace each; a line costs so
        many simple operations.
        """
        workspace, count = self.op.workspace, self.batches * self.size
        with self.kernel.chunks(count, cost, workspace.slots) as (first, last):
            slot = first // chunk_size(count, cost, workspace.slots)
            start = slot * workspace.slot_bytes
            keys = self._view(start, self.key_type, workspace.items)
            places = self._view(start + workspace.key_bytes, PLACE, workspace.items)
            with self.builder.loop(first, last) as loop:
                batch, column = unflatten(self.builder, loop.index, (self.batches, self.size))
                yield Line(self, batch, column, Items(self.builder, keys, places))

    def _view(self, start: Index, element: Attribute, count: int) -> SSAValue:
        memory = self.kernel.memory[self.op.memory].buffer
        sizes = [] if is_known(count) else [self.builder.index(count).ssa]
        kind = MemRefType(element, plain([count]))
        return self.builder.add(memref.ViewOp(memory, start.ssa, sizes, kind))


@dataclass
class Line:
    """One line, and the items to put it in order with."""

    lines: Lines
    batch: Index
    column: Index
    items: Items

    @property
    def builder(self) -> LoopBuilder:
        """Where operations go."""
        return self.lines.builder

    def key(self, at: Index, lanes: int = 1) -> SSAValue:
        """The key of an element, or of some neighbours."""
        body, builder = self.lines.op.body, self.builder
        last = body.last_op
        assert last is not None
        element = self._read(at, lanes)
        (made,) = BodyEmitter(builder, lanes, (), None, {}).run_block(body, [element], last.operands)
        kind = self.lines.key_type
        if self.lines.op.key_bits < kind.width.data:
            wide = vector_type(kind, lanes) if isinstance(made.type, VectorType) else kind
            made = builder.add(arith.ExtUIOp.create(operands=[made], result_types=[wide]))
        return builder.broadcast_to(made, lanes)

    def _read(self, at: Index, lanes: int) -> SSAValue:
        source = self.lines.source
        if not isinstance(source, Access):
            return source
        return load(self.builder, source, Point((self.batch, at, self.column), 1, lanes))

    def fill_items(self, stop: int, has_places: bool = True) -> None:
        """Let the first `stop` items be the first elements of the line."""
        builder, lanes = self.builder, self.lines.lanes
        whole = stop // lanes * lanes
        with builder.loop(0, whole, lanes) as loop:
            self._fill(loop.index, lanes, has_places)
        with builder.loop(whole, stop) as loop:
            self._fill(loop.index, 1, has_places)

    def _fill(self, at: Index, lanes: int, has_places: bool) -> None:
        builder, items = self.builder, self.items
        builder.store(self.key(at, lanes), items.keys, at)
        if has_places:
            builder.store(builder.add(arith.AddiOp(*self._numbers(at, lanes))), items.places, at)

    def _numbers(self, at: Index, lanes: int) -> tuple[SSAValue, SSAValue]:
        """Two vectors whose sum is the places of some neighbours."""
        builder = self.builder
        first = builder.broadcast(builder.add(arith.IndexCastOp(at.ssa, PLACE)), lanes)
        if lanes == 1:
            return first, builder.zero(PLACE)
        steps = builder.steps(lanes)
        narrow = arith.IndexCastOp.create(operands=[steps], result_types=[vector_type(PLACE, lanes)])
        return first, builder.add(narrow)

    def deliver(self, to: Index, place: SSAValue) -> None:
        """Write the element at `place` of the line, and its place, at `to` of the results."""
        builder = self.builder
        values, places = self.lines.results
        at = place if place.type == INDEX else as_index(builder, place).ssa
        found, target = Index(builder, at), self._target(to)
        if values is not None:
            store(builder, self._read(found, 1), values, target)
        if places is not None:
            store(builder, builder.add(arith.IndexCastOp(at, i64)), places, target)

    def _target(self, to: Index) -> Point:
        return Point((self.batch, to, self.column), 1)
