"""``finfo`` and ``iinfo``: what the numbers of a dtype can be."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from tsc.dtypes import F32, DType
from tsc.errors import ArgumentError


class finfo:  # noqa: N801 - as PyTorch and NumPy call it
    """The limits of a floating-point dtype (float32, where none is given); of a complex one, those of its
    parts.

    Raises:
        ArgumentError: it is an integer dtype.
    """

    def __init__(self, type: DType = F32) -> None:
        if not (type.is_floating or type.is_complex):
            raise ArgumentError(
                f"finfo: requires a floating-point dtype; got {type!r}. iinfo is for integers."
            )
        part = _part_of(type)
        found = _described(part)
        self.dtype = str(part)
        self.bits = int(found.bits)
        self.eps = float(found.eps)
        """The distance from 1 to the next number."""
        self.max, self.min = float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        """The smallest positive number of full precision."""
        self.resolution = float(found.resolution)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in names)}, dtype={self.dtype})"


class iinfo:  # noqa: N801
    """The limits of an integer dtype.

    Raises:
        ArgumentError: it is another dtype.
    """

    def __init__(self, type: DType) -> None:
        if type.numpy.kind not in "iu":
            raise ArgumentError(f"iinfo: requires an integer dtype; got {type!r}")
        found = np.iinfo(type.numpy)
        self.dtype, self.bits = str(found.dtype), found.bits
        self.max, self.min = int(found.max), int(found.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def _described(part: Any) -> Any:
    return ml_dtypes.finfo(part)  # pyright: ignore[reportUnknownVariableType]


def _part_of(kind: DType) -> Any:
    """The dtype of NumPy of the numbers, or of the parts of complex ones."""
    array: Any = np.empty(0, kind.numpy)
    return array.real.dtype
