"""Derivatives of pointwise operators whose formula does not say what PyTorch says: at kinks, at zero, or by
what they gave.

Source: PyTorch tools/autograd/derivatives.yaml and FunctionsManual.cpp, for the values at kinks.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, scaled, zeros
from tsc.ops.elementwise import is_tensor
from tsc.ops.parts_emitter import PartsEmitter

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


@derivative("div.Tensor_mode", "div.Scalar_mode", "divide.Tensor_mode", "divide.Scalar_mode")
def _divided(call: Call, self: AnyTensor, other: Any, rounding_mode: str | None) -> Flows:
    """Of whole quotients nothing, whatever flows back to them."""
    aten = call.aten
    if rounding_mode is not None:
        return {0: lambda: zeros(aten, self), 1: lambda: zeros(aten, other)}
    turned = aten("reciprocal", other) if is_tensor(other) else 1.0 / other

    def to_other() -> AnyTensor:
        slope = aten.neg(aten("mul.Tensor", aten("mul.Tensor", self, turned), turned))
        return scaled(aten, call.gradient, slope)

    return {0: lambda: _times(aten, call.gradient, turned), 1: to_other}


def _times(aten: Aten, gradient: AnyTensor, slope: Any) -> AnyTensor:
    return scaled(aten, gradient, slope) if is_tensor(slope) else aten("mul.Scalar", gradient, slope)


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
        return scaled(aten, call.gradient, aten("mul.Tensor", aten("rsub.Scalar", y, 1.0), y))

    return {0: to_self}


@derivative("silu")
def _silu(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        s = aten.sigmoid(self)
        inner = aten("add.Scalar", aten("mul.Tensor", self, aten("rsub.Scalar", s, 1.0)), 1.0)
        return scaled(aten, call.gradient, aten("mul.Tensor", s, inner))

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
            return scaled(aten, call.gradient, aten("mul.Scalar", self, 2))
        slope = aten("mul.Scalar", aten("pow.Tensor_Scalar", self, exponent - 1), exponent)
        return scaled(aten, call.gradient, slope)

    return {0: to_self}


def _not_below_zero(aten: Aten, x: AnyTensor) -> AnyTensor:
    return aten("ge.Scalar", aten("real", x) if aten.dtype(x).is_complex else x, 0)


@derivative("pow.Tensor_Tensor", "pow.Scalar")
def _power(call: Call, self: Any, exponent: Any) -> Flows:
    """By an exponent of zero nothing passes, nor to an exponent of zero that is not below zero."""
    aten = call.aten

    def to_self() -> AnyTensor:
        power = aten("pow.Tensor_Tensor", self, aten("sub.Scalar", exponent, 1))
        slope = aten("mul.Tensor", exponent, power)
        is_zero = aten("eq.Scalar", exponent, 0)
        return aten("where.ScalarSelf", is_zero, 0.0, scaled(aten, call.gradient, slope))

    def to_exponent() -> AnyTensor:
        if not is_tensor(self):
            if self == 0:
                infinite = aten("mul.Tensor", call.gradient, aten("mul.Scalar", call.result, -math.inf))
                return aten("where.ScalarSelf", _not_below_zero(aten, exponent), 0.0, infinite)
            return scaled(aten, call.gradient, aten("mul.Scalar", call.result, _log_of(self)))
        slope = aten("mul.Tensor", call.result, aten.log(self))
        is_nothing = aten("logical_and", aten("eq.Scalar", self, 0), _not_below_zero(aten, exponent))
        return aten("where.ScalarSelf", is_nothing, 0.0, scaled(aten, call.gradient, slope))

    return {0: to_self, 1: to_exponent}


def _log_of(number: Any) -> Any:
    if isinstance(number, complex):
        return cmath.log(number)
    return math.log(number) if number > 0 else math.nan


@derivative("lerp.Tensor", "lerp.Scalar")
def _lerp(call: Call, self: AnyTensor, end: AnyTensor, weight: Any) -> Flows:
    aten, on = call.aten, PartsEmitter(call.aten)

    def by(slope: Any) -> AnyTensor:
        if is_tensor(slope):
            return scaled(aten, call.gradient, slope)
        return aten("mul.Scalar", call.gradient, slope.conjugate())

    return {
        0: lambda: by(on.subtract(1, weight)),
        1: lambda: by(weight),
        2: lambda: scaled(aten, call.gradient, aten("sub.Tensor", end, self)),
    }


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
