"""The function of native code that says what symbolic sizes are in a call."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import IntegerAttr, MemRefType, i8, i64
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import INDEX, Index
from tsc.dims import Dim, SizeEnvironment

NAME = "sizes"
Shapes = Sequence[Sequence[int]]


def sizes_function(
    environment: SizeEnvironment, inputs: Shapes, outputs: Shapes, arena_bytes: int
) -> func.FuncOp:
    """``@sizes(%given, %found, %arena)``, at stage `loop`: of the sizes of all arguments, whether all guards
    hold, the bytes of the arena, the symbols, the sizes of all results; see `SizesFunction`.
    """
    sizes = [n for shape in inputs for n in shape]
    results = [n for shape in outputs for n in shape]
    symbols = [Dim(environment, {(atom,): 1}) for atom in environment.symbols]
    count = 2 + len(symbols) + len(results)
    types = [MemRefType(INDEX, [len(sizes)]), MemRefType(INDEX, [count]), MemRefType(i8, [0])]
    function = func.FuncOp(NAME, (types, []))
    function.attributes["tsc.num_inputs"] = IntegerAttr(1, i64)
    builder = LoopBuilder(function.body.block, holds_guards=False)
    given, found, _ = function.body.block.args
    actual = [Index(builder, builder.load(given, builder.index(n))) for n in range(len(sizes))]
    checks = [builder.compare("sge", size, 1) for size in actual]
    for symbol in symbols:
        place = next(n for n, size in enumerate(sizes) if symbol.same(size))
        # At least 1, so that nothing is divided by 0, before it is told that a size is.
        builder.take_sizes([symbol], [actual[place].maximum(1).ssa])
    builder.last_constant = builder.top.last_op  # sizes are computed after what they are computed from
    checks += [builder.compare("eq", size, want) for size, want in zip(actual, sizes, strict=True)]
    predicates = {"==": "eq", "!=": "ne", ">=": "sge"}
    for guard in environment.guards.values():
        checks.append(builder.compare(predicates[guard.relation], builder.index(guard.expression), 0))
    suits = checks[0]
    for check in checks[1:]:
        suits = builder.binary(arith.AndIOp, suits, check)
    told = builder.add(arith.IndexCastOp(builder.add(arith.ExtUIOp(suits, i64)), INDEX))
    words: list[SSAValue] = [told, *(builder.index(n).ssa for n in (arena_bytes, *symbols, *results))]
    for place, word in enumerate(words):
        builder.store(word, found, builder.index(place))
    builder.effect(func.ReturnOp())
    return function
