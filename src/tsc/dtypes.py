"""Element types: one record per dtype, with its spelling in MLIR, NumPy and TorchScript."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from tsc.errors import DTypeError

Array: TypeAlias = np.ndarray[Any, Any]
"""A tensor's elements, of whatever shape and dtype."""
Number: TypeAlias = bool | int | float | complex
"""What schemas call a Scalar."""
Real: TypeAlias = bool | int | float
"""A Scalar that must not be complex."""


class Category(IntEnum):
    """What kind of number a dtype holds; type promotion compares categories first."""

    BOOL = 0
    INTEGRAL = 1
    FLOATING = 2
    COMPLEX = 3


SCALAR_TYPES = {
    "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "float16": "Half",
    "float32": "Float", "float64": "Double", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    "bool": "Bool", "bfloat16": "BFloat16",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class DType:
    """An element type. There is one instance of each, so identity is equality."""

    name: str
    """As `tsc` and PyTorch spell it: ``float32``."""
    mlir: str
    """As MLIR and the dumps spell it: ``f32``."""
    code: int
    """PyTorch's ``ScalarType`` number: how TorchScript passes a dtype (as an int)."""
    numpy: np.dtype[Any]
    category: Category

    @property
    def scalar_type(self) -> str:
        """PyTorch's name of it in messages: ``Float``, ``Long``."""
        return SCALAR_TYPES[self.name]

    @property
    def size_bytes(self) -> int:
        """Bytes of one element."""
        return self.numpy.itemsize

    @property
    def is_floating(self) -> bool:
        """Whether this is a real floating dtype (complex is not)."""
        return self.category is Category.FLOATING

    @property
    def is_complex(self) -> bool:
        """Whether this is a complex dtype."""
        return self.category is Category.COMPLEX

    @property
    def is_integral(self) -> bool:
        """Whether this is an integer dtype (bool is not)."""
        return self.category is Category.INTEGRAL

    @property
    def is_signed(self) -> bool:
        """Whether values below zero exist."""
        return self is not BOOL and self is not U8

    @property
    def bits(self) -> int:
        """Bits of one element in memory."""
        return 8 * self.size_bytes

    def __repr__(self) -> str:
        return f"tsc.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (by_mlir, (self.mlir,))


def _dtype(name: str, mlir: str, code: int, numpy: Any, category: Category) -> DType:
    return DType(name, mlir, code, np.dtype(numpy), category)


U8 = _dtype("uint8", "ui8", 0, np.uint8, Category.INTEGRAL)
I8 = _dtype("int8", "si8", 1, np.int8, Category.INTEGRAL)
I16 = _dtype("int16", "si16", 2, np.int16, Category.INTEGRAL)
I32 = _dtype("int32", "si32", 3, np.int32, Category.INTEGRAL)
I64 = _dtype("int64", "si64", 4, np.int64, Category.INTEGRAL)
F16 = _dtype("float16", "f16", 5, np.float16, Category.FLOATING)
F32 = _dtype("float32", "f32", 6, np.float32, Category.FLOATING)
F64 = _dtype("float64", "f64", 7, np.float64, Category.FLOATING)
C64 = _dtype("complex64", "complex<f32>", 9, np.complex64, Category.COMPLEX)
C128 = _dtype("complex128", "complex<f64>", 10, np.complex128, Category.COMPLEX)
BOOL = _dtype("bool", "i1", 11, np.bool_, Category.BOOL)
BF16 = _dtype("bfloat16", "bf16", 15, ml_dtypes.bfloat16, Category.FLOATING)

ALL = (U8, I8, I16, I32, I64, F16, F32, F64, C64, C128, BOOL, BF16)
INTEGRAL = (U8, I8, I16, I32, I64)
FLOATING = (F16, F32, F64, BF16)
COMPLEX = (C64, C128)
NOT_FLOATING = (*INTEGRAL, BOOL, *COMPLEX)
REDUCED = (F16, BF16)
"""Dtypes whose arithmetic is done in float32 and rounded once at the end."""


@cache
def _by(field: str) -> dict[Any, DType]:
    return {getattr(dtype, field): dtype for dtype in ALL}


def by_name(name: str) -> DType:
    """The dtype PyTorch calls ``torch.<name>``.

    Raises:
        DTypeError: there is none, as of quantized numbers.
    """
    found = _by("name").get(name)
    if found is None:
        known = ", ".join(dtype.name for dtype in ALL)
        raise DTypeError(f"torch.{name} is no dtype of tsc; those are {known}")
    return found


def by_mlir(text: str) -> DType:
    """The dtype MLIR spells `text`."""
    return _by("mlir")[text]


def by_code(code: int) -> DType:
    """The dtype with PyTorch's ``ScalarType`` number `code`.

    Raises:
        ValueError: no dtype of `tsc` has that number.
    """
    try:
        return _by("code")[code]
    except KeyError:
        raise ValueError(f"dtype: ScalarType must be one of {sorted(_by('code'))}; got {code}") from None


def by_numpy(dtype: np.dtype[Any]) -> DType:
    """The dtype that stores its elements as NumPy's `dtype`.

    Raises:
        DTypeError: TorchScript has no such element type, or it is not in this machine's order of bytes.
    """
    try:
        return _by("numpy")[dtype]
    except KeyError:
        known = ", ".join(d.numpy.name for d in ALL)
        raise DTypeError(f"dtype: requires one of {known}; got {dtype}") from None
