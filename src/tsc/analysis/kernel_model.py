"""Reads a kernel function of the `linalg` stage into loops, operands and index maps: what every schedule
works on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from tsc.analysis.affine import row_major_strides
from tsc.dialects.loop_extents import loop_extents, shape_of
from tsc.dialects.tsc import RemainderOp, YieldOp
from tsc.dims import is_one


@dataclass(frozen=True)
class Padding:
    """The fill around an operand: reading outside the source gives `value`."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    value: SSAValue

    @property
    def is_zero(self) -> bool:
        """Whether the fill is the number zero, which a halo in memory can provide."""
        return constant_number(self.value) == 0


@dataclass(frozen=True)
class Operand:
    """One tensor a stage reads or writes: element ``value[map(dims)]``."""

    value: SSAValue
    map: AffineMap
    padding: Padding | None = None

    @property
    def is_uniform(self) -> bool:
        """Whether every iteration reads the same scalar (a filled tensor)."""
        return not isinstance(self.value.type, TensorType)


@dataclass(frozen=True)
class KernelStage:
    """One `linalg.generic`: loops, operands, and the scalar computation of its body.

    `inits[i]` is what output ``i`` of a reduction starts from; None where the body ignores it.
    """

    op: linalg.GenericOp
    sizes: tuple[int, ...]
    parallel: tuple[bool, ...]
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    inits: tuple[Operand | None, ...]

    @property
    def body(self) -> Block:
        """The block with the scalar computation; its arguments are inputs, then outputs."""
        return self.op.body.block

    @property
    def is_parallel(self) -> bool:
        """Whether there is no reduction loop."""
        return all(self.parallel)

    @property
    def reduced(self) -> tuple[int, ...]:
        """The reduction loops."""
        return tuple(d for d, p in enumerate(self.parallel) if not p)

    @property
    def kept(self) -> tuple[int, ...]:
        """The parallel loops."""
        return tuple(d for d, p in enumerate(self.parallel) if p)

    @property
    def running(self) -> tuple[Operand, ...]:
        """The outputs of a scan: what a reduction gives after each of its steps."""
        reduced = set(self.reduced)
        return tuple(o for o in self.outputs if dims_of(o.map) & reduced)

    @property
    def extracted(self) -> frozenset[SSAValue]:
        """The tensors that the body reads wherever it computes, beside what it is given."""
        return frozenset(op.tensor for op in self.body.walk() if isinstance(op, tensor.ExtractOp))

    @property
    def yielded(self) -> tuple[SSAValue, ...]:
        """What the body gives for each output."""
        last = self.body.last_op
        assert last is not None
        return tuple(last.operands)


@dataclass(frozen=True)
class KernelModel:
    """A kernel: its arguments, stages in order, and the values it returns."""

    func: func.FuncOp
    kind: str
    stages: tuple[KernelStage, ...]
    results: tuple[SSAValue, ...]

    @property
    def arguments(self) -> tuple[SSAValue, ...]:
        """The tensors that come in."""
        return tuple(self.func.body.block.args)

    @property
    def reductions(self) -> tuple[KernelStage, ...]:
        """The stages with a reduction loop."""
        return tuple(s for s in self.stages if not s.is_parallel)


def constant_number(value: SSAValue) -> float | int | None:
    """The number a scalar SSA value always is, or None."""
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp):
        return None
    attribute = owner.value
    data = getattr(getattr(attribute, "value", None), "data", None)
    return data if isinstance(data, int | float) else None


def read_kernel(function: func.FuncOp) -> KernelModel:
    """The model of `function`.

    Raises:
        CodegenError: an op has no place in a kernel of the `linalg` stage.
    """
    block = function.body.block
    stages = [read_stage(op) for op in block.ops if isinstance(op, linalg.GenericOp)]
    kind = function.attributes.get("tsc.kind")
    last = block.last_op
    assert last is not None
    return KernelModel(function, str(getattr(kind, "data", "")), tuple(stages), tuple(last.operands))


