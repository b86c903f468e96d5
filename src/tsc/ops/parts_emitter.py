"""Scalar formulas of complex numbers on tensors of their parts: the backend that leaves real operators."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tsc import dtypes
from tsc.dtypes import DType, Number
from tsc.errors import UnsupportedOperatorError

if TYPE_CHECKING:
    from tsc.ops.composite import Aten

Part: TypeAlias = Any
"""A tensor of reals, or a number."""
PART_DTYPES = {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}
"""Of a complex dtype, that of its parts."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A complex tensor as its real and its imaginary parts."""

    real: Part
    imag: Part


@dataclass(frozen=True)
class PartsEmitter:
    """Calls operators instead of emitting; values of complex dtypes are `Parts`.

    Source: PyTorch c10/util/complex.h and aten/src/ATen/cpu/vec, whose order of operations this is.
    """

    aten: Aten

    def const(self, value: Number, dtype: DType) -> Any:
        """A number."""
        return Parts(complex(value).real, complex(value).imag) if dtype.is_complex else value

    def unary(self, name: str, x: Any, dtype: DType) -> Any:
        """One of `UNARY`."""
        if not dtype.is_complex:
            return self.of_one(name, x)
        formula = _UNARY.get(name)
        if formula is None:
            raise UnsupportedOperatorError(f"{name} of complex numbers has no form in real operators")
        return formula(self, x)

    def binary(self, name: str, a: Any, b: Any, dtype: DType) -> Any:
        """One of `BINARY`."""
        if name == "complex":
            return Parts(a, b)
        if not dtype.is_complex and name in _REAL_BINARY:
            return self.together(_REAL_BINARY[name], a, b)
        formula = _BINARY.get(name) if dtype.is_complex else None
        if formula is None:
            raise UnsupportedOperatorError(f"{name} of {dtype.name} has no form in real operators here")
        return formula(self, a, b)

    def compare(self, predicate: str, a: Any, b: Any, dtype: DType) -> Any:
        """Of complex numbers: whether both parts are equal, or any is not."""
        if not dtype.is_complex:
            return self._compared(predicate, a, b)
        if predicate not in ("eq", "ne"):
            raise UnsupportedOperatorError(f"{predicate} of {dtype.name} has no form in real operators here")
        parts = [self._compared(predicate, *pair) for pair in ((a.real, b.real), (a.imag, b.imag))]
        return self.together("logical_and" if predicate == "eq" else "logical_or", *parts)

    def _compared(self, predicate: str, a: Part, b: Part) -> Any:
        if _is_number(a) and _is_number(b):
            return bool(getattr(operator, predicate)(a, b))
        if _is_number(a):
            a, b = b, a
        return self.aten(f"{predicate}.{'Scalar' if _is_number(b) else 'Tensor'}", a, b)

    def select(self, condition: Any, a: Any, b: Any, dtype: DType) -> Any:
        """A choice for each part."""
        if dtype.is_complex:
            return Parts(self.choose(condition, a.real, b.real), self.choose(condition, a.imag, b.imag))
        return self.choose(condition, a, b)

    def choose(self, condition: Any, a: Part, b: Part) -> Any:
        """`a` where a condition holds, else `b`."""
        names = {(False, False): "self", (True, False): "ScalarSelf", (False, True): "ScalarOther"}
        return self.aten(f"where.{names.get((_is_number(a), _is_number(b)), 'Scalar')}", condition, a, b)

    def cast(self, x: Any, source: DType, target: DType) -> Any:
        """Converted part by part; from complex to real the real part."""
        if target.is_complex:
            part = PART_DTYPES[target]
            if source.is_complex:
                return Parts(self._converted(x.real, part), self._converted(x.imag, part))
            return Parts(self._converted(x, part), 0.0)
        return self._converted(x.real if source.is_complex else x, target)

    def _converted(self, x: Part, target: DType) -> Part:
        if _is_number(x) or self.aten.dtype(x) is target:
            return x
        return self.aten("to.dtype", x, target.code)

    # --- reals ---

    def add(self, a: Part, b: Part) -> Part:
        """``a + b``."""
        if _is_number(a):
            a, b = b, a
        if _is_number(a):
            return a + b
        return self.aten("add.Scalar" if _is_number(b) else "add.Tensor", a, b)

    def subtract(self, a: Part, b: Part) -> Part:
        """``a - b``."""
        if _is_number(a):
            return a - b if _is_number(b) else self.aten("rsub.Scalar", b, a)
        return self.aten("sub.Scalar" if _is_number(b) else "sub.Tensor", a, b)

    def multiply(self, a: Part, b: Part) -> Part:
        """``a * b``."""
        if _is_number(a):
            a, b = b, a
        if _is_number(a):
            return a * b
        return self.aten("mul.Scalar" if _is_number(b) else "mul.Tensor", a, b)

    def of_one(self, name: str, x: Part) -> Part:
        """A function of one number."""
        return float(getattr(cmath, name)(x).real) if _is_number(x) else self.aten(name, x)

    def negative(self, x: Part) -> Part:
        """``-x``."""
        return -x if _is_number(x) else self.aten("neg", x)

    def together(self, name: str, a: Part, b: Part) -> Part:
        """A function of two tensors, of which one may be a number."""
        return self.aten(name, *(self.tensor(part, like=(a, b)) for part in (a, b)))

    def tensor(self, x: Part, like: Sequence[Part]) -> Part:
        """`x` as a tensor like the first one among some parts."""
        if not _is_number(x):
            return x
        return self.aten("full_like", next(part for part in like if not _is_number(part)), x)


