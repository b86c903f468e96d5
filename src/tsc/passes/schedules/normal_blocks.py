"""Blocks of normally distributed float32: sixteen uniform numbers become eight radii and eight angles.

Source: Box and Muller, 1958; `tsc.ops.normal_fill` has the same on arrays, with the sources of its numbers.
"""

import math

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import Index
from tsc.ops.normal_fill import BLOCK, COS, LN2, LOG, QUARTER_PI, SIN
from tsc.passes.schedules.flow import compare_floats
from tsc.passes.schedules.vector_numbers import Numbers

HALF = BLOCK // 2


def normal_block(builder: LoopBuilder, made: SSAValue, at: Index) -> None:
    """Sixteen numbers in ``[0, 1)`` from a place on become normally distributed."""
    n = Numbers(builder, HALF)
    first, second = (builder.load(made, at + HALF * i, HALF) for i in range(2))
    logarithm = _log(n, n.of(arith.SubfOp, n.float(1.0), first))
    radius = n.root(n.times(n.float(-2.0), logarithm))
    sin, cos = _sin_cos(n, n.times(n.float(2 * math.pi), second))
    for place, factor in enumerate((cos, sin)):
        value = n.plus(n.times(radius, factor), n.float(0.0))  # of zeros the positive one
        builder.store(value, made, at + HALF * place)


def _log(n: Numbers, x: SSAValue) -> SSAValue:
    """The natural logarithm of normal numbers above 0."""
    bits = n.bits(x)
    exponent = n.of(arith.ShRSIOp, bits, n.integer(23))
    exponent = n.to_float(n.of(arith.SubiOp, exponent, n.integer(126)))
    x = n.with_bits(n.either(n.both(bits, n.integer(0x007FFFFF)), n.integer(0x3F000000)))
    is_low = compare_floats(n.builder, "olt", x, n.float(0.707106781186547524))
    exponent = n.of(arith.SubfOp, exponent, n.choose(is_low, n.float(1.0), n.float(0.0)))
    x = n.plus(n.of(arith.SubfOp, x, n.float(1.0)), n.choose(is_low, x, n.float(0.0)))
    square = n.times(x, x)
    y = n.times(n.polynomial(LOG, x), x)
    y = n.fma(y, square, n.times(exponent, n.float(LN2[0])))
    y = n.fma(n.negative(square), n.float(0.5), y)
    return n.fma(exponent, n.float(LN2[1]), n.plus(x, y))


def _sin_cos(n: Numbers, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """Sine and cosine of numbers that are not negative."""
    octant = n.to_integer(n.times(x, n.float(4 / math.pi)))
    octant = n.both(n.of(arith.AddiOp, octant, n.integer(1)), n.integer(~1))
    whole = n.to_float(octant)
    for part in QUARTER_PI:
        x = n.fma(whole, n.float(part), x)
    square = n.times(x, x)
    cos = n.times(n.polynomial(COS, square), square)
    cos = n.plus(n.fma(cos, square, n.negative(n.times(square, n.float(0.5)))), n.float(1.0))
    sin = n.fma(n.times(n.polynomial(SIN, square), square), x, x)
    is_swapped = n.has(octant, 2)
    sin, cos = n.choose(is_swapped, cos, sin), n.choose(is_swapped, sin, cos)
    is_below = n.has(n.of(arith.SubiOp, octant, n.integer(2)), 4)
    return n.choose(n.has(octant, 4), n.negative(sin), sin), n.choose(is_below, cos, n.negative(cos))
