"""Random numbers from distributions: Bernoulli, normal, uniform, exponential and others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor
from tsc.ops.creation import dtype_or, sized
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.draws import bernoulli, fill, in_order, normal_doubles, require_floating, rounded, unit_doubles
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.fused_arithmetic import by_element, fused, scaled
from tsc.ops.random import Fill, empty_like, fill_normal, fill_uniform
from tsc.ops.random_source import RandomSource, drawing
from tsc.ops.random_streams import Draws, require_real
from tsc.ops.shapes import broadcast, like_self

FAMILY = Family()


# --- Bernoulli ---


def fill_coins(target: Array, source: RandomSource | None, p: float | Array = 0.5) -> Array:
    """1 with probability `p`, else 0; `p` may be a tensor that broadcasts to `target`.

    Raises:
        ShapeError: `p` is not in ``[0, 1]``.
        DTypeError: `target` is complex, or the tensor `p` not floating.
    """
    dtype = dtypes.by_numpy(target.dtype)
    if dtype.is_complex and target.size:
        raise DTypeError(f"bernoulli_: requires a real dtype; got {dtype.name}")
    chances: float | Array = p
    if isinstance(p, np.ndarray):
        if target.size and not dtypes.by_numpy(p.dtype).is_floating:
            raise DTypeError(f"bernoulli_: requires probabilities of a floating dtype; got {p.dtype}")
        chances = in_order(np.broadcast_to(p, target.shape), target)
    if not np.all((np.asarray(chances) >= 0) & (np.asarray(chances) <= 1)):
        raise ShapeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    with drawing(source) as numbers:
        return fill(target, bernoulli(numbers, chances, target.size))


def _coins_drawn(draws: Draws, self: AnyTensor, p: float | AnyTensor) -> AnyTensor:
    """`fill_coins` of what is like `self`."""
    aten, shape = draws.aten, draws.aten.shape(self)
    if isinstance(p, (int, float)):
        if not 0 <= p <= 1:
            raise ShapeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        return aten.in_dtype(draws.coins(shape, p), aten.dtype(self))
    require_real(aten.dtype(p))
    inside = aten("logical_and", aten("ge.Scalar", p, 0), aten("le.Scalar", p, 1))
    aten.require(aten("all", inside))
    return aten.in_dtype(draws.coins(shape, aten("expand", p, list(shape))), aten.dtype(self))


def _own_coins_drawn(draws: Draws, self: AnyTensor, source: object) -> AnyTensor:
    return _coins_drawn(draws, self, self)


def _coins_of_drawn(draws: Draws, self: AnyTensor, p: float | AnyTensor, source: object) -> AnyTensor:
    return _coins_drawn(draws, self, p)


@FAMILY.op("aten::bernoulli", infer=like_self, draws=True, drawn=_own_coins_drawn)
def bernoulli_of(self: Array, source: RandomSource | None) -> Array:
    """1 with the probability each element says, else 0."""
    if self.size:
        require_floating("bernoulli", spec_of(self).dtype)
    return fill_coins(np.empty(self.shape, self.dtype), source, self)


@FAMILY.op("aten::bernoulli.p", infer=like_self, draws=True, drawn=_coins_of_drawn)
def bernoulli_p(self: Array, p: float, source: RandomSource | None) -> Array:
    """1 with probability `p`, else 0."""
    return fill_coins(np.empty(self.shape, self.dtype), source, p)


@FAMILY.op(
    "aten::bernoulli.Tensor", infer=like_self, draws=True, drawn=_coins_of_drawn,
    layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def bernoulli_tensor(self: Array, p: Array, source: RandomSource | None) -> Array:
    """1 with the probability each element of `p` says, else 0."""
    return fill_coins(empty_like(self), source, p)


@FAMILY.op("aten::bernoulli_.float", "aten::bernoulli_.Tensor", kind="inplace", draws=True)
def bernoulli_in_place(self: Array, p: float | Array, source: RandomSource | None) -> Array:
    """1 with probability `p`, else 0, stored in `self`."""
    return fill_coins(self, source, p)


# --- normal ---


def _checked_normal(target: Array, source: RandomSource | None, mean: float, std: float) -> Array:
    if not std >= 0:
        raise ShapeError(f"normal expects std >= 0.0, but found std {std}")
    return fill_normal(target, source, mean, std)


def _normal_infer(mean: TensorSpec | float, std: float | TensorSpec, *_: object) -> TensorSpec:
    tensors = [v for v in (mean, std) if isinstance(v, TensorSpec)]
    return TensorSpec(broadcast(*(t.shape for t in tensors)), tensors[0].dtype)


def _normal_drawn(draws: Draws, mean: AnyTensor | float, std: float | AnyTensor, source: object) -> AnyTensor:
    aten = draws.aten
    tensors = [v for v in (mean, std) if not isinstance(v, (int, float))]
    shape, dtype = broadcast(*(aten.shape(t) for t in tensors)), aten.dtype(tensors[0])
    require_real(dtype)
    made = draws.normal(shape, dtype)
    if isinstance(std, (int, float)):
        if not std >= 0:
            raise ShapeError("normal expects all elements of std >= 0.0")
        made = aten("mul.Scalar", made, std)
    else:
        aten.require(aten("all", aten("ge.Scalar", std, 0)))
        made = aten.in_dtype(aten("mul.Tensor", made, std), dtype)
    name = "add.Scalar" if isinstance(mean, (int, float)) else "add.Tensor"
    return aten.in_dtype(aten(name, made, mean), dtype)


@FAMILY.op(
    "aten::normal.Tensor_float",
    "aten::normal.float_Tensor",
    "aten::normal.Tensor_Tensor",
    infer=_normal_infer,
    draws=True,
    drawn=_normal_drawn,
)
def normal(mean: Array | float, std: float | Array, source: RandomSource | None) -> Array:
    """Normally distributed numbers with the given means and deviations: standard ones, of which each step is
    rounded.
    """
    spec = _normal_infer(*specs_of([mean, std]))
    deviations = np.asarray(std)
    if deviations.dtype.kind == "c":
        raise DTypeError("normal expects standard deviation to be non-complex")
    if not np.all(deviations >= 0):
        raise ShapeError("normal expects all elements of std >= 0.0")
    target = np.empty(spec.shape, spec.dtype.numpy)
    if isinstance(std, np.ndarray):
        target = fill_normal(target, source)
        np.multiply(target, std, out=target, casting="same_kind")
    else:
        target = fill_normal(target, source, 0.0, std)
    return np.add(target, np.asarray(mean, target.dtype), out=target)


def _normal_sized_infer(
    mean: float, std: float, size: Sequence[int], source: object, dtype: int | None, *_: object
) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.F32))


def _normal_sized_drawn(
    draws: Draws, mean: float, std: float, size: Sequence[int], source: object, dtype: int | None, *_: object
) -> AnyTensor:
    kind = dtype_or(dtype, dtypes.F32)
    require_real(kind)
    return _checked_normal_drawn(draws, size, kind, mean, std)


def _checked_normal_drawn(
    draws: Draws, shape: Sequence[int], dtype: DType, mean: float, std: float
) -> AnyTensor:
    if not std >= 0:
        raise ShapeError(f"normal expects std >= 0.0, but found std {std}")
    return draws.normal(shape, dtype, mean, std)


@FAMILY.op("aten::normal.float_float", infer=_normal_sized_infer, draws=True, drawn=_normal_sized_drawn)
def normal_sized(
    mean: float, std: float, size: Sequence[int], source: RandomSource | None, dtype: int | None, *_: object
) -> Array:
    """Normally distributed numbers of one mean and deviation."""
    spec = sized(size, dtype_or(dtype, dtypes.F32))
    return _checked_normal(np.empty(spec.shape, spec.dtype.numpy), source, mean, std)


def _normal_like_drawn(draws: Draws, self: AnyTensor, mean: float, std: float, source: object) -> AnyTensor:
    shape, dtype = draws.aten.shape(self), draws.aten.dtype(self)
    require_real(dtype)
    return _checked_normal_drawn(draws, shape, dtype, mean, std)


@FAMILY.op(
    "aten::normal_functional", infer=like_self, draws=True, drawn=_normal_like_drawn,
    layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def normal_functional(self: Array, mean: float, std: float, source: RandomSource | None) -> Array:
    """Normally distributed numbers, as many as `self` has elements."""
    return _checked_normal(empty_like(self), source, mean, std)


# --- continuous distributions, of which a formula makes each number ---


def _uniform(target: Array, source: RandomSource | None, low: float, high: float) -> Array:
    if low > high:
        raise ShapeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return fill_uniform(target, source, low, high)


def _fill_with(
    draw: Callable[..., Array], name: str, *, takes_integers: bool = False, takes_empty: bool = True
) -> Fill:
    """A fill with the float64 numbers that ``draw(source, count, *parameters)`` makes; `takes_empty`: tensors
    without elements may have any dtype.
    """

    def fill_with(target: Array, source: RandomSource | None, *parameters: float) -> Array:
        dtype = dtypes.by_numpy(target.dtype)
        if not (takes_empty and not target.size) and not (
            dtype.is_floating or (takes_integers and dtype.is_integral)
        ):
            raise DTypeError(f"{name}: not implemented for '{dtype.scalar_type}'")
        with drawing(source) as numbers, np.errstate(all="ignore"):
            values = draw(numbers, target.size, *parameters)
            return fill(target, rounded(values, dtype) if dtype.is_floating else values.astype(target.dtype))

    return fill_with


def _exponential(source: RandomSource, count: int, rate: float) -> Array:
    if not rate > 0:
        raise ShapeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    return -1.0 / rate * by_element(math.log1p, -unit_doubles(source, count))


fill_exponential = _fill_with(_exponential, "exponential_")
"""``fill_exponential(target, source, rate)``."""


def _geometric(source: RandomSource, count: int, p: float) -> Array:
    if not 0 < p < 1:
        raise ShapeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    units = unit_doubles(source, count)
    logs = np.where(units > 0, by_element(math.log, np.where(units > 0, units, 1.0)), -np.inf)
    return np.ceil(logs / math.log1p(-p))


def _cauchy(source: RandomSource, count: int, median: float, sigma: float) -> Array:
    if not sigma > 0:
        raise ShapeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    slopes = by_element(math.tan, math.pi * (unit_doubles(source, count) - 0.5))
    return fused(np.full(count, sigma), slopes, np.full(count, median))


def _log_normal(source: RandomSource, count: int, mean: float, std: float) -> Array:
    if not std > 0:
        raise ShapeError(f"log_normal_ expects std > 0.0, but found std={std}")
    return by_element(math.exp, scaled(normal_doubles(source, count), std, mean))


def _uniform_drawn(draws: Draws, self: AnyTensor, low: float, high: float, source: object) -> AnyTensor:
    shape, dtype = draws.aten.shape(self), draws.aten.dtype(self)
    require_real(dtype)
    if low > high:
        raise ShapeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return draws.uniform(shape, dtype, low, high)


def _exponential_drawn(draws: Draws, self: AnyTensor, rate: float, source: object) -> AnyTensor:
    shape, dtype = draws.aten.shape(self), draws.aten.dtype(self)
    require_real(dtype)
    if not rate > 0:
        raise ShapeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    return draws.exponential(shape, dtype, rate)


def _define(name: str, fill_with: Fill, drawn: Callable[..., AnyTensor] | None = None) -> None:
    """``aten::<name>`` in the likeness of a tensor and ``aten::<name>_`` in its place."""

    @FAMILY.op(f"aten::{name}_", kind="inplace", draws=True)
    def in_place(self: Array, *arguments: Any) -> Array:
        *parameters, source = arguments
        return fill_with(self, source, *parameters)

    if name != "normal":

        @FAMILY.op(f"aten::{name}", infer=like_self, draws=True, drawn=drawn, layout=ResultLayout.ELEMENTWISE)
        def create(self: Array, *arguments: Any) -> Array:
            return in_place(empty_like(self), *arguments)


_define("normal", _checked_normal)
_define("uniform", _uniform, _uniform_drawn)
_define("exponential", fill_exponential, _exponential_drawn)
_define("geometric", _fill_with(_geometric, "geometric_", takes_integers=True))
_define("cauchy", _fill_with(_cauchy, "cauchy_", takes_empty=False))
_define("log_normal", _fill_with(_log_normal, "log_normal_"))


@FAMILY.op("aten::_no_grad_uniform_", kind="inplace", draws=True)
def initialize_uniform(self: Array, low: float, high: float, source: RandomSource | None) -> Array:
    """``uniform_`` of which no gradient is recorded."""
    return _uniform(self, source, low, high)


@FAMILY.op("aten::_no_grad_normal_", kind="inplace", draws=True)
def initialize_normal(self: Array, mean: float, std: float, source: RandomSource | None) -> Array:
    """``normal_`` of which no gradient is recorded."""
    return _checked_normal(self, source, mean, std)
