"""Rules: functions of one element, activations among them."""

from __future__ import annotations

import math
from typing import Any

from tsc import dtypes
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor


def node(name: str, **attributes: Any) -> Rule:
    """One node, in the dtype of the result."""

    def write(g: Emitter, x: Tensor) -> str:
        return g(name, *g.operands(x), **attributes)

    return write


def _of_result(g: Emitter, value: float) -> str:
    return g.number(value, g.result.dtype)


def _unless_whole(name: str) -> Rule:
    """What does nothing to whole numbers."""

    def write(g: Emitter, x: Tensor) -> str:
        return g(name if x.dtype.is_floating else "Identity", x)

    return write


def relu(g: Emitter, x: Tensor) -> str:
    """Nothing below 0."""
    return g("Relu", x) if x.dtype.is_floating else g("Max", x, _of_result(g, 0))


def rsqrt(g: Emitter, x: Tensor) -> str:
    """1 over the root."""
    return g("Reciprocal", g("Sqrt", *g.operands(x)))


def logarithm(base: float) -> Rule:
    """The logarithm to another base than e."""

    def write(g: Emitter, x: Tensor) -> str:
        return g("Div", g("Log", *g.operands(x)), _of_result(g, math.log(base)))

    return write


def log1p(g: Emitter, x: Tensor) -> str:
    """``log(1 + x)``, also of small x: what 1 + x loses, ``x / (u - 1)`` brings back.

    Source: W. Kahan, as in D. Goldberg, "What every computer scientist should know about floating-point
    arithmetic", theorem 4.
    """
    (a,) = g.operands(x)
    one = _of_result(g, 1)
    u = g("Add", a, one)
    ratio = g("Div", g("Mul", a, g("Log", u)), g("Sub", u, one))
    return g("Where", g("Equal", u, one), a, g("Where", g("IsInf", u), u, ratio))


def trunc(g: Emitter, x: Tensor) -> str:
    """The whole part."""
    if not x.dtype.is_floating:
        return g("Identity", x)
    return g("Mul", g("Sign", x), g("Floor", g("Abs", x)))


def frac(g: Emitter, x: Tensor) -> str:
    """What `trunc` leaves."""
    return g("Sub", x, trunc(g, x))


def isnan(g: Emitter, x: Tensor) -> str:
    """Whether an element is NaN; no whole number is."""
    return g("IsNaN", x) if x.dtype.is_floating else g("IsNaN", g.cast(x, dtypes.F32))


def isinf(g: Emitter, x: Tensor) -> str:
    """Whether an element is an infinity."""
    return g("IsInf", x) if x.dtype.is_floating else g("IsInf", g.cast(x, dtypes.F32))


def isfinite(g: Emitter, x: Tensor) -> str:
    """Neither."""
    return g("Not", g("Or", isnan(g, x), isinf(g, x)))


def gelu(g: Emitter, x: Tensor, approximate: str) -> str:
    """``x`` times the normal distribution up to it, or the formula with tanh."""
    half, one = _of_result(g, 0.5), _of_result(g, 1)
    if approximate == "none":
        inner = g("Erf", g("Mul", x, _of_result(g, math.sqrt(0.5))))
    else:
        cube = g("Mul", g("Mul", g("Mul", x, x), x), _of_result(g, 0.044715))
        inner = g("Tanh", g("Mul", g("Add", x, cube), _of_result(g, math.sqrt(2 / math.pi))))
    return g("Mul", g("Mul", x, half), g("Add", inner, one))


def silu(g: Emitter, x: Tensor) -> str:
    """``x * sigmoid(x)``."""
    return g("Mul", x, g("Sigmoid", x))


def mish(g: Emitter, x: Tensor) -> str:
    """``x * tanh(softplus(x))``."""
    return g("Mul", x, g("Tanh", g("Softplus", x)))


def hardtanh(g: Emitter, x: Tensor, low: Any, high: Any) -> str:
    """Elements within bounds."""
    return g("Min", g("Max", x, _of_result(g, low)), _of_result(g, high))


def relu6(g: Emitter, x: Tensor) -> str:
    """Elements from 0 to 6."""
    return hardtanh(g, x, 0, 6)