def read_stage(op: linalg.GenericOp) -> KernelStage:
    """The stage one `linalg.generic` stands for."""
    maps = [m.data for m in op.indexing_maps.data]
    count = len(op.inputs)
    parallel = tuple(t.data is IteratorType.PARALLEL for t in op.iterator_types.data)
    sizes = loop_extents(op)
    inputs = tuple(resolve(v, m) for v, m in zip(op.inputs, maps[:count], strict=True))
    outputs = tuple(Operand(r, m) for r, m in zip(op.results, maps[count:], strict=True))
    used = [arg.uses for arg in op.body.block.args[count:]]
    inits = tuple(
        resolve(v, m) if any(True for _ in uses) else None
        for v, m, uses in zip(op.outputs, maps[count:], used, strict=True)
    )
    return KernelStage(op, sizes, parallel, inputs, outputs, inits)


def resolve(value: SSAValue, map_: AffineMap) -> Operand:
    """Look through slices, pads and fills: the tensor that is really read, and how it is indexed."""
    owner = value.owner
    match owner:
        case linalg.FillOp():
            return Operand(owner.inputs[0], AffineMap(map_.num_dims, 0, ()))
        case arith.ConstantOp() if (
            isinstance(owner.value, DenseIntOrFPElementsAttr) and owner.value.is_splat()
        ):
            return Operand(value, AffineMap(map_.num_dims, 0, ()))
        case tensor.ExtractSliceOp():  # of the first elements in each dim: `slice-operands`
            return resolve(owner.source, map_)
        case tensor.PadOp():
            low, high = owner.static_low.get_values(), owner.static_high.get_values()
            last = owner.region.block.last_op
            assert last is not None
            results = (e - a if a else e for e, a in zip(map_.results, low, strict=True))
            inner = resolve(owner.source, AffineMap(map_.num_dims, 0, tuple(results)))
            return replace(inner, padding=Padding(tuple(low), tuple(high), last.operands[0]))
        case _:
            return Operand(value, map_)


def reshape_map(op: tensor.ExpandShapeOp | tensor.CollapseShapeOp) -> AffineMap:
    """The map from an index of the result to the index of the source."""
    source, result = op.src.type, op.result.type
    assert isinstance(source, TensorType)
    assert isinstance(result, TensorType)
    groups = [[i.value.data for i in group.data] for group in op.reassociation.data]
    expressions: list[AffineExpr] = []
    for number, group in enumerate(groups):
        if isinstance(op, tensor.ExpandShapeOp):
            strides = row_major_strides([result.get_shape()[d] for d in group])
            parts = (
                AffineExpr.dimension(d) * AffineExpr.constant(s) for d, s in zip(group, strides, strict=True)
            )
            expressions.append(sum(parts, start=AffineExpr.constant(0)))
        else:
            shape = [source.get_shape()[d] for d in group]
            expressions += unflatten(AffineExpr.dimension(number), shape)
    return AffineMap(result.get_num_dims(), 0, tuple(expressions))


def unflatten(index: AffineExpr, shape: Sequence[int]) -> list[AffineExpr]:
    """The index into `shape` of element number `index` in row-major order."""
    if len([n for n in shape if not is_one(n)]) <= 1:
        zero = AffineExpr.constant(0)
        wide = next((d for d, n in enumerate(shape) if not is_one(n)), 0)
        return [index if d == wide else zero for d in range(len(shape))]
    strides = row_major_strides(shape)
    result: list[AffineExpr] = []
    for d, (size, stride) in enumerate(zip(shape, strides, strict=True)):
        quotient = index if stride == 1 else index // AffineExpr.constant(stride)
        result.append(quotient if d == 0 else quotient % AffineExpr.constant(size))
    return result


@dataclass(frozen=True)
class Contraction:
    """A multiply-add reduction seen as (batched) matrices: rows x depth times depth x columns."""

    stage: KernelStage
    data: Operand
    weights: Operand
    data_argument: int
    weights_argument: int
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    depth: tuple[int, ...]

    def count(self, dims: Sequence[int]) -> int:
        """The number of iterations of `dims` together."""
        return prod(self.stage.sizes[d] for d in dims)


