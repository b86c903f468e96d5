"""``finfo`` and ``iinfo``: what the numbers of a dtype can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from tsc.dtypes import F32, DType
from tsc.errors import ArgumentError


@dataclass(frozen=True, repr=False)
class finfo:  # noqa: N801 - as PyTorch and NumPy call it
    """The limits of a floating-point dtype (float32, where none is given); of a complex one, those of its
    parts.

    Raises:
        ArgumentError: it is an integer dtype.
    """

    dtype_: DType = F32
    bits: int = field(init=False)
    eps: float = field(init=False)
    """The distance from 1 to the next number."""
    max: float = field(init=False)
    min: float = field(init=False)
    tiny: float = field(init=False)
    """The smallest positive number of full precision."""
    smallest_normal: float = field(init=False)
    resolution: float = field(init=False)
    dtype: str = field(init=False)

    def __post_init__(self) -> None:
        kind = self.dtype_
        if not (kind.is_floating or kind.is_complex):
            raise ArgumentError(
                f"finfo: requires a floating-point dtype; got {kind!r}. iinfo is for integers."
            )
        part = _part_of(kind)
        found = _described(part)
        object.__setattr__(self, "bits", int(found.bits))
        for name in ("eps", "max", "min", "smallest_normal", "resolution"):
            object.__setattr__(self, name, float(getattr(found, name)))
        object.__setattr__(self, "tiny", self.smallest_normal)
        object.__setattr__(self, "dtype", str(part))

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in names)}, dtype={self.dtype})"


@dataclass(frozen=True, repr=False)
class iinfo:  # noqa: N801
    """The limits of an integer dtype.

    Raises:
        ArgumentError: it is another dtype.
    """

    dtype_: DType
    bits: int = field(init=False)
    max: int = field(init=False)
    min: int = field(init=False)
    dtype: str = field(init=False)

    def __post_init__(self) -> None:
        kind = self.dtype_
        if kind.numpy is np.bool_ or np.dtype(kind.numpy).kind not in "iu":
            raise ArgumentError(f"iinfo: requires an integer dtype; got {kind!r}")
        found = np.iinfo(kind.numpy)
        for name, value in (("bits", found.bits), ("max", int(found.max)), ("min", int(found.min))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "dtype", str(found.dtype))

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def _described(part: Any) -> Any:
    return ml_dtypes.finfo(part)  # pyright: ignore[reportUnknownVariableType]


def _part_of(kind: DType) -> Any:
    """The dtype of NumPy of the numbers, or of the parts of complex ones."""
    array: Any = np.empty(0, kind.numpy)
    return array.real.dtype
