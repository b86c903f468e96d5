"""exp, exp2, expm1 and the hyperbolic functions made of them.

Reduction ``x = n*ln(2) + r`` with ln(2) in two parts (Cody and Waite, 1980), a minimax polynomial for
``exp(r)``, and a scale by ``2**n``.
"""

from collections.abc import Mapping

from tsc.codegen.math.coefficients import EXP
from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453
# The high part ends in zero bits, so that its product with n is exact.
LN2_HIGH = {32: 0.693359375, 64: 6.93147180369123816490e-01}
LN2_LOW = {32: -2.12194440054690583e-4, 64: 1.90821492927058770002e-10}


def reduce(b: FormulaBuilder, x: MathValue) -> tuple[MathValue, MathValue, MathValue]:
    """N as an integer, ``r = x - n*ln(2)``, and ``exp(r) - 1`` (accurate near 0 too)."""
    rounded, n = b.nearest(x * LOG2_E)
    r = b.fma(rounded, -LN2_HIGH[b.bits], x)
    r = b.fma(rounded, -LN2_LOW[b.bits], r)
    return n, r, _exp_minus_one(b, r)


def _exp_minus_one(b: FormulaBuilder, r: MathValue) -> MathValue:
    return b.fma(r * r, b.polynomial(r, EXP[b.bits]), r)


def scale(b: FormulaBuilder, x: MathValue, n: MathValue) -> MathValue:
    """``x * 2**n`` in two steps: right where ``2**n`` itself overflows or the product is denormal."""
    half = ((n + 4096) >> 1) - 2048
    return x * b.power_of_two(half) * b.power_of_two(n - half)


def exp(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``e**x``; beyond the range inf and 0. What is 0 is not computed: underflow takes processors long, and
    masked scores are full of it.
    """
    is_zero = x < b.pick(-104.0, -746.0)
    x = b.select(is_zero, 0.0, b.at_most(x, b.pick(89.0, 710.0)))
    n, _, tail = reduce(b, x)
    return b.select(is_zero, 0.0, scale(b, tail + 1.0, n))


def exp2(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``2**x``, exact for integers."""
    x = b.at_least(b.at_most(x, b.pick(128.5, 1024.5)), b.pick(-150.5, -1075.5))
    rounded, n = b.nearest(x)
    return scale(b, _exp_minus_one(b, (x - rounded) * LN2) + 1.0, n)


def expm1(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``e**x - 1`` without cancellation near 0."""
    limit = b.at_least(b.at_most(x, b.pick(89.0, 710.0)), b.pick(-18.0, -38.0))
    n, _, tail = reduce(b, limit)
    # 2**n * tail + (2**n - 1), at half the scale: 2**n alone would overflow where the result does not.
    power = b.power_of_two(n - 1)
    result = b.fma(tail, power, power - 0.5) * 2.0
    return b.select(x.equals(0.0), x, result)


def _positive_expm1(b: FormulaBuilder, x: MathValue) -> MathValue:
    """`expm1` for 0 <= x well below overflow."""
    n, _, tail = reduce(b, x)
    power = b.power_of_two(n)
    return b.fma(tail, power, power - 1.0)


def tanh(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``t / (t + 2)`` with ``t = expm1(2|x|)``; 1 from where it rounds to that."""
    magnitude = b.at_most(b.absolute(x), b.pick(9.1, 19.1))
    t = _positive_expm1(b, magnitude + magnitude)
    return b.with_sign(t / (t + 2.0), x)


def sinh(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``(t + t/(t+1)) / 2`` with ``t = expm1(|x|)``; the square of ``exp(|x|/2)`` near overflow."""
    magnitude = b.absolute(x)
    limit = b.pick(80.0, 700.0)
    t = _positive_expm1(b, b.at_most(magnitude, limit))
    small = (t + t / (t + 1.0)) * 0.5
    return b.with_sign(b.select(magnitude > limit, _half_exp(b, magnitude), small), x)


def cosh(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``(e + 1/e) / 2`` with ``e = exp(|x|)``; the square of ``exp(|x|/2)`` near overflow."""
    magnitude = b.absolute(x)
    limit = b.pick(80.0, 700.0)
    e = _positive_expm1(b, b.at_most(magnitude, limit)) + 1.0
    small = e * 0.5 + 0.5 / e
    return b.select(magnitude > limit, _half_exp(b, magnitude), small)


def _half_exp(b: FormulaBuilder, magnitude: MathValue) -> MathValue:
    """``exp(x) / 2`` where ``exp(x)`` may overflow: one less in the exponent."""
    n, _, tail = reduce(b, b.at_most(magnitude, b.pick(90.0, 712.0)))
    return scale(b, tail + 1.0, n - 1)


FORMULAS: Mapping[str, Formula] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "tanh": tanh,
    "sinh": sinh,
    "cosh": cosh,
}
