"""Random numbers: NumPy's generator under PyTorch's names, with PyTorch's dtypes but other values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.concurrency import interned
from tsc.dtypes import Array, DType
from tsc.errors import DTypeError, ShapeError
from tsc.ops.creation import dtype_or, sized
from tsc.ops.definition import Effect, Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.shapes import like_self

FAMILY = Family()
_DIGITS = {dtypes.F16: 11, dtypes.BF16: 8}


class RandomSource:
    """A seeded stream of random numbers; TorchScript's ``Generator``."""

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin again."""
        self.initial_seed = seed
        self.numbers = np.random.default_rng(seed & (2**64 - 1))


@interned
def default_source() -> RandomSource:
    """The stream used where a program names none."""
    return RandomSource(int(np.random.SeedSequence().generate_state(1)[0]))


def generator(source: RandomSource | None = None) -> np.random.Generator:
    """The generator of `source`, or of the default one."""
    return (source or default_source()).numbers


@FAMILY.op("aten::manual_seed", kind="python", effect=Effect.ACTS)
def manual_seed(seed: int) -> None:
    """Begin the default stream again."""
    default_source().seed(seed)


@FAMILY.op("aten::manual_seed.generator", kind="python", effect=Effect.ACTS)
def manual_seed_generator(self: RandomSource, seed: int) -> RandomSource:
    """Begin a stream again."""
    self.seed(seed)
    return self


@FAMILY.op("aten::initial_seed", kind="python", effect=Effect.READS)
def initial_seed(self: RandomSource) -> int:
    """The seed the stream began with."""
    return self.initial_seed


@FAMILY.op("aten::seed", kind="python", effect=Effect.ACTS)
def seed(self: RandomSource) -> int:
    """Begin the stream again with a random seed, which is returned."""
    self.seed(int(np.random.SeedSequence().generate_state(1)[0]))
    return self.initial_seed


# --- how elements are drawn ---


def require_floating(name: str, dtype: DType) -> None:
    """Raise a `DTypeError` for integers and bools."""
    if not (dtype.is_floating or dtype.is_complex):
        raise DTypeError(f"{name}: requires a floating dtype; got {dtype.name}")


def uniform_array(numbers: np.random.Generator, spec: TensorSpec) -> Array:
    """Numbers in ``[0, 1)``, never rounded up to 1."""
    require_floating("rand", spec.dtype)
    if spec.dtype.is_complex:
        return (numbers.random(spec.shape) + 1j * numbers.random(spec.shape)).astype(spec.dtype.numpy)
    if spec.dtype in _DIGITS:
        steps = 2 ** _DIGITS[spec.dtype]
        return (numbers.integers(0, steps, spec.shape) / steps).astype(spec.dtype.numpy)
    return np.asarray(numbers.random(spec.shape, dtype=spec.dtype.numpy))


def normal_array(numbers: np.random.Generator, spec: TensorSpec) -> Array:
    """Numbers from the standard normal distribution; complex ones of variance 1 in total."""
    require_floating("randn", spec.dtype)
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

    def infer(size: Sequence[int], dtype: int | None, *_: object) -> TensorSpec:
        return sized(size, dtype_or(dtype, dtypes.F32))

    def infer_like(self: TensorSpec, dtype: int | None, *_: object) -> TensorSpec:
        return TensorSpec(self.shape, dtype_or(dtype, self.dtype))

    @FAMILY.op(f"aten::{name}", infer=infer, draws=True)
    def create(*arguments: Any) -> Array:
        return draw(generator(), infer(*arguments))

    def infer_from(size: Sequence[int], source: object, *rest: Any) -> TensorSpec:
        return infer(size, *rest)

    def infer_like_from(self: TensorSpec, source: object, *rest: Any) -> TensorSpec:
        return infer_like(self, *rest)

    @FAMILY.op(f"aten::{name}.generator", infer=infer_from, draws=True)
    def create_from(size: Sequence[int], source: RandomSource | None, *rest: Any) -> Array:
        return draw(generator(source), infer(size, *rest))

    @FAMILY.op(f"aten::{name}_like", infer=infer_like, draws=True, layout=ResultLayout.ELEMENTWISE)
    def create_like(*arguments: object) -> Array:
        return draw(generator(), infer_like(*specs_of(arguments)))

    @FAMILY.op(
        f"aten::{name}_like.generator", infer=infer_like_from, draws=True, layout=ResultLayout.ELEMENTWISE
    )
    def create_like_from(self: Array, source: RandomSource | None, *rest: Any) -> Array:
        return draw(generator(source), infer_like(spec_of(self), *rest))


_define("rand", uniform_array)
_define("randn", normal_array)


# --- integers ---


def _integers(size: Sequence[int], dtype: int | None) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.I64))


def _randint_infer(high: int, size: Sequence[int], dtype: int | None, *_: object) -> TensorSpec:
    return _integers(size, dtype)


def _randint_from_infer(
    high: int, size: Sequence[int], source: object, dtype: int | None, *_: object
) -> TensorSpec:
    return _integers(size, dtype)


def _randint_low_infer(low: int, high: int, size: Sequence[int], dtype: int | None, *_: object) -> TensorSpec:
    return _integers(size, dtype)


def _randint_low_from_infer(
    low: int, high: int, size: Sequence[int], source: object, dtype: int | None, *_: object
) -> TensorSpec:
    return _integers(size, dtype)


@FAMILY.op("aten::randint", infer=_randint_infer, draws=True)
def randint(high: int, size: Sequence[int], dtype: int | None, *_: object) -> Array:
    """Integers in ``[0, high)``."""
    return _integer_array(generator(), 0, high, _integers(size, dtype))


@FAMILY.op("aten::randint.generator", infer=_randint_from_infer, draws=True)
def randint_from(
    high: int, size: Sequence[int], source: RandomSource | None, dtype: int | None, *_: object
) -> Array:
    """Integers in ``[0, high)``."""
    return _integer_array(generator(source), 0, high, _integers(size, dtype))


@FAMILY.op("aten::randint.low", infer=_randint_low_infer, draws=True)
def randint_low(low: int, high: int, size: Sequence[int], dtype: int | None, *_: object) -> Array:
    """Integers in ``[low, high)``."""
    return _integer_array(generator(), low, high, _integers(size, dtype))


@FAMILY.op("aten::randint.low_generator", infer=_randint_low_from_infer, draws=True)
def randint_low_from(
    low: int, high: int, size: Sequence[int], source: RandomSource | None, dtype: int | None, *_: object
) -> Array:
    """Integers in ``[low, high)``."""
    return _integer_array(generator(source), low, high, _integers(size, dtype))


def _like(self: TensorSpec, dtype: int | None) -> TensorSpec:
    return TensorSpec(self.shape, dtype_or(dtype, self.dtype))


def _randint_like_infer(self: TensorSpec, high: int, dtype: int | None, *_: object) -> TensorSpec:
    return _like(self, dtype)


def _randint_like_low_infer(
    self: TensorSpec, low: int, high: int, dtype: int | None, *_: object
) -> TensorSpec:
    return _like(self, dtype)


@FAMILY.op("aten::randint_like", infer=_randint_like_infer, draws=True, layout=ResultLayout.ELEMENTWISE)
def randint_like(self: Array, high: int, dtype: int | None, *_: object) -> Array:
    """Integers in ``[0, high)``, as many as `self` has elements."""
    return _integer_array(generator(), 0, high, _like(spec_of(self), dtype))


@FAMILY.op(
    "aten::randint_like.low_dtype", infer=_randint_like_low_infer, draws=True, layout=ResultLayout.ELEMENTWISE
)
def randint_like_low(self: Array, low: int, high: int, dtype: int | None, *_: object) -> Array:
    """Integers in ``[low, high)``, as many as `self` has elements."""
    return _integer_array(generator(), low, high, _like(spec_of(self), dtype))


def _randperm_infer(n: int, dtype: int | None, *_: object) -> TensorSpec:
    return _integers([n], dtype)


def _randperm_from_infer(n: int, source: object, dtype: int | None, *_: object) -> TensorSpec:
    return _integers([n], dtype)


@FAMILY.op("aten::randperm", infer=_randperm_infer, draws=True)
def randperm(n: int, dtype: int | None, *_: object) -> Array:
    """The integers below `n` in random order."""
    return generator().permutation(n).astype(_integers([n], dtype).dtype.numpy)


@FAMILY.op("aten::randperm.generator", infer=_randperm_from_infer, draws=True)
def randperm_from(n: int, source: RandomSource | None, dtype: int | None, *_: object) -> Array:
    """The integers below `n` in random order."""
    return generator(source).permutation(n).astype(_integers([n], dtype).dtype.numpy)


def _largest_integer(dtype: DType) -> int:
    """The largest integer ``random_()`` gives: exact in `dtype`, and all below it too."""
    if dtype is dtypes.BOOL:
        return 1
    digits = {dtypes.F64: 53, dtypes.F32: 24, **_DIGITS}
    return 2 ** digits[dtype] if dtype in digits else int(np.iinfo(dtype.numpy).max)


@FAMILY.op("aten::random", infer=like_self, draws=True)
def random(self: Array, source: RandomSource | None) -> Array:
    """Integers from 0 to the largest."""
    spec = spec_of(self)
    return (
        generator(source)
        .integers(0, _largest_integer(spec.dtype), spec.shape, endpoint=True)
        .astype(self.dtype)
    )


@FAMILY.op("aten::random.to", infer=like_self, draws=True)
def random_to(self: Array, to: int, source: RandomSource | None) -> Array:
    """Integers in ``[0, to)``."""
    return _integer_array(generator(source), 0, to, spec_of(self))


@FAMILY.op("aten::random.from", infer=like_self, draws=True)
def random_from(self: Array, low: int, to: int | None, source: RandomSource | None) -> Array:
    """Integers in ``[low, to)``."""
    spec = spec_of(self)
    return _integer_array(
        generator(source), low, _largest_integer(spec.dtype) + 1 if to is None else to, spec
    )
