"""log, log2, log10, log1p and the inverse hyperbolic functions made of them.

``x = 2**k * (1 + f)`` with ``1 + f`` between sqrt(1/2) and sqrt(2), a minimax polynomial for ``log(1 + f)``,
and ``k*ln(2)`` in two parts.
"""

from collections.abc import Mapping

from tsc.codegen.math.coefficients import LOG
from tsc.codegen.math.exponential import LN2_HIGH, LN2_LOW
from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue

LN2 = 0.6931471805599453


def split(b: FormulaBuilder, x: MathValue) -> tuple[MathValue, MathValue]:
    """K (an integer) and the bits of ``x / 2**k`` between sqrt(1/2) and sqrt(2), for a positive normal x."""
    bits = b.to_bits(x)
    # Subtracting sqrt(1/2) as an integer makes the exponent field step exactly at sqrt(1/2) * 2**k.
    root = b.to_bits_constant(0.7071067811865476)
    k = _exponent(b, bits - root)
    return k, b.from_bits(bits - (k << b.mantissa))


def _exponent(b: FormulaBuilder, bits: MathValue) -> MathValue:
    """The signed exponent field; 64-bit lanes shift logically and rebias, which AVX2 can do."""
    if b.bits == 32:
        return b.shift_signed(bits, b.mantissa)
    return ((bits + (1 << 62)) >> b.mantissa) - (1 << 10)


def normalized(b: FormulaBuilder, x: MathValue) -> tuple[MathValue, MathValue]:
    """X times a power of two where it is denormal, and what that adds to the exponent."""
    is_small = x < b.pick(2.0**-126, 2.0**-1022)
    shift = b.pick(2.0**23, 2.0**54)
    return b.select(is_small, x * shift, x), b.select(is_small, b.pick(-23.0, -54.0), 0.0)


def log1p_parts(b: FormulaBuilder, f: MathValue) -> tuple[MathValue, MathValue]:
    """``log(1 + f)`` as f plus a smaller part."""
    half = f * f * 0.5
    if b.bits == 32:
        return f, b.fma(f * f * f, b.polynomial(f, LOG[32]), -half)
    s = f / (f + 2.0)
    z = s * s
    rest = z * b.polynomial(z, LOG[64])
    # log(1+f) = f - (f**2/2 - s*(f**2/2 + R(s**2))): the difference keeps the leading term exact.
    return f, b.fma(s, half + rest, -half)


def special_cases(b: FormulaBuilder, x: MathValue, result: MathValue) -> MathValue:
    """Log of 0, of negative numbers, of inf and NaN."""
    result = b.select(x < float("inf"), result, x)
    result = b.select(x > 0.0, result, b.select(x.equals(0.0), float("-inf"), float("nan")))
    return b.select(x.equals(x), result, x)


def _parts(b: FormulaBuilder, x: MathValue) -> tuple[MathValue, MathValue, MathValue]:
    normal, extra = normalized(b, x)
    k, mantissa = split(b, normal)
    f, tail = log1p_parts(b, mantissa - 1.0)
    return b.small_to_float(k) + extra, f, tail


def log(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The natural logarithm."""
    k, f, tail = _parts(b, x)
    tail = b.fma(k, LN2_LOW[b.bits], tail)
    return special_cases(b, x, b.fma(k, LN2_HIGH[b.bits], f + tail))


def _scaled(
    b: FormulaBuilder,
    x: MathValue,
    base: dict[int, tuple[float, float]],
    step: dict[int, tuple[float, float]],
) -> MathValue:
    """``log(x) * c`` with c in two parts, plus ``k * step``."""
    k, f, tail = _parts(b, x)
    high = f + tail
    low = tail - (high - f)
    factor, rest = base[b.bits]
    product = b.fma(high, rest, low * factor)
    step_high, step_low = step[b.bits]
    if step_low:
        product = b.fma(k, step_low, product)
    total = b.fma(high, factor, product)
    return special_cases(b, x, b.fma(k, step_high, total))


def log2(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The logarithm to base 2, exact for powers of two."""
    base = {
        32: (1.44269502162933349609375, 1.92596299112661746e-8),
        64: (1.4426950408889634, 2.0355273740931033e-17),
    }
    return _scaled(b, x, base, {32: (1.0, 0.0), 64: (1.0, 0.0)})


def log10(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The logarithm to base 10."""
    base = {
        32: (0.434294492006301879882812, -1.01030494697859906e-8),
        64: (0.4342944819032518, 1.098319650216765e-17),
    }
    step = {
        32: (0.301025390625, 4.605038981195213739e-6),
        64: (3.01029995663611771306e-01, 3.69423907715893078616e-13),
    }
    return _scaled(b, x, base, step)


def log1p(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``log(1 + x)`` without cancellation near 0."""
    total = x + 1.0
    k, mantissa = split(b, total)
    # (1 + x) / 2**k - 1 from x itself, so that what 1 + x rounds off is kept; far out x and 1 + x are the
    # same.
    limited = b.select(k > 100, b.integer(0), k)
    power = b.power_of_two(b.integer(0) - limited)
    f = b.select(k > 100, mantissa - 1.0, b.exact_fma(x, power, power - 1.0))
    f, tail = log1p_parts(b, f)
    exponent = b.small_to_float(k)
    tail = b.fma(exponent, LN2_LOW[b.bits], tail)
    result = b.fma(exponent, LN2_HIGH[b.bits], f + tail)
    result = special_cases(b, total, result)
    return b.select(b.absolute(x) < b.pick(2.0**-26, 2.0**-55), x, result)


def asinh(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``log1p(|x| + x**2 / (1 + sqrt(1 + x**2)))`` with the sign of x."""
    magnitude = b.absolute(x)
    limit = b.pick(2.0**14, 2.0**28)
    near = b.at_most(magnitude, limit)
    square = near * near
    small = b.call("log1p", near + square / (b.square_root(square + 1.0) + 1.0))
    return b.with_sign(b.select(magnitude > limit, b.call("log", magnitude) + LN2, small), x)


def acosh(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``log1p(t + sqrt(2t + t**2))`` with ``t = x - 1``; NaN below 1."""
    limit = b.pick(2.0**14, 2.0**28)
    t = b.at_most(x, limit) - 1.0
    small = b.call("log1p", t + b.square_root(b.fma(t, t, t + t)))
    result = b.select(x > limit, b.call("log", x) + LN2, small)
    return b.select(x >= 1.0, result, float("nan"))


def atanh(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``log1p(2|x| / (1 - |x|)) / 2`` with the sign of x; NaN beyond 1."""
    magnitude = b.absolute(x)
    return b.with_sign(b.call("log1p", (magnitude + magnitude) / (1.0 - magnitude)) * 0.5, x)


FORMULAS: Mapping[str, Formula] = {
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
}
