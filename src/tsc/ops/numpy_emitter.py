"""Scalar formulas on NumPy arrays: the eager meaning of every pointwise operator, and constant folding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tsc.dtypes import Array, Category, DType, Number

_UNARY: dict[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "tanh": np.tanh, "sqrt": np.sqrt, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor,
    "ceil": np.ceil, "trunc": np.trunc, "roundeven": np.rint, "not": np.invert, "real": np.real,
    "imag": np.imag, "conj": np.conj, "angle": np.angle,
}  # fmt: skip


def _complex(real: Array, imag: Array) -> Array:
    made = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imag)), np.result_type(real, np.complex64))
    made.real, made.imag = real, imag
    return made


_BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "rem": np.fmod,
    "min": np.minimum, "max": np.maximum, "pow": np.power, "atan2": np.arctan2, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "shl": np.left_shift, "shr": np.right_shift,
    "copysign": np.copysign, "complex": _complex,
}  # fmt: skip
_COMPARE: dict[str, Callable[..., Any]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip
_erf_of_each = np.vectorize(math.erf, otypes=[np.float64])


class NumpyEmitter:
    """Computes instead of emitting; values are arrays."""

    def const(self, value: Number | Array, dtype: DType) -> Array:
        """A 0-dim array; integers wrap to the width of `dtype`."""
        if dtype.is_integral and isinstance(value, int):
            return np.asarray(value & (2**64 - 1), dtype=np.uint64).astype(dtype.numpy)
        return np.asarray(value).astype(dtype.numpy)

    def unary(self, name: str, x: Array, dtype: DType) -> Array:
        """The ufunc called `name`."""
        if name == "erf":
            return np.asarray(_erf_of_each(x), dtype=dtype.numpy)
        if name == "sqrt" or dtype.category >= Category.FLOATING or name in ("neg", "abs", "not"):
            return _UNARY[name](x)
        return _UNARY[name](x).astype(dtype.numpy)

    def binary(self, name: str, a: Array, b: Array, dtype: DType) -> Array:
        """The ufunc called `name`, in `dtype`."""
        if name == "divtrunc":
            return self._divide_toward_zero(a, b)
        if name == "rem" and dtype.is_integral:
            _reject_zero(a, b)
        if name == "pow" and dtype.is_integral:
            return self._integer_power(a, b)
        return _BINARY[name](a, b)

    def _divide_toward_zero(self, a: Array, b: Array) -> Array:
        _reject_zero(a, b)
        quotient, remainder = np.divmod(a, b)
        return quotient + ((remainder != 0) & ((a < 0) != (b < 0)))

    def _integer_power(self, a: Array, b: Array) -> Array:
        """Powers that wrap; with a negative exponent 0, except for 1 and -1."""
        positive = np.power(a, np.maximum(b, 0))
        reciprocal = np.where(a == 1, 1, np.where(a == -1, 1 - 2 * (b & 1), 0)).astype(a.dtype)
        return np.where(b < 0, reciprocal, positive)

    def compare(self, predicate: str, a: Array, b: Array, dtype: DType) -> Array:
        """The comparison called `predicate`."""
        return _COMPARE[predicate](a, b)

    def select(self, condition: Array, a: Array, b: Array, dtype: DType) -> Array:
        """``np.where``."""
        return np.where(condition, a, b)

    def cast(self, x: Array, source: DType, target: DType) -> Array:
        """``astype``; narrowing integers wrap, and complex to real drops the imaginary part."""
        if source.is_complex and not target.is_complex:
            x = x.real
        return x.astype(target.numpy)


def _reject_zero(dividend: Array, divisor: Array) -> None:
    if np.size(dividend) and np.any(divisor == 0):
        raise ZeroDivisionError("ZeroDivisionError")