def _is_number(x: Part) -> bool:
    return isinstance(x, (int, float, complex))


def _multiplied(e: PartsEmitter, a: Parts, b: Parts) -> Parts:
    real = e.subtract(e.multiply(a.real, b.real), e.multiply(a.imag, b.imag))
    return Parts(real, e.add(e.multiply(a.real, b.imag), e.multiply(a.imag, b.real)))


def _divided(e: PartsEmitter, a: Parts, b: Parts) -> Parts:
    """Smith's division: nothing is squared. Dividing by zero gives what the parts divided by zero are.

    Source: PyTorch c10/util/complex.h.
    """
    if _is_number(b.real) and _is_number(b.imag):
        return _divided_by_number(e, a, complex(b.real, b.imag))
    if _is_number(b.imag) and b.imag == 0:  # of a real number
        scale = e.of_one("reciprocal", b.real)
        ratio: Part = 0.0
        made = Parts(
            e.multiply(e.add(a.real, e.multiply(a.imag, ratio)), scale),
            e.multiply(e.subtract(a.imag, e.multiply(a.real, ratio)), scale),
        )
        size = e.aten("abs", b.real)
        return _unless_zero(e, a, size, size, made)
    c, d = (e.tensor(part, like=(b.real, b.imag)) for part in (b.real, b.imag))
    sizes = e.aten("abs", c), e.aten("abs", d)
    is_wide = e.aten("ge.Tensor", *sizes)
    large, small = e.choose(is_wide, c, d), e.choose(is_wide, d, c)
    ratio = e.aten("div.Tensor", small, large)
    scale = e.of_one("reciprocal", e.add(large, e.multiply(small, ratio)))
    real = e.choose(
        is_wide, e.add(a.real, e.multiply(a.imag, ratio)), e.add(e.multiply(a.real, ratio), a.imag)
    )
    imag = e.choose(
        is_wide, e.subtract(a.imag, e.multiply(a.real, ratio)), e.subtract(e.multiply(a.imag, ratio), a.real)
    )
    return _unless_zero(e, a, *sizes, Parts(e.multiply(real, scale), e.multiply(imag, scale)))


