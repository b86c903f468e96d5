"""sin, cos and tan.

``x = n*pi/2 + r`` with pi/2 in three parts (Cody and Waite, 1980; the products are exact with fused
multiply-add), and minimax polynomials for ``|r| <= pi/4``. Arguments so large that n does not fit go to the C
library, lane by lane; on a GPU they lose accuracy.
"""

from collections.abc import Callable, Mapping

from tsc.codegen.math.coefficients import COS, SIN
from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue

TWO_OVER_PI = 0.6366197723675814
HALF_PI = {
    32: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    64: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
LIMIT = {32: 2.5e5, 64: 1.0e9}
"""Largest argument for which the rounding of ``x*2/pi`` leaves r within the polynomials' interval."""


def _reduce(b: FormulaBuilder, x: MathValue) -> tuple[MathValue, MathValue]:
    """The quadrant n, and r."""
    rounded, n = b.nearest(x * TWO_OVER_PI)
    r = x
    for part in HALF_PI[b.bits]:
        r = b.exact_fma(rounded, -part, r)
    return n, r


def _sine(b: FormulaBuilder, r: MathValue, z: MathValue) -> MathValue:
    return b.fma(r * z, b.polynomial(z, SIN[b.bits]), r)


def _cosine(b: FormulaBuilder, z: MathValue) -> MathValue:
    tail = b.fma(z * z, b.polynomial(z, COS[b.bits]), z * -0.5)
    return tail + 1.0


def _circular(b: FormulaBuilder, x: MathValue, quarter: int, function: str) -> MathValue:
    """``sin(x + quarter*pi/2)``."""
    n, r = _reduce(b, x)
    z = r * r
    n = n + quarter
    value = b.select((n & 1).differs(0), _cosine(b, z), _sine(b, r, z))
    sign = (n & 2) << (b.bits - 2)
    fast = b.from_bits(b.to_bits(value) ^ sign)
    return _large(b, x, function, fast)


def _large(b: FormulaBuilder, x: MathValue, function: str, fast: MathValue) -> MathValue:
    slow: Callable[[], MathValue] = lambda: b.per_lane(function, x)  # noqa: E731
    return fast if b.library.target.is_gpu else b.rarely(b.absolute(x) > LIMIT[b.bits], slow, fast)


def sin(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The sine; NaN for infinities."""
    result = _circular(b, x, 0, "sin")
    return b.select(x.equals(0.0), x, result)


def cos(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The cosine; NaN for infinities."""
    return _circular(b, x, 1, "cos")


def tan(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The tangent, ``sin/cos`` or ``-cos/sin`` of the reduced argument."""
    n, r = _reduce(b, x)
    z = r * r
    sine, cosine = _sine(b, r, z), _cosine(b, z)
    is_odd = (n & 1).differs(0)
    fast = b.select(is_odd, -cosine, sine) / b.select(is_odd, sine, cosine)
    return b.select(x.equals(0.0), x, _large(b, x, "tan", fast))


FORMULAS: Mapping[str, Formula] = {"sin": sin, "cos": cos, "tan": tan}
