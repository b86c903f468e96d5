"""The operators on Python numbers."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.dims import Dim
from tsc.dtypes import Array, Number
from tsc.narrowing import is_array
from tsc.ops import int_ranges
from tsc.ops.definition import Family, require_schema
from tsc.ops.int_ranges import Ranging
from tsc.ops.machine_forms import scalar_form
from tsc.ops.number_functions import (
    divide,
    floor_divide,
    gamma,
    greater,
    ieee,
    int_power,
    inverse_tanh,
    lesser,
    log,
    log1p,
    log_gamma,
    log_of_base,
    number_to_int,
    power,
    remainder,
    round_half_even,
    to_float,
    to_int,
    whole,
    wrap64,
)
from tsc.ops.number_texts import float_of, int_of
from tsc.ops.python_forms import PythonForm, python_form

FAMILY = Family()
_REAL = (bool, int, float)
_NUMBERS = (tt.INT, tt.FLOAT, tt.BOOL, tt.NUMBER, tt.COMPLEX)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "aten::add": operator.add, "aten::sub": operator.sub, "aten::mul": operator.mul, "aten::div": divide,
    "aten::floordiv": floor_divide, "aten::remainder": remainder, "aten::pow": power,
    "aten::eq": operator.eq, "aten::ne": operator.ne, "aten::lt": operator.lt, "aten::le": operator.le,
    "aten::gt": operator.gt, "aten::ge": operator.ge, "aten::__and__": lambda a, b: a & b,
    "aten::__or__": lambda a, b: a | b, "aten::__xor__": lambda a, b: a ^ b,
    "aten::__lshift__": lambda a, b: a << (b & 63), "aten::__rshift__": lambda a, b: a >> (b & 63),
    "aten::fmod": ieee(math.fmod), "aten::mathremainder": ieee(math.remainder), "aten::atan2": math.atan2,
    "aten::copysign": math.copysign, "aten::gcd": math.gcd, "prim::min": lesser, "prim::max": greater,
    "aten::floor_divide": floor_divide, "aten::ldexp": ieee(math.ldexp), "aten::log": log_of_base,
}  # fmt: skip
_UNARY: dict[str, Callable[..., Any]] = {
    "aten::neg": operator.neg, "aten::__not__": operator.not_, "aten::abs": abs, "prim::abs": abs,
    "aten::ceil": whole(math.ceil), "aten::floor": whole(math.floor), "aten::round": round_half_even,
    "aten::Int": to_int,
    "aten::Float": to_float, "aten::Bool": bool, "aten::bitwise_not": operator.invert,
}  # fmt: skip
_FLOAT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": ieee(math.sqrt), "exp": ieee(math.exp), "expm1": ieee(math.expm1), "log": log(math.log),
    "log2": log(math.log2), "log10": log(math.log10), "log1p": log1p,
    "sin": ieee(math.sin), "cos": ieee(math.cos), "tan": ieee(math.tan), "asin": ieee(math.asin),
    "acos": ieee(math.acos), "atan": math.atan, "sinh": ieee(math.sinh), "cosh": ieee(math.cosh),
    "tanh": math.tanh, "asinh": math.asinh, "acosh": ieee(math.acosh), "atanh": inverse_tanh,
    "erf": math.erf, "erfc": math.erfc, "gamma": gamma, "lgamma": log_gamma,
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


_INT, _BOOL = frozenset((tt.INT,)), frozenset((tt.BOOL,))
_FLOAT, _NUMBER = frozenset((tt.FLOAT,)), frozenset((tt.NUMBER,))
_REALS = frozenset((tt.INT, tt.FLOAT))
_ORDERED = _REALS | _BOOL


_sure = partial(python_form, is_sure=True)
Forms = Iterator[tuple[str, frozenset[TorchType], PythonForm]]
"""What scalar operators are in Python if their arguments are of some of the types given."""


def _binary_forms() -> Forms:
    for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*")):
        yield f"aten::{name}", _INT, _sure(f"{{0}} {sign} {{1}}", wraps=True)
        yield f"aten::{name}", _REALS, _sure(f"{{0}} {sign} {{1}}")
    for name, sign in (("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")):
        yield f"aten::{name}", _ORDERED, _sure(f"{{0}} {sign} {{1}}")
    for name, sign in (("__and__", "&"), ("__or__", "|"), ("__xor__", "^")):
        for kinds in (_INT, _BOOL):
            yield f"aten::{name}", kinds, _sure(f"{{0}} {sign} {{1}}")
    for name, sign in (("prim::max", ">"), ("prim::min", "<")):
        for kinds in (_INT, _FLOAT):
            yield name, kinds, _sure(f"{{0}} if {{0}} {sign} {{1}} else {{1}}")
    yield "aten::div", _REALS, _sure("{0} / {1} if {1} else {eager}({0}, {1})")
    yield "aten::floordiv", _INT, python_form("{0} // {1} if {1} else {eager}({0}, {1})", wraps=True)
    yield "aten::floordiv", _REALS, _sure("{floor_divide}({0}, {1})", {"floor_divide": floor_divide})
    yield "aten::remainder", _INT, python_form("{0} % {1}")
    yield "aten::remainder", _REALS, _sure("{remainder}({0}, {1})", {"remainder": remainder})
    yield "aten::__lshift__", _INT, _sure("{0} << ({1} & 63)", wraps=True)
    yield "aten::__rshift__", _INT, _sure("{0} >> ({1} & 63)")


_IN_RANGE = "{}({{0}}) if -9.2e18 < {{0}} < 9.2e18 else {{eager}}({{0}})"
"""Of a float that is an int of 64 bits."""


def _unary_forms() -> Forms:
    yield "aten::__not__", _BOOL, _sure("not {0}")
    yield "aten::bitwise_not", _INT, _sure("~{0}")
    for name, text in (("aten::neg", "-{0}"), ("aten::abs", "abs({0})"), ("prim::abs", "abs({0})")):
        yield name, _INT, _sure(text, wraps=True)
        yield name, _FLOAT, _sure(text)
    for name, rounded in (("ceil", math.ceil), ("floor", math.floor)):
        yield f"aten::{name}", _INT, _sure("{0}")
        yield f"aten::{name}", _FLOAT, python_form(_IN_RANGE.format(f"{{{name}}}"), {name: rounded})
    yield "aten::Int", _FLOAT, _sure(_IN_RANGE.format("int"))
    yield "aten::Int", _BOOL, _sure("int({0})")
    yield "aten::Float", _INT | _BOOL, _sure("float({0})")
    yield "aten::Int", _NUMBER, python_form("{0} if type({0}) is int else {eager}({0})")
    yield "aten::Float", _NUMBER, python_form("float({0}) if type({0}) is not complex else {eager}({0})")
    yield "aten::Bool", _REALS, _sure("{0} != 0")
    for name, is_defined in _DEFINED.items():
        called = f"{{{name}}}({{0}})"
        text = called if is_defined is None else f"{called} if {is_defined} else {{eager}}({{0}})"
        yield f"aten::{name}", _REALS, _sure(text, {name: getattr(math, name)})


_DEFINED: dict[str, str | None] = {
    **dict.fromkeys(("exp", "expm1"), "{0} < 709.0"), **dict.fromkeys(("log", "log2", "log10"), "{0} > 0"),
    "log1p": "{0} > -1", "sqrt": "{0} >= 0", **dict.fromkeys(("sin", "cos", "tan"), "-1e300 < {0} < 1e300"),
    **dict.fromkeys(("asin", "acos"), "-1 <= {0} <= 1"),
    **dict.fromkeys(("sinh", "cosh"), "-709.0 < {0} < 709.0"),
    "acosh": "{0} >= 1", "atanh": "-1 < {0} < 1",
    **dict.fromkeys(
        ("atan", "asinh", "tanh", "erf", "erfc", "fabs", "degrees", "radians", "isnan", "isinf", "isfinite")
    ),
}  # fmt: skip
"""Where Python's functions of a float are ours: they raise elsewhere. None: everywhere."""


