"""The loop-form function a schedule fills in: flat buffers in, flat buffers out, chunks for the thread
pool.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

from xdsl.dialects import func
from xdsl.dialects.builtin import StringAttr, TensorType, UnitAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineConstantExpr

from tsc.analysis.affine import Address, LoopOrder, address_of, merge_loops
from tsc.analysis.kernel_model import KernelModel, KernelStage, Operand
from tsc.analysis.layouts import element_bytes, layout_of
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import Loop, LoopBuilder
from tsc.dialects.loop_index import INDEX, Index
from tsc.dialects.sized import TAKES_SIZES, SizeOp
from tsc.dialects.walking import walk
from tsc.dims import Dim, certainly_equal, is_known, maximum, minimum, symbols_in
from tsc.errors import CodegenError
from tsc.passes.schedules.body import Access, Memory, computed_bits, indexed_loops

SMALL_WORK = 1 << 15
"""Simple operations below which a kernel is one chunk: waking a thread costs about as much."""
MOST_CHUNKS = 16
"""Chunks of a big kernel: enough to balance a few cores, few enough that claiming them costs nothing."""


@dataclass
class ScheduleBuilder:
    """A kernel while it is scheduled: the model it comes from and the function it becomes."""

    model: KernelModel
    target: Target
    function: func.FuncOp
    builder: LoopBuilder
    memory: dict[SSAValue, Memory]
    notes: list[str] = field(default_factory=list[str])

    @staticmethod
    def create(model: KernelModel, target: Target) -> "ScheduleBuilder":
        """An empty loop-form function with a flat buffer for every argument and result."""
        tensors = [*model.arguments, *model.results]
        layouts = [layout_of(value.type) for value in tensors]
        name = model.func.sym_name.data
        types: list[Attribute] = [layout.memory_type for layout in layouts]
        symbols = symbols_of(model.func)
        function = func.FuncOp(name, ([*types, *[INDEX] * len(symbols)], []), visibility="private")
        function.attributes["tsc.kind"] = StringAttr(model.kind)
        if symbols:
            function.attributes[TAKES_SIZES] = UnitAttr()
        block = function.body.block
        for argument, value in zip(block.args, tensors, strict=False):
            argument.name_hint = value.name_hint
        memory = {v: Memory(a, layout) for v, a, layout in zip(tensors, block.args, layouts, strict=False)}
        builder = LoopBuilder(block)
        builder.take_sizes(symbols, block.args[len(tensors) :])
        return ScheduleBuilder(model, target, function, builder, memory)

    def finish(self) -> func.FuncOp:
        """Close the function."""
        self.builder.block = self.builder.top
        self.builder.effect(func.ReturnOp())
        if self.notes:
            self.function.attributes["tsc.schedule"] = StringAttr(", ".join(self.notes))
        return self.function

    def address(self, operand: Operand, sizes: Sequence[int]) -> Address:
        """Where `operand` is read or written in memory, over the loops of its stage."""
        layout = self.memory[operand.value].layout
        if layout.panels is not None:
            raise CodegenError(
                f"{self.model.func.sym_name.data}: packed panels are read by contractions alone"
            )
        padding = operand.padding
        if padding is not None and not (padding.is_zero and layout.covers(padding.low, padding.high)):
            raise CodegenError(f"{self.model.func.sym_name.data}: requires a halo for the pad; got none")
        return address_of(operand.map, layout.strides, layout.base, sizes)

    def lanes(self, stages: Sequence[KernelStage]) -> int:
        """Elements per vector for these stages."""
        return self.target.lanes(computed_bits(stages))

    def lanes_of(self, element: Attribute) -> int:
        """Elements of one type per vector."""
        return self.target.lanes(8 * element_bytes(element))

    @contextmanager
    def chunks(self, units: int, cost: float, most: int = MOST_CHUNKS) -> Generator[tuple[Index, Index]]:
        """Share `units` of `cost` operations each among chunks; gives the range ``[first, last)`` of one
        chunk.

        The cut depends on the sizes alone, never on the number of threads.
        """
        per_chunk = chunk_size(units, cost, most)
        count = -(-units // per_chunk) if units else 0
        if is_known(count) and count <= 1:
            yield self.builder.index(0), self.builder.index(units)
            return
        self.notes.append(f"{count} chunks")
        with self.builder.parallel(count) as chunk:
            first = chunk * per_chunk
            last = first + per_chunk
            yield first, last if certainly_equal(units % per_chunk, 0) else last.minimum(units)


def chunk_size(units: int, cost: float, most: int = MOST_CHUNKS) -> int:
    """How many of `units` (each of `cost` simple operations) one chunk takes."""
    if not (is_known(units) and is_known(cost)):
        whole = max(1, round(cost)) if is_known(cost) else cost
        chunks = minimum(most, maximum(1, units * whole // SMALL_WORK))
        return maximum(1, -(-units // chunks))
    total = units * cost
    chunks = 1 if total < 2 * SMALL_WORK else min(most, max(2, int(total // SMALL_WORK)))
    return max(1, -(-units // chunks))


def half(cost: int) -> float:
    """Half of a cost."""
    return cost / 2 if is_known(cost) else cost // 2


def symbols_of(function: func.FuncOp) -> list[Dim]:
    """The sizes of the program's arguments, if anything in a kernel depends on any of them."""
    types: list[Attribute] = [*function.function_type.inputs]
    sizes: list[int | Dim] = []
    for op in walk(function):
        types += [result.type for result in op.results]
        if isinstance(op, SizeOp):
            sizes.append(op.size)
        elif isinstance(op, GenericOp):
            expressions = [
                e for m in op.indexing_maps.data for result in m.data.results for e in result.dfs()
            ]
            sizes += [e.value for e in expressions if isinstance(e, AffineConstantExpr)]
    return symbols_in([*sizes, *(n for t in types if isinstance(t, TensorType) for n in t.get_shape())])


