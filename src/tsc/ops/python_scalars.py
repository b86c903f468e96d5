"""Arithmetic on Python numbers, as TorchScript does it: 64-bit ints wrap, IEEE floats never raise."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any, cast

from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dims import Dim
from tsc.dtypes import Array, Number, Real
from tsc.errors import OperatorError
from tsc.narrowing import is_array
from tsc.ops.definition import Family

FAMILY = Family()
_REAL = (bool, int, float)
_NUMBERS = (tt.INT, tt.FLOAT, tt.BOOL, tt.NUMBER, tt.COMPLEX)


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
    """Python's ``//``; of floats by zero, as `divide`."""
    if b == 0 and (isinstance(a, float) or isinstance(b, float)):
        return divide(float(a), b)
    return a // b


def remainder(a: Any, b: Any) -> Any:
    """Python's ``%``; NaN for floats by zero."""
    if b == 0 and (isinstance(a, float) or isinstance(b, float)):
        return math.nan
    return a % b


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


def _ieee(function: Callable[..., Any], beyond: float = math.inf) -> Callable[..., Any]:
    """`function` without exceptions: outside its domain NaN, on overflow `beyond`."""

    def total(*arguments: object) -> Any:
        try:
            return function(*arguments)
        except OverflowError:
            return beyond
        except ValueError:
            return math.nan

    return total


def _log(function: Callable[[Any], float]) -> Callable[[Any], float]:
    return lambda x: -math.inf if x == 0 else _ieee(function)(x)


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
    """A number as an int, rounded toward zero.

    Raises:
        OperatorError: it is complex, and not real.
    """
    return cast("int", x) if isinstance(x, Dim) else int(_real(x, "int64_t"))


def _real(x: Number, wanted: str) -> Real:
    if isinstance(x, complex) and x.imag:
        raise OperatorError(f"value cannot be converted to type {wanted} without overflow")
    return x.real if isinstance(x, complex) else x


def _log_of_base(x: Real, base: Real) -> Number:
    return divide(_log(math.log)(x), _log(math.log)(base))


def _inverse_tanh(x: Real) -> float:
    return math.copysign(math.inf, x) if abs(x) == 1 else _ieee(math.atanh)(x)


def _log_gamma(x: Real) -> float:
    return math.inf if math.isinf(x) or (x <= 0 and x == int(x)) else _ieee(math.lgamma)(x)


def _gamma(x: Real) -> float:
    return math.copysign(math.inf, x) if x == 0 else _ieee(math.gamma)(x)


def _log1p(x: Real) -> float:
    return -math.inf if x == -1 else _ieee(math.log1p)(x)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "aten::add": operator.add, "aten::sub": operator.sub, "aten::mul": operator.mul, "aten::div": divide,
    "aten::floordiv": floor_divide, "aten::remainder": remainder, "aten::pow": power,
    "aten::eq": operator.eq, "aten::ne": operator.ne, "aten::lt": operator.lt, "aten::le": operator.le,
    "aten::gt": operator.gt, "aten::ge": operator.ge, "aten::__and__": lambda a, b: a & b,
    "aten::__or__": lambda a, b: a | b, "aten::__xor__": lambda a, b: a ^ b,
    "aten::__lshift__": lambda a, b: a << (b & 63), "aten::__rshift__": lambda a, b: a >> (b & 63),
    "aten::fmod": _ieee(math.fmod), "aten::mathremainder": _ieee(math.remainder), "aten::atan2": math.atan2,
    "aten::copysign": math.copysign, "aten::gcd": math.gcd, "prim::min": min, "prim::max": max,
    "aten::floor_divide": floor_divide, "aten::ldexp": _ieee(math.ldexp), "aten::log": _log_of_base,
}  # fmt: skip
_UNARY: dict[str, Callable[..., Any]] = {
    "aten::neg": operator.neg, "aten::__not__": operator.not_, "aten::abs": abs, "prim::abs": abs,
    "aten::ceil": math.ceil, "aten::floor": math.floor, "aten::round": round_half_even, "aten::Int": to_int,
    "aten::Float": to_float, "aten::Bool": bool, "aten::bitwise_not": operator.invert,
}  # fmt: skip
_FLOAT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": _ieee(math.sqrt), "exp": _ieee(math.exp), "expm1": _ieee(math.expm1), "log": _log(math.log),
    "log2": _log(math.log2), "log10": _log(math.log10), "log1p": _log1p,
    "sin": _ieee(math.sin), "cos": _ieee(math.cos), "tan": _ieee(math.tan), "asin": _ieee(math.asin),
    "acos": _ieee(math.acos), "atan": math.atan, "sinh": _ieee(math.sinh), "cosh": _ieee(math.cosh),
    "tanh": math.tanh, "asinh": math.asinh, "acosh": _ieee(math.acosh), "atanh": _inverse_tanh,
    "erf": math.erf, "erfc": math.erfc, "gamma": _gamma, "lgamma": _log_gamma,
    "fabs": math.fabs, "degrees": math.degrees, "radians": math.radians, "isnan": math.isnan,
    "isinf": math.isinf, "isfinite": math.isfinite,
}  # fmt: skip
_COMPLEX: dict[str, Callable[[Any], Any]] = {
    name: getattr(cmath, name)
    for name in (
        "sqrt", "exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
        "asinh", "acosh", "atanh", "isnan", "isinf", "isfinite",
    )
}  # fmt: skip


_INFIX = {
    "aten::add": "+", "aten::sub": "-", "aten::mul": "*", "aten::eq": "==", "aten::ne": "!=", "aten::lt": "<",
    "aten::le": "<=", "aten::gt": ">", "aten::ge": ">=",
}  # fmt: skip
"""Python's operators that are the meaning of ours, but for the range of ints."""
_INT_INFIX = {"aten::floordiv": "//", "aten::remainder": "%"}
"""Those that are so for ints alone."""


