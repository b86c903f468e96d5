"""Builds the ops of the `loop` stage (scf, memref, vector, arith) from readable expressions."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    VectorType,
    i64,
)
from xdsl.dialects.utils.fast_math import FastMathFlag
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tsc.dialects.creation import create
from tsc.dialects.loop_index import INDEX, Index
from tsc.dialects.size_values import SizeValues
from tsc.dims import Dim, is_one

EXACT = arith.FastMathFlagsAttr("none")
"""Float arithmetic as written: neither contracted nor reordered."""
_EXACTLY = {"fastmath": EXACT}
ANY_ZERO = arith.FastMathFlagsAttr([FastMathFlag.NO_SIGNED_ZEROS])
"""As written, but that the sign of a zero does not matter."""


def element_of(type_: Attribute) -> Attribute:
    """The element type of a tensor, memref or vector type; a scalar type is its own."""
    return cast(Attribute, getattr(type_, "element_type", type_))


@cache
def vector_type(element: Attribute, lanes: int) -> VectorType[Attribute]:
    """The type of a vector (made once: checking a new type costs more than the op that uses it)."""
    return VectorType(element, [lanes])


def is_vector(value: SSAValue) -> bool:
    """Whether `value` is a vector."""
    return isinstance(value.type, VectorType)


def width_of(type_: Attribute) -> int:
    """The elements of a vector type; 1 of a scalar."""
    return cast("VectorType[Attribute]", type_).get_shape()[0] if isinstance(type_, VectorType) else 1


@dataclass
class Loop:
    """A loop being built: its index, and the values carried from one iteration to the next."""

    index: Index
    carried: list[SSAValue]
    results: list[SSAValue] = field(default_factory=list[SSAValue])

    def carry(self, values: Sequence[SSAValue]) -> None:
        """State what the next iteration starts with."""
        self.carried = list(values)


@dataclass
class LoopBuilder:
    """Appends ops to a block; `top` is the function's entry block, where constants are gathered."""

    top: Block
    block: Block = field(init=False)
    last_constant: Operation | None = None
    constants: dict[tuple[Attribute, object], SSAValue] = field(
        default_factory=dict[tuple[Attribute, object], SSAValue]
    )
    index_constants: dict[int, SSAValue] = field(default_factory=dict[int, SSAValue])
    holds_guards: bool = True
    """Whether the code runs only in calls in which all guards of symbolic sizes hold."""
    sizes: SizeValues = field(init=False)
    """What symbolic sizes are while the code runs; they are computed at the top."""

    def __post_init__(self) -> None:
        self.block = self.top
        self.sizes = SizeValues(self, self.holds_guards)

    def add(self, op: Operation) -> SSAValue:
        """Append `op` and give its (first) result."""
        self.block.add_op(op)
        return op.results[0]

    def effect(self, op: Operation) -> None:
        """Append an op without a result."""
        self.block.add_op(op)

    def binary(self, op: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """``op(a, b)``, of the type of `a`."""
        return self.add(_created(op, (a, b), a.type))

    def combined(self, op: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """One step of a reduction. Of zeros any may be the extremum, whatever its sign: which one PyTorch
        takes depends on its vectors too, and to tell them apart doubles the time.
        """
        made = _created(op, (a, b), a.type)
        if isinstance(made, arith.MaximumfOp | arith.MinimumfOp):
            made.properties["fastmath"] = ANY_ZERO
        return self.add(made)

    def constant(self, attribute: Attribute, type_: Attribute) -> SSAValue:
        """A constant, made once per function."""
        key = (type_, attribute)
        if key not in self.constants:
            op = create(arith.ConstantOp, (), (type_,), {"value": attribute})
            self.at_top(op)
            self.constants[key] = op.results[0]
        return self.constants[key]

    def index_constant(self, value: int) -> SSAValue:
        """An index constant."""
        found = self.index_constants.get(value)
        if found is None:
            found = self.index_constants[value] = self.constant(IntegerAttr(value, INDEX), INDEX)
        return found

    def index(self, value: Index | int | Dim) -> Index:
        """`value` as an expression."""
        if isinstance(value, Index):
            return value
        return self.size(value) if isinstance(value, Dim) else Index(self, None, value)

    def take_sizes(self, symbols: Sequence[Dim], values: Sequence[SSAValue]) -> None:
        """Let `values` be what symbols are while the code runs."""
        for symbol, value in zip(symbols, values, strict=True):
            self.sizes.give(symbol, value)

    def symbolic(self, value: Index | int) -> Index | int:
        """A symbolic size as an expression; anything else as it is."""
        return self.size(value) if isinstance(value, Dim) else value

    def size(self, size: Dim) -> Index:
        """A symbolic size, computed once, at the top of the function."""
        if size not in self.sizes.known:
            outer, self.block = self.block, Block()
            self.sizes.value(size)
            made, self.block = self.block, outer
            for op in list(made.ops):
                op.detach()
                self.at_top(op)
        return Index(self, self.sizes.known[size])

    def at_top(self, op: Operation) -> None:
        """Insert an operation before those that are no constants or sizes."""
        if self.last_constant is None:
            first = self.top.first_op
            self.top.insert_op_before(op, first) if first else self.top.add_op(op)
        else:
            self.top.insert_op_after(op, self.last_constant)
        self.last_constant = op

    def zero(self, type_: Attribute) -> SSAValue:
        """The number zero of a scalar type."""
        return self.number(0, type_)

    def number(self, value: float, type_: Attribute) -> SSAValue:
        """A constant of a scalar type."""
        if isinstance(type_, AnyFloat):
            return self.constant(FloatAttr(float(value), type_), type_)
        if isinstance(type_, IndexType):
            return self.index_constant(int(value))
        integer = cast(IntegerType, type_)
        return self.constant(IntegerAttr(int(value), integer), integer)

    def broadcast(self, value: SSAValue, lanes: int) -> SSAValue:
        """A vector of `lanes` copies; `value` itself where `lanes` is one."""
        if lanes == 1:
            return value
        return self.add(_created(vector.BroadcastOp, (value,), vector_type(value.type, lanes)))

    def broadcast_to(self, value: SSAValue, lanes: int) -> SSAValue:
        """`value` as a vector of `lanes`; a vector stays as it is."""
        return value if lanes == 1 or is_vector(value) else self.broadcast(value, lanes)

    def steps(self, lanes: int) -> SSAValue:
        """The index vector ``0, 1, ..., lanes - 1``."""
        type_ = VectorType(INDEX, [lanes])
        return self.constant(DenseIntOrFPElementsAttr.from_list(type_, list(range(lanes))), type_)

    def load(self, buffer: SSAValue, at: Index, lanes: int = 1) -> SSAValue:
        """One element of a flat buffer, or `lanes` consecutive ones as a vector."""
        element = element_of(buffer.type)
        if lanes == 1:
            return self.add(_created(memref.LoadOp, (buffer, at.ssa), element))
        return self.add(_created(vector.LoadOp, (buffer, at.ssa), vector_type(element, lanes)))

    def store(self, value: SSAValue, buffer: SSAValue, at: Index) -> None:
        """Write a scalar, or the lanes of a vector one after the other."""
        op = vector.StoreOp if is_vector(value) else memref.StoreOp
        self.effect(_created(op, (value, buffer, at.ssa)))

    def fma(self, a: SSAValue, b: SSAValue, c: SSAValue) -> SSAValue:
        """``a * b + c`` rounded once."""
        return self.add(_created(vector.FMAOp, (a, b, c), c.type))

    def shuffle(self, a: SSAValue, b: SSAValue, mask: Sequence[int]) -> SSAValue:
        """The lanes of ``a ++ b`` that `mask` names."""
        type_ = vector_type(element_of(a.type), len(mask))
        properties = {"mask": _mask(tuple(mask))}
        return self.add(create(vector.ShuffleOp, (a, b), (type_,), properties))

    def extract(self, value: SSAValue, lane: int) -> SSAValue:
        """One lane of a vector."""
        return self.add(vector.ExtractOp(value, [lane], element_of(value.type)))

    def reduce(self, value: SSAValue, kind: str) -> SSAValue:
        """All lanes combined: ``"add"``, ``"maximumf"``, ...; a scalar is returned as it is."""
        if not is_vector(value):
            return value
        attribute = vector.CombiningKindAttr(vector.CombiningKindFlag(kind))
        properties = {"kind": attribute, "fastmath": ANY_ZERO if kind in ("maximumf", "minimumf") else EXACT}
        op = vector.ReductionOp.create(
            operands=(value,), result_types=(element_of(value.type),), properties=properties
        )
        return self.add(op)

    def scratch(self, element: Attribute, count: int) -> SSAValue:
        """`count` elements on the stack."""
        return self.add(memref.AllocaOp.get(element, 64, [count]))

    def gather(self, scalars: Sequence[SSAValue]) -> SSAValue:
        """A vector of these lanes (a power of two of them)."""
        parts = [self.broadcast(s, len(scalars)) for s in scalars]
        lanes, width = len(scalars), 1
        while len(parts) > 1:
            masks = [self._joining_mask(lanes, width)] * (len(parts) // 2)
            parts = [self.shuffle(a, b, m) for a, b, m in zip(parts[::2], parts[1::2], masks, strict=True)]
            width *= 2
        return parts[0]

    @staticmethod
    def _joining_mask(lanes: int, width: int) -> list[int]:
        first = list(range(width))
        second = [lanes + lane for lane in range(width)]
        return ([*first, *second] * lanes)[:lanes]

    @contextmanager
    def loop(
        self, start: Index | int, stop: Index | int, step: int = 1, carried: Sequence[SSAValue] = ()
    ) -> Generator[Loop]:
        """``for index in range(start, stop, step)``; what the body leaves in `carried` becomes `results`.

        A loop known to run once is not a loop: its body is written in line.
        """
        start, stop = self.index(start), self.index(stop)
        if start.known is not None and stop.known is not None and 0 < stop.known - start.known <= step:
            loop = Loop(start, list(carried))
            yield loop
            loop.results = loop.carried
            return
        types = [value.type for value in carried]
        body = Block(arg_types=[INDEX, *types])
        operands = [start.ssa, stop.ssa, self.index_constant(step), *carried]
        op = scf.ForOp.create(operands=operands, result_types=types, regions=[Region(body)])
        loop = Loop(Index(self, body.args[0]), list(body.args[1:]))
        outer, self.block = self.block, body
        yield loop
        self.effect(scf.YieldOp.create(operands=loop.carried))
        self.block = outer
        self.block.add_op(op)
        loop.results = list(op.results)

    @contextmanager
    def parallel(self, count: int) -> Generator[Index]:
        """The chunks of a kernel, handed to the thread pool; a single chunk is written in line."""
        if is_one(count):
            yield self.index(0)
            return
        body = Block(arg_types=[INDEX])
        start, stop, step = (self.index(n).ssa for n in (0, count, 1))
        outer, self.block = self.block, body
        yield Index(self, body.args[0])
        self.effect(scf.ReduceOp())
        self.block = outer
        self.effect(scf.ParallelOp([start], [stop], [step], Region(body)))

    @contextmanager
    def branch(self, condition: SSAValue) -> Generator[scf.IfOp]:
        """``if condition:`` without results; `otherwise` gives the else branch."""
        then, other = Block(), Block()
        op = scf.IfOp(condition, (), Region(then), Region(other))
        outer, self.block = self.block, then
        yield op
        self.effect(scf.YieldOp())
        self.block = other
        self.effect(scf.YieldOp())
        self.block = outer
        self.effect(op)

    @contextmanager
    def otherwise(self, op: scf.IfOp) -> Generator[None]:
        """The else branch of `op`, which was built before."""
        block = op.false_region.block
        last = block.last_op
        assert last is not None
        last.detach()
        outer, self.block = self.block, block
        yield
        self.effect(last)
        self.block = outer

    def compare(self, predicate: str, a: Index, b: Index | int) -> SSAValue:
        """``a < b`` (``"slt"``), ``a == b`` (``"eq"``), ..."""
        return self.add(arith.CmpiOp(a.ssa, self.index(b).ssa, predicate))


@cache
def _mask(lanes: tuple[int, ...]) -> DenseArrayBase[IntegerType]:
    """The attribute that names lanes: transposing a tile shuffles by a few masks, hundreds of times."""
    return DenseArrayBase.from_list(i64, lanes)


def _created(op: type[Operation], operands: Sequence[SSAValue], result: Attribute | None = None) -> Operation:
    properties = _EXACTLY if issubclass(op, arith.FloatingPointLikeBinaryOperation) else None
    return create(op, operands, () if result is None else (result,), properties)
