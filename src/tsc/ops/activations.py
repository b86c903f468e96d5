"""Activation functions."""

from __future__ import annotations

import math

from tsc import dtypes
from tsc.errors import ArgumentError
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import pointwise
from tsc.ops.scalar import Scalar

FAMILY = Family()


@pointwise(FAMILY, "aten::relu", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def relu(self: Scalar) -> Scalar:
    """``max(x, 0)``; NaN stays NaN."""
    return self.maximum(0)


@pointwise(FAMILY, "aten::relu6", illegal=(dtypes.BOOL, *dtypes.COMPLEX))
def relu6(self: Scalar) -> Scalar:
    """``min(max(x, 0), 6)``."""
    return self.clamp(0, 6)


@pointwise(FAMILY, "aten::leaky_relu", illegal=dtypes.NOT_FLOATING)
def leaky_relu(self: Scalar, negative_slope: float) -> Scalar:
    """``x`` where positive, else ``negative_slope * x``."""
    return (self > 0).where(self, self * negative_slope)


def _prelu_refusal(self: TensorSpec, weight: TensorSpec) -> str | None:
    is_one = self.dtype is weight.dtype
    return None if is_one else f"prelu: requires a weight of dtype {self.dtype.name}; got {weight.dtype.name}"


@pointwise(FAMILY, "aten::_prelu_kernel", illegal=dtypes.NOT_FLOATING, refuses=_prelu_refusal)
def prelu_kernel(self: Scalar, weight: Scalar) -> Scalar:
    """``x`` where positive, else ``weight * x``."""
    return (self > 0).where(self, self * weight)


def _hardtanh_refusal(self: TensorSpec, min_val: float, max_val: float) -> str | None:
    is_below = self.dtype is dtypes.U8 and min(int(min_val), int(max_val)) < 0
    return "cannot do hardtanh on an unsigned type with negative limits" if is_below else None


@pointwise(FAMILY, "aten::hardtanh", illegal=(dtypes.BOOL, *dtypes.COMPLEX), refuses=_hardtanh_refusal)
def hardtanh(self: Scalar, min_val: float, max_val: float) -> Scalar:
    """``x`` kept between `min_val` and `max_val`."""
    return self.clamp(min_val, max_val)


@pointwise(FAMILY, "aten::hardsigmoid", illegal=dtypes.NOT_FLOATING)
def hardsigmoid(self: Scalar) -> Scalar:
    """``clamp(x + 3, 0, 6) / 6``."""
    return (self + 3.0).clamp(0.0, 6.0) / 6.0


@pointwise(FAMILY, "aten::hardswish", illegal=dtypes.NOT_FLOATING)
def hardswish(self: Scalar) -> Scalar:
    """``x * clamp(x + 3, 0, 6) / 6``.

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.
    """
    return self * (self + 3.0).clamp(0.0, 6.0) / 6.0


@pointwise(FAMILY, "aten::silu", illegal=(*dtypes.INTEGRAL, dtypes.BOOL))
def silu(self: Scalar) -> Scalar:
    """``x / (1 + exp(-x))``."""
    return self / (1.0 + (-self).exp())


@pointwise(FAMILY, "aten::mish", illegal=dtypes.NOT_FLOATING)
def mish(self: Scalar) -> Scalar:
    """``x * tanh(log(1 + exp(x)))``."""
    return self * self.exp().log1p().tanh()


@pointwise(FAMILY, "aten::gelu", illegal=dtypes.NOT_FLOATING)
def gelu(self: Scalar, approximate: str) -> Scalar:
    """``x * Phi(x)``, by the error function or (``tanh``) its usual approximation.

    Source: Hendrycks, Gimpel, 2016.
    """
    if approximate == "tanh":
        inner = math.sqrt(2.0 / math.pi) * (self + 0.044715 * self * self * self)
        return 0.5 * self * (1.0 + inner.tanh())
    if approximate != "none":
        raise ArgumentError("approximate argument must be either none or tanh.")
    return self * 0.5 * (1.0 + (self * math.sqrt(0.5)).erf())


@pointwise(FAMILY, "aten::elu", illegal=dtypes.NOT_FLOATING)
def elu(self: Scalar, alpha: float, scale: float, input_scale: float) -> Scalar:
    """``scale * x`` where positive, else ``scale * alpha * (exp(input_scale * x) - 1)``."""
    return (self > 0).where(self * scale, (self * input_scale).expm1() * (alpha * scale))


@pointwise(FAMILY, "aten::selu", illegal=dtypes.NOT_FLOATING)
def selu(self: Scalar) -> Scalar:
    """`elu` with the constants of Klambauer et al., 2017."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return (self > 0).where(self * scale, self.expm1() * (alpha * scale))


@pointwise(FAMILY, "aten::celu", illegal=dtypes.NOT_FLOATING)
def celu(self: Scalar, alpha: float) -> Scalar:
    """``x`` where positive, else ``alpha * (exp(x / alpha) - 1)``."""
    return (self > 0).where(self, (self / alpha).expm1() * alpha)


@pointwise(FAMILY, "aten::softplus", illegal=dtypes.NOT_FLOATING)
def softplus(self: Scalar, beta: float, threshold: float) -> Scalar:
    """``log(1 + exp(beta * x)) / beta``; ``x`` itself where ``beta * x > threshold``."""
    scaled = self * beta
    return (scaled > threshold).where(self, scaled.exp().log1p() / beta)


@pointwise(FAMILY, "aten::log_sigmoid", illegal=dtypes.NOT_FLOATING, layout=ResultLayout.ROW_MAJOR)
def log_sigmoid(self: Scalar) -> Scalar:
    """``log(sigmoid(x))``, by the form that cannot overflow."""
    return self.minimum(0) - (-self.abs()).exp().log1p()


@pointwise(FAMILY, "aten::softshrink", illegal=dtypes.NOT_FLOATING)
def softshrink(self: Scalar, lambd: float) -> Scalar:
    """``x`` moved toward zero by `lambd`; zero within."""
    if lambd < 0:
        raise ArgumentError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return (self > lambd).where(self - lambd, (self < -lambd).where(self + lambd, self * 0.0))


@pointwise(FAMILY, "aten::hardshrink", illegal=dtypes.NOT_FLOATING)
def hardshrink(self: Scalar, lambd: float) -> Scalar:
    """``x`` outside ``[-lambd, lambd]``, zero within."""
    return ((self >= -lambd) & (self <= lambd)).where(0.0, self)
