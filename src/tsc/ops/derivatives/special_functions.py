"""Derivatives of special functions: error functions, gamma functions, Bessel functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, scaled

Flows = Mapping[Place, Flow]


def _by(*names: str) -> Callable[[Callable[[Aten, Any, Any], Any]], Any]:
    """Rules of functions of one tensor: ``slope(aten, x, y)`` is the derivative of `y` by `x`."""

    def register(slope: Callable[[Aten, Any, Any], Any]) -> Any:
        @derivative(*names)
        def rule(call: Call, self: AnyTensor, *_: Any) -> Flows:
            return {0: lambda: scaled(call.aten, call.gradient, slope(call.aten, self, call.result))}

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
