"""List and dict comprehensions: a loop that appends."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from xdsl.ir import Block, Region, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.iteration import trip_count_and_element
from tsc.frontend.sugared import Arguments, Sugared, SugaredValue

if TYPE_CHECKING:
    from tsc.frontend.expressions import ExpressionReader


def _single_generator(reader: ExpressionReader, node: ast.ListComp | ast.DictComp) -> ast.comprehension:
    if len(node.generators) != 1:
        raise reader.error("Only a single generator is currently supported", node, NotSupportedError)
    generator = node.generators[0]
    if generator.ifs:
        raise reader.error("Comprehension ifs are not supported yet", node, NotSupportedError)
    return generator


def _assign(reader: Any, target: ast.expr, value: Sugared, node: ast.AST) -> None:
    reader.assign(target, value, node)


def read_list_comprehension(reader: ExpressionReader, node: ast.ListComp, hint: TorchType | None) -> Sugared:
    """``[f(x) for x in xs]``."""
    generator = _single_generator(reader, node)
    iterated = reader.read(generator.iter)
    unrolled = iterated.unroll(reader, node)
    if unrolled is not None:
        return _unrolled(reader, node, generator, unrolled, hint)
    trips, element = trip_count_and_element(reader, iterated, node)
    result = reader.builder.list(tt.TENSOR, [])

    def body(i: Any) -> None:
        _assign(reader, generator.target, element(i), node)
        value = reader.value(node.elt)
        if isinstance(hint, tt.ListType):
            value = reader.coerce(value, hint.data, node)
        result._type = tt.ListType(value.type)  # pyright: ignore[reportPrivateUsage]
        reader.call_builtin(("aten::append",), Arguments([SugaredValue(result), SugaredValue(value)]), node)

    _loop(reader, trips, body)
    return SugaredValue(result)


def _unrolled(
    reader: ExpressionReader,
    node: ast.ListComp,
    generator: ast.comprehension,
    elements: list[Sugared],
    hint: TorchType | None,
) -> Sugared:
    saved = dict(reader.environment)
    values: list[Any] = []
    for element in elements:
        _assign(reader, generator.target, element, node)
        values.append(reader.value(node.elt))
    reader.environment = saved
    kind = reader.common_type([v.type for v in values], node) or (
        hint.data if isinstance(hint, tt.ListType) else tt.TENSOR
    )
    return SugaredValue(reader.builder.list(kind, [reader.coerce(v, kind, node) for v in values]))


def read_dict_comprehension(reader: ExpressionReader, node: ast.DictComp, hint: TorchType | None) -> Sugared:
    """``{k: v for x in xs}``."""
    generator = _single_generator(reader, node)
    iterated = reader.read(generator.iter)
    made = reader.builder.create(ops.PrimDictConstructOp, [], [tt.DictType((tt.STRING, tt.TENSOR))]).results[
        0
    ]

    def store(element: Sugared) -> None:
        _assign(reader, generator.target, element, node)
        key, value = reader.value(node.key), reader.value(node.value)
        made._type = tt.DictType((key.type, value.type))  # pyright: ignore[reportPrivateUsage]
        reader.call_builtin(
            ("aten::_set_item",),
            Arguments([SugaredValue(made), SugaredValue(key), SugaredValue(value)]),
            node,
        )

    unrolled = iterated.unroll(reader, node)
    if unrolled is not None:
        saved = dict(reader.environment)
        for part in unrolled:
            store(part)
        reader.environment = saved
        return SugaredValue(made)
    trips, element = trip_count_and_element(reader, iterated, node)

    def body(i: SSAValue) -> None:
        store(element(i))

    _loop(reader, trips, body)
    return SugaredValue(made)


def _loop(reader: ExpressionReader, trips: Any, body: Any) -> None:
    enter = reader.builder.constant(True)
    with reader.block([tt.INT]) as block:
        assert isinstance(block, Block)
        body(block.args[0])
        reader.builder.create(ops.PrimLoopConditionOp, [reader.builder.constant(True)])
    reader.builder.create(ops.PrimLoopOp, [trips, enter], [], regions=[Region(block)])
