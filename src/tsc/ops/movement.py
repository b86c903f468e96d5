"""Operators that copy or convert without computing: conversions, clones, concatenation, padding."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import Aten, composite
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.promotion import result_dtype
from tsc.ops.registry import Family, Layout, Sharing, TensorSpec
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import like_self, wrap_dim

FAMILY = Family()
Array = np.ndarray[Any, Any]


def converted(x: Array, dtype: int | None, copy: bool = False) -> Array:
    """`x` as `dtype`, itself where that changes nothing and no copy is wanted."""
    target = x.dtype if dtype is None else dtypes.by_code(dtype).numpy
    if np.iscomplexobj(x) and target.kind != "c":
        x, copy = x.real, True
    with np.errstate(invalid="ignore"):
        return np.asarray(x.astype(target, copy=copy))


CHANNELS_LAST = {2: (0, 2, 3, 1), 3: (0, 2, 3, 4, 1)}
"""PyTorch's numbers of the formats that keep channels innermost, and their order of dims."""


def in_format(x: Array, memory_format: int | None) -> Array:
    """`x` in the order a memory format asks for, itself where it has that already.

    Raises:
        ShapeError: the format does not fit the number of dims.
    """
    order = CHANNELS_LAST.get(memory_format or 0)
    if order is None:
        if memory_format == 0 and not x.flags.c_contiguous:
            return np.array(x, order="C")
        return x
    if x.ndim != len(order):
        raise ShapeError(f"required rank {len(order)} tensor to use channels_last format; got {x.ndim}")
    moved = x.transpose(order)
    return x if moved.flags.c_contiguous else np.array(moved, order="C").transpose(np.argsort(order))


def _lower_convert(kernel: KernelBuilder, x: KernelValue, dtype: int | None) -> KernelValue:
    target = x.spec.dtype if dtype is None else dtypes.by_code(dtype)
    return kernel.elementwise([x], TensorSpec(x.spec.shape, target), lambda s: s.to(target), "aten::to")


def _converted_spec(self: TensorSpec, dtype: int | None) -> TensorSpec:
    return TensorSpec(self.shape, self.dtype if dtype is None else dtypes.by_code(dtype))


_CONVERSIONS: dict[str, int | None] = {
    "aten::to.dtype": 1,
    "aten::to.dtype_layout": 1,
    "aten::to.device": 2,
    "aten::to.prim_dtype": 1,
    "aten::to.prim_Device": 2,
    "aten::to.prim_other": None,
}
"""By schema, the position of the dtype among its arguments."""


def _conversion(name: str, position: int | None) -> None:
    def dtype_of(arguments: Sequence[Any]) -> int | None:
        return None if position is None else arguments[position]

    def infer(*arguments: Any) -> TensorSpec:
        return _converted_spec(arguments[0], dtype_of(arguments))

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        return _lower_convert(kernel, arguments[0], dtype_of(arguments))

    @FAMILY.op(name, infer=infer, lower=lower, kind="pointwise", sharing=Sharing.SOMETIMES, is_identity=True)
    def to(*arguments: Any) -> Array:
        result = converted(arguments[0], dtype_of(arguments), copy=_named(name, arguments, "copy"))
        wanted = _named(name, arguments, "memory_format")
        return result if result is arguments[0] and wanted == 0 else in_format(result, wanted)


def _named(name: str, arguments: Sequence[Any], wanted: str) -> Any:
    """The argument called `wanted`; None where the schema has none."""
    from tsc.dialects.schema import lookup

    schema = lookup(name)
    assert schema is not None
    return next((v for a, v in zip(schema.arguments, arguments, strict=True) if a.name == wanted), None)


for _name, _position in _CONVERSIONS.items():
    _conversion(_name, _position)


@composite(FAMILY, "aten::to.other", sharing=Sharing.SOMETIMES, is_identity=True)
def to_other(
    aten: Aten, self: Any, other: Any, non_blocking: bool, copy: bool, memory_format: int | None
) -> Any:
    """Converted to the dtype of `other`."""
    return aten("to.dtype", self, aten.dtype(other).code, non_blocking, copy, memory_format)


