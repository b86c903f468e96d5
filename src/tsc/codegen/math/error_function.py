"""The error function: an odd polynomial below 1, ``1 - exp(x * Q(x))`` above."""

from collections.abc import Mapping

from tsc.codegen.math.coefficients import ERF_LARGE, ERF_SMALL
from tsc.codegen.math.exponential import reduce
from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue


def erf(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``2/sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x."""
    magnitude = b.at_most(b.absolute(x), b.pick(4.0, 6.0))
    small = magnitude * b.polynomial(x * x, ERF_SMALL[b.bits])
    n, _, tail = reduce(b, magnitude * b.polynomial(magnitude, ERF_LARGE[b.bits]))
    power = b.power_of_two(n)
    large = 1.0 - b.fma(tail, power, power)
    return b.with_sign(b.select(magnitude < 1.0, small, large), x)


FORMULAS: Mapping[str, Formula] = {"erf": erf}
