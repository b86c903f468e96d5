"""Dropouts: the identity in inference, random zeros in training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import CodegenError, DTypeError, ShapeError
from tsc.ops.composite import AnyTensor
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.distributions import fill_coins
from tsc.ops.draws import require_floating
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.random import empty_like
from tsc.ops.random_source import RandomSource
from tsc.ops.random_streams import Draws, require_real
from tsc.ops.single_draws import drawing_singly

FAMILY = Family()
_ALPHA = 1.7580993408473766
"""Minus SELU's lower limit. Source: Klambauer et al., 2017."""


def _noise(like: Array, p: float) -> Array:
    """1 where an element is kept and 0 where it is dropped, in the dtype of `like`."""
    return fill_coins(empty_like(like), None, 1 - p)


def _feature_noise(like: Array, p: float) -> Array:
    """The same for whole channels."""
    if like.ndim < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    return _noise(np.empty((*like.shape[:2], *([1] * (like.ndim - 2))), like.dtype), p)


def _stepwise(x: Array, step: Callable[[Array, Any], Array], number: float) -> Array:
    """``step(x, number)`` rounded once; what has 16 bits is computed in float32."""
    wide = np.dtype(np.float32) if x.dtype.itemsize == 2 else x.dtype
    return step(x.astype(wide, copy=False), wide.type(number)).astype(x.dtype, copy=False)


def _scaled(x: Array, noise: Array, p: float) -> Array:
    return x * _stepwise(noise, np.divide, 1 - p)


def _alpha_scaled(x: Array, noise: Array, p: float) -> Array:
    """Dropped elements get SELU's lower limit; then mean and variance are restored."""
    a = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = noise - noise.dtype.type(1)
    for step, number in ((np.multiply, _ALPHA * a), (np.add, _ALPHA * a * p)):
        shift = _stepwise(shift, step, number)
    return x * _stepwise(noise, np.multiply, a) + shift


def _drawn(draws: Draws, input: AnyTensor, p: float, shape: Sequence[int]) -> AnyTensor:
    """What a dropout gives while training that keeps or drops what broadcasts to a `shape`."""
    aten, dtype = draws.aten, draws.aten.dtype(input)
    require_real(dtype)
    if p == 1:
        return aten("mul.Scalar", input, 0.0)
    noise = aten.in_dtype(draws.coins(shape, 1 - p), dtype)
    return aten("mul.Tensor", input, aten("div.Scalar", noise, 1 - p))


def _elements_drawn(draws: Draws, input: AnyTensor, p: float, train: bool) -> AnyTensor:
    return _drawn(draws, input, p, draws.aten.shape(input))


def _channels_drawn(draws: Draws, input: AnyTensor, p: float, train: bool) -> AnyTensor:
    shape = draws.aten.shape(input)
    if len(shape) < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    return _drawn(draws, input, p, [*shape[:2], *([1] * (len(shape) - 2))])


def _define(
    name: str,
    noise_of: Callable[[Array, float], Array],
    scale: Callable[[Array, Array, float], Array],
    drawn: Callable[..., AnyTensor] | None = None,
) -> None:
    """A dropout that draws its noise with `noise_of` and applies it with `scale`."""

    @FAMILY.op(
        f"aten::{name}",
        infer=_same,
        lower=_identity_lower,
        kind="pointwise",
        draws=True,
        drawn=drawn,
        sharing=Sharing.SOMETIMES,
    )
    def drop(input: Array, p: float, train: bool) -> Array:
        """The tensor itself, unless training: random elements dropped, the others scaled."""
        if not 0 <= p <= 1:
            raise ShapeError(f"dropout probability has to be between 0 and 1, but got {p}")
        if p == 0 or not train or not input.size:
            return input
        if p == 1:
            return np.asarray(input * input.dtype.type(0))
        require_floating(name, dtypes.by_numpy(input.dtype))
        return np.asarray(scale(input, noise_of(input, p), p))


def _identity_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, p, train = arguments[:3]
    if train and p > 0:
        raise CodegenError("dropout: no native form while training")
    return x


def _same(input: TensorSpec, *_: object) -> TensorSpec:
    return input


_define("dropout", _noise, _scaled, _elements_drawn)
_define("feature_dropout", _feature_noise, _scaled, _channels_drawn)
_define("alpha_dropout", _noise, _alpha_scaled)
_define("feature_alpha_dropout", _feature_noise, _alpha_scaled)


def _native_infer(input: TensorSpec, p: float, train: bool | None) -> tuple[TensorSpec, TensorSpec]:
    return input, TensorSpec(input.shape, dtypes.BOOL)


def _native_drawn(
    draws: Draws, input: AnyTensor, p: float, train: bool | None
) -> tuple[AnyTensor, AnyTensor]:
    aten, dtype = draws.aten, draws.aten.dtype(input)
    require_real(dtype)
    kept = draws.coins(aten.shape(input), 1 - p)
    scaled = aten("mul.Tensor", input, aten.in_dtype(kept, dtype))
    return aten("mul.Scalar", scaled, 0.0 if p == 1 else 1 / (1 - p)), kept


@FAMILY.op(
    "aten::native_dropout", infer=_native_infer, draws=True, drawn=_native_drawn,
    layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def native_dropout(input: Array, p: float, train: bool | None) -> tuple[Array, Array]:
    """The result of `dropout`, and where elements were kept."""
    if not input.size:
        return input, np.empty_like(input)
    if train is not False:
        require_floating("native_dropout", dtypes.by_numpy(input.dtype))
    if train is False:
        return input.copy(), np.ones(input.shape, np.bool_)
    kept = fill_coins(empty_like(input, np.dtype(np.bool_)), None, 1 - p)
    return np.asarray(_stepwise(input * kept, np.multiply, 0.0 if p == 1 else 1 / (1 - p))), kept


def _rrelu_infer(self: TensorSpec, *_: object) -> TensorSpec:
    if not self.dtype.is_floating:
        raise DTypeError(f"aten::rrelu: not implemented for '{self.dtype.scalar_type}'")
    return self


@FAMILY.op("aten::rrelu", infer=_rrelu_infer, draws=True, layout=ResultLayout.ROW_MAJOR)
def rrelu(self: Array, lower: float, upper: float, training: bool, source: RandomSource | None) -> Array:
    """`leaky_relu` with a slope that is the middle one, or in training drawn for each element up to 0."""
    if lower > upper:
        raise ShapeError(
            f"Lower bound should be less than or equal to the upper bound; got {lower} and {upper}"
        )
    _rrelu_infer(spec_of(self))
    if not training:
        return np.where(self > 0, self, self * np.asarray((lower + upper) / 2, self.dtype)).astype(self.dtype)
    if self.dtype == np.float16:
        raise DTypeError("aten::rrelu: not implemented for 'Half'")
    wide = np.dtype(np.float32) if self.dtype.itemsize == 2 else self.dtype
    low, high = (float(np.asarray(bound, wide)) for bound in (lower, upper))
    made = self.copy(order="C")
    with drawing_singly(source) as numbers:
        places = made <= 0
        slopes = [numbers.uniform() * (high - low) + low for _ in range(np.count_nonzero(places))]
    made[places] = made[places].astype(wide) * np.array(slopes, np.float64).astype(wide)
    return made