@composite(FAMILY, "aten::type_as", sharing=Sharing.SOMETIMES, is_identity=True)
def type_as(aten: Aten, self: Any, other: Any) -> Any:
    """Converted to the dtype of `other`."""
    return aten("to.dtype", self, aten.dtype(other).code)


def _same(self: TensorSpec, *_: Any) -> TensorSpec:
    return self


def _copy_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    return _lower_convert(kernel, arguments[0], None)


@FAMILY.op(
    "aten::clone",
    infer=_same,
    lower=_copy_lower,
    kind="pointwise",
    is_identity=True,
    layout=Layout.AS_COMPUTED,
)
def clone(self: Array, memory_format: int | None) -> Array:
    """A copy."""
    copied = in_format(self, memory_format)
    return np.array(self, copy=True, order="K") if copied is self else copied


@FAMILY.op(
    "aten::contiguous", infer=_same, lower=_copy_lower, kind="pointwise",
    sharing=Sharing.SOMETIMES, is_identity=True,
)  # fmt: skip
def contiguous(self: Array, memory_format: int) -> Array:
    """The tensor itself if it is row-major (or as `memory_format` says), else a copy that is."""
    return in_format(self, memory_format)


@FAMILY.op(
    "aten::lift_fresh", "aten::cpu", infer=_same, lower=_copy_lower, kind="pointwise",
    sharing=Sharing.SOMETIMES, is_identity=True,
)  # fmt: skip
def lift_fresh(self: Array) -> Array:
    """The tensor itself."""
    return self


@FAMILY.op("aten::requires_grad_", "aten::set_.source_Tensor")
def requires_grad(self: Array, requires_grad: Any) -> Array:
    """The tensor itself: `tsc` computes no gradients."""
    return self


def _where_infer(condition: TensorSpec, self: Any, other: Any) -> TensorSpec:
    from tsc.ops.shapes import broadcast

    shapes = [v.shape for v in (condition, self, other) if isinstance(v, TensorSpec)]
    return TensorSpec(broadcast(*shapes), result_dtype([self, other]))


def _where_eager(condition: Array, self: Any, other: Any) -> Array:
    """`self` where `condition` holds, else `other`."""
    specs = specs_of([self, other])
    dtype = result_dtype(specs).numpy
    a, b = (np.asarray(v).astype(dtype, copy=False) for v in (self, other))
    return np.asarray(np.where(condition != 0, a, b))


def _where_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    specs = [a.spec if isinstance(a, KernelValue) else a for a in arguments]
    spec = _where_infer(*specs)
    tensors = [a for a in arguments if isinstance(a, KernelValue)]

    def body(condition: Scalar, *rest: Scalar) -> Scalar:
        given = iter(rest)
        chosen = [
            next(given).to(spec.dtype) if isinstance(a, KernelValue)
            else Scalar(condition.emitter, condition.emitter.const(a, spec.dtype), spec.dtype)
            for a in arguments[1:]
        ]  # fmt: skip
        return condition.to(dtypes.BOOL).where(chosen[0], chosen[1])

    return kernel.elementwise(tensors, spec, body, "aten::where")


FAMILY.op(
    "aten::where.self", "aten::where.ScalarOther", "aten::where.ScalarSelf", "aten::where.Scalar",
    infer=_where_infer, lower=_where_lower, kind="pointwise",
)(_where_eager)  # fmt: skip


def _masked_fill_infer(self: TensorSpec, mask: TensorSpec, value: Any) -> TensorSpec:
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


def _masked_fill_eager(self: Array, mask: Array, value: Any) -> Array:
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
    takes_overlap=True,
    layout=Layout.ROW_MAJOR,
)(_masked_fill_eager)


def _cat_infer(tensors: Sequence[TensorSpec], dim: int) -> TensorSpec:
    if not tensors:
        raise ShapeError("torch.cat(): expected a non-empty list of Tensors")
    parts = [t for t in tensors if t.shape != (0,)] or list(tensors)[:1]
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
        _lower_convert(kernel, t, spec.dtype.code) if t.spec.dtype is not spec.dtype else t for t in tensors
    ]
    return kernel.concat([p for p in parts if p.spec.shape != (0,)], spec, wrap_dim(axis, spec.ndim))


