"""Random integers: ``randint``, ``random_``, ``randperm``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import BoundsError, DTypeError, ShapeError
from tsc.ops.composite import AnyTensor
from tsc.ops.creation import dtype_or, sized
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.draws import DIGITS, fill, integers, largest_natural, natural_integers, permutation
from tsc.ops.elementwise import spec_of
from tsc.ops.random import empty_like
from tsc.ops.random_source import RandomSource, drawing
from tsc.ops.random_streams import Draws
from tsc.ops.shapes import like_self

FAMILY = Family()
LOWEST = -(2**63)
_CPP_NAMES = {
    dtypes.U8: "unsigned char", dtypes.I8: "signed char", dtypes.I16: "short", dtypes.I32: "int",
    dtypes.I64: "long", dtypes.BOOL: "bool", dtypes.F16: "c10::Half", dtypes.BF16: "c10::BFloat16",
    dtypes.F32: "float", dtypes.F64: "double",
}  # fmt: skip


def fill_integers(target: Array, source: RandomSource | None, low: int, high: int | None) -> Array:
    """Integers in ``[low, high)``; to the largest there is where `high` is None.

    Raises:
        ShapeError: there are none.
        BoundsError: not all of them are in the range of the dtype.
        DTypeError: the dtype is complex.
    """
    dtype = dtypes.by_numpy(target.dtype)
    if high is None and low == LOWEST:
        if not target.size:
            return target
        if dtype not in (dtypes.I64, dtypes.F64, dtypes.F32, dtypes.BF16):
            raise DTypeError(f"random_: all int64 do not fit into {dtype.name}")
        extent = 2**64
    else:
        end = high if high is not None else 1 if dtype.is_complex else largest_natural(dtype) + 1
        low, extent = _bounds(dtype, low, min(end, 2**63), is_given=high is not None)
    with drawing(source) as numbers:
        return fill(target, integers(numbers, target.size, dtype, low, extent))


def _bounds(dtype: DType, low: int, end: int, *, is_given: bool) -> tuple[int, int]:
    """The first integer and how many follow, where `dtype` may not have all of them."""
    if is_given and low >= end:
        raise ShapeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={end}")
    if dtype.is_floating:
        low = _first_from(dtype, low)
        end = _end_before(dtype, end) if is_given else end
        if low >= end:
            raise ShapeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
                f"from={low} >= to={end}"
            )
    if dtype.is_complex:
        raise DTypeError(f"random_: requires a real dtype; got {dtype.name}")
    for name, bound in (("from", low), ("to - 1", end - 1)):
        if not _is_in_range(dtype, bound):
            raise BoundsError(f"{name} is out of bounds for {_CPP_NAMES[dtype]}")
    return low, end - low


def _is_in_range(dtype: DType, value: int) -> bool:
    if dtype is dtypes.BOOL:
        return value in (0, 1)
    if dtype.is_floating:
        return dtype is not dtypes.F16 or abs(value) <= 65504
    info = np.iinfo(dtype.numpy)
    return int(info.min) <= value <= int(info.max)


def _as_integer(dtype: DType, value: int) -> int:
    """`value` as a floating dtype has it, if that is an int64, else an int64 all the same."""
    held = (
        float(np.asarray(np.float32(value)).astype(dtype.numpy)) if dtype is not dtypes.F64 else float(value)
    )
    return int(held) if np.isfinite(held) and -(2.0**63) <= held < 2.0**63 else LOWEST


def _first_from(dtype: DType, low: int) -> int:
    """The first integer from `low` on that a floating dtype has."""
    held = _as_integer(dtype, low + 1)
    if held >= low:
        return low
    return held + (1 << (abs(low + 1).bit_length() - 1 - DIGITS[dtype] + 1))


def _end_before(dtype: DType, end: int) -> int:
    """The last integer up to `end` that a floating dtype has."""
    held = _as_integer(dtype, end - 1)
    if held < end:
        return end
    return held - (1 << (abs(end - 1).bit_length() - 1 - DIGITS[dtype] + 1))


# --- by size and in the likeness of a tensor ---


def _arguments(
    arguments: Sequence[Any], *, has_low: bool, has_source: bool
) -> tuple[int, int, Any, Any, Any]:
    """Of a ``randint``: lower and upper bound, size or likeness, source and dtype."""
    rest = list(arguments)
    low = rest.pop(0) if has_low else 0
    high, like = rest.pop(0), rest.pop(0)
    source = rest.pop(0) if has_source else None
    return low, high, like, source, rest.pop(0)


def _integers_drawn(draws: Draws, shape: Sequence[int], dtype: DType, low: int, high: int) -> AnyTensor:
    first, extent = _bounds(dtype, low, min(high, 2**63), is_given=True)
    return draws.integers(shape, dtype, first, extent)


def _define_randint(overload: str, *, has_low: bool, has_source: bool) -> None:
    def infer(*arguments: Any) -> TensorSpec:
        _, _, size, _, dtype = _arguments(arguments, has_low=has_low, has_source=has_source)
        return sized(size, dtype_or(dtype, dtypes.I64))

    def drawn(draws: Draws, *arguments: Any) -> AnyTensor:
        low, high, size, _, dtype = _arguments(arguments, has_low=has_low, has_source=has_source)
        return _integers_drawn(draws, size, dtype_or(dtype, dtypes.I64), low, high)

    @FAMILY.op(f"aten::randint{overload}", infer=infer, draws=True, drawn=drawn)
    def randint(*arguments: Any) -> Array:
        """Integers in ``[low, high)``, where `low` is 0 if there is none."""
        low, high, _, source, _ = _arguments(arguments, has_low=has_low, has_source=has_source)
        spec = infer(*arguments)
        return fill_integers(np.empty(spec.shape, spec.dtype.numpy), source, low, high)


def _define_randint_like(
    overload: str, *, has_low: bool, has_source: bool, high_of: Callable[[Any], int] = int
) -> None:
    def split(arguments: Sequence[Any]) -> tuple[int, Any, Any, Any, Any]:
        self, *rest = arguments
        order = [*rest[: 1 + has_low], self, *rest[1 + has_low :]]
        return _arguments(order, has_low=has_low, has_source=has_source)

    def infer(*arguments: Any) -> TensorSpec:
        _, _, self, _, dtype = split(arguments)
        return TensorSpec(self.shape, dtype_or(dtype, self.dtype))

    def drawn(draws: Draws, *arguments: Any) -> AnyTensor:
        low, high, self, _, dtype = split(arguments)
        kind = dtype_or(dtype, draws.aten.dtype(self))
        return _integers_drawn(draws, draws.aten.shape(self), kind, low, high)

    formula = drawn if high_of is int else None

    @FAMILY.op(
        f"aten::randint_like{overload}", infer=infer, draws=True, drawn=formula,
        layout=ResultLayout.ELEMENTWISE,
    )  # fmt: skip
    def randint_like(*arguments: Any) -> Array:
        """Integers in ``[low, high)``, as many as `self` has elements."""
        low, high, self, source, dtype = split(arguments)
        kind = dtype_or(dtype, spec_of(self).dtype)
        return fill_integers(empty_like(self, kind.numpy), source, low, high_of(high))


def _only(high: Array) -> int:
    """The element of a tensor that is an upper bound."""
    return int(high.item())


_define_randint("", has_low=False, has_source=False)
_define_randint(".generator", has_low=False, has_source=True)
_define_randint(".low", has_low=True, has_source=False)
_define_randint(".low_generator", has_low=True, has_source=True)
_define_randint_like("", has_low=False, has_source=False)
_define_randint_like(".generator", has_low=False, has_source=True)
_define_randint_like(".low_dtype", has_low=True, has_source=False)
_define_randint_like(".low_generator_dtype", has_low=True, has_source=True)
_define_randint_like(".Tensor", has_low=False, has_source=False, high_of=_only)
_define_randint_like(".Tensor_generator", has_low=False, has_source=True, high_of=_only)


# --- permutations ---


def _randperm_infer(n: int, dtype: int | None, *_: object) -> TensorSpec:
    if n < 0:
        raise ShapeError(f"n must be non-negative, got{n}")
    kind = dtype_or(dtype, dtypes.I64)
    if kind.is_complex or kind is dtypes.BOOL:
        raise DTypeError(f"randperm: not implemented for '{kind.scalar_type}'")
    if kind is not dtypes.BF16 and n - kind.is_floating > largest_natural(kind):
        raise ShapeError(f"randperm: requires that {kind.name} has all integers below n; got n={n}")
    return sized([n], kind)


def _randperm_from_infer(n: int, source: object, dtype: int | None, *_: object) -> TensorSpec:
    return _randperm_infer(n, dtype)


@FAMILY.op("aten::randperm.generator", infer=_randperm_from_infer, draws=True)
def randperm_from(n: int, source: RandomSource | None, dtype: int | None, *_: object) -> Array:
    """The integers below `n` in random order."""
    kind = _randperm_infer(n, dtype).dtype
    with drawing(source) as numbers:
        return permutation(numbers, n).astype(kind.numpy)


@FAMILY.op("aten::randperm", infer=_randperm_infer, draws=True)
def randperm(n: int, dtype: int | None, *_: object) -> Array:
    """The integers below `n` in random order."""
    return randperm_from(n, None, dtype)


# --- tensors filled ---


@FAMILY.op("aten::random_", kind="inplace", draws=True)
def random_in_place(self: Array, source: RandomSource | None) -> Array:
    """Integers from 0 to the largest."""
    dtype = dtypes.by_numpy(self.dtype)
    if not self.size:
        return self
    if dtype.is_complex:
        raise DTypeError(f"random_: requires a real dtype; got {dtype.name}")
    with drawing(source) as numbers:
        return fill(self, natural_integers(numbers, self.size, dtype))


@FAMILY.op("aten::random_.to", kind="inplace", draws=True)
def random_to_in_place(self: Array, to: int, source: RandomSource | None) -> Array:
    """Integers in ``[0, to)``."""
    return fill_integers(self, source, 0, to)


@FAMILY.op("aten::random_.from", kind="inplace", draws=True)
def random_from_in_place(self: Array, low: int, to: int | None, source: RandomSource | None) -> Array:
    """Integers in ``[low, to)``."""
    return fill_integers(self, source, low, to)


@FAMILY.op("aten::random", infer=like_self, draws=True, layout=ResultLayout.ELEMENTWISE)
def random(self: Array, source: RandomSource | None) -> Array:
    """Integers from 0 to the largest."""
    return random_in_place(empty_like(self), source)


@FAMILY.op("aten::random.to", infer=like_self, draws=True, layout=ResultLayout.ELEMENTWISE)
def random_to(self: Array, to: int, source: RandomSource | None) -> Array:
    """Integers in ``[0, to)``."""
    return fill_integers(empty_like(self), source, 0, to)


@FAMILY.op("aten::random.from", infer=like_self, draws=True, layout=ResultLayout.ELEMENTWISE)
def random_from(self: Array, low: int, to: int | None, source: RandomSource | None) -> Array:
    """Integers in ``[low, to)``."""
    return fill_integers(empty_like(self), source, low, to)