def leaky_relu(g: Emitter, x: Tensor, slope: Any) -> str:
    """Less of what is below 0."""
    return g("LeakyRelu", x, alpha=float(slope))


def elu(g: Emitter, x: Tensor, alpha: Any, scale: Any, input_scale: Any) -> str:
    """An exponential below 0."""
    if scale == 1 and input_scale == 1:
        return g("Elu", x, alpha=float(alpha))
    exponential = g("Sub", g("Exp", g("Mul", x, _of_result(g, input_scale))), _of_result(g, 1))
    below = g("Mul", exponential, _of_result(g, alpha * scale))
    above = g("Mul", x, _of_result(g, scale))
    return g("Where", g("Greater", x, _of_result(g, 0)), above, below)


def celu(g: Emitter, x: Tensor, alpha: Any) -> str:
    """An exponential below 0, as smooth for each alpha."""
    return elu(g, x, alpha, 1, 1 / alpha)


def prelu(g: Emitter, x: Tensor, weight: Tensor) -> str:
    """Less of what is below 0, by a tensor."""
    return g("Where", g("Greater", x, _of_result(g, 0)), x, g("Mul", x, weight))


def softplus(g: Emitter, x: Tensor, beta: Any, threshold: Any) -> str:
    """``log(1 + exp(beta * x)) / beta``, and x where that is x."""
    scaled = g("Mul", x, _of_result(g, beta))
    found = g("Div", g("Softplus", scaled), _of_result(g, beta))
    return g("Where", g("Greater", scaled, _of_result(g, threshold)), x, found)


def log_sigmoid(g: Emitter, x: Tensor) -> str:
    """``log(sigmoid(x))``."""
    return g("Neg", g("Softplus", g("Neg", x)))


def threshold(g: Emitter, x: Tensor, least: Any, value: Any) -> str:
    """`value` for what is not above `least`."""
    return g("Where", g("LessOrEqual", x, _of_result(g, least)), _of_result(g, value), x)


def softshrink(g: Emitter, x: Tensor, bound: Any) -> str:
    """Elements nearer to 0 by `bound`."""
    if not math.isfinite(bound):
        raise NoFormError(f"requires a finite bound; got {bound}")
    return g("Shrink", x, bias=float(bound), lambd=float(bound))


def hardshrink(g: Emitter, x: Tensor, bound: Any) -> str:
    """Elements that are not near 0."""
    return g("Shrink", x, bias=0.0, lambd=float(bound))


FUNCTIONS: Rules = {
    "relu": relu, "relu6": relu6, "sigmoid": node("Sigmoid"), "tanh": node("Tanh"), "neg": node("Neg"),
    "exp": node("Exp"),
    "log": node("Log"), "log2": logarithm(2), "log10": logarithm(10), "log1p": log1p, "sqrt": node("Sqrt"),
    "rsqrt": rsqrt,
    "reciprocal": node("Reciprocal"), "abs": node("Abs"), "sign": node("Sign"), "erf": node("Erf"),
    "sin": node("Sin"), "cos": node("Cos"), "tan": node("Tan"), "asin": node("Asin"), "acos": node("Acos"),
    "atan": node("Atan"),
    "sinh": node("Sinh"), "cosh": node("Cosh"), "asinh": node("Asinh"), "acosh": node("Acosh"),
    "atanh": node("Atanh"),
    "ceil": _unless_whole("Ceil"), "floor": _unless_whole("Floor"), "round": _unless_whole("Round"),
    "trunc": trunc, "frac": frac, "isnan": isnan, "isinf": isinf, "isfinite": isfinite,
    "gelu": gelu, "silu": silu, "mish": mish, "hardsigmoid": node("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hardswish": node("HardSwish"), "hardtanh": hardtanh, "leaky_relu": leaky_relu, "elu": elu,
    "celu": celu, "_prelu_kernel": prelu,
    "selu": node("Selu"),
    "softplus": softplus, "log_sigmoid": log_sigmoid, "threshold": threshold, "softshrink": softshrink,
    "hardshrink": hardshrink,
}  # fmt: skip
"""By the operator's name."""