@FAMILY.op(
    "aten::cat", "aten::concat", "aten::concatenate", infer=_cat_infer, lower=_cat_lower, kind="concat"
)
def cat(tensors: Sequence[Array], dim: int) -> Array:
    """The tensors one after the other along `dim`; empty 1-dim tensors are skipped."""
    spec = _cat_infer([spec_of(t) for t in tensors], dim)
    parts = [t for t in tensors if t.shape != (0,)] or list(tensors)[:1]
    return np.concatenate(
        [p.astype(spec.dtype.numpy, copy=False) for p in parts], axis=wrap_dim(dim, spec.ndim)
    )


@composite(FAMILY, "aten::stack")
def stack(aten: Aten, tensors: Sequence[Any], dim: int) -> Any:
    """The tensors along a new dim `dim`."""
    if not tensors:
        raise ShapeError("stack expects a non-empty TensorList")
    shapes = [aten.shape(t) for t in tensors]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and "
                f"{list(shape)} at entry {i}"
            )
    axis = wrap_dim(dim, len(shapes[0]) + 1)
    return aten("cat", [aten("unsqueeze", t, axis) for t in tensors], axis)


def _pad_widths(ndim: int, pad: Sequence[int]) -> tuple[list[int], list[int]]:
    low, high = [0] * ndim, [0] * ndim
    for i in range(len(pad) // 2):
        low[ndim - 1 - i], high[ndim - 1 - i] = pad[2 * i], pad[2 * i + 1]
    return low, high


def _pad_infer(self: TensorSpec, pad: Sequence[int], value: Any = 0) -> TensorSpec:
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
    from tsc.ops.kernel_builder import dim

    sizes = [n + min(a, 0) + min(b, 0) for n, a, b in zip(shape, low, high, strict=True)]
    return sizes, [dim(i) - a if a < 0 else dim(i) for i, a in enumerate(low)]


@FAMILY.op("aten::constant_pad_nd", infer=_pad_infer, lower=_pad_lower, kind="pad")
def constant_pad_nd(self: Array, pad: Sequence[int], value: Any) -> Array:
    """`value` around the tensor, last dim first in `pad`; negative widths crop."""
    low, high = _pad_widths(self.ndim, pad)
    _pad_infer(spec_of(self), pad)
    cut = self[tuple(slice(max(-a, 0), n + min(b, 0)) for n, a, b in zip(self.shape, low, high, strict=True))]
    widths = [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)]
    return np.pad(cut, widths, constant_values=0 if value is None else value)


@composite(FAMILY, "aten::repeat")
def repeat(aten: Aten, self: Any, repeats: Sequence[int]) -> Any:
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


@FAMILY.op("aten::flip", infer=like_self, layout=Layout.ELEMENTWISE)
def flip(self: Array, dims: Sequence[int]) -> Array:
    """Dims reversed, in new memory."""
    axes = tuple(wrap_dim(d, self.ndim) for d in dims)
    return (np.flip(self, axes) if self.ndim else self).copy()


def _check_roll(shifts: Sequence[int], dims: Sequence[int]) -> None:
    if len(shifts) != len(dims) and (dims or len(shifts) != 1):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")


def _roll(self: Array, shifts: Sequence[int], dims: Sequence[int]) -> Array:
    _check_roll(shifts, dims)
    return np.roll(self, shifts, dims) if dims else np.roll(self, shifts[0])


@composite(FAMILY, "aten::roll", eager=_roll)
def roll(aten: Aten, self: Any, shifts: Sequence[int], dims: Sequence[int]) -> Any:
    """Elements moved around cyclically: along `dims`, or as one long row."""
    _check_roll(shifts, dims)
    shape = aten.shape(self)
    if not dims:
        flat = roll(aten, aten("reshape", self, [prod(shape)]), shifts, [0])
        return aten("reshape", flat, list(shape))
    result = self
    for shift, dim in zip(shifts, dims, strict=True):
        size = shape[wrap_dim(dim, len(shape))]
        cut = -shift % size if size else 0
        if cut:
            parts = [
                aten("slice.Tensor", result, dim, cut, size, 1),
                aten("slice.Tensor", result, dim, 0, cut, 1),
            ]
            result = aten("cat", parts, dim)
    return aten("clone", result, None) if result is self else result
