"""The slopes of a scalar formula: what each pointwise operator's result changes by when an operand does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tsc import dtypes
from tsc.dims import Dim
from tsc.dtypes import DType, Number
from tsc.errors import UnsupportedOperatorError
from tsc.ops.composite import Aten
from tsc.ops.derivatives.recorded import is_differentiable
from tsc.ops.parts_emitter import PartsEmitter

Part: TypeAlias = Any
"""A tensor, or a number."""
NUMBERS = (int, float, complex)
ANALYTIC = frozenset((
    "neg", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sqrt", "sin", "cos", "tan",
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh",
))  # fmt: skip
"""The functions that have a derivative where their argument is complex."""


@dataclass(frozen=True, eq=False)
class Dual:
    """A value of a formula, and its slopes: the derivatives by the operands that it depends on."""

    value: Part
    slopes: Mapping[int, Part] = field(default_factory=dict[int, Part])
    """By the position of the operand among the arguments; a slope of all elements may be a number."""


class DualEmitter:
    """Calls operators instead of emitting; values are `Dual`s. Formulas of complex numbers are analytic."""

    def __init__(self, aten: Aten) -> None:
        self.aten = aten
        self.on = PartsEmitter(aten)
        """Arithmetic of tensors and numbers."""

    def const(self, value: Number, dtype: DType) -> Dual:
        """A number: it has no slopes. A size that is not known yet is a tensor."""
        if isinstance(value, Dim):
            value = self.aten("mul.Scalar", self.aten("ones", [], dtype=dtype.code), value)
        return Dual(value)

    def unary(self, name: str, x: Dual, dtype: DType) -> Dual:
        """By the chain rule."""
        value = self._of_one(name, x.value, dtype)
        if not x.slopes or not is_differentiable(dtype):
            return Dual(value)
        if dtype.is_complex and name not in ANALYTIC:
            raise UnsupportedOperatorError(f"{name} of complex numbers has no derivative")
        slope = _UNARY[name](self, x.value, value)
        return Dual(value, {i: self.times(slope, s) for i, s in x.slopes.items()})

    def _of_one(self, name: str, x: Part, dtype: DType) -> Part:
        if isinstance(x, NUMBERS):
            return _OF_NUMBERS.get(name, getattr(math, name, None))(x)  # type: ignore[misc]
        return self.aten(_NAMES.get(name, name) if dtype.is_floating or name != "not" else "bitwise_not", x)

    def binary(self, name: str, a: Dual, b: Dual, dtype: DType) -> Dual:
        """By the rules for sums, products, quotients, powers."""
        value = self._of_two(name, a.value, b.value)
        if not is_differentiable(dtype) or not (a.slopes or b.slopes):
            return Dual(value)
        by_a, by_b = _BINARY[name]
        slopes: dict[int, Part] = {}
        for operand, by in ((a, by_a), (b, by_b)):
            if operand.slopes:
                slope = by(self, a.value, b.value, value)
                for i, inner in operand.slopes.items():
                    slopes[i] = self.plus(slopes.get(i, 0), self.times(slope, inner))
        return Dual(value, slopes)

    def _of_two(self, name: str, a: Part, b: Part) -> Part:
        if name == "add":
            return self.plus(a, b)
        if name == "sub":
            return self.on.subtract(a, b)
        if name == "mul":
            return self.times(a, b)
        if name == "div":
            return self.over(a, b)
        return self.on.together(_OPERATORS[name], a, b)

    def compare(self, predicate: str, a: Dual, b: Dual, dtype: DType) -> Dual:
        """A bool, without slopes."""
        return Dual(self.on.compare(predicate, a.value, b.value, dtype))

    def select(self, condition: Dual, a: Dual, b: Dual, dtype: DType) -> Dual:
        """The slopes of what is chosen."""
        slopes = {
            i: self.choose(condition.value, a.slopes.get(i, 0.0), b.slopes.get(i, 0.0))
            for i in sorted(a.slopes.keys() | b.slopes.keys())
        }
        return Dual(self.choose(condition.value, a.value, b.value), slopes)

    def cast(self, x: Dual, source: DType, target: DType) -> Dual:
        """Slopes pass from floats, and complex numbers, to such."""
        value = self._converted(x.value, target)
        if not (is_differentiable(source) and is_differentiable(target)):
            return Dual(value)
        if source.is_complex and not target.is_complex:  # a real part changes by that of what is given
            return Dual(value, x.slopes)
        return Dual(value, {i: self._converted(s, target) for i, s in x.slopes.items()})

    def _converted(self, x: Part, target: DType) -> Part:
        if isinstance(x, NUMBERS):
            return x
        return x if self.aten.dtype(x) is target else self.aten("to.dtype", x, target.code)

    # --- arithmetic that knows 0 and 1 ---

    def choose(self, condition: Part, a: Part, b: Part) -> Part:
        """`a` where a condition holds, else `b`; numbers become tensors."""
        if isinstance(a, NUMBERS) and isinstance(b, NUMBERS):
            return a if a == b else self.aten("where.Scalar", condition, a + 0.0, b + 0.0)
        return self.on.choose(condition, a, b)

    def plus(self, a: Part, b: Part) -> Part:
        """``a + b``."""
        if _is(a, 0):
            return b
        return a if _is(b, 0) else self.on.add(a, b)

    def times(self, a: Part, b: Part) -> Part:
        """``a * b``; zero times anything is zero."""
        if _is(a, 0) or _is(b, 1):
            return a
        return b if _is(b, 0) or _is(a, 1) else self.on.multiply(a, b)

    def over(self, a: Part, b: Part) -> Part:
        """``a / b``."""
        if isinstance(b, NUMBERS):
            return self.aten("div.Scalar", a, b) if not isinstance(a, NUMBERS) else _quotient(a, b)
        if isinstance(a, NUMBERS):
            return self.times(self.aten("reciprocal", b), a)
        return self.aten("div.Tensor", a, b)

    def square(self, x: Part) -> Part:
        """``x * x``."""
        return self.times(x, x)


def _quotient(a: complex, b: complex) -> complex:
    """``a / b``; of reals also by zero."""
    if b or isinstance(a, complex) or isinstance(b, complex):
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _is(x: Part, number: int) -> bool:
    return isinstance(x, NUMBERS) and x == number


_NAMES = {"roundeven": "round", "not": "logical_not"}
_OF_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "neg": lambda x: -x, "abs": abs, "roundeven": round, "not": lambda x: not x,
}  # fmt: skip
_OPERATORS = {
    "divtrunc": "floor_divide", "rem": "fmod.Tensor", "min": "minimum", "max": "maximum",
    "pow": "pow.Tensor_Tensor", "atan2": "atan2", "and": "bitwise_and.Tensor", "or": "bitwise_or.Tensor",
    "xor": "bitwise_xor.Tensor", "shl": "bitwise_left_shift.Tensor", "shr": "bitwise_right_shift.Tensor",
    "copysign": "copysign.Tensor",
}  # fmt: skip
_LN2, _LN10 = math.log(2.0), math.log(10.0)


def _root_below_one(e: DualEmitter, x: Part) -> Part:
    return e.aten.rsqrt(e.on.subtract(1.0, e.square(x)))


def _nothing(e: DualEmitter, x: Part, y: Part) -> Part:
    return 0.0


_UNARY: dict[str, Callable[[DualEmitter, Part, Part], Part]] = {
    "neg": lambda e, x, y: -1.0,
    "abs": lambda e, x, y: e.aten.sgn(x),
    "exp": lambda e, x, y: y,
    "exp2": lambda e, x, y: e.times(y, _LN2),
    "expm1": lambda e, x, y: e.plus(y, 1.0),
    "log": lambda e, x, y: e.over(1.0, x),
    "log2": lambda e, x, y: e.over(1.0, e.times(x, _LN2)),
    "log10": lambda e, x, y: e.over(1.0, e.times(x, _LN10)),
    "log1p": lambda e, x, y: e.over(1.0, e.plus(x, 1.0)),
    "tanh": lambda e, x, y: e.on.subtract(1.0, e.square(y)),
    "erf": lambda e, x, y: e.times(e.aten.exp(e.on.negative(e.square(x))), 2.0 / math.sqrt(math.pi)),
    "sqrt": lambda e, x, y: e.over(0.5, y),
    "sin": lambda e, x, y: e.aten.cos(x),
    "cos": lambda e, x, y: e.on.negative(e.aten.sin(x)),
    "tan": lambda e, x, y: e.plus(e.square(y), 1.0),
    "asin": lambda e, x, y: _root_below_one(e, x),
    "acos": lambda e, x, y: e.on.negative(_root_below_one(e, x)),
    "atan": lambda e, x, y: e.over(1.0, e.plus(e.square(x), 1.0)),
    "sinh": lambda e, x, y: e.aten.cosh(x),
    "cosh": lambda e, x, y: e.aten.sinh(x),
    "asinh": lambda e, x, y: e.aten.rsqrt(e.plus(e.square(x), 1.0)),
    "acosh": lambda e, x, y: e.aten.rsqrt(e.on.subtract(e.square(x), 1.0)),
    "atanh": lambda e, x, y: e.over(1.0, e.on.subtract(1.0, e.square(x))),
    **dict.fromkeys(("floor", "ceil", "trunc", "roundeven"), _nothing),
}
"""Of a function of `x` that gives `y`, the slope."""
Slope: TypeAlias = Callable[[DualEmitter, Part, Part, Part], Part]


def _power_by_base(e: DualEmitter, a: Part, b: Part, y: Part) -> Part:
    if isinstance(b, NUMBERS):
        return 0.0 if b == 0 else e.times(e.aten("pow.Tensor_Scalar", a, b - 1), b)
    return e.times(e.on.together("pow.Tensor_Tensor", a, e.plus(b, -1.0)), b)


def _angle_by(first: int, sign: float) -> Slope:
    def slope(e: DualEmitter, a: Part, b: Part, y: Part) -> Part:
        square = e.plus(e.square(a), e.square(b))
        return e.times(e.over((a, b)[first], square), sign)

    return slope


def _comparing(predicate: str, first: bool) -> Slope:
    """Of an extreme the slope by one operand: of equal ones the second is taken."""

    def slope(e: DualEmitter, a: Part, b: Part, y: Part) -> Part:
        return e.choose(e.on.compare(predicate, a, b, dtypes.F32), *((1.0, 0.0) if first else (0.0, 1.0)))

    return slope


_BINARY: dict[str, tuple[Slope, Slope]] = {
    "add": (lambda e, a, b, y: 1.0, lambda e, a, b, y: 1.0),
    "sub": (lambda e, a, b, y: 1.0, lambda e, a, b, y: -1.0),
    "mul": (lambda e, a, b, y: b, lambda e, a, b, y: a),
    "div": (lambda e, a, b, y: e.over(1.0, b), lambda e, a, b, y: e.on.negative(e.over(y, b))),
    "rem": (
        lambda e, a, b, y: 1.0,
        lambda e, a, b, y: e.on.negative(e.aten.trunc(e.over(a, b))),
    ),
    "max": (_comparing("gt", first=True), _comparing("gt", first=False)),
    "min": (_comparing("lt", first=True), _comparing("lt", first=False)),
    "pow": (_power_by_base, lambda e, a, b, y: e.times(y, e.on.of_one("log", a))),
    "atan2": (_angle_by(1, 1.0), _angle_by(0, -1.0)),
    "copysign": (
        lambda e, a, b, y: e.times(e.aten.sgn(y), e.aten.sgn(a)),
        lambda e, a, b, y: 0.0,
    ),
}
"""Of a function of `a` and `b` that gives `y`, the slopes by each."""
