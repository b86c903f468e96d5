"""One `linalg.generic` out of two: the producer's body moves into its consumer, through the consumer's
index map.
"""

from collections.abc import Sequence

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    IndexType,
    IntegerAttr,
    StringAttr,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

from tsc.analysis.affine import substitute
from tsc.analysis.kernel_model import CASTS
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import loop_extents, tell_extents
from tsc.dialects.sized import SizeOp
from tsc.dims import Dim

INDEX = IndexType()
DIVISIONS: dict[AffineBinaryOpKind, type[Operation]] = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
    AffineBinaryOpKind.FloorDiv: arith.DivUIOp,
    AffineBinaryOpKind.Mod: arith.RemUIOp,
}


def make_generic(
    inputs: Sequence[tuple[SSAValue, AffineMap]],
    outputs: Sequence[tuple[SSAValue, AffineMap]],
    iterators: Sequence[Attribute],
    body: Block,
    doc: StringAttr | None,
) -> linalg.GenericOp:
    """A generic from (tensor, map) pairs."""
    maps = [AffineMapAttr(m) for _, m in (*inputs, *outputs)]
    types = [v.type for v, _ in outputs]
    ins, outs = [v for v, _ in inputs], [v for v, _ in outputs]
    return linalg.GenericOp(ins, outs, Region(body), ArrayAttr(maps), ArrayAttr(iterators), types, doc)


def input_pairs(op: linalg.GenericOp) -> list[tuple[SSAValue, AffineMap]]:
    """The inputs with their maps."""
    maps = [m.data for m in op.indexing_maps.data]
    return list(zip(op.inputs, maps[: len(op.inputs)], strict=True))


def output_pairs(op: linalg.GenericOp) -> list[tuple[SSAValue, AffineMap]]:
    """The output tensors with their maps."""
    maps = [m.data for m in op.indexing_maps.data]
    return list(zip(op.outputs, maps[len(op.inputs) :], strict=True))


def yield_of(op: linalg.GenericOp) -> Operation:
    """The terminator of the body."""
    last = op.body.block.last_op
    assert last is not None
    return last


def is_copy(op: linalg.GenericOp) -> bool:
    """Whether the body gives its (only) input unchanged."""
    return len(op.results) == 1 and yield_of(op).operands[0] in op.body.block.args[: len(op.inputs)]


def is_cast(op: linalg.GenericOp) -> bool:
    """Whether the body only widens its input."""
    value = yield_of(op).operands[0]
    owner = value.owner
    if len(op.results) != 1 or not isinstance(owner, CASTS):
        return False
    return owner.operands[0] in op.body.block.args[: len(op.inputs)]


def is_invertible(map_: AffineMap) -> bool:
    """Whether a result determines every dim: each dim stands alone in some result, other results are 0."""
    dims = [e.position for e in map_.results if isinstance(e, AffineDimExpr)]
    rest = [e for e in map_.results if not isinstance(e, AffineDimExpr)]
    constant = all(isinstance(e, AffineConstantExpr) and e.value == 0 for e in rest)
    return constant and sorted(dims) == list(range(map_.num_dims))


def compose(
    producer: linalg.GenericOp, result: int, consumer: linalg.GenericOp, position: int
) -> linalg.GenericOp:
    """`consumer` with its input `position` (result `result` of the parallel `producer`) computed in its
    body; the bodies of the consumer, and of a producer that nothing else reads, are taken apart for it.
    """
    through = input_pairs(consumer)[position][1]
    out_map = output_pairs(producer)[result][1]
    dims = {
        e.position: through.results[n] for n, e in enumerate(out_map.results) if isinstance(e, AffineDimExpr)
    }
    moved = [
        (v, AffineMap(through.num_dims, 0, tuple(substitute(e, dims) for e in m.results)))
        for v, m in input_pairs(producer)
    ]
    kept = [pair for n, pair in enumerate(input_pairs(consumer)) if n != position]
    inputs = list(dict.fromkeys([*kept, *moved]))
    outputs = output_pairs(consumer)
    types = [element_of(v.type) for v, _ in inputs]
    body = Block(arg_types=[*types, *(a.type for a in consumer.body.block.args[len(consumer.inputs) :])])
    values: dict[SSAValue, SSAValue] = {}
    for argument, pair in zip(producer.body.block.args, moved, strict=False):
        values[argument] = body.args[inputs.index(pair)]
    readers = sum(1 for r in producer.results for _ in r.uses)
    _add_body(producer, body, values, dims, is_moved=readers == 1)
    arguments = list(consumer.body.block.args)
    for n, argument in enumerate(arguments[: len(consumer.inputs)]):
        if n == position:
            values[argument] = _looked_up(values, yield_of(producer).operands[result])
        else:
            values[argument] = body.args[inputs.index(input_pairs(consumer)[n])]
    values.update(zip(arguments[len(consumer.inputs) :], body.args[len(inputs) :], strict=True))
    yielded = list(yield_of(consumer).operands)
    _add_body(consumer, body, values, None, is_moved=True)
    body.add_op(linalg.YieldOp(*(_looked_up(values, v) for v in yielded)))
    doc = _joined(producer.doc, consumer.doc)
    return make_generic(inputs, outputs, consumer.iterator_types.data, body, doc)


