"""Schedules of the kernels around a convolution's products of tiles: tiles of the image are transformed into
what is multiplied, and the products into tiles of the result. Vectors run along the channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import SSAValue

from tsc.analysis.affine import LoopOrder
from tsc.analysis.kernel_model import KernelModel, KernelStage, Operand
from tsc.analysis.target import Target
from tsc.dialects.constants import dense_array
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.loop_index import Index
from tsc.dims import certainly_equal, is_one
from tsc.dtypes import Array
from tsc.passes.schedules.body import Access, Point
from tsc.passes.schedules.kernel import LoopFrame, ScheduleBuilder, pieces, unflatten, widened
from tsc.passes.schedules.pointwise_loops import PointEmitter
from tsc.passes.schedules.small_matrix import SmallMatrix

Tile = list[list[SSAValue]]
"""Vectors of channels, by row and column."""
CYCLES_PER_ELEMENT = 3
"""About the simple operations on each element of a tile that is transformed."""


def schedule_winograd_input(model: KernelModel, target: Target) -> func.FuncOp:
    """``B^T d B`` of every tile of an image ``(n, c, h, w)``, to ``(t, t, n, y, x, c)``."""
    kernel = ScheduleBuilder.create(model, target)
    (stage,) = model.stages
    image, result = stage.inputs[0], model.results[0]
    transform = _Transform.of(kernel, stage)
    kernel.address(image, stage.sizes)  # which makes sure that its zeros are there
    low = (0, 0) if image.padding is None else image.padding.low[2:]
    side = len(transform.matrix) - 2  # of the outputs: a filter has three taps

    def channels(at: Sequence[Index], channel: Index, lanes: int) -> None:
        n, y, x = at

        def element(a: int, b: int) -> SSAValue:
            place = _place(
                kernel, image.value, (n, channel, y * side + (a - low[0]), x * side + (b - low[1]))
            )
            return kernel.builder.load(kernel.memory[image.value].buffer, place, lanes)

        for i, row in enumerate(transform.apply(element)):
            for j, value in enumerate(row):
                place = _place(kernel, result, (i, j, n, y, x, channel))
                kernel.builder.store(value, kernel.memory[result].buffer, place)

    _for_tiles(kernel, transform, shape_of(result)[2:], channels)
    return kernel.finish()


def schedule_winograd_output(model: KernelModel, target: Target) -> func.FuncOp:
    """``A^T p A`` of every tile of products ``(t, t, n, y, x, k)``, and what follows element by element."""
    kernel = ScheduleBuilder.create(model, target)
    (stage,) = model.reductions
    _Output(kernel, stage, _Transform.of(kernel, stage), _epilogue(kernel, stage)).emit()
    return kernel.finish()


@dataclass
class _Output:
    """Writes the tiles of a result ``(n, k, h, w)``; the last ones may be cut off."""

    kernel: ScheduleBuilder
    stage: KernelStage
    transform: _Transform
    epilogue: PointEmitter

    @property
    def result(self) -> SSAValue:
        """The tensor of which tiles are made."""
        return self.stage.outputs[0].value

    @property
    def side(self) -> int:
        """Of a tile."""
        return len(self.transform.matrix)

    def emit(self) -> None:
        """All tiles."""
        products = self.stage.inputs[0].value
        _for_tiles(self.kernel, self.transform, shape_of(products)[2:], self._channels)

    def _channels(self, at: Sequence[Index], channel: Index, lanes: int) -> None:
        products, kernel = self.stage.inputs[0].value, self.kernel

        def element(a: int, b: int) -> SSAValue:
            place = _place(kernel, products, (a, b, *at, channel))
            return kernel.builder.load(kernel.memory[products].buffer, place, lanes)

        self._store_tile(at, channel, lanes, self.transform.apply(element))

    def _store_tile(self, at: Sequence[Index], channel: Index, lanes: int, tile: Tile) -> None:
        """A whole tile; at the lower and right ends what of it lies in the image."""
        builder = self.kernel.builder
        _, y, x = at
        height, width = shape_of(self.result)[2:]
        places = [(i, j) for i in range(self.side) for j in range(self.side)]

        def store(i: int, j: int) -> None:
            self._store(at, channel, lanes, (i, j), tile[i][j])

        if all(certainly_equal(n % self.side, 0) for n in (height, width)):
            for i, j in places:
                store(i, j)
            return
        inside = [builder.compare("slt", n, size // self.side) for n, size in ((y, height), (x, width))]
        with builder.branch(builder.binary(arith.AndIOp, *inside)) as branch:
            for i, j in places:
                store(i, j)
        with builder.otherwise(branch):
            for i in range(self.side):
                with builder.branch(builder.compare("slt", y * self.side + i, height)):
                    for j in range(self.side):
                        with builder.branch(builder.compare("slt", x * self.side + j, width)):
                            store(i, j)

    def _store(
        self, at: Sequence[Index], channel: Index, lanes: int, offset: tuple[int, int], value: SSAValue
    ) -> None:
        n, y, x = at
        indices = (n, channel, y * self.side + offset[0], x * self.side + offset[1])
        sizes = shape_of(self.result)
        loops = [index for index, size in zip(indices, sizes, strict=True) if not is_one(size)]
        along = 0 if is_one(sizes[0]) else 1
        zeros = [self.kernel.builder.index(0)] * len(self.stage.reduced)
        self.epilogue.emit(Point((*loops, *zeros), along, lanes), None, {self.result: value})


@dataclass
class _Transform:
    """A matrix that is multiplied to tiles from both sides."""

    kernel: ScheduleBuilder
    matrix: Array

    @staticmethod
    def of(kernel: ScheduleBuilder, stage: KernelStage) -> _Transform:
        """That of a stage, whose second input it is."""
        constant = stage.inputs[1].value.owner
        assert isinstance(constant, arith.ConstantOp)
        assert isinstance(constant.value, DenseIntOrFPElementsAttr)
        return _Transform(kernel, dense_array(constant.value))

    def apply(self, element: Callable[[int, int], SSAValue]) -> Tile:
        """``matrix @ tile @ matrix.T``, column by column and then row by row."""
        count = self.matrix.shape[1]
        matrix = SmallMatrix(self.kernel.builder, self.matrix)
        columns = [matrix.times([element(a, b) for a in range(count)]) for b in range(count)]
        return [matrix.times([column[i] for column in columns]) for i in range(len(self.matrix))]


def _for_tiles(
    kernel: ScheduleBuilder,
    transform: _Transform,
    grid: Sequence[int],
    body: Callable[[Sequence[Index], Index, int], None],
) -> None:
    """``body((n, y, x), channel, lanes)`` for all tiles and channels of a grid ``(n, y, x, c)``."""
    builder = kernel.builder
    *outer, channels = grid
    lanes = kernel.lanes(kernel.model.stages)
    whole = channels // lanes * lanes
    kernel.notes.append(f"{lanes} lanes")
    cost = CYCLES_PER_ELEMENT * transform.matrix.size * channels / lanes
    with kernel.chunks(prod(outer), cost) as (first, last), builder.loop(first, last) as loop:
        at = unflatten(builder, loop.index, outer)
        if whole:
            with builder.loop(0, whole, lanes) as inner:
                body(at, inner.index, lanes)
        for start, part in pieces(channels - whole):
            body(at, builder.index(whole + start), part)


def _place(kernel: ScheduleBuilder, value: SSAValue, indices: Sequence[Index | int]) -> Index:
    """Where an element of a tensor is in memory."""
    layout = kernel.memory[value].layout
    total = kernel.builder.index(layout.base)
    for index, stride in zip(indices, layout.strides, strict=True):
        total = total + index * stride
    return total


def _epilogue(kernel: ScheduleBuilder, stage: KernelStage) -> PointEmitter:
    """What follows the reduction, over its loops as they are."""
    rank = len(stage.sizes)
    order = LoopOrder(tuple((d,) for d in range(rank)), stage.sizes)
    stages = [s for s in kernel.model.stages if s is not stage]

    def access(operand: Operand, sizes: Sequence[int]) -> Access:
        address = widened(kernel.address(operand, sizes), rank)
        return Access(kernel.memory[operand.value].buffer, order.apply(address))

    accesses = {
        (number, position): access(operand, other.sizes)
        for number, other in enumerate(stages)
        for position, operand in enumerate((*other.inputs, *other.outputs))
        if operand.value in kernel.memory
    }
    returned = {o.value: access(o, stage.sizes) for o in stage.outputs if o.value in kernel.memory}
    return PointEmitter(kernel, stages, LoopFrame(order, accesses), returned)