_FORMS = {1: tuple(_unary_forms()), 2: tuple(_binary_forms())}
"""By the number of arguments; of several the first that fits."""


def _python(schema: Schema) -> PythonForm | None:
    """What a call of a scalar operator is in Python."""
    kinds = {a.type for a in schema.arguments}
    forms = _FORMS[len(schema.arguments)]
    return next((form for name, taken, form in forms if name == schema.name and kinds <= taken), None)


_RANGES: dict[str, Ranging] = {
    "aten::add": int_ranges.add, "aten::sub": int_ranges.subtract, "aten::mul": int_ranges.multiply,
    "aten::neg": int_ranges.negate, "aten::abs": int_ranges.magnitude, "prim::abs": int_ranges.magnitude,
    "prim::min": int_ranges.lesser, "prim::max": int_ranges.greater, "aten::floordiv": int_ranges.quotient,
    "aten::remainder": int_ranges.remainder, "aten::__and__": int_ranges.common_bits,
    "aten::__rshift__": int_ranges.shifted_down,
}  # fmt: skip
"""Of ints; of others nothing is known."""


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

    ranging = _RANGES.get(schema.name) if result is tt.INT else None

    machine = scalar_form(schema.name, [a.type for a in schema.arguments])

    @FAMILY.op(schema.full_name, kind="python", python=_python(schema), ranging=ranging, machine=machine)
    def scalar(*arguments: object) -> Any:
        return finish(function(*arguments))


