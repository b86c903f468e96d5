"""`Tensor`: an n-dimensional array with PyTorch's methods, for programs without PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType


class Tensor:
    """A tensor over a NumPy array, which it shares."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array: np.ndarray[Any, Any] = np.asarray(array)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.array.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return dtypes.by_numpy(self.array.dtype)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself; no copy."""
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        body = np.array2string(self.array, separator=", ", prefix="tensor(")
        suffix = "" if self.dtype in (dtypes.F32, dtypes.I64, dtypes.BOOL) else f", dtype={self.dtype!r}"
        return f"tensor({body}{suffix})"
