"""Dropouts: the identity in inference, random zeros in training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import CodegenError, DTypeError, ShapeError
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.random import RandomSource, generator

FAMILY = Family()


def _kept(shape: Sequence[int], p: float) -> Array:
    if not 0 <= p <= 1:
        raise ShapeError(f"dropout probability has to be between 0 and 1, but got {p}")
    return generator().random(tuple(shape)) >= p


def _dropped(x: Array, kept: Array, p: float) -> Array:
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return (x * kept * np.asarray(scale, x.dtype)).astype(x.dtype)


def _identity_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, p, train = arguments[:3]
    if train and p > 0:
        raise CodegenError("dropout: no native form while training")
    return x


def _same(input: TensorSpec, *_: object) -> TensorSpec:
    return input


def _dropout(name: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    return FAMILY.op(
        name, infer=_same, lower=_identity_lower, kind="pointwise", draws=True, sharing=Sharing.SOMETIMES
    )


@_dropout("aten::dropout")
def dropout(input: Array, p: float, train: bool) -> Array:
    """The tensor itself, unless training: elements zeroed with probability `p`, the others scaled."""
    return _dropped(input, _kept(input.shape, p), p) if train and p > 0 else input


@_dropout("aten::feature_dropout")
def feature_dropout(input: Array, p: float, train: bool) -> Array:
    """As `dropout`, whole channels at a time."""
    if not train or p == 0:
        return input
    shape = (*input.shape[:2], *([1] * (input.ndim - 2)))
    return _dropped(input, _kept(shape, p), p)


def _alpha_dropped(x: Array, kept: Array, p: float) -> Array:
    """Dropped elements get SELU's lower limit; then mean and variance are restored.

    Source: Klambauer et al., 2017.
    """
    if p == 1:
        return np.zeros_like(x)
    alpha = 1.7580993408473766
    a = 1 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
    return np.where(kept, x * a + alpha * a * p, alpha * a * (p - 1)).astype(x.dtype)


@_dropout("aten::alpha_dropout")
def alpha_dropout(input: Array, p: float, train: bool) -> Array:
    """`dropout` for SELU networks: mean and variance stay."""
    return _alpha_dropped(input, _kept(input.shape, p), p) if train and p > 0 else input


@_dropout("aten::feature_alpha_dropout")
def feature_alpha_dropout(input: Array, p: float, train: bool) -> Array:
    """As `alpha_dropout`, whole channels at a time."""
    if not train or p == 0:
        return input
    return _alpha_dropped(input, _kept((*input.shape[:2], *([1] * (input.ndim - 2))), p), p)


def _native_infer(input: TensorSpec, p: float, train: bool | None) -> tuple[TensorSpec, TensorSpec]:
    return input, TensorSpec(input.shape, dtypes.BOOL)


@FAMILY.op("aten::native_dropout", infer=_native_infer, draws=True, layout=ResultLayout.ELEMENTWISE)
def native_dropout(input: Array, p: float, train: bool | None) -> tuple[Array, Array]:
    """The result of `dropout`, and where elements were kept."""
    if train is False or p == 0:
        return input.copy(), np.ones(input.shape, np.bool_)
    kept = np.asarray(_kept(input.shape, p))
    return _dropped(input, kept, p), kept


def _rrelu_infer(self: TensorSpec, *_: object) -> TensorSpec:
    if not self.dtype.is_floating:
        raise DTypeError(f"aten::rrelu: not implemented for '{self.dtype.scalar_type}'")
    return self


@FAMILY.op("aten::rrelu", infer=_rrelu_infer, draws=True)
def rrelu(self: Array, lower: float, upper: float, training: bool, source: RandomSource | None) -> Array:
    """`leaky_relu` with a slope that is random in training and the middle one otherwise."""
    if lower > upper:
        raise ShapeError(
            f"Lower bound should be less than or equal to the upper bound; got {lower} and {upper}"
        )
    _rrelu_infer(spec_of(self))
    middle = (lower + upper) / 2
    slope: Any = generator(source).uniform(lower, upper, spec_of(self).shape) if training else middle
    return np.where(self > 0, self, self * np.asarray(slope, self.dtype)).astype(self.dtype)
