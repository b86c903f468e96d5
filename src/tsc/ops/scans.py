"""Running totals along a dim: cumsum, cumprod, logcumsumexp, and running extrema with their places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType, Number
from tsc.errors import DTypeError
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.extrema import Extremum
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import wrap_dim
from tsc.ops.sorting import comparable

FAMILY = Family()
Step = Callable[[Scalar, Scalar], Scalar]
"""The total after one more element."""


def scan_dtype(dtype: DType) -> DType:
    """The dtype running totals of `dtype` are kept in, as on PyTorch's CPU (``at::acc_type``)."""
    if dtype.is_integral:
        return dtypes.I64
    wider = {dtypes.F32: dtypes.F64, dtypes.C64: dtypes.C128}
    return wider.get(dtype, computation_dtype(dtype))


def lower_scan(
    kernel: KernelBuilder, x: KernelValue, axis: int, states: Sequence[tuple[DType, Any]],
    results: Sequence[DType], body: Callable[[Scalar, Scalar, list[Scalar]], list[Scalar]], doc: str,
) -> tuple[KernelValue, ...]:  # fmt: skip
    """One result of each dtype in `results`, of the shape of `x`: what the states are after each element.

    ``body(element, place, states)`` gives the next states and then the results; `states` are dtypes, and what
    they start from.
    """
    if not x.spec.ndim:
        line = x.view((1,), [])
        return tuple(r.view((), [0]) for r in lower_scan(kernel, line, 0, states, results, body, doc))
    shape, rank = x.spec.shape, x.spec.ndim
    kept = [i for i in range(rank) if i != axis]
    carried = affine(rank, [dim(i) for i in kept])
    outputs = [Output(TensorSpec(tuple(shape[i] for i in kept), d), carried, start) for d, start in states]
    outputs += [Output(TensorSpec(shape, d)) for d in results]

    def step(builder: BodyBuilder, inputs: list[Scalar], accumulators: list[Scalar]) -> list[Scalar]:
        return body(inputs[0], builder.index_scalar(axis, dtypes.I64), accumulators[: len(states)])

    iterators = "".join("r" if i == axis else "p" for i in range(rank))
    whole = affine(rank, [dim(i) for i in range(rank)])
    return tuple(kernel.generic([(x, whole)], outputs, iterators, step, doc, shape)[len(states) :])


def _total(
    kernel: KernelBuilder, x: KernelValue, axis: int, dtype: DType, start: Number, step: Step, doc: str
) -> KernelValue:
    """The running total of `x`, converted to `dtype`."""
    wide = scan_dtype(dtype)

    def body(element: Scalar, _: Scalar, states: list[Scalar]) -> list[Scalar]:
        total = step(states[0], element.to(dtype).to(wide))
        return [total, total.to(dtype)]

    return lower_scan(kernel, x, axis, [(wide, start)], [dtype], body, doc)[0]


# --- sums and products ---


def _total_dtype(dtype: DType, requested: int | None) -> DType:
    if requested is not None:
        return dtypes.by_code(requested)
    return dtype if dtype.is_floating or dtype.is_complex else dtypes.I64


def _cumulate(name: str, function: Callable[..., Any], start: int, step: Step) -> None:
    def infer(self: TensorSpec, dim: int, dtype: int | None) -> TensorSpec:
        wrap_dim(dim, self.ndim)
        result = _total_dtype(self.dtype, dtype)
        if result is dtypes.BOOL:
            raise DTypeError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
        return TensorSpec(self.shape, result)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, dim, dtype = arguments
        result = infer(x.spec, dim, dtype).dtype
        return _total(kernel, x, wrap_dim(dim, x.spec.ndim), result, start, step, f"aten::{name}")

    @FAMILY.op(f"aten::{name}", infer=infer, lower=lower, kind="scan")
    def cumulate(self: Array, dim: int, dtype: int | None) -> Array:
        result = infer(spec_of(self), dim, dtype).dtype
        with np.errstate(all="ignore"):
            wide = self.astype(result.numpy).astype(scan_dtype(result).numpy)
            total = function(wide, axis=wrap_dim(dim, self.ndim)) if self.ndim else wide
            return np.asarray(total).astype(result.numpy)


