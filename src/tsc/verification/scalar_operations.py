"""Operations on elements at stage `linalg`, on arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from tsc.dtypes import Array


def _truncated(a: Any, b: Any) -> Any:
    """The quotient of integers, rounded toward zero."""
    return (a - np.fmod(a, b)) // b


_FLOATS: dict[str, Any] = {
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
    "bf16": ml_dtypes.bfloat16,
}
_BINARY: dict[str, Callable[..., Any]] = {
    "arith.addf": np.add, "arith.subf": np.subtract, "arith.mulf": np.multiply, "arith.divf": np.true_divide,
    "arith.minimumf": np.minimum, "arith.maximumf": np.maximum, "arith.addi": np.add,
    "arith.subi": np.subtract, "arith.muli": np.multiply, "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or, "arith.xori": np.bitwise_xor, "arith.minsi": np.minimum,
    "arith.maxsi": np.maximum, "arith.shli": np.left_shift, "arith.shrsi": np.right_shift,
    "arith.remsi": np.fmod, "tsc.remainder": np.fmod, "arith.divsi": _truncated,
    "math.powf": np.power, "math.atan2": np.arctan2, "math.copysign": np.copysign,
}  # fmt: skip
_UNSIGNED: dict[str, Callable[..., Any]] = {
    "arith.minui": np.minimum,
    "arith.maxui": np.maximum,
    "arith.shrui": np.right_shift,
    "arith.divui": np.floor_divide,
    "arith.remui": np.remainder,
}
_UNARY: dict[str, Callable[..., Any]] = {
    "arith.negf": np.negative, "math.absf": np.abs, "math.exp": np.exp, "math.exp2": np.exp2,
    "math.expm1": np.expm1, "math.log": np.log, "math.log2": np.log2, "math.log10": np.log10,
    "math.log1p": np.log1p, "math.tanh": np.tanh, "math.sqrt": np.sqrt, "math.sin": np.sin,
    "math.cos": np.cos, "math.tan": np.tan, "math.asin": np.arcsin, "math.acos": np.arccos,
    "math.atan": np.arctan, "math.sinh": np.sinh, "math.cosh": np.cosh, "math.asinh": np.arcsinh,
    "math.acosh": np.arccosh, "math.atanh": np.arctanh, "math.floor": np.floor, "math.ceil": np.ceil,
    "math.trunc": np.trunc, "math.roundeven": np.rint,
    "math.erf": np.vectorize(math.erf, otypes=[np.float64]),
}  # fmt: skip
_SELECT: Callable[..., Any] = np.where
_COMPARE: dict[str, Callable[..., Any]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip
_FLOAT_PREDICATES = [
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno",
    "true",
]  # fmt: skip
_INT_PREDICATES = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]


def numpy_type(kind: Any) -> Any:
    """The NumPy type of an element."""
    if str(kind) in _FLOATS:
        return _FLOATS[str(kind)]
    if hasattr(kind, "width"):
        return np.bool_ if kind.width.data == 1 else np.dtype(f"int{kind.width.data}").type
    return np.int64


def unsigned(x: Array) -> Array:
    """The same bits as unsigned integers."""
    return x if x.dtype == np.bool_ else np.asarray(x).view(np.dtype(f"u{x.dtype.name}"))


def scalar_operation(op: Any, operands: Sequence[Any]) -> Any:
    """`arith` and `math` operations on arrays."""
    kind = numpy_type(getattr(op.results[0].type, "element_type", op.results[0].type))
    with np.errstate(all="ignore"):
        if op.name == "arith.constant":
            return np.asarray(op.properties["value"].value.data).astype(kind)
        if op.name in _BINARY:
            return np.asarray(_BINARY[op.name](*operands)).astype(kind)
        if op.name in _UNSIGNED:
            return np.asarray(_UNSIGNED[op.name](*map(unsigned, operands))).astype(kind)
        if op.name in _UNARY:
            return np.asarray(_UNARY[op.name](*operands)).astype(kind)
        if op.name == "arith.select":
            return _SELECT(*operands)
        if op.name in ("arith.cmpf", "arith.cmpi"):
            return comparison(op, *operands)
        return conversion(op.name, operands[0], kind)


def comparison(op: Any, a: Any, b: Any) -> Any:
    """``arith.cmpf`` and ``arith.cmpi``."""
    number: int = op.properties["predicate"].value.data
    predicate = (_FLOAT_PREDICATES if op.name == "arith.cmpf" else _INT_PREDICATES)[number]
    if op.name == "arith.cmpi" and predicate.startswith("u"):
        a, b = unsigned(a), unsigned(b)
    return _COMPARE[predicate[-2:]](a, b)


def conversion(name: str, x: Any, kind: Any) -> Any:
    """Conversions between element types."""
    if name == "arith.bitcast":
        return np.asarray(x).view(kind)
    if name in ("arith.extui", "arith.uitofp"):
        return unsigned(x).astype(kind)
    assert name in (
        "arith.extsi",
        "arith.sitofp",
        "arith.fptosi",
        "arith.trunci",
        "arith.extf",
        "arith.truncf",
        "arith.index_cast",
    ), name
    return np.asarray(x).astype(kind)
