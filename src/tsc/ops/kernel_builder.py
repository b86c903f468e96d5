"""Builds the body of a kernel at the `linalg` stage: generics over static tensors, reshapes, pads, slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    IndexType,
    IntegerAttr,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from tsc import dtypes
from tsc.dialects.arith_emitter import ArithEmitter, element_type
from tsc.dialects.loop_extents import tell_extents
from tsc.dialects.sized import SizeOp, plain, sized
from tsc.dialects.tsc import ScatterOp
from tsc.dialects.tsc import YieldOp as RegionYieldOp
from tsc.dialects.tsc_places import PlacesOp
from tsc.dims import Dim, is_known, maximum
from tsc.dtypes import Array, DType, Number
from tsc.errors import CodegenError
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_values import KernelPair, KernelValue, Output, affine, dim
from tsc.ops.parts_emitter import PART_DTYPES
from tsc.ops.reshapes import Groups, common_refinement, group_attribute, reassociation, unit_view
from tsc.ops.scalar import Scalar

Body = Callable[["BodyBuilder", list[Scalar], list[Scalar]], Sequence[Scalar]]
"""``body(builder, inputs, accumulators)`` gives the element of each output."""
ElementFormula = (
    Callable[[Scalar], Scalar]
    | Callable[[Scalar, Scalar], Scalar]
    | Callable[[Scalar, Scalar, Scalar], Scalar]
)
"""The element of the result from the elements of the inputs."""
Combine = Callable[[Scalar, Scalar], Scalar]
"""What an element becomes, of itself and a value for it."""


class BodyBuilder(ArithEmitter):
    """The body of a generic: the scalar emitter, the iteration indices, and checked gathers."""

    def index(self, position: int) -> SSAValue:
        """``linalg.index``: the iteration variable, of type ``index``."""
        op = IndexOp.create(result_types=[IndexType()], properties={"dim": IntegerAttr(position, i64)})
        self.block.add_op(op)
        return op.results[0]

    def index_scalar(self, position: int, dtype: DType) -> Scalar:
        """The iteration variable as an integer element."""
        value = self.emit(arith.IndexCastOp, [self.index(position)], element_type(dtype))
        return Scalar(self, value, dtype)

    def size_scalar(self, size: int, dtype: DType) -> Scalar:
        """A size, which may be symbolic, as an integer element."""
        value = self.emit(arith.IndexCastOp, [self._index_constant(size)], element_type(dtype))
        return Scalar(self, value, dtype)

    def to_index(self, x: Scalar) -> SSAValue:
        """An integer element as an ``index``."""
        return self.emit(arith.IndexCastOp, [x.value], IndexType())

    def extract(self, source: KernelValue, indices: Sequence[SSAValue]) -> Scalar:
        """``tensor.extract``: one element of `source`.

        Indices that come from data are clamped: `check-bounds` reports them.
        """
        inside = [self._clamped(i, n) for i, n in zip(indices, source.spec.shape, strict=True)]
        value = self.emit(tensor.ExtractOp, [source.ssa, *inside], element_type(source.spec.dtype))
        return Scalar(self, value, source.spec.dtype)

    def _clamped(self, index: SSAValue, extent: int) -> SSAValue:
        if isinstance(index.owner, IndexOp):
            return index
        low, high = (self._index_constant(n) for n in (0, maximum(extent - 1, 0)))
        return self.emit(
            arith.MinSIOp, [self.emit(arith.MaxSIOp, [index, low], IndexType()), high], IndexType()
        )

    def _index_constant(self, number: int) -> SSAValue:
        if isinstance(number, Dim):
            op: Operation = SizeOp.of(number)
            self.block.add_op(op)
            return op.results[0]
        value = IntegerAttr(number, IndexType())
        return self.emit(arith.ConstantOp, [], IndexType(), properties={"value": value})

    def scalar(self, value: Number, dtype: DType) -> Scalar:
        """A constant element."""
        return Scalar(self, self.const(value, dtype), dtype)


class KernelBuilder:
    """Appends to the block of a kernel function."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.tables: list[tuple[str, Array]] = []
        """Constants that the kernel takes as its last arguments: what they are called, and their elements."""

    def table(self, name: str, array: Array) -> KernelValue:
        """An array that is known now, as a tensor of the kernel."""
        spec = TensorSpec(array.shape, dtypes.by_numpy(array.dtype))
        self.tables.append((name, array))
        return KernelValue(self.block.insert_arg(self.tensor_type(spec), len(self.block.args)), spec)

    def add(self, op: Operation) -> SSAValue:
        """Append `op`; its first result."""
        self.block.add_op(op)
        return op.results[0]

    def tensor_type(self, spec: TensorSpec) -> Any:
        """The builtin type of a tensor: signless elements; of complex numbers pairs of parts."""
        part = PART_DTYPES.get(spec.dtype)
        if part is not None:
            return TensorType(element_type(part), sized((*spec.shape, 2)))
        return TensorType(element_type(spec.dtype), sized(spec.shape))

    def size(self, number: int) -> SSAValue:
        """A size, which may be symbolic, as a number."""
        if isinstance(number, Dim):
            return self.add(SizeOp.of(number))
        return self.add(arith.ConstantOp(IntegerAttr(number, IndexType())))

    def sizes(self, numbers: Sequence[int]) -> list[SSAValue]:
        """Those of some numbers that are symbolic, as operands."""
        return [self.add(SizeOp.of(n)) for n in numbers if isinstance(n, Dim)]

    def empty(self, spec: TensorSpec) -> SSAValue:
        """``tensor.empty``."""
        return self.add(tensor.EmptyOp((), self.tensor_type(spec)))

    def full(self, spec: TensorSpec, value: Number) -> KernelValue:
        """``linalg.fill`` with a constant."""
        constant = ArithEmitter(self.block).const(value, spec.dtype)
        return KernelValue(self.add(_fill(constant, self.empty(spec), self.tensor_type(spec))), spec)

    def scalar_constant(self, array: Array, dtype: DType) -> KernelValue:
        """A 0-dim tensor whose element is known now."""
        value = array.item()
        filled = self.full(TensorSpec((), dtype), value)
        return KernelValue(filled.ssa, filled.spec, None, value)

    def drop_unused(self) -> None:
        """Erase operations whose results nobody reads."""
        for op in reversed(list(self.block.ops)):
            if op.results and not any(r.first_use for r in op.results):
                op.detach()
                op.erase()

    def generic(
        self,
        inputs: Sequence[tuple[KernelValue, AffineMap]],
        outputs: Sequence[Output],
        iterators: str,
        body: Body,
        doc: str = "",
        extents: Sequence[int] | None = None,
    ) -> list[KernelValue]:
        """A ``linalg.generic``; `iterators` has ``p`` (parallel) or ``r`` (reduction) per dim. `extents` of
        the dims are needed where some indexes no operand alone.
        """
        rank = len(iterators)
        extents = extents or _extents(inputs, outputs, rank)
        block = Block(
            arg_types=[element_type(v.spec.dtype) for v, _ in inputs]
            + [element_type(o.spec.dtype) for o in outputs]
        )
        builder = BodyBuilder(block)
        dtypes = [v.spec.dtype for v, _ in inputs] + [o.spec.dtype for o in outputs]
        scalars = [Scalar(builder, a, d) for a, d in zip(block.args, dtypes, strict=True)]
        results = body(builder, scalars[: len(inputs)], scalars[len(inputs) :])
        block.add_op(YieldOp(*(r.value for r in results)))
        destinations = [
            self.empty(o.spec) if o.init is None else self.full(o.spec, o.init).ssa for o in outputs
        ]
        maps = [m if v.access is None else v.access.compose(m) for v, m in inputs] + [
            o.map or AffineMap.identity(rank) for o in outputs
        ]
        kinds = [IteratorTypeAttr(_ITERATORS[i]) for i in iterators]
        op = GenericOp(
            [v.ssa for v, _ in inputs], destinations, Region(block), [AffineMapAttr(m) for m in maps], kinds,
            [self.tensor_type(o.spec) for o in outputs], StringAttr(doc) if doc else None,
        )  # fmt: skip
        self.block.add_op(op)
        tell_extents(op, extents)
        return [KernelValue(r, o.spec) for r, o in zip(op.results, outputs, strict=True)]

    def elementwise(
        self, inputs: Sequence[KernelValue], spec: TensorSpec, body: ElementFormula, doc: str = ""
    ) -> KernelValue:
        """A parallel generic over `spec.shape`; inputs broadcast; ``body(*scalars)`` is the formula."""
        pairs = [(v, broadcast_map(v.spec.shape, spec.shape)) for v in inputs if v.constant is None]
        formula: Callable[..., Scalar] = body

        def element(builder: BodyBuilder, scalars: list[Scalar], _: list[Scalar]) -> list[Scalar]:
            given = iter(scalars)
            elements = [
                next(given) if v.constant is None else builder.scalar(v.constant, v.spec.dtype)
                for v in inputs
            ]
            return [formula(*elements)]

        return self.generic(pairs, [Output(spec)], "p" * spec.ndim, element, doc)[0]

    def materialize(self, x: KernelValue | KernelPair, doc: str = "copy") -> KernelValue:
        """`x` in memory of its own where it is a view, or in parts; otherwise `x` itself."""
        if isinstance(x, KernelPair):
            return self._interleaved(x)
        if x.access is None or (
            x.access == AffineMap.identity(x.spec.ndim) and _stored_shape(x) == x.spec.shape
        ):
            return KernelValue(x.ssa, x.spec)
        return self.elementwise([x], x.spec, lambda element: element, doc)

    def _interleaved(self, pair: KernelPair) -> KernelValue:
        """A complex tensor in memory of its own: each real part, and its imaginary part."""
        shape = pair.spec.shape
        spec = TensorSpec((*shape, 2), pair.real.spec.dtype)
        own = affine(len(shape) + 1, [dim(i) for i in range(len(shape))])

        def body(builder: BodyBuilder, inputs: list[Scalar], _: list[Scalar]) -> list[Scalar]:
            is_real = builder.index_scalar(len(shape), dtypes.I64).eq(0)
            return [is_real.where(inputs[0], inputs[1])]

        pairs = [(pair.real, own), (pair.imag, own)]
        made = self.generic(pairs, [Output(spec)], "p" * spec.ndim, body, "aten::complex")[0]
        return KernelValue(made.ssa, pair.spec)

    def convert(self, x: KernelValue, dtype: DType) -> KernelValue:
        """`x` with elements of `dtype`; `x` itself where it has them already."""
        if x.spec.dtype is dtype:
            return x
        return self.elementwise([x], TensorSpec(x.spec.shape, dtype), lambda s: s.to(dtype), "convert")

    def reshape(self, x: KernelValue, shape: Sequence[int]) -> KernelValue:
        """The same elements, row-major, under another shape of the same size."""
        shape = tuple(shape)
        if x.spec.shape == shape:
            return x
        units = unit_view(x.spec.shape, shape)
        return self.reshape_in_memory(self.materialize(x), shape) if units is None else x.view(shape, units)

    def reshape_in_memory(self, x: KernelValue, shape: Sequence[int]) -> KernelValue:
        """As `reshape`, by ``tensor.collapse_shape`` and ``tensor.expand_shape`` alone; `x` is no view."""
        shape = tuple(shape)
        if x.spec.shape == shape:
            return x
        spec = TensorSpec(shape, x.spec.dtype)
        if any(is_known(n) and n == 0 for n in shape):  # there is nothing to be put in order
            return self._empty_as(x, spec)
        common = common_refinement(x.spec.shape, shape)
        if common is None:
            raise CodegenError(f"reshape: requires matching sizes; got {x.spec.shape} to {shape}")
        if common == x.spec.shape:
            return self._collapse(x, spec)
        if common == shape:
            return self._expand(x, spec)
        return self.reshape_in_memory(self._split_then(x, common), shape)

    def _empty_as(self, x: KernelValue, spec: TensorSpec) -> KernelValue:
        """A tensor without elements under another shape."""
        if x.spec.ndim != 1:
            x = self._collapse(x, TensorSpec((0,), spec.dtype), [list(range(x.spec.ndim))])
        return x if spec.ndim == 1 else self._expand(x, spec, [list(range(spec.ndim))])

    def _split_then(self, x: KernelValue, common: tuple[int, ...]) -> KernelValue:
        spec = TensorSpec(common, x.spec.dtype)
        if common_refinement(common, x.spec.shape) == common and len(common) > x.spec.ndim:
            return self._expand(x, spec)
        return self._collapse(x, spec)

    def _collapse(self, x: KernelValue, spec: TensorSpec, groups: Groups | None = None) -> KernelValue:
        groups = groups or reassociation(x.spec.shape, spec.shape)
        op = tensor.CollapseShapeOp.create(
            operands=[x.ssa],
            result_types=[self.tensor_type(spec)],
            properties={"reassociation": group_attribute(groups)},
        )
        return KernelValue(self.add(op), spec)

    def _expand(self, x: KernelValue, spec: TensorSpec, groups: Groups | None = None) -> KernelValue:
        groups = groups or reassociation(spec.shape, x.spec.shape)
        shape, sizes = plain(spec.shape), self.sizes(spec.shape)
        op = tensor.ExpandShapeOp(x.ssa, sizes, group_attribute(groups), shape, self.tensor_type(spec))
        return KernelValue(self.add(op), spec)

    def pad(self, x: KernelValue, low: Sequence[int], high: Sequence[int], value: Number = 0) -> KernelValue:
        """``tensor.pad`` with a constant; no operation when nothing is added."""
        low, high = ([int(n) for n in margins] for margins in (low, high))  # a symbolic one is pinned
        if not any(low) and not any(high):
            return x
        x = self.materialize(x)
        shape = tuple(n + a + b for n, a, b in zip(x.spec.shape, low, high, strict=True))
        spec = TensorSpec(shape, x.spec.dtype)
        block = Block(arg_types=[IndexType()] * len(shape))
        block.add_op(tensor.YieldOp(ArithEmitter(block).const(value, x.spec.dtype)))
        return KernelValue(
            self.add(tensor.PadOp(x.ssa, [], [], Region(block), low, high, self.tensor_type(spec))), spec
        )

    def scatter(
        self, base: KernelValue, positions: KernelValue, values: KernelValue, combine: Combine, doc: str = ""
    ) -> KernelValue:
        """``tsc.scatter``: `base` ``[b, n, s]`` in which, for each ``m`` in order, the rows at
        ``positions[b, m]`` are `combine` of themselves and ``values[b, m]``.
        """
        block = Block(arg_types=[element_type(v.spec.dtype) for v in (base, values)])
        builder = BodyBuilder(block)
        now, value = (
            Scalar(builder, a, v.spec.dtype) for a, v in zip(block.args, (base, values), strict=True)
        )
        block.add_op(RegionYieldOp.create(operands=[combine(now, value).to(base.spec.dtype).value]))
        stored = [self.materialize(v).ssa for v in (base, positions, values)]
        op = ScatterOp.of(stored[0], stored[1], stored[2], block)
        if doc:
            op.attributes["doc"] = StringAttr(doc)
        return KernelValue(self.add(op), base.spec)

    def places(self, mask: KernelValue, count: int) -> KernelValue:
        """``tsc.places``: the first `count` places at which `mask` holds, which has one dim."""
        made = self.add(PlacesOp.of(self.materialize(mask).ssa, count))
        return KernelValue(made, TensorSpec((count,), dtypes.I64))

    def concat(self, parts: Sequence[KernelValue], spec: TensorSpec, axis: int) -> KernelValue:
        """`parts` one after the other along `axis`, as ``tensor.insert_slice`` into an empty tensor."""
        stored = [self.materialize(part) for part in parts]
        result, offset = self.empty(spec), 0
        for part in stored:
            offsets = [0] * spec.ndim
            offsets[axis] = offset
            op = tensor.InsertSliceOp.get(
                part.ssa,
                result,
                plain(part.spec.shape),
                plain(offsets),
                [1] * spec.ndim,
                offsets=self.sizes(offsets),
                sizes=self.sizes(part.spec.shape),
                result_type=self.tensor_type(spec),
            )
            result = self.add(op)
            offset += part.spec.shape[axis]
        return KernelValue(result, spec)


