"""Scalar formulas, written once and run by every backend.

The body of a pointwise operator is a Python expression over `Scalar`. NumPy runs it on whole arrays (the
eager meaning, constant folding, the generic tier); the builder of `arith`/`math` operations runs it once, on
one element (the lowering).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from tsc import dtypes
from tsc.dtypes import DType, Number
from tsc.ops.parts_emitter import PART_DTYPES


class ScalarEmitter(Protocol):
    """Everything a backend must provide. Values are whatever the backend calls a value.

    Arithmetic is IEEE 754, rounded to nearest even, never contracted or reassociated; integers wrap; ``min``
    and ``max`` give NaN when either operand is NaN, as PyTorch does.
    """

    def const(self, value: Number, dtype: DType) -> Any:
        """A constant of `dtype`."""
        ...

    def unary(self, name: str, x: Any, dtype: DType) -> Any:
        """One of `UNARY` on an operand of `dtype`."""
        ...

    def binary(self, name: str, a: Any, b: Any, dtype: DType) -> Any:
        """One of `BINARY` on operands of `dtype`."""
        ...

    def compare(self, predicate: str, a: Any, b: Any, dtype: DType) -> Any:
        """``eq ne lt le gt ge`` on operands of `dtype`; gives a bool. NaN is unequal to everything."""
        ...

    def select(self, condition: Any, a: Any, b: Any, dtype: DType) -> Any:
        """`a` where `condition`, else `b`, both of `dtype`."""
        ...

    def cast(self, x: Any, source: DType, target: DType) -> Any:
        """`x` converted; floats to integers truncate; anything to bool asks whether it is nonzero."""
        ...


FLOAT_FUNCTIONS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "erf", "sqrt", "sin", "cos", "tan",
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh",
)  # fmt: skip
"""Functions of one number whose result is floating whatever the number is."""
UNARY = frozenset((
    *FLOAT_FUNCTIONS, "neg", "abs", "floor", "ceil", "trunc", "roundeven", "not", "real", "imag", "conj",
    "angle",
))  # fmt: skip
BINARY = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "divtrunc",
        "rem",
        "min",
        "max",
        "pow",
        "atan2",
        "and",
        "or",
        "xor",
        "shl",
        "shr",
        "copysign",
        "complex",
    ]
)


@dataclass(frozen=True, eq=False)
class Scalar:
    """One element (or, under NumPy, an array of them): its operators compute or emit when evaluated."""

    emitter: ScalarEmitter
    value: Any
    dtype: DType
    stored: DType | None = None
    """Of an operand: the dtype in memory, where that is narrower than the one to compute in."""

    def lift(self, other: Scalar | Number) -> Scalar:
        """`other` as a Scalar of this dtype."""
        if isinstance(other, Scalar):
            return other if other.dtype is self.dtype else other.to(self.dtype)
        return Scalar(self.emitter, self.emitter.const(other, self.dtype), self.dtype)

    def _unary(self, name: str) -> Scalar:
        return Scalar(self.emitter, self.emitter.unary(name, self.value, self.dtype), self.dtype)

    def _binary(self, name: str, other: Scalar | Number) -> Scalar:
        value = self.emitter.binary(name, self.value, self.lift(other).value, self.dtype)
        return Scalar(self.emitter, value, self.dtype)

    def _compare(self, predicate: str, other: Scalar | Number) -> Scalar:
        value = self.emitter.compare(predicate, self.value, self.lift(other).value, self.dtype)
        return Scalar(self.emitter, value, dtypes.BOOL)

    def __add__(self, other: Scalar | Number) -> Scalar:
        return self._binary("add", other)

    def __radd__(self, other: Number) -> Scalar:
        return self.lift(other) + self

    def __sub__(self, other: Scalar | Number) -> Scalar:
        return self._binary("sub", other)

    def __rsub__(self, other: Number) -> Scalar:
        return self.lift(other) - self

    def __mul__(self, other: Scalar | Number) -> Scalar:
        return self._binary("mul", other)

    def __rmul__(self, other: Number) -> Scalar:
        return self.lift(other) * self

    def __truediv__(self, other: Scalar | Number) -> Scalar:
        return self._binary("div", other)

    def __rtruediv__(self, other: Number) -> Scalar:
        return self.lift(other) / self

    def __neg__(self) -> Scalar:
        return self._unary("neg")

    def __invert__(self) -> Scalar:
        return self._unary("not")

    def __and__(self, other: Scalar | Number) -> Scalar:
        return self._binary("and", other)

    def __or__(self, other: Scalar | Number) -> Scalar:
        return self._binary("or", other)

    def __xor__(self, other: Scalar | Number) -> Scalar:
        return self._binary("xor", other)

    def __lshift__(self, other: Scalar | Number) -> Scalar:
        return self._binary("shl", other)

    def __rshift__(self, other: Scalar | Number) -> Scalar:
        return self._binary("shr", other)

    def __lt__(self, other: Scalar | Number) -> Scalar:
        return self._compare("lt", other)

    def __le__(self, other: Scalar | Number) -> Scalar:
        return self._compare("le", other)

    def __gt__(self, other: Scalar | Number) -> Scalar:
        return self._compare("gt", other)

    def __ge__(self, other: Scalar | Number) -> Scalar:
        return self._compare("ge", other)

    def eq(self, other: Scalar | Number) -> Scalar:
        """Whether equal."""
        return self._compare("eq", other)

    def ne(self, other: Scalar | Number) -> Scalar:
        """Whether unequal (or NaN)."""
        return self._compare("ne", other)

    def is_nan(self) -> Scalar:
        """Whether NaN."""
        return self._compare("ne", self)

    def to(self, dtype: DType) -> Scalar:
        """Converted to `dtype`."""
        if dtype is self.dtype:
            return self
        return Scalar(self.emitter, self.emitter.cast(self.value, self.dtype, dtype), dtype)

    def parts(self) -> tuple[Scalar, Scalar]:
        """The real and the imaginary part of a complex number."""
        part = PART_DTYPES[self.dtype]
        return self.to(part), self._unary("imag").to(part)

    def with_imaginary(self, imaginary: Scalar) -> Scalar:
        """The complex number whose real part this is."""
        value = self.emitter.binary("complex", self.value, imaginary.value, self.dtype)
        whole = next(c for c, part in PART_DTYPES.items() if part is self.dtype)
        return Scalar(self.emitter, value, whole)

    def where(self, a: Scalar | Number, b: Scalar | Number) -> Scalar:
        """`a` where this bool holds, else `b`; at least one of them must be a Scalar."""
        like = a if isinstance(a, Scalar) else b
        assert isinstance(like, Scalar)
        first, second = like.lift(a), like.lift(b)
        value = self.emitter.select(self.value, first.value, second.value, like.dtype)
        return Scalar(self.emitter, value, like.dtype)

    def minimum(self, other: Scalar | Number) -> Scalar:
        """The smaller; NaN if either is."""
        return self._binary("min", other)

    def maximum(self, other: Scalar | Number) -> Scalar:
        """The larger; NaN if either is."""
        return self._binary("max", other)

    def clamp(self, low: Scalar | Number, high: Scalar | Number) -> Scalar:
        """``min(max(self, low), high)``."""
        return self.maximum(low).minimum(high)

    def pow(self, other: Scalar | Number) -> Scalar:
        """The power ``self ** other``."""
        return self._binary("pow", other)

    def rem(self, other: Scalar | Number) -> Scalar:
        """C's ``fmod``: the sign of the dividend."""
        return self._binary("rem", other)

    def divtrunc(self, other: Scalar | Number) -> Scalar:
        """Integer division rounding toward zero."""
        return self._binary("divtrunc", other)

    def atan2(self, other: Scalar | Number) -> Scalar:
        """The angle of the point (other, self)."""
        return self._binary("atan2", other)

    def copysign(self, other: Scalar | Number) -> Scalar:
        """The magnitude of `self` with the sign of `other`."""
        return self._binary("copysign", other)

    def apply(self, name: str) -> Scalar:
        """The function `name` of `UNARY`."""
        return self._unary(name)

    def exp(self) -> Scalar:
        """Natural exponential."""
        return self._unary("exp")

    def log(self) -> Scalar:
        """Natural logarithm."""
        return self._unary("log")

    def log1p(self) -> Scalar:
        """``log(1 + x)``, accurate near zero."""
        return self._unary("log1p")

    def expm1(self) -> Scalar:
        """``exp(x) - 1``, accurate near zero."""
        return self._unary("expm1")

    def tanh(self) -> Scalar:
        """Hyperbolic tangent."""
        return self._unary("tanh")

    def erf(self) -> Scalar:
        """The error function."""
        return self._unary("erf")

    def sqrt(self) -> Scalar:
        """Square root."""
        return self._unary("sqrt")

    def abs(self) -> Scalar:
        """Absolute value."""
        return self._unary("abs")

    def floor(self) -> Scalar:
        """The largest integer not above."""
        return self._unary("floor")
