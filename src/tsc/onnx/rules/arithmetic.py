"""Rules: arithmetic, comparisons, logic, and choices, element by element."""

from __future__ import annotations

from typing import Any

from tsc import dtypes
from tsc.dtypes import DType
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor
from tsc.ops.definition import TensorSpec
from tsc.ops.promotion import result_dtype


def common_dtype(*values: Any) -> DType:
    """The dtype in which operands are compared."""
    specs = [TensorSpec(v.shape, v.dtype) if isinstance(v, Tensor) else v for v in values]
    return result_dtype(specs)


def _scaled(g: Emitter, y: Any, alpha: Any) -> str:
    (y,) = g.operands(y)
    return y if alpha == 1 else g("Mul", y, g.number(alpha, g.result.dtype))


def add(g: Emitter, x: Any, y: Any, alpha: Any) -> str:
    """``x + alpha * y``; of bools, whether one is."""
    if g.result.dtype is dtypes.BOOL:
        return g("Or", *g.operands(x, y))
    return g("Add", *g.operands(x), _scaled(g, y, alpha))


def sub(g: Emitter, x: Any, y: Any, alpha: Any) -> str:
    """``x - alpha * y``."""
    return g("Sub", *g.operands(x), _scaled(g, y, alpha))


def rsub(g: Emitter, x: Any, y: Any, alpha: Any) -> str:
    """``y - alpha * x``."""
    return g("Sub", *g.operands(y), _scaled(g, x, alpha))


def mul(g: Emitter, x: Any, y: Any) -> str:
    """``x * y``; of bools, whether both are."""
    return g("And" if g.result.dtype is dtypes.BOOL else "Mul", *g.operands(x, y))


def div(g: Emitter, x: Any, y: Any, rounding_mode: str | None = None) -> str:
    """``x / y``, rounded as `rounding_mode` says."""
    if rounding_mode is None:
        return g("Div", *g.operands(x, y))
    if rounding_mode == "floor":
        return floor_divide(g, x, y)
    quotient = g("Div", *g.operands(x, y))
    return quotient if not g.result.dtype.is_floating else _truncated(g, quotient)


def _truncated(g: Emitter, x: str) -> str:
    return g("Mul", g("Sign", x), g("Floor", g("Abs", x)))


def floor_divide(g: Emitter, x: Any, y: Any) -> str:
    """The quotient rounded down, as Python does: exact where the division is not."""
    a, b = g.operands(x, y)
    if not g.result.dtype.is_floating:
        return g("Div", g("Sub", a, g("Mod", a, b)), b)
    zero, one = (g.number(n, g.result.dtype) for n in (0, 1))
    rest = g("Mod", a, b, fmod=1)
    quotient = g("Div", g("Sub", a, rest), b)
    quotient = g("Where", _is_beyond(g, rest, b, zero), g("Sub", quotient, one), quotient)
    floor = g("Floor", quotient)
    is_short = g("Greater", g("Sub", quotient, floor), g.number(0.5, g.result.dtype))
    floor = g("Where", is_short, g("Add", floor, one), floor)
    return g("Where", g("Equal", b, zero), g("Div", a, b), floor)


def _is_beyond(g: Emitter, rest: str, divisor: str, zero: str) -> str:
    """Whether a remainder has another sign than the divisor."""
    signs = g("Xor", g("Less", rest, zero), g("Less", divisor, zero))
    return g("And", signs, g("Not", g("Equal", rest, zero)))


def remainder(g: Emitter, x: Any, y: Any) -> str:
    """What a division rounded down leaves: it has the divisor's sign."""
    a, b = g.operands(x, y)
    if not g.result.dtype.is_floating:
        return g("Mod", a, b)
    rest = g("Mod", a, b, fmod=1)
    is_beyond = _is_beyond(g, rest, b, g.number(0, g.result.dtype))
    return g("Where", is_beyond, g("Add", rest, b), rest)


def fmod(g: Emitter, x: Any, y: Any) -> str:
    """What a division rounded towards zero leaves."""
    return g("Mod", *g.operands(x, y), fmod=1)


def _compared(name: str, is_negated: bool = False) -> Rule:
    def compare(g: Emitter, x: Any, y: Any) -> str:
        dtype = common_dtype(x, y)
        if dtype is dtypes.BOOL and name != "Equal":
            dtype = dtypes.I32  # ONNX orders no bools
        found = g(name, *g.operands(x, y, dtype=dtype))
        return g("Not", found) if is_negated else found

    return compare


def _logical(name: str) -> Rule:
    def logical(g: Emitter, x: Any, y: Any) -> str:
        return g(name, *g.operands(x, y, dtype=dtypes.BOOL))

    return logical


def logical_not(g: Emitter, x: Any) -> str:
    """Whether an element is 0."""
    return g("Not", *g.operands(x, dtype=dtypes.BOOL))


def _bitwise(name: str) -> Rule:
    def bitwise(g: Emitter, x: Any, y: Any) -> str:
        is_bool = g.result.dtype is dtypes.BOOL
        return g(name if is_bool else f"Bitwise{name}", *g.operands(x, y))

    return bitwise