def unflatten(builder: LoopBuilder, number: Index, sizes: Sequence[int]) -> list[Index]:
    """The multi-index of iteration `number` of loops of these sizes, the last one fastest."""
    result: list[Index] = []
    for position, size in enumerate(sizes):
        rest = prod(sizes[position + 1 :])
        quotient = number // maximum(1, rest)
        result.append(quotient if position == 0 else quotient % maximum(1, size))
    del builder
    return result


def pieces(count: int, most: int | None = None) -> list[tuple[int, int]]:
    """`count` lanes as vectors of falling powers of two, up to `most`: (start, lanes)."""
    result: list[tuple[int, int]] = []
    start = 0
    while start < count:
        lanes = 1 << ((count - start).bit_length() - 1)
        lanes = lanes if most is None else min(lanes, most)
        result.append((start, lanes))
        start += lanes
    return result


def widened(address: Address, rank: int) -> Address:
    """The same over more loops, none of which it depends on."""
    strides = (*address.strides, *[0] * (rank - len(address.strides)))
    return Address(address.offset, strides[:rank], address.terms)


def rest_loops(
    builder: LoopBuilder, start: int, stop: int, most: int, carried: Sequence[SSAValue] = ()
) -> Generator[tuple[Loop, int]]:
    """Loops over what is left from `start` to `stop`: by vectors of `most` lanes (a power of two), then by
    ever smaller ones, each of which there may be once. What one leaves in `carried` the next one begins with.
    """
    lanes, at, results = most, start, list(carried)
    while lanes and not certainly_equal(at, stop):
        end = start + (stop - start) // lanes * lanes
        with builder.loop(at, end, lanes, results) as loop:
            yield loop, lanes
        results[:] = loop.results
        at, lanes = end, lanes // 2
    if isinstance(carried, list):
        carried[:] = results


@dataclass(frozen=True)
class LoopFrame:
    """The loops of some stages after merging, and every operand's address over them."""

    order: LoopOrder
    accesses: dict[tuple[int, int], Access]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Trip counts, outermost first."""
        return self.order.sizes

    def stage_dims(self, dims: Sequence[Index], rank: int, builder: LoopBuilder) -> list[Index]:
        """The stage's own loop indices (right for those that a body may read)."""
        result = [builder.index(0)] * rank
        for new, group in enumerate(self.order.groups):
            if len(group) == 1 and group[0] < rank:
                result[group[0]] = dims[new]
        return result

    def own_loop(self, loop: int) -> int | None:
        """Which loop of the stage the merged `loop` is, if it is a single one."""
        group = self.order.groups[loop]
        return group[0] if len(group) == 1 else None


def make_frame(
    kernel: ScheduleBuilder,
    stages: Sequence[KernelStage],
    order: Sequence[int],
    fixed: set[int] | None = None,
) -> LoopFrame:
    """Merge the loops of stages that share one iteration space, visiting them in `order`.

    Operands that are not in memory (results of other stages, fills) have no access.
    """
    sizes = stages[0].sizes
    addresses: dict[tuple[int, int], Address] = {}
    for number, stage in enumerate(stages):
        for position, operand in enumerate((*stage.inputs, *stage.outputs)):
            if operand.value in kernel.memory:
                addresses[number, position] = kernel.address(operand, sizes)
    pinned = set[int]().union(*(indexed_loops(s) for s in stages), fixed or set[int]())
    loops = merge_loops(sizes, list(addresses.values()), order, pinned)
    accesses: dict[tuple[int, int], Access] = {}
    for (number, position), address in addresses.items():
        stage = stages[number]
        operand = (*stage.inputs, *stage.outputs)[position]
        accesses[number, position] = Access(kernel.memory[operand.value].buffer, loops.apply(address))
    return LoopFrame(loops, accesses)
