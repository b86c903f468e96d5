"""Operators that give the elements of a tensor anew: conversions, clones, memory formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import ShapeError, UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.elementwise import spec_of_parts
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.parts_emitter import PartsEmitter
from tsc.ops.strides import as_it_lay

FAMILY = Family()


def converted(x: Array, dtype: int | None, copy: bool = False) -> Array:
    """`x` as `dtype`, itself where that changes nothing and no copy is wanted."""
    target = x.dtype if dtype is None else dtypes.by_code(dtype).numpy
    if np.iscomplexobj(x) and target.kind != "c":
        x, copy = x.real, True
    with np.errstate(invalid="ignore"):
        made = np.asarray(x.astype(target, copy=copy))
    return made if made is x else as_it_lay(made, x)


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


def lower_convert(kernel: KernelBuilder, x: KernelValue, dtype: int | None) -> KernelValue:
    """`x` as `dtype` in a kernel."""
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
        return lower_convert(kernel, arguments[0], dtype_of(arguments))

    def in_parts(aten: Aten, self: Any, *rest: Any) -> Any:
        source = spec_of_parts(aten, self).dtype
        target = _converted_spec(TensorSpec((), source), dtype_of((self, *rest))).dtype
        if source.is_complex and not target.is_complex:
            raise UnsupportedOperatorError(f"{name}: PyTorch warns of imaginary parts that are dropped")
        return PartsEmitter(aten).cast(self, source, target)

    @FAMILY.op(
        name, infer=infer, lower=lower, kind="pointwise", sharing=Sharing.SOMETIMES, is_identity=True,
        in_parts=in_parts,
    )  # fmt: skip
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
    aten: Aten, self: AnyTensor, other: AnyTensor, non_blocking: bool, copy: bool, memory_format: int | None
) -> AnyTensor:
    """Converted to the dtype of `other`."""
    return aten("to.dtype", self, aten.dtype(other).code, non_blocking, copy, memory_format)


@composite(FAMILY, "aten::type_as", sharing=Sharing.SOMETIMES, is_identity=True)
def type_as(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """Converted to the dtype of `other`."""
    return aten("to.dtype", self, aten.dtype(other).code)


def _same(self: TensorSpec, *_: object) -> TensorSpec:
    return self


def _copy_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    return lower_convert(kernel, arguments[0], None)


@FAMILY.op(
    "aten::clone",
    infer=_same,
    lower=_copy_lower,
    kind="pointwise",
    is_identity=True,
    layout=ResultLayout.AS_COMPUTED,
)
def clone(self: Array, memory_format: int | None) -> Array:
    """A copy."""
    copied = in_format(self, memory_format)
    return as_it_lay(np.array(self, order="K"), self) if copied is self else copied


@FAMILY.op(
    "aten::contiguous", infer=_same, lower=_copy_lower, kind="pointwise",
    sharing=Sharing.SOMETIMES, is_identity=True, layout=ResultLayout.ROW_MAJOR,
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


def _still(aten: Aten, base: AnyTensor, piece: AnyTensor, requires_grad: bool) -> AnyTensor:
    return piece


@FAMILY.op("aten::requires_grad_", infer=_same, is_identity=True, inverse=_still, gives_argument=True)
def requires_grad(self: Array, requires_grad: bool) -> Array:
    """The tensor itself: who notes what is computed is told elsewhere."""
    return self


@FAMILY.op("aten::set_.source_Tensor")
def set_source(self: Array, source: Array) -> Array:
    """The tensor itself."""
    return self