@FAMILY.op("aten::pow.int_to_int", kind="python")
def pow_int_to_int(a: int, b: int) -> int:
    """The power of ints as an int."""
    return int_power(a, b)


_define_overload(require_schema("aten::Int.Scalar"), number_to_int)
for _name, _function in _BINARY.items():
    _define(_name, _function, 2)
for _name, _function in _UNARY.items():
    _define(_name, _function, 1)


def _number_function(name: str, real: Callable[..., Any]) -> Callable[[Any], Any]:
    imaginary = _COMPLEX.get(name)
    return lambda x: imaginary(x) if imaginary and isinstance(x, complex) else real(x)


for _name, _function in _FLOAT_FUNCTIONS.items():
    _define(f"aten::{_name}", _number_function(_name, _function), 1)


@FAMILY.op("aten::Float.str", kind="python")
def float_of_text(a: str) -> float:
    """The number a string spells."""
    return float_of(a)


_DIGITS = "int({0}) if {0}.isdecimal() and {0}.isascii() and len({0}) < 19 else {eager}({0})"


@FAMILY.op("aten::Int.str", kind="python", python=python_form(_DIGITS))
def int_of_text(a: str) -> int:
    """The number a string spells."""
    return int_of(a)


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
    """Python's ``hash``: equal within one process, not that of PyTorch. Of a tensor, which tensor it is."""
    return id(value) if is_array(value) else hash(value)


def _compared_with_none(comparison: str) -> PythonForm:
    def write(a: str, b: str) -> str | None:
        return f"{a} {comparison} None" if b == "None" and a.isidentifier() else None

    return PythonForm(write, is_sure=True)


@FAMILY.op("aten::__is__", kind="python", python=_compared_with_none("is"), compares_objects=True)
def is_(self: object, obj: object) -> bool:
    """Identity; of real numbers, which are no objects in TorchScript, equality with type."""
    if type(self) in _REAL:
        return type(self) is type(obj) and self == obj
    return self is obj


@FAMILY.op("aten::__isnot__", kind="python", python=_compared_with_none("is not"), compares_objects=True)
def is_not(self: object, obj: object) -> bool:
    """The opposite of identity."""
    return not is_(self, obj)