def bitwise_not(g: Emitter, x: Any) -> str:
    """Each bit the other way."""
    return g("Not" if g.result.dtype is dtypes.BOOL else "BitwiseNot", x)


def extreme(name: str) -> Rule:
    """The smaller or larger of two elements; of bools, whether both or one is."""

    def found(g: Emitter, x: Any, y: Any) -> str:
        if g.result.dtype is dtypes.BOOL:
            return g("And" if name == "Min" else "Or", *g.operands(x, y))
        return g(name, *g.operands(x, y))

    return found


def clamp(g: Emitter, x: Any, low: Any, high: Any) -> str:
    """Elements not below `low`, nor above `high`, which has the last word."""
    (found,) = g.operands(x)
    if low is not None:
        found = g("Max", found, *g.operands(low))
    return found if high is None else g("Min", found, *g.operands(high))


def clamp_min(g: Emitter, x: Any, low: Any) -> str:
    """Elements not below `low`."""
    return clamp(g, x, low, None)


def clamp_max(g: Emitter, x: Any, high: Any) -> str:
    """Elements not above `high`."""
    return clamp(g, x, None, high)


def where(g: Emitter, condition: Tensor, x: Any, y: Any) -> str:
    """One or the other."""
    return g("Where", g.cast(condition, dtypes.BOOL), *g.operands(x, y))


def masked_fill(g: Emitter, x: Any, mask: Tensor, value: Any) -> str:
    """`value` where the mask says so."""
    return where(g, mask, value, x)


def addcmul(g: Emitter, x: Any, y: Any, z: Any, value: Any) -> str:
    """``x + value * y * z``."""
    a, b, c, factor = g.operands(x, y, z, value)
    return g("Add", a, g("Mul", g("Mul", b, c), factor))


def addcdiv(g: Emitter, x: Any, y: Any, z: Any, value: Any) -> str:
    """``x + value * y / z``."""
    a, b, c, factor = g.operands(x, y, z, value)
    return g("Add", a, g("Mul", g("Div", b, c), factor))


def lerp(g: Emitter, x: Any, y: Any, weight: Any) -> str:
    """What lies between two elements."""
    a, b, w = g.operands(x, y, weight)
    return g("Add", a, g("Mul", g("Sub", b, a), w))


def power(g: Emitter, x: Any, y: Any) -> str:
    """``x ** y``."""
    if g.result.dtype is dtypes.BOOL:
        raise NoFormError("requires numbers; got bools")
    return g("Pow", *g.operands(x, y))


ARITHMETIC: Rules = {
    "add.Tensor": add, "add.Scalar": add, "sub.Tensor": sub, "sub.Scalar": sub, "rsub.Tensor": rsub,
    "rsub.Scalar": rsub,
    "mul.Tensor": mul, "mul.Scalar": mul, "div.Tensor": div, "div.Scalar": div, "div.Tensor_mode": div,
    "div.Scalar_mode": div,
    "floor_divide": floor_divide, "floor_divide.Scalar": floor_divide,
    "remainder.Tensor": remainder, "remainder.Scalar": remainder, "remainder.Scalar_Tensor": remainder,
    "fmod.Tensor": fmod, "fmod.Scalar": fmod,
    "pow.Tensor_Tensor": power, "pow.Tensor_Scalar": power, "pow.Scalar": power,
    "eq.Tensor": _compared("Equal"), "eq.Scalar": _compared("Equal"),
    "ne.Tensor": _compared("Equal", True), "ne.Scalar": _compared("Equal", True),
    "lt.Tensor": _compared("Less"), "lt.Scalar": _compared("Less"),
    "le.Tensor": _compared("LessOrEqual"), "le.Scalar": _compared("LessOrEqual"),
    "gt.Tensor": _compared("Greater"), "gt.Scalar": _compared("Greater"),
    "ge.Tensor": _compared("GreaterOrEqual"), "ge.Scalar": _compared("GreaterOrEqual"),
    "logical_and": _logical("And"), "logical_or": _logical("Or"), "logical_xor": _logical("Xor"),
    "logical_not": logical_not,
    "bitwise_not": bitwise_not,
    **{f"{n}.{kind}": _bitwise(op) for kind in ("Tensor", "Scalar") for op, names in (
        ("And", ("bitwise_and", "__and__")), ("Or", ("bitwise_or", "__or__")),
        ("Xor", ("bitwise_xor", "__xor__")),
    ) for n in names},
    "maximum": extreme("Max"), "max.other": extreme("Max"), "minimum": extreme("Min"),
    "min.other": extreme("Min"),
    "clamp": clamp, "clamp.Tensor": clamp,
    "clamp_min": clamp_min, "clamp_min.Tensor": clamp_min, "clamp_max": clamp_max,
    "clamp_max.Tensor": clamp_max,
    "where.self": where, "where.ScalarOther": where, "where.ScalarSelf": where, "where.Scalar": where,
    "masked_fill.Scalar": masked_fill, "masked_fill.Tensor": masked_fill,
    "addcmul": addcmul, "addcdiv": addcdiv, "lerp.Scalar": lerp, "lerp.Tensor": lerp,
}  # fmt: skip
"""By the operator's name."""
