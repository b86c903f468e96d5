"""asin, acos, atan and atan2: minimax polynomials after the usual reductions (Cody and Waite, 1980)."""

from collections.abc import Mapping
from math import pi

from tsc.codegen.math.coefficients import ASIN, ATAN
from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue

PI_LOW = {32: -8.74227765734758577e-8, 64: 1.2246467991473532e-16}
"""pi less its nearest float."""


def _asin_core(b: FormulaBuilder, x: MathValue) -> MathValue:
    """Asin for 0 <= x <= 1/2."""
    z = x * x
    return b.fma(x * z, b.polynomial(z, ASIN[b.bits]), x)


def asin(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``pi/2 - 2*asin(sqrt((1-|x|)/2))`` above 1/2; NaN beyond 1."""
    magnitude = b.absolute(x)
    is_large = magnitude > 0.5
    root = b.square_root(b.fma(magnitude, -0.5, 0.5))
    core = _asin_core(b, b.select(is_large, root, magnitude))
    large = (pi / 2) - (core + core - PI_LOW[b.bits] / 2)
    return b.with_sign(b.select(is_large, large, core), x)


def acos(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``2*asin(sqrt((1-|x|)/2))`` above 1/2, reflected for negative x; NaN beyond 1."""
    magnitude = b.absolute(x)
    is_large = magnitude > 0.5
    root = b.square_root(b.fma(magnitude, -0.5, 0.5))
    core = _asin_core(b, b.select(is_large, root, magnitude))
    near = (pi / 2) - (b.with_sign(core, x) - PI_LOW[b.bits] / 2)
    twice = core + core
    far = b.select(x < 0.0, pi - (twice - PI_LOW[b.bits]), twice)
    return b.select(is_large, far, near)


def _arc(b: FormulaBuilder, quotient: MathValue) -> MathValue:
    """Atan for 0 <= quotient <= 1."""
    z = quotient * quotient
    return b.fma(quotient * z, b.polynomial(z, ATAN[b.bits]), quotient)


def atan(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The arc tangent; above 1 that of ``1/|x|``, reflected."""
    magnitude = b.absolute(x)
    is_large = magnitude > 1.0
    core = _arc(b, b.select(is_large, 1.0 / magnitude, magnitude))
    result = b.select(is_large, (pi / 2) - (core - PI_LOW[b.bits] / 2), core)
    return b.with_sign(result, x)


def atan2(b: FormulaBuilder, y: MathValue, x: MathValue) -> MathValue:
    """The angle of the point (x, y), with C's rules for zeros and infinities."""
    rise, run = b.absolute(y), b.absolute(x)
    is_steep = rise > run
    small, large = b.select(is_steep, run, rise), b.select(is_steep, rise, run)
    quotient = small / large
    # 0/0 counts as 0 and inf/inf as 1; a NaN operand stays NaN.
    quotient = b.select(large.equals(0.0), large, quotient)
    quotient = b.select(small.equals(float("inf")), 1.0, quotient)
    angle = _arc(b, quotient)
    angle = b.select(is_steep, (pi / 2) - (angle - PI_LOW[b.bits] / 2), angle)
    negative = b.with_sign(b.number(1.0), x) < 0.0
    angle = b.select(negative, pi - (angle - PI_LOW[b.bits]), angle)
    result = b.with_sign(angle, y)
    # The comparisons above lose a NaN in some places: put it back.
    total = x + y
    is_nan = b.emit(f"fcmp uno {x.type} {x.text}, {y.text}", "b")
    return b.select(is_nan, total, result)


FORMULAS: Mapping[str, Formula] = {"asin": asin, "acos": acos, "atan": atan, "atan2": atan2}
