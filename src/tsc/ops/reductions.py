"""Reductions over dims: sums, means, products, any/all, norms, variances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import Dim, certainly_empty
from tsc.dtypes import Array, DType, Number, Real
from tsc.errors import DTypeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, Combine, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.parts_emitter import PART_DTYPES, Parts
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import reduced, wrap_dims

FAMILY = Family()


def lower_reduction(
    kernel: KernelBuilder,
    x: KernelValue,
    dims: Sequence[int],
    keepdim: bool,
    dtype: DType,
    init: Number,
    combine: Combine,
    doc: str,
) -> KernelValue:
    """Reduce `x`, converted to `dtype`, over `dims`; the result has shape `reduced(...)`."""
    kept = [i for i in range(x.spec.ndim) if i not in dims]
    spec = TensorSpec(tuple(x.spec.shape[i] for i in kept), dtype)
    iterators = "".join("p" if i in kept else "r" for i in range(x.spec.ndim))
    output = Output(spec, affine(x.spec.ndim, [dim(i) for i in kept]), init)

    def body(_: BodyBuilder, inputs: list[Scalar], accumulators: list[Scalar]) -> list[Scalar]:
        return [combine(accumulators[0], inputs[0].to(dtype))]

    pair = (x, affine(x.spec.ndim, [dim(i) for i in range(x.spec.ndim)]))
    result = kernel.generic([pair], [output], iterators, body, doc)[0]
    if not keepdim:
        return result
    return result.view(reduced(x.spec.shape, dims, True), [dim(i) for i in kept])


def _sum_dtype(dtype: DType, requested: int | None) -> DType:
    if requested is not None:
        return dtypes.by_code(requested)
    return dtype if dtype.is_floating or dtype.is_complex else dtypes.I64


def _sum_infer(self: TensorSpec, dim: Sequence[int] | None, keepdim: bool, dtype: int | None) -> TensorSpec:
    return TensorSpec(reduced(self.shape, wrap_dims(dim, self.ndim), keepdim), _sum_dtype(self.dtype, dtype))


def _sum_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, dim, keepdim, dtype = arguments
    result = _sum_dtype(x.spec.dtype, dtype)
    total = lower_reduction(
        kernel,
        x,
        wrap_dims(dim, x.spec.ndim),
        keepdim,
        computation_dtype(result),
        0,
        lambda a, b: a + b,
        "aten::sum",
    )
    return kernel.convert(total, result)


def _sum_parts(aten: Aten, self: Parts, dim: Sequence[int] | None, keepdim: bool, dtype: int | None) -> Parts:
    part = None if dtype is None else PART_DTYPES[dtypes.by_code(dtype)].code
    return Parts(*(aten("sum.dim_IntList", p, dim, keepdim, dtype=part) for p in (self.real, self.imag)))


@FAMILY.op("aten::sum.dim_IntList", infer=_sum_infer, lower=_sum_lower, kind="reduction", in_parts=_sum_parts)
def sum_dim(self: Array, dim: Sequence[int] | None, keepdim: bool, dtype: int | None) -> Array:
    """The sum over `dim` (all dims when None); integers are summed as int64, 16-bit floats in float32."""
    result = _sum_dtype(dtypes.by_numpy(self.dtype), dtype)
    accumulate = computation_dtype(result).numpy
    total = np.sum(self.astype(accumulate, copy=False), axis=wrap_dims(dim, self.ndim), keepdims=keepdim)
    return np.asarray(total).astype(result.numpy, copy=False)


@composite(FAMILY, "aten::sum")
def sum_all(aten: Aten, self: AnyTensor, dtype: int | None) -> AnyTensor:
    """The sum of all elements."""
    return aten("sum.dim_IntList", self, None, False, dtype=dtype)


@composite(FAMILY, "aten::mean.dim")
def mean_dim(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, keepdim: bool, dtype: int | None
) -> AnyTensor:
    """The mean over `dim`.

    Raises:
        DTypeError: integers, unless a floating `dtype` is given.
    """
    source = aten.dtype(self) if dtype is None else dtypes.by_code(dtype)
    if not (source.is_floating or source.is_complex):
        raise DTypeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
            f"dtype. Got: {source.scalar_type}"
        )
    shape = aten.shape(self)
    count = math.prod(shape[i] for i in wrap_dims(dim, len(shape)))
    wide = computation_dtype(source)
    total = aten("sum.dim_IntList", self, dim, keepdim, dtype=wide.code)
    divisor = count if isinstance(count, Dim) else float(count)
    mean = aten("div.Scalar", total, divisor)
    return mean if wide is source else aten("to.dtype", mean, source.code)


@composite(FAMILY, "aten::mean")
def mean_all(aten: Aten, self: AnyTensor, dtype: int | None) -> AnyTensor:
    """The mean of all elements."""
    return aten("mean.dim", self, None, False, dtype=dtype)


def _prod_infer(self: TensorSpec, dim: int, keepdim: bool, dtype: int | None) -> TensorSpec:
    return TensorSpec(reduced(self.shape, wrap_dims(dim, self.ndim), keepdim), _sum_dtype(self.dtype, dtype))


def _prod_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, dim, keepdim, dtype = arguments
    result = _sum_dtype(x.spec.dtype, dtype)
    dims = wrap_dims(dim, x.spec.ndim)
    product = lower_reduction(
        kernel, x, dims, keepdim, computation_dtype(result), 1, lambda a, b: a * b, "aten::prod"
    )
    return kernel.convert(product, result)


@FAMILY.op("aten::prod.dim_int", infer=_prod_infer, lower=_prod_lower, kind="reduction")
def prod_dim(self: Array, dim: int, keepdim: bool, dtype: int | None) -> Array:
    """The product over `dim`."""
    result = _sum_dtype(dtypes.by_numpy(self.dtype), dtype)
    wide = self.astype(computation_dtype(result).numpy)
    return np.asarray(np.prod(wide, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)).astype(result.numpy)


@composite(FAMILY, "aten::prod")
def prod_all(aten: Aten, self: AnyTensor, dtype: int | None) -> AnyTensor:
    """The product of all elements."""
    flat = aten("reshape", self, [-1])
    return aten("prod.dim_int", flat, 0, False, dtype=dtype)


def _truth(name: str) -> None:
    """Define any/all: of everything, along one dim, along several."""
    universal = name == "all"

    def result_dtype(dtype: DType) -> DType:
        return dtypes.U8 if dtype is dtypes.U8 else dtypes.BOOL

    def infer(self: TensorSpec, dim: int | Sequence[int] | None, keepdim: bool) -> TensorSpec:
        return TensorSpec(reduced(self.shape, wrap_dims(dim, self.ndim), keepdim), result_dtype(self.dtype))

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, dim, keepdim = arguments
        dims = wrap_dims(dim, x.spec.ndim)

        def combine(a: Scalar, b: Scalar) -> Scalar:
            return a & b if universal else a | b

        found = lower_reduction(kernel, x, dims, keepdim, dtypes.BOOL, universal, combine, f"aten::{name}")
        return kernel.convert(found, result_dtype(x.spec.dtype))

    @FAMILY.op(f"aten::{name}.dim", f"aten::{name}.dims", infer=infer, lower=lower, kind="reduction")
    def truth(self: Array, dim: int | Sequence[int] | None, keepdim: bool) -> Array:
        found = (np.all if universal else np.any)(self != 0, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)
        return np.asarray(found).astype(result_dtype(dtypes.by_numpy(self.dtype)).numpy)

    @composite(FAMILY, f"aten::{name}")
    def truth_of_everything(aten: Aten, self: AnyTensor) -> AnyTensor:
        return aten(f"{name}.dims", self, None, False)


_truth("all")
_truth("any")


@composite(FAMILY, "aten::var.correction")
def var_correction(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, correction: Real | None, keepdim: bool
) -> AnyTensor:
    """The variance over `dim`: squared deviations divided by ``count - correction`` (1 when None)."""
    shape = aten.shape(self)
    dims = list(wrap_dims(dim, len(shape)))
    deviation = aten("sub.Tensor", self, aten("mean.dim", self, dims, True))
    if aten.dtype(self).is_complex:
        deviation = aten.abs(deviation)
    total = aten("sum.dim_IntList", aten("mul.Tensor", deviation, deviation), dims, keepdim)
    count = math.prod(shape[i] for i in dims) - (1 if correction is None else correction)
    return aten("div.Scalar", total, float(max(count, 0)))


@composite(FAMILY, "aten::var.dim")
def var_dim(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, unbiased: bool, keepdim: bool
) -> AnyTensor:
    """The variance over `dim`; divided by ``count - 1`` if `unbiased`."""
    return aten("var.correction", self, dim, correction=int(unbiased), keepdim=keepdim)


@composite(FAMILY, "aten::var")
def var_all(aten: Aten, self: AnyTensor, unbiased: bool) -> AnyTensor:
    """The variance of all elements."""
    return aten("var.correction", self, None, correction=int(unbiased), keepdim=False)


@composite(FAMILY, "aten::std.correction")
def std_correction(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, correction: Real | None, keepdim: bool
) -> AnyTensor:
    """The square root of the variance."""
    return aten.sqrt(aten("var.correction", self, dim, correction=correction, keepdim=keepdim))


@composite(FAMILY, "aten::std.dim")
def std_dim(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, unbiased: bool, keepdim: bool
) -> AnyTensor:
    """The square root of the variance."""
    return aten("std.correction", self, dim, correction=int(unbiased), keepdim=keepdim)


@composite(FAMILY, "aten::std")
def std_all(aten: Aten, self: AnyTensor, unbiased: bool) -> AnyTensor:
    """The square root of the variance of all elements."""
    return aten("std.correction", self, None, correction=int(unbiased), keepdim=False)


@composite(FAMILY, "aten::logsumexp")
def logsumexp(aten: Aten, self: AnyTensor, dim: Sequence[int], keepdim: bool) -> AnyTensor:
    """``log(sum(exp(x)))``, shifted by the maximum (of real parts) so that it cannot overflow; of integers
    and bools in float32.
    """
    dtype = aten.dtype(self)
    x = self if dtype.is_floating or dtype.is_complex else aten("to.dtype", self, dtypes.F32.code)
    if certainly_empty(aten.shape(x)):
        return aten.log(aten("sum.dim_IntList", aten.exp(x), dim, keepdim))
    top = aten.amax(aten("real", x) if dtype.is_complex else x, dim, True)
    finite = aten("where.ScalarOther", aten.isfinite(top), top, 0.0)
    total = aten("sum.dim_IntList", aten.exp(aten("sub.Tensor", x, finite)), dim, keepdim)
    shift = finite if keepdim else aten("sum.dim_IntList", finite, dim, False)
    return aten("add.Tensor", aten.log(total), shift)


@composite(FAMILY, "aten::linalg_vector_norm")
def linalg_vector_norm(
    aten: Aten, self: AnyTensor, ord: Real, dim: Sequence[int] | None, keepdim: bool, dtype: int | None
) -> AnyTensor:
    """``sum(|x| ** ord) ** (1 / ord)`` over `dim`; extrema for infinite `ord`, a count for 0."""
    result = aten.dtype(self) if dtype is None else dtypes.by_code(dtype)
    if not (result.is_floating or result.is_complex):
        raise DTypeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {result.name}"
        )
    wide = computation_dtype(result)
    x = self if aten.dtype(self) is wide else aten("to.dtype", self, wide.code)
    norm = _vector_norm(aten, x, ord, dim, keepdim)
    kept = _real_of(result)
    return norm if aten.dtype(norm) is kept else aten("to.dtype", norm, kept.code)


def _real_of(dtype: DType) -> DType:
    return {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}.get(dtype, dtype)


def _vector_norm(aten: Aten, x: AnyTensor, ord: Real, dim: Sequence[int] | None, keepdim: bool) -> AnyTensor:
    if ord == 2 and not aten.dtype(x).is_complex:
        return aten.sqrt(aten("sum.dim_IntList", aten("mul.Tensor", x, x), dim, keepdim))
    size = aten.abs(x)
    if math.isinf(ord):
        return aten.amax(size, dim or [], keepdim) if ord > 0 else aten.amin(size, dim or [], keepdim)
    if ord == 0:
        return aten(
            "sum.dim_IntList", aten("to.dtype", aten("ne.Scalar", x, 0), aten.dtype(x).code), dim, keepdim
        )
    if ord == 1:
        return aten("sum.dim_IntList", size, dim, keepdim)
    powers = aten("sum.dim_IntList", aten("pow.Tensor_Scalar", size, ord), dim, keepdim)
    return aten("pow.Tensor_Scalar", powers, 1.0 / ord)


@composite(FAMILY, "aten::norm.ScalarOpt_dim")
def norm_dim(aten: Aten, self: AnyTensor, p: Number | None, dim: Sequence[int], keepdim: bool) -> AnyTensor:
    """`linalg_vector_norm` with `p` (2 when None)."""
    return aten("linalg_vector_norm", self, 2 if p is None else p, dim, keepdim)


@composite(FAMILY, "aten::norm.Scalar")
def norm_all(aten: Aten, self: AnyTensor, p: Number) -> AnyTensor:
    """`linalg_vector_norm` of all elements."""
    return aten("linalg_vector_norm", self, p, None, False)