_cumulate("cumsum", np.cumsum, 0, lambda total, x: total + x)
_cumulate("cumprod", np.cumprod, 1, lambda total, x: total * x)


# --- logarithms of sums ---


def _log_infer(self: TensorSpec, dim: int) -> TensorSpec:
    if not (self.dtype.is_floating or self.dtype.is_complex):
        raise DTypeError(f"logcumsumexp: requires a floating dtype; got {self.dtype.scalar_type}")
    wrap_dim(dim, self.ndim)
    return self


def _log_sum(a: Scalar, b: Scalar) -> Scalar:
    """``log(exp(a) + exp(b))``; of two equal infinities, one of them."""
    high, low = a.maximum(b), a.minimum(b)
    is_infinite = high.eq(low) & high.abs().eq(float("inf"))
    return is_infinite.where(high, (low - high).exp().log1p() + high)


def _log_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, dim = arguments
    axis = wrap_dim(dim, x.spec.ndim)
    return _total(kernel, x, axis, x.spec.dtype, float("-inf"), _log_sum, "aten::logcumsumexp")


@FAMILY.op("aten::logcumsumexp", infer=_log_infer, lower=_log_lower, kind="scan")
def logcumsumexp(self: Array, dim: int) -> Array:
    """``log(cumsum(exp(x)))``, by a form that cannot overflow."""
    spec = _log_infer(spec_of(self), dim)
    dim = wrap_dim(dim, self.ndim)
    if not self.ndim or not self.size:
        return self.copy()
    wide = self.astype(scan_dtype(spec.dtype).numpy)
    with np.errstate(all="ignore"):
        if np.iscomplexobj(self):
            top = self.real.max()
            return (np.log(np.cumsum(np.exp(wide - top), dim)) + top).astype(self.dtype)
        return np.logaddexp.accumulate(wide, axis=dim).astype(self.dtype)


# --- running extrema ---


def _running_infer(self: TensorSpec, dim: int) -> tuple[TensorSpec, TensorSpec]:
    wrap_dim(dim, self.ndim)
    return self, TensorSpec(self.shape, dtypes.I64)


def _running(name: str, extremum: Extremum) -> None:
    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, ...]:
        x, dim = arguments
        dtype = x.spec.dtype
        wide = computation_dtype(dtype)

        def body(element: Scalar, place: Scalar, states: list[Scalar]) -> list[Scalar]:
            x, (value, at) = element.to(wide), states
            stays = extremum.beats(value, x) | value.is_nan() & x.eq(x)
            value, at = stays.where(value, x), stays.where(at, place)
            return [value, at, value.to(dtype), at]

        states = [(wide, extremum.worst(wide)), (dtypes.I64, 0)]
        axis = wrap_dim(dim, x.spec.ndim)
        return lower_scan(kernel, x, axis, states, [dtype, dtypes.I64], body, f"aten::{name}")

    @FAMILY.op(f"aten::{name}", infer=_running_infer, lower=lower, kind="scan")
    def running(self: Array, dim: int) -> tuple[Array, Array]:
        axis = wrap_dim(dim, self.ndim)
        if not self.ndim or not self.size:
            return self.copy(), np.zeros(self.shape, np.int64)
        x = comparable(self)
        values = (np.maximum if extremum.is_upward else np.minimum).accumulate(x, axis=axis)
        count: int = x.shape[axis]
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        numbers = np.broadcast_to(np.arange(count).reshape(shape), x.shape)
        arrived = (x == values) | np.isnan(x) if x.dtype.kind == "f" else x == values
        places = np.maximum.accumulate(np.where(arrived, numbers, 0), axis=axis)
        return values.astype(self.dtype), places.astype(np.int64)


_running("cummax", Extremum("max"))
_running("cummin", Extremum("min"))