_ITERATORS = {"p": IteratorType.PARALLEL, "r": IteratorType.REDUCTION}


def _extents(
    inputs: Sequence[tuple[KernelValue, AffineMap]], outputs: Sequence[Output], rank: int
) -> list[int]:
    """The extent of every iteration dim, as the shapes of the values (not of the tensors behind views)
    say.
    """
    found: dict[int, int] = {}
    operands = [(m, v.spec.shape) for v, m in inputs]
    operands += [(o.map or AffineMap.identity(rank), o.spec.shape) for o in outputs]
    for map_, shape in operands:
        found |= {
            e.position: n for e, n in zip(map_.results, shape, strict=True) if isinstance(e, AffineDimExpr)
        }
    missing = [d for d in range(rank) if d not in found]
    if missing:
        raise CodegenError(
            f"linalg.generic: requires an operand indexed by loop {missing[0]} alone; got none"
        )
    return [found[d] for d in range(rank)]


def broadcast_map(source: Sequence[int], target: Sequence[int]) -> AffineMap:
    """The map by which a tensor of shape `source` is read while iterating over `target`."""
    offset = len(target) - len(source)
    results = [0 if n == 1 and target[offset + i] != 1 else dim(offset + i) for i, n in enumerate(source)]
    return affine(len(target), results)


def _stored_shape(x: KernelValue) -> tuple[int, ...]:
    stored = x.ssa.type
    assert isinstance(stored, TensorType)
    return tuple(stored.get_shape())


def _fill(value: SSAValue, destination: SSAValue, kind: TensorType[Any]) -> FillOp:
    """``linalg.fill``. `FillOp` itself would use xDSL's implicit builder, which replaces a member of
    `Operation` for the whole process meanwhile.
    """
    body = Block(arg_types=[value.type, kind.element_type])
    body.add_op(YieldOp(body.args[0]))
    return FillOp.build(operands=[[value], [destination]], result_types=[[kind]], regions=[Region(body)])
