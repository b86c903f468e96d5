"""Derivatives of pointwise operators whose formula does not say what PyTorch says: at kinks, at zero, or by
what they gave.

Source: PyTorch tools/autograd/derivatives.yaml and FunctionsManual.cpp, for the values at kinks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tsc.dtypes import F64
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative
from tsc.ops.elementwise import is_tensor

Flows = Mapping[Place, Flow]


def _only_where(aten: Aten, condition: AnyTensor, gradient: AnyTensor) -> AnyTensor:
    return aten("where.ScalarOther", condition, gradient, 0.0)


def _against(aten: Aten, name: str, a: AnyTensor, b: AnyTensor) -> AnyTensor:
    return aten(f"{name}.{'Tensor' if is_tensor(b) else 'Scalar'}", a, b)


def _extreme(name: str, *names: str) -> None:
    @derivative(*names)
    def rule(call: Call, self: AnyTensor, other: Any) -> Flows:
        """Equal elements take half of the gradient each."""
        aten = call.aten

        def flow_to(a: AnyTensor, b: AnyTensor) -> AnyTensor:
            half = aten("mul.Scalar", call.gradient, 0.5)
            taken = _only_where(aten, aten(f"{name}.Tensor", a, b), call.gradient)
            return aten("where.self", aten("eq.Tensor", a, b), half, taken)

        return {0: lambda: flow_to(self, other), 1: lambda: flow_to(other, self)}


_extreme("gt", "maximum", "max.other")
_extreme("lt", "minimum", "min.other")


def _extreme_of_numbers(name: str, predicate: str) -> None:
    @derivative(name)
    def rule(call: Call, self: AnyTensor, other: Any) -> Flows:
        """Of equal elements the first takes the gradient, and of a NaN the other."""
        aten = call.aten
        first = aten("logical_or", aten(f"{predicate}.Tensor", self, other), aten("isnan", other))
        return {
            0: lambda: _only_where(aten, first, call.gradient),
            1: lambda: _only_where(aten, aten("logical_not", first), call.gradient),
        }


_extreme_of_numbers("fmax", "ge")
_extreme_of_numbers("fmin", "le")


@derivative("clamp", "clamp.Tensor", "clip", "clip.Tensor")
def _clamp(call: Call, self: AnyTensor, low: Any, high: Any) -> Flows:
    """At the bounds the gradient passes."""
    aten = call.aten

    def to_self() -> AnyTensor:
        gradient = call.gradient
        if low is not None:
            gradient = _only_where(aten, _against(aten, "ge", self, low), gradient)
        return gradient if high is None else _only_where(aten, _against(aten, "le", self, high), gradient)

    def to_low() -> AnyTensor:
        gradient = _only_where(aten, aten("lt.Tensor", self, low), call.gradient)
        return gradient if high is None else _only_where(aten, aten("lt.Tensor", low, high), gradient)

    def to_high() -> AnyTensor:
        is_above = aten("gt.Tensor", self, high)
        if low is not None:
            is_above = aten("logical_or", is_above, aten("gt.Tensor", low, high))
        return _only_where(aten, is_above, call.gradient)

    return {0: to_self, 1: to_low, 2: to_high}


def _bound(name: str, kept: str, replaced: str) -> None:
    @derivative(name, f"{name}.Tensor")
    def rule(call: Call, self: AnyTensor, bound: Any) -> Flows:
        aten = call.aten
        return {
            0: lambda: _only_where(aten, _against(aten, kept, self, bound), call.gradient),
            1: lambda: _only_where(aten, aten(f"{replaced}.Tensor", self, bound), call.gradient),
        }


_bound("clamp_min", "ge", "lt")
_bound("clamp_max", "le", "gt")


def _within(aten: Aten, x: AnyTensor, low: float, high: float) -> AnyTensor:
    return aten("logical_and", aten("gt.Scalar", x, low), aten("lt.Scalar", x, high))


@derivative("hardtanh")
def _hardtanh(call: Call, self: AnyTensor, low: float, high: float) -> Flows:
    """At the bounds nothing passes, whatever the gradient is; so in what is flat elsewhere."""
    aten = call.aten
    return {0: lambda: _only_where(aten, _within(aten, self, low, high), call.gradient)}


@derivative("relu6")
def _relu6(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: _only_where(aten, _within(aten, self, 0, 6), call.gradient)}


@derivative("hardsigmoid")
def _hardsigmoid(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        return _only_where(aten, _within(aten, self, -3, 3), aten("div.Scalar", call.gradient, 6.0))

    return {0: to_self}


@derivative("hardswish")
def _hardswish(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        slope = aten("add.Scalar", aten("div.Scalar", self, 3.0), 0.5)
        bent = _only_where(aten, aten("gt.Scalar", self, -3), aten("mul.Tensor", call.gradient, slope))
        return aten("where.self", aten("ge.Scalar", self, 3), call.gradient, bent)

    return {0: to_self}


@derivative("relu")
def _relu(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: aten("where.ScalarSelf", aten("le.Scalar", call.result, 0), 0.0, call.gradient)}


@derivative("threshold")
def _threshold(call: Call, self: AnyTensor, threshold: float, value: float) -> Flows:
    aten = call.aten
    return {0: lambda: aten("where.ScalarSelf", aten("le.Scalar", self, threshold), 0.0, call.gradient)}


@derivative("softshrink", "hardshrink")
def _shrink(call: Call, self: AnyTensor, lambd: float) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        inside = aten("logical_and", aten("ge.Scalar", self, -lambd), aten("le.Scalar", self, lambd))
        return aten("where.ScalarSelf", inside, 0.0, call.gradient)

    return {0: to_self}


@derivative("sigmoid", "special_expit")
def _sigmoid(call: Call, self: AnyTensor) -> Flows:
    aten, y = call.aten, call.result

    def to_self() -> AnyTensor:
        return aten("mul.Tensor", call.gradient, aten("mul.Tensor", aten("rsub.Scalar", y, 1.0), y))

    return {0: to_self}


@derivative("silu")
def _silu(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        s = aten.sigmoid(self)
        inner = aten("add.Scalar", aten("mul.Tensor", self, aten("rsub.Scalar", s, 1.0)), 1.0)
        return aten("mul.Tensor", call.gradient, aten("mul.Tensor", s, inner))

    return {0: to_self}


@derivative("log_sigmoid")
def _log_sigmoid(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: aten("mul.Tensor", call.gradient, aten.sigmoid(aten.neg(self)))}


@derivative("softplus")
def _softplus(call: Call, self: AnyTensor, beta: float, threshold: float) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        scaled = aten("mul.Scalar", self, beta)
        inner = aten("mul.Tensor", call.gradient, aten.sigmoid(scaled))
        return aten("where.self", aten("gt.Scalar", scaled, threshold), call.gradient, inner)

    return {0: to_self}


@derivative("mish")
def _mish(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        t = aten.tanh(aten.softplus(self, 1.0, 20.0))
        bend = aten("mul.Tensor", aten.sigmoid(self), aten("rsub.Scalar", aten.square(t), 1.0))
        return aten("mul.Tensor", call.gradient, aten("add.Tensor", t, aten("mul.Tensor", self, bend)))

    return {0: to_self}


@derivative("pow.Tensor_Scalar")
def _power_of(call: Call, self: AnyTensor, exponent: Any) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        if exponent == 0:
            return aten("zeros_like", self)
        if exponent == 1:
            return call.gradient
        if exponent == 2:
            return aten("mul.Tensor", call.gradient, aten("mul.Scalar", self, 2))
        slope = aten("mul.Scalar", aten("pow.Tensor_Scalar", self, exponent - 1), exponent)
        return aten("mul.Tensor", call.gradient, slope)

    return {0: to_self}


@derivative("pow.Tensor_Tensor", "pow.Scalar")
def _power(call: Call, self: Any, exponent: Any) -> Flows:
    """By an exponent of zero nothing passes, nor to an exponent of zero that is not below zero."""
    aten = call.aten

    def to_self() -> AnyTensor:
        power = aten("pow.Tensor_Tensor", self, aten("sub.Scalar", exponent, 1))
        slope = aten("mul.Tensor", exponent, power)
        is_zero = aten("eq.Scalar", exponent, 0)
        return aten("where.ScalarSelf", is_zero, 0.0, aten("mul.Tensor", call.gradient, slope))

    def to_exponent() -> AnyTensor:
        if not is_tensor(self):
            if self == 0:
                is_nothing = aten("ge.Scalar", exponent, 0)
                infinite = aten("mul.Tensor", call.gradient, aten("mul.Scalar", call.result, -math.inf))
                return aten("where.ScalarSelf", is_nothing, 0.0, infinite)
            slope = aten("mul.Scalar", call.result, math.log(self) if self > 0 else math.nan)
            return aten("mul.Tensor", call.gradient, slope)
        slope = aten("mul.Tensor", call.result, aten.log(self))
        is_nothing = aten("logical_and", aten("eq.Scalar", self, 0), aten("ge.Scalar", exponent, 0))
        return aten("where.ScalarSelf", is_nothing, 0.0, aten("mul.Tensor", call.gradient, slope))

    return {0: to_self, 1: to_exponent}


@derivative("hypot")
def _hypot(call: Call, self: AnyTensor, other: Any) -> Flows:
    aten = call.aten

    def flow_to(part: Any) -> Flow:
        return lambda: aten("mul.Tensor", call.gradient, aten("div.Tensor", part, call.result))

    return {0: flow_to(self), 1: flow_to(other)}


@derivative("atan2")
def _atan2(call: Call, self: AnyTensor, other: Any) -> Flows:
    """At the origin nothing passes."""
    aten, code = call.aten, call.aten.dtype(call.result).code
    self, other = (aten("to.dtype", x, code) for x in (self, other))

    def scaled(part: AnyTensor) -> AnyTensor:
        square = aten("add.Tensor", aten("mul.Tensor", self, self), aten("mul.Tensor", other, other))
        found = aten("mul.Tensor", call.gradient, aten("mul.Tensor", part, aten.reciprocal(square)))
        return aten("where.ScalarSelf", aten("eq.Scalar", square, 0), 0.0, found)

    return {0: lambda: scaled(other), 1: lambda: aten.neg(scaled(self))}


@derivative("nan_to_num")
def _nan_to_num(call: Call, self: AnyTensor, *_: Any) -> Flows:
    return {0: lambda: _only_where(call.aten, call.aten("isfinite", self), call.gradient)}


def _by(*names: str) -> Callable[[Callable[[Aten, Any, Any], Any]], Any]:
    """Rules of functions of one tensor: ``slope(aten, x, y)`` is the derivative of `y` by `x`."""

    def register(slope: Callable[[Aten, Any, Any], Any]) -> Any:
        @derivative(*names)
        def rule(call: Call, self: AnyTensor, *_: Any) -> Flows:
            return {0: lambda: call.aten("mul.Tensor", call.gradient, slope(call.aten, self, call.result))}

        return rule

    return register


@_by("erfc", "special_erfc")
def _erfc(aten: Aten, x: Any, y: Any) -> Any:
    return aten("mul.Scalar", aten.exp(aten.neg(aten.square(x))), -2.0 / math.sqrt(math.pi))


@_by("erfinv", "special_erfinv")
def _erfinv(aten: Aten, x: Any, y: Any) -> Any:
    return aten("mul.Scalar", aten.exp(aten.square(y)), 0.5 * math.sqrt(math.pi))


@_by("lgamma", "special_gammaln")
def _lgamma(aten: Aten, x: Any, y: Any) -> Any:
    return aten.digamma(x)


@_by("digamma", "special_digamma", "special_psi")
def _digamma(aten: Aten, x: Any, y: Any) -> Any:
    return aten("polygamma", 1, x)


@derivative("polygamma", "special_polygamma")
def _polygamma(call: Call, n: int, self: AnyTensor) -> Flows:
    return {1: lambda: call.aten("mul.Tensor", call.gradient, call.aten("polygamma", n + 1, self))}


@_by("i0", "special_i0")
def _i0(aten: Aten, x: Any, y: Any) -> Any:
    return aten("special_i1", x)


@_by("special_i0e")
def _i0e(aten: Aten, x: Any, y: Any) -> Any:
    return aten("sub.Tensor", aten("special_i1e", x), aten("mul.Tensor", aten.sgn(x), y))


@_by("special_ndtr")
def _ndtr(aten: Aten, x: Any, y: Any) -> Any:
    return aten("mul.Scalar", aten.exp(aten("mul.Scalar", aten.square(x), -0.5)), 1 / math.sqrt(2 * math.pi))


@_by("special_ndtri")
def _ndtri(aten: Aten, x: Any, y: Any) -> Any:
    return aten("mul.Scalar", aten.exp(aten("mul.Scalar", aten.square(y), 0.5)), math.sqrt(2 * math.pi))


@_by("special_erfcx")
def _erfcx(aten: Aten, x: Any, y: Any) -> Any:
    return aten("sub.Scalar", aten("mul.Tensor", aten("mul.Scalar", x, 2.0), y), 2.0 / math.sqrt(math.pi))


@_by("special_log_ndtr")
def _log_ndtr(aten: Aten, x: Any, y: Any) -> Any:
    tail = aten("special_erfcx", aten("mul.Scalar", x, -math.sqrt(0.5)))
    return aten("mul.Scalar", aten.reciprocal(tail), math.sqrt(2.0 / math.pi))


@_by("special_entr")
def _entr(aten: Aten, x: Any, y: Any) -> Any:
    return aten("rsub.Scalar", aten.log(x), -1.0)


@_by("special_i1")
def _i1(aten: Aten, x: Any, y: Any) -> Any:
    """``i0(x) - i1(x) / x``, which is a half at zero."""
    is_zero = aten("eq.Scalar", x, 0)
    quotient = aten("div.Tensor", y, aten("where.ScalarSelf", is_zero, 1.0, x))
    return aten("where.ScalarSelf", is_zero, 0.5, aten("sub.Tensor", aten("i0", x), quotient))


@_by("special_i1e")
def _i1e(aten: Aten, x: Any, y: Any) -> Any:
    is_zero = aten("eq.Scalar", x, 0)
    safe = aten("where.ScalarSelf", is_zero, 1.0, x)
    factor = aten("add.Tensor", aten.sgn(safe), aten.reciprocal(safe))
    inner = aten("sub.Tensor", aten("special_i0e", safe), aten("mul.Tensor", y, factor))
    return aten("where.ScalarSelf", is_zero, 0.5, inner)


@derivative("mvlgamma", "special_multigammaln")
def _mvlgamma(call: Call, self: AnyTensor, p: int) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        parts = [aten.digamma(aten("sub.Scalar", self, 0.5 * i)) for i in range(p)]
        return aten("mul.Tensor", call.gradient, aten("sum.dim_IntList", aten("stack", parts, 0), [0], False))

    return {0: to_self}


@derivative("angle")
def _angle(call: Call, self: AnyTensor) -> Flows:
    """Of reals nothing."""
    return {0: lambda: call.aten("zeros_like", self)}


@derivative("float_power.Tensor_Tensor", "float_power.Tensor_Scalar", "float_power.Scalar")
def _float_power(call: Call, self: Any, exponent: Any) -> Flows:
    """As of a power of doubles."""
    base, power = (call.aten("to.dtype", x, F64.code) if is_tensor(x) else float(x) for x in (self, exponent))
    inner = Call(call.aten, call.operator, (base, power), call.results, call.gradients)
    return (_power if is_tensor(exponent) else _power_of)(inner, base, power)
