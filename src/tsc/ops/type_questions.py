"""Questions about dtypes, and about tensors as PyTorch has them: the answers need no elements."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.ops.definition import Family
from tsc.ops.elementwise import specs_of
from tsc.ops.promotion import promote, result_dtype

FAMILY = Family()


def _asked(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A question answered by the specs of tensors alone."""

    def register(question: Callable[..., Any]) -> Callable[..., Any]:
        def on_arrays(*arguments: Any) -> Any:
            return question(*specs_of(arguments))

        return FAMILY.op(*names, fold=question, kind="query")(on_arrays)

    return register


@_asked(
    "aten::result_type.Tensor",
    "aten::result_type.Scalar",
    "aten::result_type.Scalar_Tensor",
    "aten::result_type.Scalar_Scalar",
)
def result_type(first: Any, second: Any) -> int:
    """PyTorch's number of the dtype that arithmetic on both gives."""
    return result_dtype([first, second]).code


@_asked("aten::is_same_size")
def is_same_size(self: Any, other: Any) -> bool:
    """Whether both have the same sizes."""
    return self.shape == other.shape


@FAMILY.op("aten::promote_types", kind="python")
def promote_types(type1: int, type2: int) -> int:
    """PyTorch's number of the smallest dtype both convert to."""
    return promote(dtypes.by_code(type1), dtypes.by_code(type2)).code


@FAMILY.op("aten::can_cast", kind="python")
def can_cast(from_: int, to: int) -> bool:
    """Whether results of one dtype may be stored in another: not complex ones as real, floats as integers, or
    anything but bools as bools.
    """
    return dtypes.by_code(from_).category <= dtypes.by_code(to).category


def _never(name: str, question: str) -> None:
    def answer(self: Array) -> bool:
        return False

    answer.__doc__ = f"Whether the tensor {question}: never, here."
    FAMILY.op(f"aten::{name}", kind="query", fold=answer)(answer)


_never("is_conj", "is lazily conjugated")
_never("is_neg", "is lazily negated")
_never("is_inference", "was made in inference mode")


@_asked("aten::get_device")
def get_device(self: Any) -> int:
    """The number of the device: -1, the CPU's."""
    return -1


@FAMILY.op("aten::Size", kind="python")
def size(sizes: list[int]) -> list[int]:
    """A list of sizes."""
    return sizes


@FAMILY.op("aten::angle.int", "aten::angle.float", "aten::angle.complex", "aten::angle.Scalar", kind="python")
def angle(a: Number) -> float:
    """The angle of a complex number; of a real one 0 or pi."""
    if isinstance(a, complex):
        return cmath.phase(a)
    return math.nan if math.isnan(a) else math.pi if a < 0 else 0.0


@FAMILY.op(
    "aten::polar.int",
    "aten::polar.float",
    "aten::polar.int_float",
    "aten::polar.float_int",
    "aten::polar.Scalar_Scalar",
    kind="python",
)
def polar(a: float, b: float) -> complex:
    """The complex number of a length and an angle."""
    return complex(a * math.cos(b), a * math.sin(b))
