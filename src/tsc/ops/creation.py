"""Tensors made from nothing, from numbers, or in the likeness of another tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dims import Dim
from tsc.dtypes import Array, DType, Number
from tsc.errors import ShapeError
from tsc.narrowing import is_array
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output
from tsc.ops.numpy_emitter import NumpyEmitter
from tsc.ops.promotion import of_number
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, like_self
from tsc.ops.strides import strided_view
from tsc.ops.variants import in_place

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
        def fill(first: Any, *rest: Any) -> Array:
            spec = rule(spec_of(first) if is_array(first) else first, *rest)
            return np.full(spec.shape, value, spec.dtype.numpy)

    define(f"aten::{name}", _infer)
    define(f"aten::{name}_like", _like_infer)
    define(f"aten::new_{name}", _new_infer)


_fill("zeros", 0)
_fill("ones", 1)


def _of_size(kernel: KernelBuilder, spec: TensorSpec, size: Dim) -> KernelValue:
    """A symbolic size in every place: it is computed where it is stored."""

    def body(builder: BodyBuilder, _: list[Scalar], __: list[Scalar]) -> list[Scalar]:
        return [builder.scalar(cast("int", size), spec.dtype)]

    return kernel.generic([], [Output(spec)], "p" * spec.ndim, body, "fill")[0]


def _define_full(schema: str, rule: Callable[..., TensorSpec], position: int, **parts: object) -> None:
    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        spec, value = rule(*specs_of(arguments)), arguments[position]
        if isinstance(value, Dim):
            return _of_size(kernel, spec, value)
        return kernel.full(spec, value)

    @FAMILY.op(
        schema, infer=rule, lower=lower, kind="pointwise",
        reads_shape_only=rule is not _full_infer, layout=_layout(rule),
        elements_only=("fill_value", "value"), **parts,
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
    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        """Zeros: elements that nobody may rely on are as good as any."""
        return kernel.full(rule(*specs_of(arguments)), 0)

    @FAMILY.op(schema, infer=rule, lower=lower, kind="pointwise", layout=layout)
    def empty(*arguments: object) -> Array:
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
    if src.dtype == self.dtype and src.shape == self.shape:
        return np.array(src)
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


_copy_by_element = in_place(FAMILY.operators["aten::copy"])


@FAMILY.op("aten::copy_", kind="inplace")
def copy_(self: Array, src: Array, non_blocking: bool) -> Array:
    """`src` stored into `self`, converted and broadcast. Where they share places, all of `src` is read first:
    PyTorch leaves the order of its reads and writes open.
    """
    if src.dtype != self.dtype or src.shape != self.shape or not self.flags.forc:
        return _copy_by_element(self, src, non_blocking)
    self[...] = src.copy() if _is_torn_by_numpy(self, src) else src
    return self


def _is_torn_by_numpy(target: Array, source: Array) -> bool:
    """Whether NumPy reads elements of `source` after it has written them: it takes a copy of what overlaps,
    or goes through lines of one dim from the end that is safe, which for other strides is none.
    """
    return target.ndim == 1 and target.strides != source.strides and np.may_share_memory(target, source)


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
