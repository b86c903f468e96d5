# pyright: reportPrivateUsage=false
"""`create` makes what xDSL's own ``create`` makes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdsl.dialects import arith, memref, vector
from xdsl.dialects.builtin import FloatAttr, IndexType, MemRefType, VectorType, f32
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc.dialects.creation import create

BLOCK = Block(arg_types=[IndexType(), f32, f32, MemRefType(f32, [8])])
AT, A, B, MEMORY = BLOCK.args
CASES: dict[str, tuple[type[Operation], Sequence[SSAValue], Sequence[Attribute], dict[str, Attribute]]] = {
    "a default property": (arith.AddfOp, (A, B), (f32,), {}),
    "another than the default": (arith.AddfOp, (A, B), (f32,), {"fastmath": arith.FastMathFlagsAttr("fast")}),
    "no operands": (arith.ConstantOp, (), (f32,), {"value": FloatAttr(1.0, f32)}),
    "one value twice": (arith.MulfOp, (A, A), (f32,), {}),
    "no result": (memref.StoreOp, (A, MEMORY, AT), (), {}),
    "a vector": (vector.LoadOp, (MEMORY, AT), (VectorType(f32, [4]),), {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_made_is_what_xdsl_makes(
    case: tuple[type[Operation], Sequence[SSAValue], Sequence[Attribute], dict[str, Attribute]],
) -> None:
    kind, operands, types, properties = case
    counts = [value.uses.get_length() for value in operands]
    made = create(kind, operands, types, properties)
    want = kind.create(operands=operands, result_types=types, properties=properties)
    assert made.__dict__.keys() | vars(kind).keys() >= want.__dict__.keys()
    assert made.is_structurally_equivalent(want)
    assert (made.properties, made.attributes) == (want.properties, want.attributes)
    assert (made.location, made.parent, made.regions) == (want.location, None, ())
    assert list(made.successors) == list(want.successors) == []
    assert [(use.operation, use.index) for use in made._operand_uses] == [
        (made, number) for number in range(len(operands))
    ]
    added = [2 * list(operands).count(value) for value in operands]
    assert [v.uses.get_length() for v in operands] == [a + b for a, b in zip(counts, added, strict=True)]
    for number, result in enumerate(made.results):
        assert (result.op, result.index, result.first_use) == (made, number, None)
    for op in (made, want):
        op.erase()
    assert [v.uses.get_length() for v in operands] == counts


def test_defaults_are_each_operations_own() -> None:
    one, other = (create(arith.AddfOp, (A, B), (f32,)) for _ in range(2))
    one.properties["fastmath"] = arith.FastMathFlagsAttr("fast")
    assert other.properties["fastmath"] == arith.FastMathFlagsAttr("none")
    for op in (one, other):
        op.erase()
