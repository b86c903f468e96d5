"""``torch.tensor`` and relatives: tensors from Python numbers and lists; windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.copies import converted
from tsc.ops.creation import constant, dtype_or
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.promotion import of_number, promote

FAMILY = Family()
Data: TypeAlias = "Number | Sequence[Data] | None"
"""Numbers, alone or in nested lists; None is refused."""


def _nested_shape(data: Data) -> tuple[int, ...]:
    """The shape of nested lists.

    Raises:
        ShapeError: lists at one depth differ in length.
    """
    if not isinstance(data, Sequence):
        return ()
    shapes = [_nested_shape(item) for item in data]
    for shape in shapes:
        if shape != shapes[0]:
            got, expected = (s[0] if s else 0 for s in (shape, shapes[0]))
            raise ShapeError(f"expected sequence of length {expected} at dim 1 (got {got})")
    return (len(data), *(shapes[0] if shapes else ()))


def _nested_dtype(data: Data) -> DType:
    if not isinstance(data, Sequence):
        if data is None:
            raise DTypeError("Input must be of ints, floats, or bools, got NoneType")
        return of_number(data)
    found = [_nested_dtype(item) for item in data]
    result = found[0] if found else dtypes.F32
    for dtype in found[1:]:
        result = promote(result, dtype)
    return result


def _literal_infer(data: Data, dtype: int | None, *_: object) -> TensorSpec:
    return TensorSpec(_nested_shape(data), dtype_or(dtype, _nested_dtype(data)))


@FAMILY.op(
    "aten::tensor", "aten::tensor.bool", "aten::tensor.int", "aten::tensor.float", "aten::tensor.complex",
    "aten::as_tensor.bool", "aten::as_tensor.int", "aten::as_tensor.float", "aten::as_tensor.complex",
    "aten::as_tensor.list", infer=_literal_infer, elements_only=("t", "data"),
)  # fmt: skip
def tensor(data: Data, dtype: int | None, *_: object) -> Array:
    """A tensor of the numbers in `data`; ints become int64, floats float32. An empty list gives float32."""
    spec = _literal_infer(data, dtype)
    if not isinstance(data, Sequence):
        assert data is not None
        return constant(data, spec.dtype)
    wide = _nested_dtype(data)
    exact = np.array(data, np.float64 if wide.is_floating else None if spec.size else np.float64)
    with np.errstate(all="ignore"):
        return np.asarray(exact.astype(spec.dtype.numpy)).reshape(spec.shape)


def _as_tensor_infer(data: TensorSpec, dtype: int | None, *_: object) -> TensorSpec:
    return TensorSpec(data.shape, dtype_or(dtype, data.dtype))


@FAMILY.op("aten::as_tensor", infer=_as_tensor_infer)
def as_tensor(data: Array, dtype: int | None, device: object) -> Array:
    """The tensor itself, or converted to `dtype`."""
    return data if dtype is None else converted(data, dtype)


# --- window functions ---


def _cosine_window(length: int, periodic: bool, weights: Sequence[float], dtype: int | None) -> Array:
    """``w0 - w1 cos(t) + w2 cos(2t)`` over one period."""
    target = dtype_or(dtype, dtypes.F32)
    if length < 0:
        raise ShapeError(f"window: requires a non-negative window_length; got {length}")
    if not target.is_floating:
        raise DTypeError(f"window: expects floating point dtypes; got {target.name}")
    if length <= 1:
        return np.ones(length, target.numpy)
    angle = 2 * np.pi * np.arange(length) / (length if periodic else length - 1)
    terms: list[Array] = [(-1) ** i * w * np.cos(i * angle) for i, w in enumerate(weights)]
    return sum(terms[1:], terms[0]).astype(target.numpy)


def _define_cosine_window(name: str, weights: Sequence[float]) -> None:
    @FAMILY.op(f"aten::{name}")
    def window(window_length: int, dtype: int | None, *_: object) -> Array:
        return _cosine_window(window_length, True, weights, dtype)

    @FAMILY.op(f"aten::{name}.periodic")
    def window_periodic(window_length: int, periodic: bool, dtype: int | None, *_: object) -> Array:
        return _cosine_window(window_length, periodic, weights, dtype)


_define_cosine_window("hann_window", (0.5, 0.5))
_define_cosine_window("hamming_window", (0.54, 0.46))
_define_cosine_window("blackman_window", (0.42, 0.5, 0.08))


@FAMILY.op("aten::hamming_window.periodic_alpha")
def hamming_alpha(window_length: int, periodic: bool, alpha: float, dtype: int | None, *_: object) -> Array:
    """``alpha - 0.46 cos(t)``."""
    return _cosine_window(window_length, periodic, (alpha, 0.46), dtype)


@FAMILY.op("aten::hamming_window.periodic_alpha_beta")
def hamming_alpha_beta(
    window_length: int, periodic: bool, alpha: float, beta: float, dtype: int | None, *_: object
) -> Array:
    """``alpha - beta cos(t)``."""
    return _cosine_window(window_length, periodic, (alpha, beta), dtype)


@FAMILY.op("aten::bartlett_window.periodic")
def bartlett(window_length: int, periodic: bool, dtype: int | None, *_: object) -> Array:
    """The triangle window."""
    if window_length <= 1:
        return np.ones(window_length, dtype_or(dtype, dtypes.F32).numpy)
    place = np.arange(window_length) * 2 / (window_length if periodic else window_length - 1)
    return np.where(place <= 1, place, 2 - place).astype(dtype_or(dtype, dtypes.F32).numpy)


@FAMILY.op("aten::bartlett_window")
def bartlett_default(window_length: int, dtype: int | None, *_: object) -> Array:
    """The triangle window, periodic."""
    return bartlett(window_length, True, dtype)


@FAMILY.op("aten::kaiser_window.beta")
def kaiser_beta(window_length: int, periodic: bool, beta: float, dtype: int | None, *_: object) -> Array:
    """The Kaiser window."""
    target = dtype_or(dtype, dtypes.F32).numpy
    if window_length <= 1:
        return np.ones(window_length, target)
    return np.kaiser(window_length + int(periodic), beta)[:window_length].astype(target)


@FAMILY.op("aten::kaiser_window.periodic")
def kaiser_periodic(window_length: int, periodic: bool, dtype: int | None, *_: object) -> Array:
    """The Kaiser window with ``beta`` 12."""
    return kaiser_beta(window_length, periodic, 12.0, dtype)


@FAMILY.op("aten::kaiser_window")
def kaiser(window_length: int, dtype: int | None, *_: object) -> Array:
    """The periodic Kaiser window with ``beta`` 12."""
    return kaiser_beta(window_length, True, 12.0, dtype)
