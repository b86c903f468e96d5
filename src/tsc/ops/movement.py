"""Operators that move elements without computing: choices, concatenation, padding, repetition."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import is_known
from tsc.dtypes import Array, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.copies import lower_convert
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of, spec_of_parts, specs_of
from tsc.ops.kernel_builder import KernelBuilder
from tsc.ops.kernel_values import KernelValue, constant, dim
from tsc.ops.parts_emitter import Parts, PartsEmitter
from tsc.ops.promotion import result_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import like_self, wrap_dim
from tsc.ops.strides import suggested

FAMILY = Family()


def _where_infer(condition: TensorSpec, self: TensorSpec | Number, other: TensorSpec | Number) -> TensorSpec:
    from tsc.ops.shapes import broadcast

    shapes = [v.shape for v in (condition, self, other) if isinstance(v, TensorSpec)]
    return TensorSpec(broadcast(*shapes), result_dtype([self, other]))


def _where_eager(condition: Array, self: Array | Number, other: Array | Number) -> Array:
    """`self` where `condition` holds, else `other`."""
    specs = specs_of([self, other])
    dtype = result_dtype(specs).numpy
    a, b = (np.asarray(v).astype(dtype, copy=False) for v in (self, other))
    return np.asarray(np.where(condition != 0, a, b))


def _where_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    specs = [a.spec if isinstance(a, KernelValue) else a for a in arguments]
    spec = _where_infer(*specs)
    tensors = [a for a in arguments if isinstance(a, KernelValue)]
    if not isinstance(arguments[0], KernelValue):  # it is known
        chosen = arguments[1] if arguments[0] else arguments[2]
        if not isinstance(chosen, KernelValue):
            return kernel.full(spec, chosen)
        return kernel.elementwise([chosen], spec, lambda x: x.to(spec.dtype), "aten::where")

    def body(condition: Scalar, *rest: Scalar) -> Scalar:
        given = iter(rest)
        chosen = [
            next(given).to(spec.dtype) if isinstance(a, KernelValue)
            else Scalar(condition.emitter, condition.emitter.const(a, spec.dtype), spec.dtype)
            for a in arguments[1:]
        ]  # fmt: skip
        return condition.to(dtypes.BOOL).where(chosen[0], chosen[1])

    return kernel.elementwise(tensors, spec, body, "aten::where")


def _where_parts(aten: Aten, condition: AnyTensor, self: Any, other: Any) -> Parts:
    given = [spec_of_parts(aten, v) for v in (self, other)]
    emitter, target = PartsEmitter(aten), result_dtype(given)
    parts = [
        emitter.cast(v, s.dtype, target) if isinstance(s, TensorSpec) else emitter.const(v, target)
        for v, s in zip((self, other), given, strict=True)
    ]
    return emitter.select(condition, parts[0], parts[1], target)


FAMILY.op(
    "aten::where.self", "aten::where.ScalarOther", "aten::where.ScalarSelf", "aten::where.Scalar",
    infer=_where_infer, lower=_where_lower, kind="pointwise", in_parts=_where_parts,
    elements_only=("self", "other"),
)(_where_eager)  # fmt: skip


def _masked_fill_infer(self: TensorSpec, mask: TensorSpec, value: Number | TensorSpec) -> TensorSpec:
    from tsc.ops.shapes import broadcast

    if isinstance(value, TensorSpec) and value.ndim:
        raise ShapeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
            "dimension(s)."
        )
    is_complex = value.dtype.is_complex if isinstance(value, TensorSpec) else isinstance(value, complex)
    if is_complex and not self.dtype.is_complex:
        raise DTypeError(f"value cannot be converted to type {self.dtype.scalar_type} without overflow")

    return TensorSpec(broadcast(self.shape, mask.shape), self.dtype)


def _masked_fill_eager(self: Array, mask: Array, value: Number | Array) -> Array:
    _masked_fill_infer(*specs_of([self, mask, value]))
    return np.asarray(np.where(mask, np.asarray(value).astype(self.dtype), self))


def _masked_fill_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, mask, value = arguments
    spec = _masked_fill_infer(x.spec, mask.spec, value)
    tensors = [v for v in (x, mask, value) if isinstance(v, KernelValue)]

    def body(element: Scalar, masked: Scalar, *filler: Scalar) -> Scalar:
        return masked.where(filler[0].to(spec.dtype) if filler else element.lift(value), element)

    return kernel.elementwise(tensors, spec, body, "aten::masked_fill")


FAMILY.op(
    "aten::masked_fill.Scalar",
    "aten::masked_fill.Tensor",
    infer=_masked_fill_infer,
    lower=_masked_fill_lower,
    kind="pointwise",
    elements_only=("value",),
    takes_overlap=True,
    layout=ResultLayout.ROW_MAJOR,
)(_masked_fill_eager)


def _is_nothing(part: TensorSpec) -> bool:
    """Whether a part is a vector that certainly has no elements, which may stand beside any other."""
    return part.ndim == 1 and is_known(part.shape[0]) and part.shape[0] == 0


def _cat_infer(tensors: Sequence[TensorSpec], dim: int) -> TensorSpec:
    if not tensors:
        raise ShapeError("torch.cat(): expected a non-empty list of Tensors")
    parts = [t for t in tensors if not _is_nothing(t)] or list(tensors)[:1]
    first = parts[0]
    if first.ndim == 0:
        raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    axis = wrap_dim(dim, first.ndim)
    for i, part in enumerate(parts):
        if part.ndim != first.ndim:
            raise ShapeError(f"Tensors must have same number of dimensions: got {first.ndim} and {part.ndim}")
        for d, (m, n) in enumerate(zip(first.shape, part.shape, strict=True)):
            if d != axis and m != n:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {m} but got size "
                    f"{n} for tensor number {i} in the list."
                )
    shape = tuple(sum(p.shape[axis] for p in parts) if d == axis else n for d, n in enumerate(first.shape))
    return TensorSpec(shape, result_dtype(tensors))


def _cat_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    tensors, axis = arguments
    spec = _cat_infer([t.spec for t in tensors], axis)
    parts = [
        lower_convert(kernel, t, spec.dtype.code) if t.spec.dtype is not spec.dtype else t for t in tensors
    ]
    return kernel.concat([p for p in parts if not _is_nothing(p.spec)], spec, wrap_dim(axis, spec.ndim))


@FAMILY.op(
    "aten::cat", "aten::concat", "aten::concatenate", infer=_cat_infer, lower=_cat_lower, kind="concat",
    layout=ResultLayout.SUGGESTED,
)  # fmt: skip
def cat(tensors: Sequence[Array], dim: int) -> Array:
    """The tensors one after the other along `dim`; empty 1-dim tensors are skipped."""
    spec = _cat_infer([spec_of(t) for t in tensors], dim)
    parts = [t for t in tensors if t.shape != (0,)] or list(tensors)[:1]
    return np.concatenate(
        [p.astype(spec.dtype.numpy, copy=False) for p in parts], axis=wrap_dim(dim, spec.ndim)
    )


def _stacked(tensors: Sequence[Array], dim: int) -> Array:
    """Where the new dim comes before an old one, PyTorch joins the tensors along that, which is split."""
    axis = _stack_axis([t.shape for t in tensors], dim)
    first = tensors[0]
    if axis == first.ndim:
        return np.ascontiguousarray(cat([np.expand_dims(t, axis) for t in tensors], axis))
    shape = (*first.shape[:axis], len(tensors), *first.shape[axis:])
    return suggested(cat(tensors, axis), tensors).reshape(shape)


@composite(FAMILY, "aten::stack", eager=_stacked, layout=ResultLayout.FOLLOWING)
def stack(aten: Aten, tensors: Sequence[Any], dim: int) -> AnyTensor:
    """The tensors along a new dim `dim`."""
    axis = _stack_axis([aten.shape(t) for t in tensors], dim)
    return aten("cat", [aten("unsqueeze", t, axis) for t in tensors], axis)


def _stack_axis(shapes: Sequence[Sequence[int]], dim: int) -> int:
    if not shapes:
        raise ShapeError("stack expects a non-empty TensorList")
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and "
                f"{list(shape)} at entry {i}"
            )
    return wrap_dim(dim, len(shapes[0]) + 1)


def _pad_widths(ndim: int, pad: Sequence[int]) -> tuple[list[int], list[int]]:
    low, high = [0] * ndim, [0] * ndim
    for i in range(len(pad) // 2):
        low[ndim - 1 - i], high[ndim - 1 - i] = pad[2 * i], pad[2 * i + 1]
    return low, high


def _pad_infer(self: TensorSpec, pad: Sequence[int], value: Number = 0) -> TensorSpec:
    if len(pad) % 2 or len(pad) > 2 * self.ndim:
        raise ShapeError(
            f"constant_pad_nd: requires an even number of at most {2 * self.ndim} widths; got {len(pad)}"
        )
    low, high = _pad_widths(self.ndim, pad)
    shape = tuple(n + a + b for n, a, b in zip(self.shape, low, high, strict=True))
    if any(n < 0 for n in shape):
        raise ShapeError(f"constant_pad_nd: padding {list(pad)} of {list(self.shape)} leaves a negative size")
    return TensorSpec(shape, self.dtype)


def _pad_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, pad, value = arguments
    low, high = _pad_widths(x.spec.ndim, pad)
    _pad_infer(x.spec, pad)
    cut = x.view(*_cropped(x.spec.shape, low, high))
    padded = kernel.pad(
        cut, [max(n, 0) for n in low], [max(n, 0) for n in high], 0 if value is None else value
    )
    return kernel.elementwise([padded], padded.spec, lambda s: s, "aten::constant_pad_nd")


def _cropped(shape: Sequence[int], low: Sequence[int], high: Sequence[int]) -> tuple[list[int], list[Any]]:
    sizes = [n + min(a, 0) + min(b, 0) for n, a, b in zip(shape, low, high, strict=True)]
    return sizes, [dim(i) - a if a < 0 else dim(i) for i, a in enumerate(low)]


def _pad_parts(aten: Aten, self: Parts, pad: Sequence[int], value: Number) -> Parts:
    filler = complex(value)
    return Parts(
        aten("constant_pad_nd", self.real, pad, filler.real),
        aten("constant_pad_nd", self.imag, pad, filler.imag),
    )


@FAMILY.op(
    "aten::constant_pad_nd", infer=_pad_infer, lower=_pad_lower, kind="pad", in_parts=_pad_parts,
    layout=ResultLayout.SUGGESTED,
)  # fmt: skip
def constant_pad_nd(self: Array, pad: Sequence[int], value: Number | None) -> Array:
    """`value` around the tensor, last dim first in `pad`; negative widths crop."""
    low, high = _pad_widths(self.ndim, pad)
    _pad_infer(spec_of(self), pad)
    cut = self[tuple(slice(max(-a, 0), n + min(b, 0)) for n, a, b in zip(self.shape, low, high, strict=True))]
    widths = [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)]
    return np.pad(cut, widths, constant_values=0 if value is None else value)


@composite(FAMILY, "aten::repeat")
def repeat(aten: Aten, self: AnyTensor, repeats: Sequence[int]) -> AnyTensor:
    """The tensor tiled `repeats` times in each dim."""
    shape = aten.shape(self)
    lead = len(repeats) - len(shape)
    if lead < 0:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    padded = [1] * lead + list(shape)
    split = aten("reshape", self, [n for extent in padded for n in (1, extent)])
    wide = aten("expand", split, [n for r, extent in zip(repeats, padded, strict=True) for n in (r, extent)])
    tiled = aten("reshape", wide, [r * n for r, n in zip(repeats, padded, strict=True)])
    return aten("clone", tiled)


def _flip_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, dims = arguments
    axes = {wrap_dim(d, x.spec.ndim) for d in dims} if x.spec.ndim else set[int]()
    places = [dim(d) * -1 + constant(n - 1) if d in axes else dim(d) for d, n in enumerate(x.spec.shape)]
    return kernel.elementwise([x.view(x.spec.shape, places)], x.spec, lambda element: element, "aten::flip")


@FAMILY.op(
    "aten::flip", infer=like_self, lower=_flip_lower, kind="pointwise", reads_places=True,
    moves_elements=True, layout=ResultLayout.ELEMENTWISE,
)  # fmt: skip
def flip(self: Array, dims: Sequence[int]) -> Array:
    """Dims reversed, in new memory."""
    axes = tuple(wrap_dim(d, self.ndim) for d in dims)
    return (np.flip(self, axes) if self.ndim else self).copy()


def _check_roll(shifts: Sequence[int], dims: Sequence[int]) -> None:
    if len(shifts) != len(dims) and (dims or len(shifts) != 1):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")


def _roll(self: Array, shifts: Sequence[int], dims: Sequence[int]) -> Array:
    _check_roll(shifts, dims)
    return suggested(np.roll(self, shifts, dims), [self]) if dims else np.roll(self, shifts[0])


@composite(FAMILY, "aten::roll", eager=_roll, layout=ResultLayout.FOLLOWING)
def roll(aten: Aten, self: AnyTensor, shifts: Sequence[int], dims: Sequence[int]) -> AnyTensor:
    """Elements moved around cyclically: along `dims`, or as one long row."""
    _check_roll(shifts, dims)
    shape = aten.shape(self)
    if not dims:
        flat = roll(aten, aten("reshape", self, [prod(shape)]), shifts, [0])
        return aten("reshape", flat, list(shape))
    result = self
    for shift, along in zip(shifts, dims, strict=True):
        size = shape[wrap_dim(along, len(shape))]
        cut = -shift % size if size else 0
        if cut:
            parts = [
                aten("slice.Tensor", result, along, cut, size, 1),
                aten("slice.Tensor", result, along, 0, cut, 1),
            ]
            result = aten("cat", parts, along)
    return aten("clone", result, None) if result is self else result