def _python(schema: Schema) -> Callable[..., str] | None:
    """Python for a call of a scalar operator."""
    kinds = {a.type for a in schema.arguments}
    if schema.name == "aten::__not__":
        return "not {}".format
    if kinds == {tt.INT}:
        infix = _INFIX.get(schema.name, _INT_INFIX.get(schema.name))
    else:
        infix = _INFIX.get(schema.name) if kinds <= {tt.INT, tt.FLOAT} else None
    if infix is None:
        return None
    text = f"{{}} {infix} {{}}"
    return (f"wrap64({text})" if schema.results[0].type is tt.INT else text).format


def _is_scalar(schema: Schema, arity: int) -> bool:
    return len(schema.arguments) == arity and all(a.type in _NUMBERS for a in schema.arguments)


def _define(name: str, function: Callable[..., Any], arity: int) -> None:
    for schema in schemas.overloads(name):
        if _is_scalar(schema, arity) and schema.full_name not in FAMILY.operators:
            _define_overload(schema, function)


def _define_overload(schema: Schema, function: Callable[..., Any]) -> None:
    result = schema.results[0].type
    convert: dict[Any, Callable[[Any], Any]] = {
        tt.INT: lambda v: v if isinstance(v, Dim) else wrap64(int(v)),
        tt.FLOAT: float,
        tt.BOOL: bool,
        tt.COMPLEX: complex,
    }
    finish = convert.get(result, wrap64)

    @FAMILY.op(schema.full_name, kind="python", python=_python(schema))
    def scalar(*arguments: object) -> Any:
        return finish(function(*arguments))


@FAMILY.op("aten::pow.int_to_int", kind="python")
def pow_int_to_int(a: int, b: int) -> int:
    """The power of ints as an int."""
    return int_power(a, b)


for _name, _function in _BINARY.items():
    _define(_name, _function, 2)
for _name, _function in _UNARY.items():
    _define(_name, _function, 1)


def _number_function(name: str, real: Callable[..., Any]) -> Callable[[Any], Any]:
    imaginary = _COMPLEX.get(name)
    return lambda x: imaginary(x) if imaginary and isinstance(x, complex) else real(x)


for _name, _function in _FLOAT_FUNCTIONS.items():
    _define(f"aten::{_name}", _number_function(_name, _function), 1)


def _parsing(name: str, parse: Callable[[str], Any], parser: str) -> None:
    @FAMILY.op(name, kind="python")
    def number(a: str) -> float | int:
        """The number a string spells; messages begin with what PyTorch parses it by."""
        try:
            return parse(a)
        except ValueError as error:
            raise OperatorError(f"{parser}: {error}") from None


_parsing("aten::Float.str", float, "stod")
_parsing("aten::Int.str", int, "stoll")


@FAMILY.op("aten::factorial.int", kind="python")
def factorial(a: int) -> int:
    """``a!``."""
    return wrap64(math.factorial(a))


@FAMILY.op(
    "aten::divmod.int",
    "aten::divmod.float",
    "aten::divmod.int_float",
    "aten::divmod.float_int",
    kind="python",
)
def divmod_(a: int | float, b: int | float) -> tuple[Any, Any]:
    """Python's ``divmod``."""
    return divmod(a, b)


@FAMILY.op("aten::modf", kind="python")
def modf(a: float) -> tuple[float, float]:
    """Fraction and integer part."""
    return math.modf(a)


@FAMILY.op("aten::frexp", kind="python")
def frexp(a: float) -> tuple[float, int]:
    """Mantissa and exponent."""
    return math.frexp(a)


@FAMILY.op(
    "aten::Complex.int_int",
    "aten::Complex.int_float",
    "aten::Complex.float_int",
    "aten::Complex.float_float",
    kind="python",
)
def complex_of(x: int | float, y: int | float) -> complex:
    """``x + iy``."""
    return complex(x, y)


@FAMILY.op(
    "aten::Complex.Scalar", "aten::Complex.Tensor_Tensor", "aten::Complex.Tensor_int",
    "aten::Complex.Tensor_float", "aten::Complex.Tensor_bool", "aten::Complex.int_Tensor",
    "aten::Complex.float_Tensor", "aten::Complex.bool_Tensor", "aten::Complex.int_bool",
    "aten::Complex.bool_int", "aten::Complex.bool_bool", "aten::Complex.float_bool",
    "aten::Complex.bool_float", kind="python",
)  # fmt: skip
def complex_of_elements(x: Number | Array, y: Number | Array = 0) -> complex:
    """``x + iy``, where each may be a bool or a tensor of one element."""
    return complex(*(part.item() if is_array(part) else part for part in (x, y)))


@FAMILY.op("aten::hash.generic", kind="python")
def hash_(value: object) -> int:
    """Python's ``hash``: equal within one process, not that of PyTorch."""
    return hash(value)


def _compared_with_none(comparison: str) -> Callable[[str, str], str | None]:
    return lambda a, b: f"{a} {comparison} None" if b == "None" and a.isidentifier() else None


@FAMILY.op("aten::__is__", kind="python", python=_compared_with_none("is"))
def is_(self: object, obj: object) -> bool:
    """Identity; of real numbers, which are no objects in TorchScript, equality with type."""
    if type(self) in _REAL:
        return type(self) is type(obj) and self == obj
    return self is obj


@FAMILY.op("aten::__isnot__", kind="python", python=_compared_with_none("is not"))
def is_not(self: object, obj: object) -> bool:
    """The opposite of identity."""
    return not is_(self, obj)
