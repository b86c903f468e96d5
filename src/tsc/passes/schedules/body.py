"""Evaluates the scalar bodies of a kernel at a point of its loops, on one element or on a vector of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IndexType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)

from tsc.analysis.affine import Address
from tsc.analysis.kernel_model import KernelStage
from tsc.analysis.layouts import Layout
from tsc.dialects.loop_builder import LoopBuilder, element_of, is_vector, vector_type
from tsc.dialects.loop_index import Index
from tsc.dialects.sized import SizeOp
from tsc.dialects.tsc import YieldOp
from tsc.dims import is_known
from tsc.errors import CodegenError

FEW_VECTORS = 8
"""Up to here, elements at equal distances are loaded as vectors with what is between them."""
LATER = -1
"""A lane of a shuffle that may be anything."""


@dataclass(frozen=True)
class Memory:
    """A flat buffer and the layout of the tensor in it."""

    buffer: SSAValue
    layout: Layout


@dataclass(frozen=True)
class Access:
    """An operand in memory, with its address over the loops of the schedule."""

    buffer: SSAValue
    address: Address


@dataclass(frozen=True)
class Point:
    """A place in the iteration space: the index of every loop; `lanes` neighbours along `vector_loop` at
    once.
    """

    dims: tuple[Index, ...]
    vector_loop: int = 0
    lanes: int = 1

    def moved(self, loop: int, distance: int) -> "Point":
        """The same, `distance` further along `loop`."""
        dims = tuple(d + distance if i == loop else d for i, d in enumerate(self.dims))
        return Point(dims, self.vector_loop, self.lanes)

    def scalar(self, lane: int = 0) -> "Point":
        """One lane of it."""
        moved = self.moved(self.vector_loop, lane) if lane else self
        return Point(moved.dims, self.vector_loop, 1)


@dataclass(frozen=True)
class Ramp:
    """The index vector ``base + step * lane``, not yet built."""

    base: Index
    step: int


def locate(builder: LoopBuilder, address: Address, dims: Sequence[Index]) -> Index:
    """The flat element index that `address` names when the loops stand at `dims`."""
    total = builder.index(0)
    for stride, dim in zip(address.strides, dims, strict=True):
        if stride:
            total = total + dim * stride
    for term in address.terms:
        total = total + evaluate_index(builder, term.expression, dims) * term.stride
    return total + address.offset


def evaluate_index(builder: LoopBuilder, expression: AffineExpr, dims: Sequence[Index]) -> Index:
    """The value of an affine expression of the loops."""
    match expression:
        case AffineConstantExpr():
            return builder.index(expression.value)
        case AffineDimExpr():
            return dims[expression.position]
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add):
            lhs = evaluate_index(builder, expression.lhs, dims)
            return lhs + evaluate_index(builder, expression.rhs, dims)
        case AffineBinaryOpExpr(rhs=AffineConstantExpr(value=factor)):
            return _by_constant(expression.kind, evaluate_index(builder, expression.lhs, dims), factor)
        case _:
            raise CodegenError(
                f"index map: requires sums, and products or quotients by constants; got {expression}"
            )


def _by_constant(kind: AffineBinaryOpKind, value: Index, factor: int) -> Index:
    match kind:
        case AffineBinaryOpKind.Mul:
            return value * factor
        case AffineBinaryOpKind.FloorDiv:
            return value // factor
        case AffineBinaryOpKind.Mod:
            return value % factor
        case _:
            return (value + (factor - 1)) // factor


def is_uniform(access: Access, point: Point) -> bool:
    """Whether all lanes of `point` read the same element."""
    address = access.address
    return address.strides[point.vector_loop] == 0 and point.vector_loop not in address.pinned()


def load(builder: LoopBuilder, access: Access, point: Point) -> SSAValue:
    """The element at `point`: a scalar where all lanes agree, else a vector."""
    at = locate(builder, access.address, point.dims)
    if point.lanes == 1 or is_uniform(access, point):
        return builder.load(access.buffer, at)
    if access.address.strides[point.vector_loop] == 1 and point.vector_loop not in access.address.pinned():
        return builder.load(access.buffer, at, point.lanes)
    step = access.address.strides[point.vector_loop]
    if is_known(step) and 1 < step <= FEW_VECTORS and point.vector_loop not in access.address.pinned():
        return _every(builder, access.buffer, at, step, point.lanes)
    return builder.gather([builder.load(access.buffer, i) for i in _lanes(builder, access, point, at)])


def _every(builder: LoopBuilder, buffer: SSAValue, at: Index, step: int, lanes: int) -> SSAValue:
    """The elements at ``at``, ``at + step``, and so on: the lanes wanted of `step` vectors side by side, the
    last of which ends with the last element.
    """
    found = builder.load(buffer, at, lanes)
    places = [step * lane for lane in range(lanes)]
    """Of each lane of the result, where it is in `found`."""
    for number in range(1, step):
        start = min(number * lanes, (step - 1) * (lanes - 1))
        part = builder.load(buffer, at + start, lanes)
        mask = [p if step * lane < start else lanes + step * lane - start for lane, p in enumerate(places)]
        found = builder.shuffle(found, part, [place if place < 2 * lanes else LATER for place in mask])
        places = list(range(lanes))
    return found


def _lanes(builder: LoopBuilder, access: Access, point: Point, first: Index) -> list[Index]:
    """Where each lane is, the first of them at `first`."""
    if point.vector_loop in access.address.pinned():
        rest = [point.scalar(lane).dims for lane in range(1, point.lanes)]
        return [first, *(locate(builder, access.address, dims) for dims in rest)]
    step = access.address.strides[point.vector_loop]
    return [first + step * lane for lane in range(point.lanes)]


def store(builder: LoopBuilder, value: SSAValue, access: Access, point: Point) -> None:
    """Write `value` (broadcast where it is a scalar) at `point`."""
    at = locate(builder, access.address, point.dims)
    if point.lanes == 1 or access.address.strides[point.vector_loop] == 1:
        builder.store(builder.broadcast_to(value, point.lanes), access.buffer, at)
        return
    for lane, place in enumerate(_lanes(builder, access, point, at)):
        element = builder.extract(value, lane) if is_vector(value) else value
        builder.store(element, access.buffer, place)


def uniform_value(builder: LoopBuilder, value: SSAValue) -> SSAValue:
    """The scalar that fills a tensor: a fill's operand, or the element of a splat constant."""
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp):
        raise CodegenError("linalg.fill: requires a constant in a kernel; got a computed value")
    if isinstance(owner.value, DenseIntOrFPElementsAttr):
        element = element_of(value.type)
        first = cast("Attribute", next(iter(owner.value.get_attrs())))
        return builder.constant(first, element)
    return builder.constant(owner.value, value.type)


