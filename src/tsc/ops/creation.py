"""Tensors made from nothing, from numbers, or in the likeness of another tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import Dim, holds_dim
from tsc.dtypes import Array, DType, Number, Real
from tsc.errors import CodegenError, DTypeError, ShapeError
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output
from tsc.ops.numpy_emitter import NumpyEmitter
from tsc.ops.promotion import of_number
from tsc.ops.registry import Family, ResultLayout, TensorSpec
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, like_self
from tsc.ops.strides import strided_view

FAMILY = Family()


def dtype_or(code: int | None, default: DType) -> DType:
    """The dtype numbered `code`; `default` when None."""
    return default if code is None else dtypes.by_code(code)


def sized(size: Sequence[int], dtype: DType) -> TensorSpec:
    """The spec of a tensor of `size`.

    Raises:
        ShapeError: a size is negative.
    """
    if any(n < 0 for n in size):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    return TensorSpec(tuple(size), dtype)


def constant(value: Number, dtype: DType) -> Array:
    """`value` as a 0-dim array of `dtype`; integers wrap."""
    with np.errstate(all="ignore"):
        return NumpyEmitter().const(value, dtype)


def _filled(spec: TensorSpec, value: Number) -> Array:
    return np.full(spec.shape, constant(value, spec.dtype), spec.dtype.numpy)


def _infer(size: Sequence[int], dtype: int | None, *_: object) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.F32))


def _like_infer(self: TensorSpec, dtype: int | None, *_: object) -> TensorSpec:
    return TensorSpec(self.shape, dtype_or(dtype, self.dtype))


def _new_infer(self: TensorSpec, size: Sequence[int], dtype: int | None, *_: object) -> TensorSpec:
    return sized(size, dtype_or(dtype, self.dtype))


def _full_like_infer(
    self: TensorSpec, fill_value: Number, dtype: int | None = None, *_: object
) -> TensorSpec:
    return TensorSpec(self.shape, dtype_or(dtype, self.dtype))


def _layout(rule: Callable[..., TensorSpec]) -> ResultLayout:
    """Likenesses lie as what they are like; what has a size of its own is row-major."""
    return ResultLayout.ELEMENTWISE if rule in (_like_infer, _full_like_infer) else ResultLayout.ROW_MAJOR


def _fill(name: str, value: int) -> None:
    """Define ``zeros`` or ``ones`` in all their forms."""

    def define(schema: str, rule: Callable[..., TensorSpec]) -> None:
        def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
            return kernel.full(rule(*specs_of(arguments)), value)

        @FAMILY.op(schema, infer=rule, lower=lower, kind="pointwise", reads_shape_only=rule is not _infer,
            layout=_layout(rule),
        )  # fmt: skip
        def fill(*arguments: Any) -> Array:
            return _filled(rule(*specs_of(arguments)), value)

    define(f"aten::{name}", _infer)
    define(f"aten::{name}_like", _like_infer)
    define(f"aten::new_{name}", _new_infer)


_fill("zeros", 0)
_fill("ones", 1)


def _define_full(schema: str, rule: Callable[..., TensorSpec], position: int, **parts: Any) -> None:
    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        return kernel.full(rule(*specs_of(arguments)), arguments[position])

    @FAMILY.op(
        schema, infer=rule, lower=lower, kind="pointwise",
        reads_shape_only=rule is not _full_infer, layout=_layout(rule), **parts,
    )  # fmt: skip
    def full(*arguments: Any) -> Array:
        return _filled(rule(*specs_of(arguments)), arguments[position])


def _full_infer(size: Sequence[int], fill_value: Number, dtype: int | None, *_: object) -> TensorSpec:
    return sized(size, dtype_or(dtype, of_number(fill_value)))


def _new_full_infer(
    self: TensorSpec, size: Sequence[int], fill_value: Number, dtype: int | None, *_: object
) -> TensorSpec:
    return sized(size, dtype_or(dtype, self.dtype))


_define_full("aten::full", _full_infer, 1)
_define_full("aten::full_like", _full_like_infer, 1)
_define_full("aten::new_full", _new_full_infer, 2)
_define_full("aten::fill.Scalar", _full_like_infer, 1, takes_overlap=True)


def _define_empty(
    schema: str, rule: Callable[..., TensorSpec], layout: ResultLayout = ResultLayout.ROW_MAJOR
) -> None:
    @FAMILY.op(schema, infer=rule, layout=layout)
    def empty(*arguments: Any) -> Array:
        spec = rule(*specs_of(arguments))
        return np.empty(spec.shape, spec.dtype.numpy)


_define_empty("aten::empty.memory_format", _infer)
_define_empty("aten::empty_like", _like_infer, ResultLayout.ELEMENTWISE)
_define_empty("aten::new_empty", _new_infer)


def _empty_strided_infer(
    size: Sequence[int], stride: Sequence[int], dtype: int | None, *_: object
) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.F32))


def _new_empty_strided_infer(
    self: TensorSpec, size: Sequence[int], stride: Sequence[int], dtype: int | None, *_: object
) -> TensorSpec:
    return sized(size, dtype_or(dtype, self.dtype))


def _strided(size: Sequence[int], stride: Sequence[int], dtype: DType) -> Array:
    sized(size, dtype)
    extent = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0
    memory = np.empty(extent, dtype.numpy)
    return strided_view(memory, size, [s * dtype.size_bytes for s in stride])


@FAMILY.op("aten::empty_strided", infer=_empty_strided_infer)
def empty_strided(size: Sequence[int], stride: Sequence[int], dtype: int | None, *_: object) -> Array:
    """Uninitialized memory with the given strides."""
    return _strided(size, stride, dtype_or(dtype, dtypes.F32))


@FAMILY.op(
    "aten::new_empty_strided",
    infer=_new_empty_strided_infer,
)
def new_empty_strided(
    self: Array, size: Sequence[int], stride: Sequence[int], dtype: int | None, *_: object
) -> Array:
    """Uninitialized memory with the given strides and the dtype of `self`."""
    return _strided(size, stride, dtype_or(dtype, dtypes.by_numpy(self.dtype)))


# --- filling and copying ---


def _copy_infer(self: TensorSpec, src: TensorSpec, *_: object) -> TensorSpec:
    if broadcast(self.shape, src.shape) != self.shape:
        raise ShapeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape "
            f"{list(broadcast(self.shape, src.shape))}"
        )
    return self


def _copy_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    target, source = arguments[:2]
    spec = _copy_infer(target.spec, source.spec)
    return kernel.elementwise([source], spec, lambda s: s.to(spec.dtype), "aten::copy")


def _copied(self: Array, src: Array) -> Array:
    _copy_infer(spec_of(self), spec_of(src))
    with np.errstate(all="ignore"):
        source = src.real if np.iscomplexobj(src) and self.dtype.kind != "c" else src
        return np.array(np.broadcast_to(source.astype(self.dtype, copy=False), self.shape))


@FAMILY.op("aten::copy", infer=_copy_infer, lower=_copy_lower, kind="pointwise")
def copy(self: Array, src: Array, non_blocking: bool) -> Array:
    """`src` with the shape and dtype of `self`."""
    return _copied(self, src)


@FAMILY.op("aten::fill.Tensor", infer=_copy_infer, lower=_copy_lower, kind="pointwise")
def fill_tensor(self: Array, value: Array) -> Array:
    """The 0-dim tensor `value` everywhere."""
    if value.ndim:
        raise ShapeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    return _copied(self, value)


def _zero_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    return kernel.full(arguments[0].spec, 0)


@FAMILY.op("aten::zero", infer=like_self, lower=_zero_lower, kind="pointwise", takes_overlap=True)
def zero(self: Array) -> Array:
    """Zeros of the same shape and dtype."""
    return np.zeros(self.shape, self.dtype)


@FAMILY.op("aten::copy_.Tensor", kind="inplace")
def copy_tensor(self: Array, other: Array) -> Array:
    """`other` stored into `self`, converted and broadcast."""
    self[...] = _copied(self, other)
    return self


@FAMILY.op("aten::copy_.int", "aten::copy_.float", kind="inplace")
def copy_number(self: Array, other: int | float) -> Array:
    """A number stored everywhere in `self`."""
    self[...] = constant(other, dtypes.by_numpy(self.dtype))
    return self


# --- ranges ---


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

    def infer(*arguments: Any) -> TensorSpec:
        return _arange_infer(*numbers(arguments))

    @FAMILY.op(name, infer=infer, lower=lower, kind="pointwise")
    def arange(*arguments: Any) -> Array:
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