def _looked_up(values: dict[SSAValue, SSAValue], value: SSAValue) -> SSAValue:
    return values.get(value, value)


def _add_body(
    op: linalg.GenericOp,
    body: Block,
    values: dict[SSAValue, SSAValue],
    dims: dict[int, AffineExpr] | None,
    *,
    is_moved: bool = False,
) -> None:
    """Append the ops of the body, or copies of them; loop numbers are rewritten through `dims` (None: they
    stay).
    """
    for inner in list(op.body.block.ops):
        if isinstance(inner, linalg.YieldOp):
            continue
        if isinstance(inner, linalg.IndexOp) and dims is not None:
            values[inner.result] = index_value(body, dims[inner.dim.value.data])
        elif is_moved:
            inner.detach()
            for number, operand in enumerate(inner.operands):
                if operand in values:
                    inner.operands[number] = values[operand]
            body.add_op(inner)
        else:
            body.add_op(inner.clone(values))


def index_value(body: Block, expression: AffineExpr) -> SSAValue:
    """Ops that compute an expression of the loops, appended to `body`."""
    match expression:
        case AffineDimExpr():
            op: Operation = linalg.IndexOp(expression.position)
        case AffineConstantExpr():
            number: int | Dim = expression.value
            op = (
                SizeOp.of(number) if isinstance(number, Dim) else arith.ConstantOp(IntegerAttr(number, INDEX))
            )
        case AffineBinaryOpExpr():
            lhs, rhs = index_value(body, expression.lhs), index_value(body, expression.rhs)
            op = DIVISIONS[expression.kind].create(operands=[lhs, rhs], result_types=[INDEX])
        case _:
            raise ValueError(f"index: requires dims and constants; got {expression}")
    body.add_op(op)
    return op.results[0]


def renumber(
    op: linalg.GenericOp, dims: dict[int, AffineExpr], count: int, order: Sequence[Attribute]
) -> linalg.GenericOp:
    """The same generic over `count` loops: its loop ``d`` is ``dims[d]``; `order` are the new iterator
    types.
    """

    def moved(pairs: Sequence[tuple[SSAValue, AffineMap]]) -> list[tuple[SSAValue, AffineMap]]:
        return [(v, AffineMap(count, 0, tuple(substitute(e, dims) for e in m.results))) for v, m in pairs]

    body = Block(arg_types=[a.type for a in op.body.block.args])
    values: dict[SSAValue, SSAValue] = dict(zip(op.body.block.args, body.args, strict=True))
    _add_body(op, body, values, dims)
    body.add_op(linalg.YieldOp(*(_looked_up(values, v) for v in yield_of(op).operands)))
    return make_generic(moved(input_pairs(op)), moved(output_pairs(op)), order, body, op.doc)


def replace_input(op: linalg.GenericOp, position: int, value: SSAValue, map_: AffineMap) -> None:
    """Read `value` through `map_` as input `position`, in place."""
    sizes = loop_extents(op)
    op.operands[position] = value
    maps = list(op.indexing_maps.data)
    maps[position] = AffineMapAttr(map_)
    op.properties["indexing_maps"] = ArrayAttr(maps)
    tell_extents(op, sizes)


def _joined(first: StringAttr | None, second: StringAttr | None) -> StringAttr | None:
    names = [d.data for d in (first, second) if d is not None and d.data]
    return StringAttr(" ".join(dict.fromkeys(" ".join(names).split(" ")))) if names else None