@dataclass
class BodyEmitter:
    """Clones the ops of a body into the loop nest, on scalars where all lanes agree and on vectors elsewhere.

    `dims` are the loops of the *stage* at the point (for `linalg.index`), `ramp` the one the lanes run along.
    """

    builder: LoopBuilder
    lanes: int
    dims: Sequence[Index]
    ramp: int | None
    memory: dict[SSAValue, Memory]
    values: dict[SSAValue, SSAValue | Ramp] = field(default_factory=dict[SSAValue, "SSAValue | Ramp"])

    def run(
        self,
        stage: KernelStage,
        arguments: Sequence[SSAValue | None],
        wanted: Sequence[SSAValue] | None = None,
        skipped: Collection[Operation] = (),
    ) -> list[SSAValue]:
        """What the body of `stage` yields (or its values `wanted`).

        `arguments` are its inputs, then its accumulators (None: not used by the ops that are not `skipped`).
        """
        return self.run_block(stage.body, arguments, stage.yielded if wanted is None else wanted, skipped)

    def run_block(
        self,
        block: Block,
        arguments: Sequence[SSAValue | None],
        wanted: Sequence[SSAValue],
        skipped: Collection[Operation] = (),
    ) -> list[SSAValue]:
        """What the values `wanted` of `block` are for these arguments."""
        for argument, value in zip(block.args, arguments, strict=True):
            if value is not None:
                self.values[argument] = value
        for op in block.ops:
            if not isinstance(op, linalg.YieldOp | YieldOp) and op not in skipped:
                self._clone(op)
        return [self.scalar_or_vector(v) for v in wanted]

    def scalar_or_vector(self, value: SSAValue) -> SSAValue:
        """The value that stands for `value` of the body."""
        known = self.values.get(value)
        if isinstance(known, Ramp):
            known = self._ramp_vector(known)
            self.values[value] = known
        if known is None:
            owner = value.owner
            if not isinstance(owner, arith.ConstantOp):
                raise CodegenError(f"kernel body: requires values of the body or constants; got {value}")
            known = self.builder.constant(owner.value, value.type)
            self.values[value] = known
        return known

    def _clone(self, op: Operation) -> None:
        if isinstance(op, arith.ConstantOp):
            self.values[op.result] = self.builder.constant(op.value, op.result.type)
        elif isinstance(op, linalg.IndexOp):
            self._index(op)
        elif isinstance(op, SizeOp):
            self.values[op.results[0]] = self.builder.size(op.size).ssa
        elif isinstance(op, tensor.ExtractOp):
            self.values[op.result] = self._extract(op)
        elif not self._ramp_arithmetic(op):
            self._plain(op)

    def _plain(self, op: Operation) -> None:
        operands = [self.scalar_or_vector(v) for v in op.operands]
        is_wide = any(is_vector(v) for v in operands)
        if is_wide:
            operands = [self._widened(v) for v in operands]
        types = [vector_type(r.type, self.lanes) if is_wide else r.type for r in op.results]
        clone = type(op).create(
            operands=operands,
            result_types=types,
            properties=dict(op.properties),
            attributes=dict(op.attributes),
        )
        self.builder.effect(clone)
        for old, new in zip(op.results, clone.results, strict=True):
            self.values[old] = new

    def _widened(self, value: SSAValue) -> SSAValue:
        return value if is_vector(value) else self.builder.broadcast(value, self.lanes)

    def _index(self, op: linalg.IndexOp) -> None:
        dim = op.dim.value.data
        at = self.dims[dim]
        if dim == self.ramp and self.lanes > 1:
            self.values[op.result] = Ramp(at, 1)
        else:
            self.values[op.result] = at.ssa

    def _ramp_vector(self, ramp: Ramp) -> SSAValue:
        steps = self.builder.steps(self.lanes)
        if ramp.step != 1:
            factor = self.builder.broadcast(self.builder.index_constant(ramp.step), self.lanes)
            steps = self.builder.binary(arith.MuliOp, steps, factor)
        base = self.builder.broadcast(ramp.base.ssa, self.lanes)
        return self.builder.binary(arith.AddiOp, base, steps)

    def _ramp_arithmetic(self, op: Operation) -> bool:
        """Keep ``ramp + scalar`` a ramp, so that a gather along it stays a plain vector load."""
        if not isinstance(op, arith.AddiOp):
            return False
        a, b = self.values.get(op.lhs), self.values.get(op.rhs)
        ramp, other = (a, op.rhs) if isinstance(a, Ramp) else (b, op.lhs)
        if not isinstance(ramp, Ramp) or isinstance(self.values.get(other), Ramp):
            return False
        scalar = self.scalar_or_vector(other)
        if is_vector(scalar):
            return False
        self.values[op.result] = Ramp(ramp.base + Index(self.builder, scalar), ramp.step)
        return True

    def _extract(self, op: tensor.ExtractOp) -> SSAValue:
        made = op.tensor.owner
        if isinstance(made, linalg.FillOp):
            return uniform_value(self.builder, made.inputs[0])  # the same everywhere
        memory = self.memory[op.tensor]
        strides = memory.layout.strides
        position, step = self.builder.index(memory.layout.base), 0
        scattered: list[tuple[SSAValue, int]] = []
        for value, stride in zip(op.indices, strides, strict=True):
            known = self.values.get(value)
            if isinstance(known, Ramp):
                position, step = position + known.base * stride, step + known.step * stride
                continue
            at = self.scalar_or_vector(value)
            if is_vector(at):
                scattered.append((at, stride))
            else:
                position = position + Index(self.builder, at) * stride
        if not scattered and step in (0, 1):
            return self.builder.load(memory.buffer, position, self.lanes if step else 1)
        return self._gather(memory.buffer, position, step, scattered)

    def _gather(
        self, buffer: SSAValue, start: Index, step: int, scattered: Sequence[tuple[SSAValue, int]]
    ) -> SSAValue:
        lanes: list[SSAValue] = []
        for lane in range(self.lanes):
            at = start + lane * step
            for vector, stride in scattered:
                at = at + Index(self.builder, self.builder.extract(vector, lane)) * stride
            lanes.append(self.builder.load(buffer, at))
        return self.builder.gather(lanes)


def indexed_loops(stage: KernelStage) -> set[int]:
    """The loops whose number the body reads (`linalg.index`): they can not be merged with others."""
    return {op.dim.value.data for op in stage.body.ops if isinstance(op, linalg.IndexOp)}


def computed_bits(stages: Sequence[KernelStage]) -> int:
    """The width that decides how many lanes a vector has: the narrowest number of 32 bits or more, if any."""
    types: set[Attribute] = set()
    for stage in stages:
        types.update(a.type for a in stage.body.args)
        types.update(
            r.type for op in stage.body.ops for r in op.results if not isinstance(op, linalg.IndexOp)
        )
    widths = sorted({_bits(t) for t in types} - {1})
    return next((w for w in widths if w >= 32), widths[-1] if widths else 8)


def _bits(type_: Attribute) -> int:
    if isinstance(type_, IndexType):
        return 64
    return int(getattr(type_, "bitwidth", 64))
