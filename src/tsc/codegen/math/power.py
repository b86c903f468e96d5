"""pow, cbrt and the reciprocal square root."""

from collections.abc import Mapping

from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue


def pow_(b: FormulaBuilder, x: MathValue, y: MathValue) -> MathValue:
    """``x**y`` with C's special cases. f32 is computed in f64; f64 by the C library, lane by lane
    (on a GPU by the same formula without the extra precision: hundreds of ulp at the ends of the range).
    """
    if b.bits == 64 and not b.library.target.is_gpu:
        return b.per_lane("pow", x, y)
    magnitude = b.absolute(x)
    raised = b.widened("pow_positive", magnitude, y) if b.bits == 32 else b.call("pow_positive", magnitude, y)
    return _signs_and_specials(b, x, y, raised)


def pow_positive(b: FormulaBuilder, x: MathValue, y: MathValue) -> MathValue:
    """``2**(y * log2(x))`` for x > 0, about as accurate as the logarithm times the size of the exponent."""
    return b.call("exp2", y * b.call("log2", x))


def _signs_and_specials(b: FormulaBuilder, x: MathValue, y: MathValue, result: MathValue) -> MathValue:
    whole = b.intrinsic("trunc", y)
    is_integer = whole.equals(y)
    half = y * 0.5
    is_odd = is_integer & b.intrinsic("trunc", half).differs(half) & (b.absolute(y) < 2.0**24)
    is_negative = b.with_sign(b.number(1.0), x) < 0.0
    result = b.select(is_negative & is_odd, -result, result)
    result = b.select((x < 0.0) & whole.differs(y) & (x > float("-inf")), float("nan"), result)
    is_one = x.equals(1.0) | y.equals(0.0) | (x.equals(-1.0) & b.absolute(y).equals(float("inf")))
    result = b.select(is_one, 1.0, result)
    is_nan = b.emit(f"fcmp uno {x.type} {x.text}, {y.text}", "b")
    return b.select(is_nan, b.select(is_one, b.number(1.0), x + y), result)


def rsqrt(b: FormulaBuilder, x: MathValue) -> MathValue:
    """``1 / sqrt(x)``, both correctly rounded."""
    return 1.0 / b.square_root(x)


def cbrt(b: FormulaBuilder, x: MathValue) -> MathValue:
    """The cube root: a third of the exponent as a first guess, two steps of Halley's method, one of
    Newton's.
    """
    magnitude = b.absolute(x)
    is_small = magnitude < b.pick(2.0**-126, 2.0**-1022)
    is_large = magnitude > b.pick(2.0**120, 2.0**1000)
    scaled = magnitude * b.select(is_small, 2.0**54, b.select(is_large, 2.0**-54, 1.0))
    # float(bits) / 3 as a float again: good to a few percent.
    third = b.emit(f"udiv {b.type_of('i')} {b.to_bits(scaled).text}, {b.integer(3).text}", "i")
    y = b.from_bits(third + (709921077 if b.bits == 32 else 0x2A9F7893782DA1CE))
    for _ in range(2):
        cube = y * y * y
        y = y * ((cube + scaled + scaled) / (cube + cube + scaled))
    square = y * y
    y = y - b.fma(square, y, -scaled) / (square * 3.0)
    y = y * b.select(is_small, 2.0**-18, b.select(is_large, 2.0**18, 1.0))
    is_plain = (magnitude > 0.0) & (magnitude < float("inf"))
    return b.with_sign(b.select(is_plain, y, magnitude), x)


FORMULAS: Mapping[str, Formula] = {"pow": pow_, "pow_positive": pow_positive, "rsqrt": rsqrt, "cbrt": cbrt}
