"""Random numbers: NumPy's generator under PyTorch's names.

Distributions and dtypes are PyTorch's, the values are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.errors import DTypeError, ShapeError
from tsc.ops.creation import dtype_or, sized
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.registry import Family, TensorSpec
from tsc.ops.shapes import broadcast, like_self

FAMILY = Family()
Array = np.ndarray[Any, Any]
_DIGITS = {dtypes.F16: 11, dtypes.BF16: 8}


class Source:
    """A seeded stream of random numbers; TorchScript's ``Generator``."""

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin again."""
        self.initial_seed = seed
        self.numbers = np.random.default_rng(seed & (2**64 - 1))


@cache
def default_source() -> Source:
    """The stream used where a program names none."""
    return Source(int(np.random.SeedSequence().generate_state(1)[0]))


def generator(source: Source | None = None) -> np.random.Generator:
    """The generator of `source`, or of the default one."""
    return (source or default_source()).numbers


@FAMILY.op("aten::manual_seed", kind="python")
def manual_seed(seed: int) -> None:
    """Begin the default stream again."""
    default_source().seed(seed)


@FAMILY.op("aten::manual_seed.generator", kind="python")
def manual_seed_generator(self: Source, seed: int) -> Source:
    """Begin a stream again."""
    self.seed(seed)
    return self


@FAMILY.op("aten::initial_seed", kind="python")
def initial_seed(self: Source) -> int:
    """The seed the stream began with."""
    return self.initial_seed


@FAMILY.op("aten::seed", kind="python")
def seed(self: Source) -> int:
    """Begin the stream again with a random seed, which is returned."""
    self.seed(int(np.random.SeedSequence().generate_state(1)[0]))
    return self.initial_seed


# --- how elements are drawn ---


def _require_floating(name: str, dtype: DType) -> None:
    if not (dtype.is_floating or dtype.is_complex):
        raise DTypeError(f"{name}: requires a floating dtype; got {dtype.name}")


def uniform_array(numbers: np.random.Generator, spec: TensorSpec) -> Array:
    """Numbers in ``[0, 1)``, never rounded up to 1."""
    _require_floating("rand", spec.dtype)
    if spec.dtype.is_complex:
        return (numbers.random(spec.shape) + 1j * numbers.random(spec.shape)).astype(spec.dtype.numpy)
    if spec.dtype in _DIGITS:
        steps = 2 ** _DIGITS[spec.dtype]
        return (numbers.integers(0, steps, spec.shape) / steps).astype(spec.dtype.numpy)
    return np.asarray(numbers.random(spec.shape, dtype=spec.dtype.numpy))


def normal_array(numbers: np.random.Generator, spec: TensorSpec) -> Array:
    """Numbers from the standard normal distribution; complex ones of variance 1 in total."""
    _require_floating("randn", spec.dtype)
    if spec.dtype.is_complex:
        parts = numbers.standard_normal((2, *spec.shape)) * np.sqrt(0.5)
        return np.asarray(parts[0] + 1j * parts[1]).astype(spec.dtype.numpy)
    return np.asarray(numbers.standard_normal(spec.shape)).astype(spec.dtype.numpy)


def _integer_array(numbers: np.random.Generator, low: int, high: int, spec: TensorSpec) -> Array:
    if low >= high:
        raise ShapeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return np.asarray(numbers.integers(low, high, spec.shape)).astype(spec.dtype.numpy)


Draw = Callable[[np.random.Generator, TensorSpec], Array]


def _define(name: str, draw: Draw) -> None:
    """``rand`` or ``randn`` by size and in the likeness of a tensor."""

    def infer(size: Sequence[int], dtype: int | None, *_: Any) -> TensorSpec:
        return sized(size, dtype_or(dtype, dtypes.F32))

    def infer_like(self: TensorSpec, dtype: int | None, *_: Any) -> TensorSpec:
        return TensorSpec(self.shape, dtype_or(dtype, self.dtype))

    @FAMILY.op(f"aten::{name}", infer=infer)
    def create(*arguments: Any) -> Array:
        return draw(generator(), infer(*arguments))

    def infer_from(size: Sequence[int], source: Any, *rest: Any) -> TensorSpec:
        return infer(size, *rest)

    def infer_like_from(self: TensorSpec, source: Any, *rest: Any) -> TensorSpec:
        return infer_like(self, *rest)

    @FAMILY.op(f"aten::{name}.generator", infer=infer_from)
    def create_from(size: Sequence[int], source: Source | None, *rest: Any) -> Array:
        return draw(generator(source), infer(size, *rest))

    @FAMILY.op(f"aten::{name}_like", infer=infer_like)
    def create_like(*arguments: Any) -> Array:
        return draw(generator(), infer_like(*specs_of(arguments)))

    @FAMILY.op(f"aten::{name}_like.generator", infer=infer_like_from)
    def create_like_from(self: Array, source: Source | None, *rest: Any) -> Array:
        return draw(generator(source), infer_like(spec_of(self), *rest))


_define("rand", uniform_array)
_define("randn", normal_array)


# --- integers ---


def _integers(size: Sequence[int], dtype: int | None) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.I64))


def _randint_infer(high: int, size: Sequence[int], dtype: int | None, *_: Any) -> TensorSpec:
    return _integers(size, dtype)


def _randint_from_infer(
    high: int, size: Sequence[int], source: Any, dtype: int | None, *_: Any
) -> TensorSpec:
    return _integers(size, dtype)


def _randint_low_infer(low: int, high: int, size: Sequence[int], dtype: int | None, *_: Any) -> TensorSpec:
    return _integers(size, dtype)


def _randint_low_from_infer(
    low: int, high: int, size: Sequence[int], source: Any, dtype: int | None, *_: Any
) -> TensorSpec:
    return _integers(size, dtype)


@FAMILY.op("aten::randint", infer=_randint_infer)
def randint(high: int, size: Sequence[int], dtype: int | None, *_: Any) -> Array:
    """Integers in ``[0, high)``."""
    return _integer_array(generator(), 0, high, _integers(size, dtype))


@FAMILY.op("aten::randint.generator", infer=_randint_from_infer)
def randint_from(high: int, size: Sequence[int], source: Source | None, dtype: int | None, *_: Any) -> Array:
    """Integers in ``[0, high)``."""
    return _integer_array(generator(source), 0, high, _integers(size, dtype))


@FAMILY.op("aten::randint.low", infer=_randint_low_infer)
def randint_low(low: int, high: int, size: Sequence[int], dtype: int | None, *_: Any) -> Array:
    """Integers in ``[low, high)``."""
    return _integer_array(generator(), low, high, _integers(size, dtype))


@FAMILY.op("aten::randint.low_generator", infer=_randint_low_from_infer)
def randint_low_from(
    low: int, high: int, size: Sequence[int], source: Source | None, dtype: int | None, *_: Any
) -> Array:
    """Integers in ``[low, high)``."""
    return _integer_array(generator(source), low, high, _integers(size, dtype))


def _like(self: TensorSpec, dtype: int | None) -> TensorSpec:
    return TensorSpec(self.shape, dtype_or(dtype, self.dtype))


def _randint_like_infer(self: TensorSpec, high: int, dtype: int | None, *_: Any) -> TensorSpec:
    return _like(self, dtype)


def _randint_like_low_infer(self: TensorSpec, low: int, high: int, dtype: int | None, *_: Any) -> TensorSpec:
    return _like(self, dtype)


@FAMILY.op("aten::randint_like", infer=_randint_like_infer)
def randint_like(self: Array, high: int, dtype: int | None, *_: Any) -> Array:
    """Integers in ``[0, high)``, as many as `self` has elements."""
    return _integer_array(generator(), 0, high, _like(spec_of(self), dtype))


@FAMILY.op("aten::randint_like.low_dtype", infer=_randint_like_low_infer)
def randint_like_low(self: Array, low: int, high: int, dtype: int | None, *_: Any) -> Array:
    """Integers in ``[low, high)``, as many as `self` has elements."""
    return _integer_array(generator(), low, high, _like(spec_of(self), dtype))


def _randperm_infer(n: int, dtype: int | None, *_: Any) -> TensorSpec:
    return _integers([n], dtype)


def _randperm_from_infer(n: int, source: Any, dtype: int | None, *_: Any) -> TensorSpec:
    return _integers([n], dtype)


@FAMILY.op("aten::randperm", infer=_randperm_infer)
def randperm(n: int, dtype: int | None, *_: Any) -> Array:
    """The integers below `n` in random order."""
    return generator().permutation(n).astype(_integers([n], dtype).dtype.numpy)


@FAMILY.op("aten::randperm.generator", infer=_randperm_from_infer)
def randperm_from(n: int, source: Source | None, dtype: int | None, *_: Any) -> Array:
    """The integers below `n` in random order."""
    return generator(source).permutation(n).astype(_integers([n], dtype).dtype.numpy)


def _largest_integer(dtype: DType) -> int:
    """The largest integer ``random_()`` gives: exact in `dtype`, and all below it too."""
    if dtype is dtypes.BOOL:
        return 1
    digits = {dtypes.F64: 53, dtypes.F32: 24, **_DIGITS}
    return 2 ** digits[dtype] if dtype in digits else int(np.iinfo(dtype.numpy).max)


@FAMILY.op("aten::random", infer=like_self)
def random(self: Array, source: Source | None) -> Array:
    """Integers from 0 to the largest."""
    spec = spec_of(self)
    return (
        generator(source)
        .integers(0, _largest_integer(spec.dtype), spec.shape, endpoint=True)
        .astype(self.dtype)
    )


@FAMILY.op("aten::random.to", infer=like_self)
def random_to(self: Array, to: int, source: Source | None) -> Array:
    """Integers in ``[0, to)``."""
    return _integer_array(generator(source), 0, to, spec_of(self))


@FAMILY.op("aten::random.from", infer=like_self)
def random_from(self: Array, low: int, to: int | None, source: Source | None) -> Array:
    """Integers in ``[low, to)``."""
    spec = spec_of(self)
    return _integer_array(
        generator(source), low, _largest_integer(spec.dtype) + 1 if to is None else to, spec
    )


# --- distributions ---


def _probabilities(p: Any) -> Any:
    if np.any((np.asarray(p) < 0) | (np.asarray(p) > 1)):
        raise ShapeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return p


def _coin(numbers: np.random.Generator, p: Any, spec: TensorSpec) -> Array:
    return np.asarray(numbers.random(spec.shape) < _probabilities(p)).astype(spec.dtype.numpy)


@FAMILY.op("aten::bernoulli", infer=like_self)
def bernoulli(self: Array, source: Source | None) -> Array:
    """1 with the probability each element says, else 0."""
    _require_floating("bernoulli", spec_of(self).dtype)
    return _coin(generator(source), self.astype(np.float64), spec_of(self))


@FAMILY.op("aten::bernoulli.p", infer=like_self)
def bernoulli_p(self: Array, p: float, source: Source | None) -> Array:
    """1 with probability `p`, else 0."""
    return _coin(generator(source), p, spec_of(self))


@FAMILY.op("aten::bernoulli.Tensor", infer=like_self)
def bernoulli_tensor(self: Array, p: Array, source: Source | None) -> Array:
    """1 with the probability each element of `p` says, else 0."""
    return _coin(generator(source), p.astype(np.float64), spec_of(self))


@FAMILY.op("aten::bernoulli_.float", kind="inplace")
def bernoulli_in_place(self: Array, p: float, source: Source | None) -> Array:
    """1 with probability `p`, else 0, stored in `self`."""
    self[...] = bernoulli_p(self, p, source)
    return self


def _multinomial_infer(self: TensorSpec, num_samples: int, *_: Any) -> TensorSpec:
    if self.ndim not in (1, 2):
        raise ShapeError(f"prob_dist must be 1 or 2 dim; got {self.ndim}")
    return TensorSpec((*self.shape[:-1], num_samples), dtypes.I64)


@FAMILY.op("aten::multinomial", infer=_multinomial_infer)
def multinomial(self: Array, num_samples: int, replacement: bool, source: Source | None) -> Array:
    """Places drawn with probabilities proportional to the elements of each row.

    Raises:
        ShapeError: weights are negative or all zero, or too many samples are wanted without replacement.
    """
    spec = _multinomial_infer(spec_of(self), num_samples)
    _require_floating("multinomial", spec_of(self).dtype)
    weights = np.atleast_2d(self.astype(np.float64))
    if num_samples <= 0:
        raise ShapeError("cannot sample n_sample <= 0 samples")
    if np.any(~(weights >= 0)) or np.any(np.isinf(weights)) or np.any(weights.sum(-1) <= 0):
        raise ShapeError(
            "probability tensor contains either `inf`, `nan` or element < 0, or a row that sums to 0"
        )
    numbers = generator(source)
    if not replacement:
        if num_samples > weights.shape[-1]:
            raise ShapeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        with np.errstate(divide="ignore"):
            arrival = numbers.exponential(size=weights.shape) / weights
        return np.argsort(arrival, axis=-1)[:, :num_samples].reshape(spec.shape).astype(np.int64)
    edges = np.cumsum(weights, -1) / weights.sum(-1, keepdims=True)
    drawn = numbers.random((weights.shape[0], num_samples))
    places = (drawn[:, :, None] >= edges[:, None, :]).sum(-1)
    return np.minimum(places, weights.shape[-1] - 1).reshape(spec.shape).astype(np.int64)


def _scaled_normal(numbers: np.random.Generator, mean: Any, std: Any, spec: TensorSpec) -> Array:
    if np.any(np.asarray(std) < 0):
        raise ShapeError(f"normal expects std >= 0.0, but found std {std}")
    wide = dtypes.C128 if spec.dtype.is_complex else dtypes.F64
    return np.asarray(normal_array(numbers, TensorSpec(spec.shape, wide)) * std + mean).astype(
        spec.dtype.numpy
    )


def _normal_infer(mean: Any, std: Any, *_: Any) -> TensorSpec:
    tensors = [v for v in (mean, std) if isinstance(v, TensorSpec)]
    return TensorSpec(broadcast(*(t.shape for t in tensors)), tensors[0].dtype)


@FAMILY.op(
    "aten::normal.Tensor_float",
    "aten::normal.float_Tensor",
    "aten::normal.Tensor_Tensor",
    infer=_normal_infer,
)
def normal(mean: Any, std: Any, source: Source | None) -> Array:
    """Normally distributed numbers with the given means and deviations."""
    return _scaled_normal(generator(source), mean, std, _normal_infer(*specs_of([mean, std])))


def _normal_sized_infer(
    mean: float, std: float, size: Sequence[int], source: Any, dtype: int | None, *_: Any
) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.F32))


@FAMILY.op(
    "aten::normal.float_float",
    infer=_normal_sized_infer,
)
def normal_sized(
    mean: float, std: float, size: Sequence[int], source: Source | None, dtype: int | None, *_: Any
) -> Array:
    """Normally distributed numbers of one mean and deviation."""
    return _scaled_normal(generator(source), mean, std, sized(size, dtype_or(dtype, dtypes.F32)))


@FAMILY.op("aten::normal_", kind="inplace")
def normal_in_place(self: Array, mean: float, std: float, source: Source | None) -> Array:
    """Normally distributed numbers stored in `self`."""
    self[...] = _scaled_normal(generator(source), mean, std, spec_of(self))
    return self


@FAMILY.op("aten::uniform", infer=like_self)
def uniform(self: Array, low: float, high: float, source: Source | None) -> Array:
    """Numbers in ``[low, high)``."""
    if low > high:
        raise ShapeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return (uniform_array(generator(source), spec_of(self)) * (high - low) + low).astype(self.dtype)


def _define_distribution(name: str, draw: Callable[..., Array]) -> None:
    """``draw(numbers, shape, *parameters)`` is the meaning of ``name`` and, in place, of ``name_``."""

    @FAMILY.op(f"aten::{name}_", kind="inplace")
    def in_place(self: Array, *arguments: Any) -> Array:
        *parameters, source = arguments
        self[...] = draw(generator(source), self.shape, *parameters).astype(self.dtype)
        return self


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise ShapeError(f"{name} expects a positive parameter; got {value}")
    return value


def _exponential(numbers: np.random.Generator, shape: Any, rate: float) -> Array:
    return numbers.exponential(1 / _positive("exponential_", rate), shape)


def _geometric(numbers: np.random.Generator, shape: Any, p: float) -> Array:
    return numbers.geometric(_positive("geometric_", p), shape)


def _cauchy(numbers: np.random.Generator, shape: Any, median: float, sigma: float) -> Array:
    return np.asarray(numbers.standard_cauchy(shape) * _positive("cauchy_", sigma) + median)


def _log_normal(numbers: np.random.Generator, shape: Any, mean: float, std: float) -> Array:
    return np.asarray(numbers.lognormal(mean, _positive("log_normal_", std), shape))


_define_distribution("exponential", _exponential)
_define_distribution("geometric", _geometric)
_define_distribution("cauchy", _cauchy)
_define_distribution("log_normal", _log_normal)


@FAMILY.op("aten::poisson", infer=like_self)
def poisson(self: Array, source: Source | None) -> Array:
    """Counts with the rates the elements say."""
    return np.asarray(generator(source).poisson(self.astype(np.float64))).astype(self.dtype)
