"""Derivatives of complex numbers: of their parts, their absolute values and angles.

As PyTorch's, the gradient of a real loss by a complex number is that by its real part, plus i times that by
its imaginary part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, conjugate, derivative, formula, scaled
from tsc.ops.elementwise import is_tensor

Flows = Mapping[Place, Flow]


def _joined(aten: Aten, real: AnyTensor, imag: AnyTensor) -> AnyTensor:
    return aten("complex", real, imag)


@derivative("real")
def _real(call: Call, self: AnyTensor) -> Flows:
    return {0: lambda: call.gradient}


@derivative("imag")
def _imag(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: _joined(aten, aten("zeros_like", call.gradient), call.gradient)}


@derivative("conj_physical", "_conj", "conj", "_conj_physical")
def _conjugate(call: Call, self: AnyTensor) -> Flows:
    return {0: lambda: conjugate(call.aten, call.gradient)}


@derivative("complex")
def _complex(call: Call, real: AnyTensor, imag: AnyTensor) -> Flows:
    aten = call.aten
    return {0: lambda: aten("real", call.gradient), 1: lambda: aten("imag", call.gradient)}


@derivative("polar")
def _polar(call: Call, length: AnyTensor, angle: AnyTensor) -> Flows:
    """The real parts of the gradient along the number, and across it."""
    aten = call.aten

    def along(way: AnyTensor) -> AnyTensor:
        return aten("real", scaled(aten, call.gradient, way))

    return {
        0: lambda: along(aten.sgn(call.result)),
        1: lambda: along(aten("mul.Scalar", call.result, 1j)),
    }


@derivative("view_as_real", "view_as_real_copy")
def _view_as_real(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        parts = [aten("select.int", call.gradient, -1, i) for i in (0, 1)]
        return _joined(aten, *parts)

    return {0: to_self}


@derivative("view_as_complex", "view_as_complex_copy")
def _view_as_complex(call: Call, self: AnyTensor) -> Flows:
    aten = call.aten

    def to_self() -> AnyTensor:
        return aten("stack", [aten("real", call.gradient), aten("imag", call.gradient)], -1)

    return {0: to_self}


@derivative("abs", "absolute")
def _absolute(call: Call, self: AnyTensor) -> Flows:
    """Away from zero; at zero nothing passes."""
    return {0: lambda: call.aten("mul.Tensor", call.gradient, call.aten.sgn(self))}


@derivative("sgn")
def _sign(call: Call, self: AnyTensor) -> Flows:
    """What turns the number passes, by its length; of reals nothing."""
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.dtype(self).is_complex:
            return aten("zeros_like", call.gradient)
        length = aten.abs(self)
        along = aten("real", scaled(aten, call.gradient, call.result))
        across = aten("sub.Tensor", call.gradient, aten("mul.Tensor", call.result, along))
        is_zero = aten("eq.Scalar", length, 0)
        safe = aten("where.ScalarSelf", is_zero, 1.0, length)
        return aten("mul.Tensor", across, aten("where.ScalarSelf", is_zero, 0.0, aten.reciprocal(safe)))

    return {0: to_self}


@derivative("angle")
def _angle(call: Call, self: AnyTensor) -> Flows:
    """Across the number, by its length; of reals nothing."""
    aten = call.aten

    def to_self() -> AnyTensor:
        if not aten.dtype(self).is_complex:
            return aten("zeros_like", self)
        real, imag = aten("real", self), aten("imag", self)
        square = aten("add.Tensor", aten("mul.Tensor", real, real), aten("mul.Tensor", imag, imag))
        is_zero = aten("eq.Scalar", square, 0)
        scale = aten("div.Tensor", call.gradient, aten("where.ScalarSelf", is_zero, 1.0, square))
        scale = aten("where.ScalarSelf", is_zero, 0.0, scale)
        return _joined(aten, aten.neg(aten("mul.Tensor", imag, scale)), aten("mul.Tensor", real, scale))

    return {0: to_self}


@formula("float_power.Tensor_Tensor", "float_power.Tensor_Scalar", "float_power.Scalar")
def _float_power(aten: Aten, base: Any, exponent: Any) -> AnyTensor:
    """A power of doubles."""
    given = (base, exponent)
    is_complex = any(aten.dtype(x).is_complex if is_tensor(x) else isinstance(x, complex) for x in given)
    code = 10 if is_complex else 7

    def wide(x: Any) -> Any:
        if is_tensor(x):
            return aten("to.dtype", x, code)
        return complex(x) if is_complex else float(x)

    kinds = {(True, True): "Tensor_Tensor", (True, False): "Tensor_Scalar", (False, True): "Scalar"}
    return aten(f"pow.{kinds[is_tensor(base), is_tensor(exponent)]}", wide(base), wide(exponent))
