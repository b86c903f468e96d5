"""Loops and branches whose course is decided by data, with the values they carry and give."""

from collections.abc import Callable, Sequence

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IntegerAttr, i1, i64
from xdsl.ir import Attribute, Block, Region, SSAValue

from tsc.analysis.builtin_types import is_vector
from tsc.dialects.loop_builder import EXACT, LoopBuilder, vector_type
from tsc.dialects.loop_index import INDEX, Index

Values = Sequence[SSAValue]


def repeat_while(
    builder: LoopBuilder,
    initial: Values,
    decide: Callable[[Values], tuple[SSAValue, Values]],
    body: Callable[[Values], Values],
) -> list[SSAValue]:
    """``scf.while``: `decide` gives a condition of what is carried, and what it hands to `body`, or to what
    comes after the loop; `body` gives what is carried next.
    """
    before = Block(arg_types=[v.type for v in initial])
    outer, builder.block = builder.block, before
    go, handed = decide(before.args)
    builder.effect(scf.ConditionOp(go, *handed))
    after = Block(arg_types=[v.type for v in handed])
    builder.block = after
    builder.effect(scf.YieldOp(*body(after.args)))
    builder.block = outer
    op = scf.WhileOp(list(initial), [v.type for v in handed], Region(before), Region(after))
    builder.effect(op)
    return list(op.results)


def choose(
    builder: LoopBuilder, condition: SSAValue, then: Callable[[], Values], otherwise: Callable[[], Values]
) -> list[SSAValue]:
    """``scf.if`` with results."""
    regions: list[Region] = []
    given: Values = ()
    for branch in (then, otherwise):
        block = Block()
        outer, builder.block = builder.block, block
        given = branch()
        builder.effect(scf.YieldOp(*given))
        builder.block = outer
        regions.append(Region(block))
    op = scf.IfOp(condition, [v.type for v in given], regions[0], regions[1])
    builder.effect(op)
    return list(op.results)


def select(builder: LoopBuilder, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
    """`a` where the condition holds, else `b`."""
    return builder.add(arith.SelectOp.create(operands=[condition, a, b], result_types=[a.type]))


def select_index(builder: LoopBuilder, condition: SSAValue, a: Index, b: Index) -> Index:
    """As `select`."""
    return Index(builder, select(builder, condition, a.ssa, b.ssa))


def indices(builder: LoopBuilder, values: Values) -> list[Index]:
    """Values of type ``index`` as expressions."""
    return [Index(builder, v) for v in values]


def below(builder: LoopBuilder, a: SSAValue, b: SSAValue) -> SSAValue:
    """Whether ``a < b``, as unsigned integers; lane by lane of vectors."""
    return compare(builder, "ult", a, b)


def compare(builder: LoopBuilder, predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
    """A comparison of integers, or of vectors of them."""
    properties = {"predicate": IntegerAttr(arith.CMPI_COMPARISON_OPERATIONS.index(predicate), i64)}
    return builder.add(arith.CmpiOp.create(operands=[a, b], result_types=[_bools(a)], properties=properties))


def compare_floats(builder: LoopBuilder, predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
    """A comparison of floats, or of vectors of them."""
    number = arith.CMPF_COMPARISON_OPERATIONS.index(predicate)
    properties = {"predicate": IntegerAttr(number, i64), "fastmath": EXACT}
    return builder.add(arith.CmpfOp.create(operands=[a, b], result_types=[_bools(a)], properties=properties))


def _bools(like: SSAValue) -> Attribute:
    return vector_type(i1, like.type.get_shape()[0]) if is_vector(like.type) else i1


def as_index(builder: LoopBuilder, value: SSAValue) -> Index:
    """An integer as an expression."""
    return Index(builder, builder.add(arith.IndexCastOp(value, INDEX)))
