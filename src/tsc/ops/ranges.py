"""Tensors of numbers at equal distances: ``arange``, ``range``, ``linspace``, ``logspace``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import Dim, holds_dim
from tsc.dtypes import Array, DType, Number, Real
from tsc.errors import CodegenError, DTypeError, ShapeError
from tsc.ops.creation import dtype_or
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output
from tsc.ops.scalar import Scalar

FAMILY = Family()


def _arange_infer(start: Any, end: Any, step: Any, dtype: int | None) -> TensorSpec:
    numbers = (start, end, step)
    target = dtype_or(dtype, dtypes.F32 if any(isinstance(n, float) for n in numbers) else dtypes.I64)
    if step == 0:
        raise ShapeError("step must be nonzero")
    if not all(isinstance(n, Dim) or math.isfinite(n) for n in (start, end)):
        raise ShapeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    if target.is_integral:
        start, end, step = (n if isinstance(n, Dim) else int(n) for n in numbers)
        if step == 0:
            raise ShapeError("step must be nonzero")
        return TensorSpec((max(-((start - end) // step), 0),), target)
    if holds_dim(numbers) and not any(isinstance(n, float) for n in numbers):
        return TensorSpec((-((start - end) // step),), target)
    return TensorSpec((math.ceil((end - start) / step),), target)


def _arange_eager(start: Real, end: Real, step: Real, dtype: int | None) -> Array:
    spec = _arange_infer(start, end, step, dtype)
    count = np.arange(spec.shape[0])
    if spec.dtype.is_integral:
        return (int(start) + count * int(step)).astype(spec.dtype.numpy)
    return (float(start) + count * float(step)).astype(spec.dtype.numpy)


def _arange_lower(
    kernel: KernelBuilder, start: Real, end: Real, step: Real, dtype: int | None
) -> KernelValue:
    spec = _arange_infer(start, end, step, dtype)
    if spec.dtype is dtypes.BOOL:
        raise CodegenError("arange: bools have no native form")
    wide, kind = (dtypes.I64, int) if spec.dtype.is_integral else (dtypes.F64, float)

    def body(builder: BodyBuilder, _: list[Scalar], __: list[Scalar]) -> list[Scalar]:
        place = builder.index_scalar(0, dtypes.I64).to(wide)
        first, pace = (n if isinstance(n, Dim) else kind(n) for n in (start, step))
        return [(place * pace + first).to(spec.dtype)]

    return kernel.generic([], [Output(spec)], "p", body, "aten::arange")[0]


def _define_arange(name: str, given: int) -> None:
    """``arange`` with `given` numbers: end; start and end; or all three."""

    def numbers(arguments: Sequence[Any]) -> tuple[Any, Any, Any, int | None]:
        start, end, step = ((0, *arguments[:1], 1), (*arguments[:2], 1), arguments[:3])[given - 1]
        return start, end, step, arguments[given]

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        return _arange_lower(kernel, *numbers(arguments))

    def infer(*arguments: object) -> TensorSpec:
        return _arange_infer(*numbers(arguments))

    @FAMILY.op(name, infer=infer, lower=lower, kind="pointwise")
    def arange(*arguments: object) -> Array:
        return _arange_eager(*numbers(arguments))


_define_arange("aten::arange", 1)
_define_arange("aten::arange.start", 2)
_define_arange("aten::arange.start_step", 3)


@FAMILY.op("aten::range.step")
def range_step(start: Real, end: Real, step: Real, dtype: int | None, *_: object) -> Array:
    """As `arange`, but `end` included."""
    if step == 0:
        raise ShapeError("step must be nonzero")
    if (end - start) * step < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    count = np.arange(math.floor((end - start) / step) + 1)
    return (start + count * step).astype(dtype_or(dtype, dtypes.F32).numpy)


@FAMILY.op("aten::range")
def range_(start: Real, end: Real, dtype: int | None, *_: object) -> Array:
    """As `arange`, but `end` included."""
    return range_step(start, end, 1, dtype)


def _number(value: Number | Array) -> Number:
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim:
        raise ShapeError(
            "linspace only supports 0-dimensional start and end tensors, but got start with "
            f"{value.ndim} dimension(s)."
        )
    return value.item()


def _linspace_dtype(start: Number | TensorSpec, end: Number | TensorSpec, dtype: int | None) -> DType:
    is_complex = any(
        isinstance(n, complex) or (isinstance(n, TensorSpec) and n.dtype.is_complex) for n in (start, end)
    )
    result = dtype_or(dtype, dtypes.C64 if is_complex else dtypes.F32)
    if is_complex and not result.is_complex:
        raise DTypeError(
            f"linspace(): inferred dtype complex64 can't be safely cast to passed dtype {result.name}"
        )
    return result


def _linspace_infer(
    start: Number | TensorSpec, end: Number | TensorSpec, steps: int, dtype: int | None, *_: object
) -> TensorSpec:
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    return TensorSpec((steps,), _linspace_dtype(start, end, dtype))


def _spread(start: Number, end: Number, steps: int, dtype: DType) -> Array:
    """`steps` numbers from `start` to `end`, counted from the nearer end, as PyTorch does."""
    if steps == 0:
        return np.zeros(0)
    kind = np.complex128 if dtype.is_complex else np.float64
    first, last = (np.asarray(n).astype(dtype.numpy).astype(kind) for n in (start, end))
    place = np.arange(steps)
    step = (last - first) / max(steps - 1, 1)
    return np.where(place < steps // 2, first + place * step, last - (steps - 1 - place) * step)


@FAMILY.op(
    "aten::linspace", "aten::linspace.Tensor_Tensor", "aten::linspace.Tensor_Scalar",
    "aten::linspace.Scalar_Tensor", infer=_linspace_infer,
)  # fmt: skip
def linspace(start: Number | Array, end: Number | Array, steps: int, dtype: int | None, *_: object) -> Array:
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    first, last = _number(start), _number(end)
    spec = _linspace_infer(first, last, steps, dtype)
    if steps == 1:
        last = first
    return _spread(first, last, steps, spec.dtype).astype(spec.dtype.numpy)


def _logspace_infer(
    start: Number | TensorSpec,
    end: Number | TensorSpec,
    steps: int,
    base: float,
    dtype: int | None,
    *_: object,
) -> TensorSpec:
    return _linspace_infer(start, end, steps, dtype)


@FAMILY.op(
    "aten::logspace", "aten::logspace.Tensor_Tensor", "aten::logspace.Tensor_Scalar",
    "aten::logspace.Scalar_Tensor", infer=_logspace_infer,
)  # fmt: skip
def logspace(
    start: Number | Array, end: Number | Array, steps: int, base: float, dtype: int | None, *_: object
) -> Array:
    """``base ** x`` for `linspace`'s ``x``."""
    first, last = _number(start), _number(end)
    spec = _linspace_infer(first, last, steps, dtype)
    exponents = _spread(first, first if steps == 1 else last, steps, spec.dtype)
    with np.errstate(all="ignore"):
        return np.power(base, exponents).astype(spec.dtype.numpy)
