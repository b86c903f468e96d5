"""Tensors made of what Python has: numbers, lists, arrays, and whatever shares its memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.errors import ArgumentError
from tsc.runtime.dispatch import operator_function, requiring
from tsc.runtime.tensor import Tensor

_NUMBERS = {bool: dtypes.BOOL, int: dtypes.I64, float: dtypes.F32, complex: dtypes.C64}
"""What numbers become where no dtype is given."""


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of `array`.

    >>> array = numpy.zeros(2, numpy.float32)
    >>> tsc.from_numpy(array).add_(1)
    tensor([1., 1.])
    >>> array
    array([1., 1.], dtype=float32)

    Raises:
        ArgumentError: it is no array, or of a dtype that no tensor has.
    """
    if not isinstance(array, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance] - of any caller
        raise ArgumentError(f"from_numpy: requires a NumPy array; got {type(array).__name__}")
    return Tensor(_array_of(array).view())


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of whatever has ``__dlpack__``."""
    return from_numpy(np.from_dlpack(source))


def tensor(
    data: Any, *, dtype: DType | None = None, device: object = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of `data`: a number, (nested) lists of numbers, an array, or a tensor.

    `dtype` is that of the data, where it is not given; of numbers float32, int64, bool or complex64.

    >>> tsc.tensor([[1, 2], [3, 4]], dtype=tsc.float32).sum(0)
    tensor([4., 6.])

    Raises:
        OperatorError: gradients are wanted of integers.
    """
    return requiring(_copied(data, dtype, device), requires_grad)


def _copied(data: Any, dtype: DType | None, device: object) -> Tensor:
    kind = next((kind for python, kind in _NUMBERS.items() if type(data) is python), None)
    if kind is not None:
        return Tensor(np.array(data, (dtype or kind).numpy))
    if isinstance(data, (Tensor, np.ndarray, np.generic)):
        array = _array_of(data).copy()
        return Tensor(array if dtype is None else array.astype(dtype.numpy))
    return operator_function("tensor")(data, dtype=dtype, device=device)


def _array_of(data: Any) -> np.ndarray[Any, Any]:
    """The array of a tensor, or what NumPy has as one.

    Raises:
        DTypeError: it is of a dtype that no tensor has.
    """
    array: np.ndarray[Any, Any] = data.array if isinstance(data, Tensor) else np.asarray(data)
    dtypes.by_numpy(array.dtype)
    return array


def as_tensor(data: Any, dtype: DType | None = None, device: object = None) -> Tensor:
    """As `tensor`, sharing the memory of an array or a tensor whose dtype is right."""
    if isinstance(data, Tensor):
        return data if dtype is None else operator_function("to")(data, dtype)
    if isinstance(data, np.ndarray):
        array = _array_of(data).view()
        return Tensor(array if dtype is None or dtype.numpy == array.dtype else array.astype(dtype.numpy))
    return tensor(data, dtype=dtype, device=device)


def is_tensor(value: object) -> bool:
    """Whether it is a `Tensor`."""
    return isinstance(value, Tensor)


def get_default_dtype() -> DType:
    """The dtype of tensors made of floats: float32."""
    return dtypes.F32


def set_default_dtype(dtype: DType) -> None:
    """Say that tensors made of floats are float32, as they are.

    Raises:
        ArgumentError: it is to be another than float32.
    """
    if dtype is not dtypes.F32:
        raise ArgumentError(
            f"set_default_dtype: requires tsc.float32; got {dtype!r}. Give dtypes where you need others."
        )


tensor.__dict__["__tsc_builtin__"] = "aten::tensor"
as_tensor.__dict__["__tsc_builtin__"] = "aten::as_tensor"