def multiplied(stage: KernelStage) -> tuple[int, int] | None:
    """The inputs ``(a, b)`` of a body that is ``acc + cast(a) * cast(b)``, or None."""
    if stage.is_parallel or len(stage.outputs) != 1:
        return None
    total = stage.yielded[0].owner
    if not isinstance(total, arith.AddfOp | arith.AddiOp):
        return None
    accumulator = stage.body.args[-1]
    product = total.rhs if total.lhs is accumulator else total.lhs
    if accumulator not in (total.lhs, total.rhs) or accumulator.uses.get_length() != 1:
        return None
    owner = product.owner
    if not isinstance(owner, arith.MulfOp | arith.MuliOp):
        return None
    factors = [stage_input(stage, f) for f in (owner.lhs, owner.rhs)]
    if factors[0] is None or factors[1] is None or factors[0] == factors[1]:
        return None
    return factors[0], factors[1]


CASTS = (arith.ExtFOp, arith.ExtSIOp, arith.ExtUIOp, arith.SIToFPOp)


def stage_input(stage: KernelStage, value: SSAValue) -> int | None:
    """The number of the input that `value` is, perhaps after a widening cast."""
    if isinstance(value.owner, CASTS):
        value = value.owner.operands[0]
    arguments = stage.body.args[: len(stage.inputs)]
    return next((i for i, a in enumerate(arguments) if a is value), None)


def dims_of(map_: AffineMap) -> set[int]:
    """The loops a map reads."""
    return {e.position for result in map_.results for e in result.dfs() if isinstance(e, AffineDimExpr)}


def contraction_of(stage: KernelStage, innermost: int | None = None) -> Contraction | None:
    """`stage` as a contraction; the weights are the operand that `innermost` (an output loop) indexes.

    None where the body is another one, or where no loop belongs to one operand alone.
    """
    factors = multiplied(stage)
    if factors is None:
        return None
    a, b = (stage.inputs[i] for i in factors)
    if a.is_uniform or b.is_uniform:
        return None
    if innermost is not None and innermost in dims_of(a.map):
        factors, a, b = factors[::-1], b, a
    in_a, in_b = dims_of(a.map), dims_of(b.map)
    wide = [d for d in stage.kept if stage.sizes[d] != 1]
    columns = tuple(d for d in stage.kept if d in in_b and d not in in_a)
    rows = tuple(d for d in stage.kept if d not in in_b)
    batch = tuple(d for d in stage.kept if d in in_a and d in in_b)
    if not any(d in columns for d in wide) or not is_whole(b, stage.sizes) or a.value is b.value:
        return None
    if any(d not in in_b and not is_one(stage.sizes[d]) for d in stage.reduced):
        return None  # panels of the weights say how deep the product is
    return Contraction(stage, a, b, factors[0], factors[1], batch, rows, columns, stage.reduced)


def is_permutation(map_: AffineMap) -> bool:
    """Whether every result is a dim of its own (or the constant 0)."""
    dims = [e.position for e in map_.results if isinstance(e, AffineDimExpr)]
    constants = [e for e in map_.results if isinstance(e, AffineConstantExpr) and e.value == 0]
    return len(dims) + len(constants) == len(map_.results) and len(set(dims)) == len(dims)


def is_whole(operand: Operand, sizes: Sequence[int]) -> bool:
    """Whether loops of `sizes` read all of an operand, without padding, each element once: it can be
    packed.
    """
    if operand.padding is not None or not is_permutation(operand.map):
        return False
    pairs = zip(operand.map.results, shape_of(operand.value), strict=True)
    return all(sizes[e.position] == n if isinstance(e, AffineDimExpr) else n == 1 for e, n in pairs)


def body_cost(block: Block) -> int:
    """A rough price of one evaluation of a body, in simple arithmetic ops."""
    return sum(_op_cost(op) for op in block.ops)


def _op_cost(op: Operation) -> int:
    if op.name.startswith("math.") and op.name not in ("math.absf", "math.fma", "math.floor", "math.ceil"):
        return 12 if op.name not in ("math.sqrt", "math.rsqrt") else 6
    if isinstance(op, RemainderOp):
        return 24
    if isinstance(op, arith.DivfOp | arith.DivSIOp | arith.DivUIOp | arith.RemSIOp):
        return 6
    return 0 if isinstance(op, arith.ConstantOp | linalg.YieldOp | YieldOp | linalg.IndexOp) else 1