def _unless_zero(e: PartsEmitter, a: Parts, c: Part, d: Part, made: Parts) -> Parts:
    """`made`, but for where both `c` and `d` are zero."""
    is_zero = e.aten("eq.Scalar", e.add(c, d), 0)
    parts = [e.multiply(part, e.of_one("reciprocal", size)) for part, size in ((a.real, c), (a.imag, d))]
    return Parts(e.choose(is_zero, parts[0], made.real), e.choose(is_zero, parts[1], made.imag))


def _divided_by_number(e: PartsEmitter, a: Parts, b: complex) -> Parts:
    if b == 0:
        return Parts(e.multiply(a.real, float("inf")), e.multiply(a.imag, float("inf")))
    if abs(b.real) >= abs(b.imag):
        ratio = b.imag / b.real
        scale = 1 / (b.real + b.imag * ratio)
        real, imag = e.add(a.real, e.multiply(a.imag, ratio)), e.subtract(a.imag, e.multiply(a.real, ratio))
    else:
        ratio = b.real / b.imag
        scale = 1 / (b.real * ratio + b.imag)
        real, imag = e.add(e.multiply(a.real, ratio), a.imag), e.subtract(e.multiply(a.imag, ratio), a.real)
    return Parts(e.multiply(real, scale), e.multiply(imag, scale))


def _magnitude(e: PartsEmitter, x: Parts) -> Parts:
    return Parts(e.together("hypot", x.real, x.imag), 0.0)


def _angle(e: PartsEmitter, x: Parts) -> Parts:
    return Parts(e.together("atan2", x.imag, x.real), 0.0)


def _exponential(e: PartsEmitter, x: Parts) -> Parts:
    """Where an infinity is turned by nothing, or nothing by an infinity, as C99 has it (G.6.3.1)."""
    if _is_number(x.real) or _is_number(x.imag):
        x = Parts(*(e.tensor(part, like=(x.real, x.imag)) for part in (x.real, x.imag)))
    size = e.of_one("exp", x.real)
    is_real, has_angle = e.aten("eq.Scalar", x.imag, 0), e.aten("isfinite", x.imag)
    is_odd = e.aten("logical_and", e.aten("isinf", x.real), e.aten("logical_not", has_angle))
    imag = e.choose(is_real, x.imag, e.multiply(size, e.of_one("sin", x.imag)))
    return Parts(
        e.choose(is_odd, size, e.multiply(size, e.of_one("cos", x.imag))),
        e.choose(e.aten("logical_and", is_odd, e.aten("eq.Scalar", size, 0)), 0.0, imag),
    )


def _logarithm(e: PartsEmitter, x: Parts) -> Parts:
    """Of magnitudes beyond the largest number too, where both parts are finite."""
    size = e.of_one("log", _magnitude(e, x).real)
    halves = Parts(e.multiply(x.real, 0.5), e.multiply(x.imag, 0.5))
    large = e.add(e.of_one("log", _magnitude(e, halves).real), math.log(2))
    return Parts(e.choose(e.aten("isinf", size), large, size), _angle(e, x).real)


_UNARY: dict[str, Callable[[PartsEmitter, Parts], Parts]] = {
    "neg": lambda e, x: Parts(e.negative(x.real), e.negative(x.imag)),
    "conj": lambda e, x: Parts(x.real, e.negative(x.imag)),
    "real": lambda e, x: Parts(x.real, 0.0), "imag": lambda e, x: Parts(x.imag, 0.0),
    "abs": _magnitude, "angle": _angle, "exp": _exponential, "log": _logarithm,
}  # fmt: skip
_BINARY: dict[str, Callable[[PartsEmitter, Parts, Parts], Parts]] = {
    "add": lambda e, a, b: Parts(e.add(a.real, b.real), e.add(a.imag, b.imag)),
    "sub": lambda e, a, b: Parts(e.subtract(a.real, b.real), e.subtract(a.imag, b.imag)),
    "mul": _multiplied, "div": _divided,
}  # fmt: skip
_REAL_BINARY = {"div": "div.Tensor", "or": "logical_or", "and": "logical_and"}
"""Operators on the parts, and on bools."""
