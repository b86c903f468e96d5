"""Tests and closeness of numbers, integers and bits, neighbours and exponents, powers in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import Promote, pointwise, spec_of, specs_of
from tsc.ops.promotion import result_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast
from tsc.ops.variants import write_back

FAMILY = Family()


def _heaviside_refusal(self: TensorSpec, values: TensorSpec) -> str | None:
    is_one = self.dtype is values.dtype
    return None if is_one else "heaviside is not yet implemented for tensors with different dtypes."


@pointwise(FAMILY, "aten::heaviside", refuses=_heaviside_refusal, illegal=dtypes.COMPLEX)
def heaviside(self: Scalar, values: Scalar) -> Scalar:
    """0 below zero and of NaN, 1 above, `values` at zero."""
    return self.eq(0).where(values, (self > 0).where(1, self.lift(0)))


@pointwise(FAMILY, "aten::isposinf", promote=Promote.COMPARE, illegal=dtypes.COMPLEX)
def isposinf(self: Scalar) -> Scalar:
    """Whether ``x`` is plus infinity."""
    return self.eq(math.inf) if self.dtype.is_floating else self.ne(self)


@pointwise(FAMILY, "aten::isneginf", promote=Promote.COMPARE, illegal=dtypes.COMPLEX)
def isneginf(self: Scalar) -> Scalar:
    """Whether ``x`` is minus infinity."""
    return self.eq(-math.inf) if self.dtype.is_floating else self.ne(self)


@composite(FAMILY, "aten::isreal", layout=ResultLayout.ELEMENTWISE)
def isreal(aten: Aten, self: AnyTensor) -> AnyTensor:
    """Whether the imaginary part is zero."""
    if not aten.dtype(self).is_complex:
        return aten("ones_like", self, dtype=dtypes.BOOL.code)
    return aten("eq.Scalar", aten.imag(self), 0)


def _close(
    aten: Aten, self: AnyTensor, other: AnyTensor, rtol: float, atol: float, equal_nan: bool
) -> AnyTensor:
    if aten.dtype(self) is not aten.dtype(other):
        raise DTypeError(f"{aten.dtype(self).name} did not match {aten.dtype(other).name}")
    if rtol < 0 or atol < 0:
        raise ShapeError(f"rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}")
    close = aten("eq.Tensor", self, other)
    dtype = aten.dtype(self)
    if equal_nan and (dtype.is_floating or dtype.is_complex):
        close = aten("logical_or", close, aten("logical_and", aten.isnan(self), aten.isnan(other)))
    if rtol == 0 and atol == 0:
        return close
    if not (dtype.is_floating or dtype.is_complex):
        self, other = aten("to.dtype", self, dtypes.F64.code), aten("to.dtype", other, dtypes.F64.code)
    allowed = aten("add.Scalar", aten.abs(aten("mul.Scalar", other, rtol)), atol)
    error = aten.abs(aten("sub.Tensor", self, other))
    near = aten("logical_and", aten.isfinite(error), aten("le.Tensor", error, allowed))
    return aten("logical_or", close, near)


@composite(FAMILY, "aten::isclose", layout=ResultLayout.ELEMENTWISE)
def isclose(
    aten: Aten, self: AnyTensor, other: AnyTensor, rtol: float, atol: float, equal_nan: bool
) -> AnyTensor:
    """``|x - y| <= atol + rtol |y|``."""
    return _close(aten, self, other, rtol, atol, equal_nan)


@FAMILY.op("aten::allclose", kind="item")
def allclose(self: Array, other: Array, rtol: float, atol: float, equal_nan: bool) -> bool:
    """Whether all elements are close."""
    from tsc.ops.composite import eager_aten

    return bool(eager_aten()("isclose", self, other, rtol, atol, equal_nan).all())


@FAMILY.op("aten::equal", kind="item")
def equal(self: Array, other: Array) -> bool:
    """Whether shape and elements are the same, those of different dtypes in what both promote to."""
    if self.shape != other.shape:
        return False
    dtype = result_dtype(specs_of([self, other])).numpy
    with np.errstate(all="ignore"):
        return bool((self.astype(dtype) == other.astype(dtype)).all())


# --- integers and bits ---


def _integer_function(name: str, function: Callable[..., Any]) -> None:
    def infer(self: TensorSpec, other: TensorSpec) -> TensorSpec:
        dtype = result_dtype([self, other])
        if not dtype.is_integral:
            raise DTypeError(f"{name}: requires integers; got {dtype.name}")
        return TensorSpec(broadcast(self.shape, other.shape), dtype)

    @FAMILY.op(f"aten::{name}", infer=infer, layout=ResultLayout.ELEMENTWISE)
    def of_integers(self: Array, other: Array) -> Array:
        target = infer(spec_of(self), spec_of(other)).dtype.numpy
        return np.asarray(function(self.astype(target), other.astype(target)))


_integer_function("gcd", np.gcd)
_integer_function("lcm", np.lcm)


def _next_infer(self: TensorSpec, other: TensorSpec) -> TensorSpec:
    dtype = result_dtype([self, other])
    if not dtype.is_floating:
        raise DTypeError(f"aten::nextafter: not implemented for '{dtype.scalar_type}'")
    return TensorSpec(broadcast(self.shape, other.shape), dtype)


@FAMILY.op("aten::nextafter", infer=_next_infer, layout=ResultLayout.ELEMENTWISE)
def nextafter(self: Array, other: Array) -> Array:
    """The next number of the dtype toward `other`."""
    target = _next_infer(spec_of(self), spec_of(other)).dtype.numpy
    return np.asarray(np.nextafter(self.astype(target), other.astype(target))).astype(target)


@composite(FAMILY, "aten::ldexp.Tensor", layout=ResultLayout.ELEMENTWISE)
def ldexp(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """``x * 2 ** y``."""
    return aten("mul.Tensor", self, aten("pow.Scalar", 2.0, other))


def _frexp_infer(self: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    return self, TensorSpec(self.shape, dtypes.I32)


@FAMILY.op("aten::frexp.Tensor", infer=_frexp_infer)
def frexp(self: Array) -> tuple[Array, Array]:
    """Mantissa in ``[0.5, 1)`` and exponent."""
    if not spec_of(self).dtype.is_floating:
        raise DTypeError("torch.frexp() only supports floating-point dtypes")
    wide = self.astype(np.float32) if spec_of(self).dtype in dtypes.REDUCED else self
    mantissa, exponent = np.frexp(wide)
    return np.asarray(mantissa).astype(self.dtype), np.asarray(exponent).astype(np.int32)


def _float_power_infer(self: TensorSpec | Number, exponent: TensorSpec | Number) -> TensorSpec:
    specs = [s for s in (self, exponent) if isinstance(s, TensorSpec)]
    is_complex = any(
        s.dtype.is_complex if isinstance(s, TensorSpec) else isinstance(s, complex) for s in (self, exponent)
    )
    return TensorSpec(broadcast(*(s.shape for s in specs)), dtypes.C128 if is_complex else dtypes.F64)


@FAMILY.op("aten::float_power.Scalar", infer=_float_power_infer, layout=ResultLayout.ROW_MAJOR)
@FAMILY.op(
    "aten::float_power.Tensor_Tensor",
    "aten::float_power.Tensor_Scalar",
    infer=_float_power_infer,
    layout=ResultLayout.ELEMENTWISE,
)
def float_power(self: Array | Number, exponent: Array | Number) -> Array:
    """The power, in float64 or complex128."""
    target = _float_power_infer(*specs_of([self, exponent])).dtype.numpy
    with np.errstate(all="ignore"):
        return np.asarray(np.power(np.asarray(self).astype(target), np.asarray(exponent).astype(target)))


@FAMILY.op("aten::float_power_.Tensor", "aten::float_power_.Scalar", kind="inplace")
def float_power_(self: Array, exponent: Array | Number) -> Array:
    """The power in place; unlike other in-place operators, it does not convert to the dtype of `self`."""
    computed, given = _float_power_infer(*specs_of([self, exponent])).dtype, spec_of(self).dtype
    if given is not computed:
        raise DTypeError(
            f"the base given to float_power_ has dtype {given.name} but the operation's result requires "
            f"dtype {computed.name}"
        )
    return write_back(self, float_power(self, exponent))
