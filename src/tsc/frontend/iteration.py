"""What a ``for`` loop iterates over: how many rounds, and the element of each."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from tsc.dialects import torch_types as tt
from tsc.frontend.sugared import Arguments, ClassRef, Iteration, Sugared, SugaredValue, TupleOf

if TYPE_CHECKING:
    from tsc.frontend.expressions import ExpressionReader

Element = Callable[[SSAValue], Sugared]


def trip_count_and_element(
    reader: ExpressionReader, iterated: Sugared, node: ast.AST
) -> tuple[SSAValue, Element]:
    """The number of rounds, and the function from the loop counter to the element."""
    if isinstance(iterated, ClassRef) and iterated.cls.kind == "enum":
        members = [
            iterated.attribute(reader, name, node).value(reader, node) for name in iterated.cls.members
        ]
        iterated = SugaredValue(reader.builder.list(tt.EnumType(iterated.cls.name), members))
    if isinstance(iterated, Iteration):
        return _ITERATIONS[iterated.kind](reader, iterated, node)
    value = reader.plain(iterated, node)
    if isinstance(value.type, tt.DictType):
        keys = reader.call_builtin(("aten::keys",), Arguments([value]), node)
        value = reader.plain(keys, node)
    if not isinstance(value.type, (tt.ListType, tt.TensorType)) and value.type is not tt.STRING:
        raise reader.error(f"'{value.type.torchscript()}' object is not iterable", node)
    length = reader.call_builtin(("aten::len",), Arguments([value]), node).value(reader, node)
    if isinstance(value.type, tt.TensorType):
        return length, lambda i: SugaredValue(
            reader.builder.aten("aten::select.int", [value.ssa, reader.builder.constant(0), i]).results[0]
        )
    return length, lambda i: reader.call_builtin(
        ("aten::__getitem__",), Arguments([value, SugaredValue(i)]), node
    )


def _range(reader: ExpressionReader, iterated: Iteration, node: ast.AST) -> tuple[SSAValue, Element]:
    values = [reader.coerce(p.value(reader, node), tt.INT, node, "range") for p in iterated.parts]
    if len(values) == 1:
        return values[0], SugaredValue
    start, stop, *rest = values
    step = rest[0] if rest else reader.builder.constant(1)
    trips = reader.builder.aten("aten::__range_length", [start, stop, step]).results[0]
    return trips, lambda i: SugaredValue(
        reader.builder.aten("aten::__derive_index", [i, start, step]).results[0]
    )


def _enumerate(reader: ExpressionReader, iterated: Iteration, node: ast.AST) -> tuple[SSAValue, Element]:
    trips, element = trip_count_and_element(reader, iterated.parts[0], node)
    start = iterated.start

    def pair(i: SSAValue) -> Sugared:
        position = i if start is None else reader.builder.aten("aten::add.int", [i, start]).results[0]
        return TupleOf([SugaredValue(position), element(i)])

    return trips, pair


def _zip(reader: ExpressionReader, iterated: Iteration, node: ast.AST) -> tuple[SSAValue, Element]:
    parts: list[Element] = []
    lengths: list[SSAValue] = []
    for part in iterated.parts:
        unrolled = part.unroll(reader, node)
        if unrolled is not None:
            raise reader.error(
                "zip of a tuple or module list with something of unknown length is not supported", node
            )
        trips, element = trip_count_and_element(reader, part, node)
        lengths.append(trips)
        parts.append(element)
    shortest = reader.builder.list(tt.INT, lengths)
    trips = reader.builder.aten("prim::min.self_int", [shortest]).results[0]
    return trips, lambda i: TupleOf([p(i) for p in parts])


_ITERATIONS = {"range": _range, "enumerate": _enumerate, "zip": _zip}
