"""The largest and the smallest elements, over dims or of everything, and their places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import is_known
from tsc.dtypes import Array, DType, Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.promotion import computation_dtype
from tsc.ops.reductions import lower_reduction
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import reduced, wrap_dim, wrap_dims

FAMILY = Family()


@dataclass(frozen=True)
class Extremum:
    """The maximum or the minimum: which element wins, and what any element wins against."""

    name: str

    @property
    def is_upward(self) -> bool:
        """Whether it is the maximum."""
        return self.name == "max"

    def worst(self, dtype: DType) -> Number:
        """The value an accumulation starts from."""
        if dtype is dtypes.BOOL:
            return not self.is_upward
        if dtype.is_floating:
            return -math.inf if self.is_upward else math.inf
        limits = np.iinfo(dtype.numpy)
        return int(limits.min if self.is_upward else limits.max)

    def combine(self, a: Scalar, b: Scalar) -> Scalar:
        """The one of two elements that wins."""
        return a.maximum(b) if self.is_upward else a.minimum(b)

    def beats(self, a: Scalar, b: Scalar) -> Scalar:
        """Whether `a` wins over `b`, strictly."""
        return a > b if self.is_upward else a < b

    def require_elements(self, shape: Sequence[int], dims: Sequence[int]) -> None:
        """Raise a `ShapeError` where there is nothing to choose from."""
        if any(shape[i] == 0 for i in dims):
            raise ShapeError(f"{self.name}(): Expected reduction dim to be specified for input.numel() == 0.")

    def require_order(self, dtype: DType) -> None:
        """Raise a `DTypeError` where none of two elements is the larger one."""
        if dtype.is_complex:
            raise DTypeError(f"{self.name}(): does not support complex input")

    def values_infer(self, x: TensorSpec, dim: Sequence[int], keepdim: bool) -> TensorSpec:
        """The spec of the extrema over `dim`."""
        dims = wrap_dims(dim, x.ndim)
        self.require_order(x.dtype)
        self.require_elements(x.shape, dims)
        return TensorSpec(reduced(x.shape, dims, keepdim), x.dtype)

    def places(self, x: Array, axis: int, keepdim: bool) -> Array:
        """The first place of the extremum along `axis`."""
        self.require_order(dtypes.by_numpy(x.dtype))
        self.require_elements(x.shape, (axis,) if x.ndim else ())
        if not x.ndim:
            return np.zeros((), np.int64)
        find = np.argmax if self.is_upward else np.argmin
        wide = x.astype(np.float32) if dtypes.by_numpy(x.dtype) in dtypes.REDUCED else x
        return np.asarray(find(wide, axis=axis, keepdims=keepdim), dtype=np.int64)


def _define_values(extremum: Extremum) -> None:
    """``amax`` over dims, and ``max`` of everything."""
    name = extremum.name

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, dim, keepdim = arguments
        dims = wrap_dims(dim, x.spec.ndim)
        wide = computation_dtype(x.spec.dtype)
        result = lower_reduction(
            kernel, x, dims, keepdim, wide, extremum.worst(wide), extremum.combine, f"aten::a{name}"
        )
        return kernel.convert(result, x.spec.dtype)

    @FAMILY.op(f"aten::a{name}", infer=extremum.values_infer, lower=lower, kind="reduction")
    def values(self: Array, dim: Sequence[int], keepdim: bool) -> Array:
        dims = wrap_dims(dim, self.ndim)
        extremum.require_order(dtypes.by_numpy(self.dtype))
        extremum.require_elements(self.shape, dims)
        return np.asarray((np.max if extremum.is_upward else np.min)(self, axis=dims, keepdims=keepdim))

    @composite(FAMILY, f"aten::{name}")
    def value_of_all(aten: Aten, self: AnyTensor) -> AnyTensor:
        return aten(f"a{name}", self, [], False)


def _define_along(extremum: Extremum) -> None:
    """``max`` along a dim: values and places."""

    def infer(self: TensorSpec, dim: int, keepdim: bool) -> tuple[TensorSpec, TensorSpec]:
        values = extremum.values_infer(self, [dim], keepdim)
        return values, TensorSpec(values.shape, dtypes.I64)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, KernelValue]:
        x, dim, keepdim = arguments
        return _lower_with_index(kernel, x, wrap_dim(dim, x.spec.ndim), keepdim, extremum)

    @FAMILY.op(f"aten::{extremum.name}.dim", infer=infer, lower=lower, kind="reduction")
    def values_and_places(self: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
        axis = wrap_dim(dim, self.ndim)
        places = extremum.places(self, axis, keepdim)
        if not self.ndim:
            return self.copy(), places
        indices = places if keepdim else np.expand_dims(places, axis)
        values = np.take_along_axis(self, indices, axis)
        return (values if keepdim else values.squeeze(axis)), places


def _define_places(extremum: Extremum) -> None:
    """``argmax``."""

    def require_numbers(dtype: DType) -> None:
        if dtype is dtypes.BOOL:
            raise DTypeError(f"arg{extremum.name}(): does not support bool input")

    def infer(self: TensorSpec, dim: int | None, keepdim: bool) -> TensorSpec:
        require_numbers(self.dtype)
        extremum.require_order(self.dtype)
        dims = tuple(range(self.ndim)) if dim is None else (wrap_dim(dim, self.ndim),)
        extremum.require_elements(self.shape, dims if self.ndim else ())
        return TensorSpec(reduced(self.shape, dims, keepdim), dtypes.I64)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, dim, keepdim = arguments
        if dim is None:
            flat = kernel.reshape(x, (x.spec.size,))
            place = _lower_with_index(kernel, flat, 0, False, extremum)[1]
            return kernel.reshape(place, (1,) * x.spec.ndim) if keepdim else place
        return _lower_with_index(kernel, x, wrap_dim(dim, x.spec.ndim), keepdim, extremum)[1]

    @FAMILY.op(f"aten::arg{extremum.name}", infer=infer, lower=lower, kind="reduction")
    def places(self: Array, dim: int | None, keepdim: bool) -> Array:
        require_numbers(dtypes.by_numpy(self.dtype))
        if dim is None:
            place = extremum.places(self.reshape(-1), 0, False)
            return place.reshape((1,) * self.ndim) if keepdim else place
        return extremum.places(self, wrap_dim(dim, self.ndim), keepdim)


def _lower_with_index(
    kernel: KernelBuilder, x: KernelValue, axis: int, keepdim: bool, extremum: Extremum
) -> tuple[KernelValue, KernelValue]:
    """Value and first index of the extremum along `axis`; the first NaN wins over everything.

    Two reductions, each of which vectors can do: the extremum, then the least place where it is. Places are
    doubled, and odd where the element's sign is negative: of zeros the first one's sign is the value's.
    """
    rank = x.spec.ndim
    if rank == 0:
        place = kernel.full(TensorSpec((), dtypes.I64), 0)
        return kernel.elementwise([x], x.spec, lambda s: s, "copy"), place
    kept = [i for i in range(rank) if i != axis]
    wide, doc = computation_dtype(x.spec.dtype), "arg_gt" if extremum.is_upward else "arg_lt"
    best = lower_reduction(kernel, x, (axis,), False, wide, extremum.worst(wide), extremum.combine, doc)
    number = _place_dtype(x.spec.shape[axis])

    def body(builder: BodyBuilder, inputs: list[Scalar], accumulators: list[Scalar]) -> list[Scalar]:
        element, found = inputs[0].to(wide), inputs[1]
        is_it, here = element.eq(found), builder.index_scalar(axis, number) * 2
        if wide.is_floating:
            is_it = is_it | element.is_nan()
            here = here + (element.lift(1.0).copysign(element) < 0).to(number)
        return [accumulators[0].minimum(is_it.where(here, here.lift(int(np.iinfo(number.numpy).max))))]

    iterators = "".join("r" if i == axis else "p" for i in range(rank))
    mapping = affine(rank, [dim(i) for i in kept])
    pairs = [(x, affine(rank, [dim(i) for i in range(rank)])), (best, mapping)]
    output = Output(TensorSpec(best.spec.shape, number), mapping, int(np.iinfo(number.numpy).max))
    (key,) = kernel.generic(pairs, [output], iterators, body, doc)
    place = kernel.elementwise(
        [key], TensorSpec(key.spec.shape, dtypes.I64), lambda k: (k >> 1).to(dtypes.I64), doc
    )
    value = best
    if wide.is_floating:
        value = kernel.elementwise([best, key], best.spec, _with_sign, doc)
    value = kernel.convert(value, x.spec.dtype)
    if keepdim:
        target = reduced(x.spec.shape, [axis], True)
        return value.view(target, [dim(i) for i in kept]), place.view(target, [dim(i) for i in kept])
    return value, place


def _place_dtype(extent: int) -> DType:
    """The smallest dtype of places that are doubled."""
    return dtypes.I32 if is_known(extent) and 2 * extent < 1 << 31 else dtypes.I64


def _with_sign(best: Scalar, key: Scalar) -> Scalar:
    """The extremum; of zeros the one whose sign the key tells."""
    zero = (key & 1).ne(0).where(best.lift(-0.0), best.lift(0.0))
    return best.eq(0.0).where(zero, best)


for _extremum in (Extremum("max"), Extremum("min")):
    _define_values(_extremum)
    _define_along(_extremum)
    _define_places(_extremum)
