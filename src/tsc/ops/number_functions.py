"""Arithmetic on Python numbers, as TorchScript does it: 64-bit ints wrap, IEEE floats never raise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from tsc.dims import Dim
from tsc.dtypes import Number, Real
from tsc.errors import OperatorError


def wrap64(value: object) -> Any:
    """An int reduced to 64 bits, two's complement; anything else as it is."""
    if type(value) is not int or -(2**63) <= value < 2**63:
        return value
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def divide(a: Number, b: Number) -> Number:
    """True division; of real numbers by zero, an infinity or NaN.

    Raises:
        ZeroDivisionError: a complex division by zero.
    """
    if b == 0 and not isinstance(a, complex) and not isinstance(b, complex):
        return (
            math.nan
            if a == 0 or math.isnan(a)
            else math.copysign(math.inf, math.copysign(1, a) * math.copysign(1, b))
        )
    return a / b


def floor_divide(a: Any, b: Any) -> Any:
    """Python's ``//`` of ints; of floats the quotient, rounded, and then down to a whole number."""
    if not isinstance(a, float) and not isinstance(b, float):
        if b == 0:
            raise ZeroDivisionError("division by 0")
        return a // b
    quotient = cast("float", divide(a, b))
    is_whole = quotient == 0 or not math.isfinite(quotient)  # zeros keep their sign
    return quotient if is_whole else float(math.floor(quotient))


def remainder(a: Any, b: Any) -> Any:
    """Python's ``%`` of ints; of floats as PyTorch computes it, which loses bits of `a` to a greater `b`; by
    zero NaN.
    """
    if not isinstance(a, float) and not isinstance(b, float):
        return a % b
    try:
        return math.fmod(b + math.fmod(a, b), b)
    except ValueError:
        return math.nan


def greater(a: Any, b: Any) -> Any:
    """The greater number, or the second where none is."""
    return a if a > b else b


def lesser(a: Any, b: Any) -> Any:
    """The lesser number, or the second where none is."""
    return a if a < b else b


def power(a: Number, b: Number) -> Number:
    """The power as a float (or complex); overflow gives an infinity, a negative base with a fraction NaN.

    Raises:
        ZeroDivisionError: zero to a negative power.
    """
    if isinstance(a, complex) or isinstance(b, complex):
        return complex(a) ** complex(b)
    if a == 0 and b < 0:
        raise ZeroDivisionError("0.0 cannot be raised to a negative power")
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf if a > 0 or b % 2 == 0 else -math.inf
    except ValueError:
        return math.nan


def int_power(a: int, b: int) -> int:
    """The power of ints as an int; negative exponents give 0, 1 or -1."""
    if b >= 0:
        return wrap64(pow(a, b, 2**64)) if a >= 0 else wrap64(a**b)
    return {1: 1, -1: -1 if b % 2 else 1}.get(a, 0)


def ieee(function: Callable[..., Any], beyond: float = math.inf) -> Callable[..., Any]:
    """`function` without exceptions: outside its domain NaN, on overflow `beyond`."""

    def total(*arguments: object) -> Any:
        try:
            return function(*arguments)
        except OverflowError:
            return beyond
        except ValueError:
            return math.nan

    return total


def log(function: Callable[[Any], float]) -> Callable[[Any], float]:
    """A logarithm that is minus infinity of 0, and NaN below."""
    return lambda x: -math.inf if x == 0 else ieee(function)(x)


def round_half_even(x: Real) -> float:
    """The nearest integer as a float, halves to the even one."""
    return x if math.isinf(x) or math.isnan(x) else float(round(x))


def to_float(x: Number) -> float:
    """A number as a float.

    Raises:
        OperatorError: it is complex, and not real.
    """
    return float(_real(x, "double"))


def to_int(x: Number | Dim) -> int:
    """A number as an int, rounded toward zero; the least where it is none of 64 bits, as C++ casts.

    Raises:
        OperatorError: it is complex, and not real.
    """
    if isinstance(x, Dim):
        return cast("int", x)
    real = _real(x, "int64_t")
    return int(real) if is_int64(real) else -(2**63)


def number_to_int(x: Number | Dim) -> int:
    """The same of a number of any kind.

    Raises:
        OperatorError: it is no int of 64 bits.
    """
    return _checked_int(x, "int")


def element_to_int(x: Number | Dim) -> int:
    """The same of an element of a tensor."""
    return _checked_int(x, "int64_t")


def _checked_int(x: Number | Dim, wanted: str) -> int:
    if not isinstance(x, (complex, Dim)) and not is_int64(x):
        raise OperatorError(f"value cannot be converted to type {wanted} without overflow")
    return to_int(x)


def is_int64(x: Real) -> bool:
    """Whether a number, rounded toward zero, is an int of 64 bits."""
    return -(2**63) <= x < 2**63


def whole(rounded: Callable[[Real], int]) -> Callable[[Real], int]:
    """`rounded`, of numbers whose result is an int of 64 bits; it raises of others."""

    def checked(x: Real) -> int:
        if not is_int64(x):
            raise OperatorError(f"Cannot convert float {x:f} to integer")
        return rounded(x)

    return checked


def _real(x: Number, wanted: str) -> Real:
    if isinstance(x, complex) and x.imag:
        raise OperatorError(f"value cannot be converted to type {wanted} without overflow")
    return x.real if isinstance(x, complex) else x


def log_of_base(x: Real, base: Real) -> Number:
    """The logarithm to another base."""
    return divide(log(math.log)(x), log(math.log)(base))


def inverse_tanh(x: Real) -> float:
    """An infinity at -1 and 1, NaN beyond."""
    return math.copysign(math.inf, x) if abs(x) == 1 else ieee(math.atanh)(x)


def log_gamma(x: Real) -> float:
    """An infinity at 0 and the negative whole numbers."""
    return math.inf if math.isinf(x) or (x <= 0 and x == int(x)) else ieee(math.lgamma)(x)


def gamma(x: Real) -> float:
    """An infinity at 0."""
    return math.copysign(math.inf, x) if x == 0 else ieee(math.gamma)(x)


def log1p(x: Real) -> float:
    """Minus infinity at -1."""
    return -math.inf if x == -1 else ieee(math.log1p)(x)
