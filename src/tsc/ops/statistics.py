"""Statistics beyond sums: medians, modes, quantiles, histograms, covariances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import is_known
from tsc.dtypes import Array, Number, Real
from tsc.errors import DTypeError, ShapeError
from tsc.narrowing import is_array
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.promotion import result_dtype
from tsc.ops.running import inferred_by_running
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import reduced, wrap_dim, wrap_dims
from tsc.ops.sort_lowering import count_nan, order_statistic
from tsc.ops.sorting import comparable, order, picked, require_numbers

FAMILY = Family()


def _along_infer(self: TensorSpec, dim: int, keepdim: bool) -> tuple[TensorSpec, TensorSpec]:
    axis = wrap_dim(dim, self.ndim)
    if self.ndim and not self.shape[axis]:
        raise ShapeError(f"median(): Expected reduction dim {axis} to have non-zero size.")
    shape = reduced(self.shape, [axis] if self.ndim else [], keepdim)
    return TensorSpec(shape, self.dtype), TensorSpec(shape, dtypes.I64)


def _median_infer(self: TensorSpec, dim: int, keepdim: bool) -> tuple[TensorSpec, TensorSpec]:
    require_numbers("median", self)
    return _along_infer(self, dim, keepdim)


def _median_of(self: Array, axis: int, keepdim: bool, ignore_nan: bool) -> tuple[Array, Array]:
    """The lower median; a NaN wins unless ignored."""
    _median_infer(spec_of(self), axis, keepdim)
    x = comparable(self)
    places = order(x, axis, False)
    if not x.ndim:
        return picked(self, places, 0, axis, keepdim)
    n: int = x.shape[axis]
    missing = np.isnan(x).sum(axis, keepdims=True) if x.dtype.kind == "f" else np.zeros((), np.int64)
    middle = (n - missing - 1) // 2 if ignore_nan else np.where(missing > 0, n - missing, (n - 1) // 2)
    return picked(self, places, np.maximum(middle, 0), axis, keepdim)


def _scalar_infer(self: TensorSpec) -> TensorSpec:
    if not is_known(self.size) or self.size:  # of nothing PyTorch takes any dtype
        require_numbers("median", self)
    return TensorSpec((), self.dtype)


def _middle(kernel: KernelBuilder, x: KernelValue, axis: int, ignore_nan: bool) -> KernelValue | int:
    """The rank of the median."""
    if not x.spec.ndim:
        return 0
    n = int(x.spec.shape[axis])  # as of the lines that are put in order
    if not x.spec.dtype.is_floating:
        return (n - 1) // 2
    missing = count_nan(kernel, x, axis)

    def rank(missing: Scalar) -> Scalar:
        if ignore_nan:
            return ((n - 1 - missing).maximum(0)) >> 1
        return (missing > 0).where(n - missing, (n - 1) // 2)

    return kernel.elementwise([missing], missing.spec, rank, "rank")


def _has_elements(self: TensorSpec) -> bool:
    return self.size != 0


def _define_median(name: str, ignore_nan: bool) -> None:
    def lower_along(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, KernelValue]:
        x, dim, keepdim = arguments
        _median_infer(x.spec, dim, keepdim)
        axis = wrap_dim(dim, x.spec.ndim)
        return order_statistic(kernel, x, _middle(kernel, x, axis, ignore_nan), axis, keepdim)

    def lower_of_all(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        (x,) = arguments
        line = kernel.reshape(x, (x.spec.size,))
        return order_statistic(kernel, line, _middle(kernel, line, 0, ignore_nan), 0, False)[0]

    @FAMILY.op(f"aten::{name}.dim", infer=_median_infer, lower=lower_along, kind="sort")
    def median_along(self: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
        return _median_of(self, wrap_dim(dim, self.ndim), keepdim, ignore_nan)

    @FAMILY.op(f"aten::{name}", infer=_scalar_infer, lower=lower_of_all, lowers=_has_elements, kind="sort")
    def median_of_all(self: Array) -> Array:
        _scalar_infer(spec_of(self))
        if not self.size:
            if self.dtype.kind not in "iub":
                return np.full((), np.nan, self.dtype)
            # A NaN, converted: the least int32 or int64, of which smaller dtypes have the lower bits.
            least = np.iinfo(self.dtype).min if self.dtype in (np.int32, np.int64) else self.dtype.kind == "b"
            return np.full((), least, self.dtype)
        return _median_of(self.reshape(-1), 0, False, ignore_nan)[0]


_define_median("median", False)
_define_median("nanmedian", True)


@FAMILY.op("aten::mode", infer=_along_infer)
def mode(self: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """The most frequent element along `dim` (the smallest of several) and one of its places."""
    axis = wrap_dim(dim, self.ndim)
    _along_infer(spec_of(self), dim, keepdim)
    if not self.ndim:
        return self.copy(), np.zeros((), np.int64)
    places = order(self, axis, False)
    rows = np.moveaxis(np.take_along_axis(comparable(self), places, axis), axis, -1)
    n: int = rows.shape[-1]
    starts = np.ones(rows.shape, np.bool_)
    starts[..., 1:] = rows[..., 1:] != rows[..., :-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(n), 0), -1)
    longest = (np.arange(n) - first).argmax(-1)
    return picked(self, places, np.expand_dims(longest, axis), axis, keepdim)


# --- quantiles ---


def _quantile_checked(self: Array, q: float | Array, name: str) -> Array:
    levels = np.asarray(q, self.dtype)
    if spec_of(self).dtype not in (dtypes.F32, dtypes.F64):
        raise DTypeError(f"{name}() input tensor must be either float or double dtype")
    if is_array(q) and q.dtype != self.dtype:
        raise DTypeError(f"{name}() q tensor must be same dtype as the input tensor")
    if levels.ndim > 1:
        raise ShapeError(f"{name}() q must be a scalar or 1D tensor")
    if not self.size:
        raise ShapeError(f"{name}() input tensor must be non-empty")
    if np.any((levels < 0) | (levels > 1)):
        raise ShapeError(f"{name}() q values must be in the range [0, 1]")
    return levels


def _define_quantile(name: str, compute: Callable[..., Any]) -> None:
    @inferred_by_running(FAMILY, f"aten::{name}", f"aten::{name}.scalar")
    def quantile(self: Array, q: Array | float, dim: int | None, keepdim: bool, interpolation: str) -> Array:
        levels = _quantile_checked(self, q, name)
        axis = None if dim is None or not self.ndim else wrap_dim(dim, self.ndim)
        result = compute(
            self.astype(np.float64),
            levels.astype(np.float64),
            axis=axis,
            keepdims=keepdim,
            method=interpolation,
        )
        return np.asarray(result).astype(self.dtype)


_define_quantile("quantile", np.quantile)
_define_quantile("nanquantile", np.nanquantile)


# --- counting ---


@FAMILY.op("aten::bincount")
def bincount(self: Array, weights: Array | None, minlength: int) -> Array:
    """How often each non-negative integer occurs, or the sum of its weights."""
    if self.ndim != 1 or self.dtype.kind not in "iu" or (self.size and self.min() < 0):
        raise ShapeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise ShapeError("minlength should be >= 0")
    counts = np.bincount(
        self.astype(np.int64), None if weights is None else weights.astype(np.float64), minlength
    )
    if weights is None:
        return counts.astype(np.int64)
    return counts.astype(np.float32 if weights.dtype == np.float32 else np.float64)


def _histc_infer(self: TensorSpec, bins: int, *_: object) -> TensorSpec:
    return TensorSpec((bins,), self.dtype)


@FAMILY.op("aten::histc", infer=_histc_infer)
def histc(self: Array, bins: int, min: Real, max: Real) -> Array:
    """How many elements fall in each of `bins` equal parts of ``[min, max]``.

    Where both are equal, of the range of `self`.
    """
    if bins <= 0:
        raise ShapeError(f"torch.histc(): bins must be > 0, but got {bins}")
    low, high = _range_of(self, min, max)
    x = comparable(self).astype(np.float64)
    return np.histogram(x[~np.isnan(x)], bins, (low, high))[0].astype(self.dtype)


def _range_of(x: Array, low: Real, high: Real) -> tuple[float, float]:
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ShapeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise ShapeError("max must be larger than min")
    return low, high


@inferred_by_running(FAMILY, "aten::histogram.bins_tensor")
def histogram(self: Array, bins: Array, weight: Array | None, density: bool) -> tuple[Array, Array]:
    """How many elements fall between consecutive `bins`, or their weights, or a density."""
    weights = None if weight is None else weight.reshape(-1)
    counts, _ = np.histogram(self.reshape(-1), bins, weights=weights, density=density)
    return counts.astype(self.dtype), bins.copy()


@inferred_by_running(FAMILY, "aten::histogram.bin_ct")
def histogram_count(
    self: Array, bins: int, range: Sequence[float] | None, weight: Array | None, density: bool
) -> tuple[Array, Array]:
    """`histogram` over equal parts of a range."""
    low, high = range or (float(self.min()), float(self.max())) if self.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    weights = None if weight is None else weight.reshape(-1)
    counts, edges = np.histogram(self.reshape(-1), bins, (low, high), weights=weights, density=density)
    return counts.astype(self.dtype), edges.astype(self.dtype)


def _count_infer(self: TensorSpec, dim: int | Sequence[int] | None) -> TensorSpec:
    return TensorSpec(reduced(self.shape, wrap_dims(dim, self.ndim), False), dtypes.I64)


def _counted(aten: Aten, self: AnyTensor, dim: int | Sequence[int] | None) -> AnyTensor:
    """`count_nonzero` in terms of other operators."""
    dims = list(wrap_dims(dim, len(aten.shape(self))))
    return aten("sum.dim_IntList", aten("ne.Scalar", self, 0), dims, False, dtype=None)


@FAMILY.op("aten::count_nonzero", infer=_count_infer, kind="composite", composite=_counted)
def count_nonzero(self: Array, dim: int | None) -> Array:
    """How many elements are not zero, in all or along `dim`."""
    return np.asarray(np.sum(self != 0, axis=wrap_dims(dim, self.ndim), dtype=np.int64))


@FAMILY.op("aten::count_nonzero.dim_IntList", infer=_count_infer, kind="composite", composite=_counted)
def count_nonzero_dims(self: Array, dim: Sequence[int]) -> Array:
    """How many elements are not zero, along several dims."""
    return np.asarray(np.sum(self != 0, axis=wrap_dims(dim, self.ndim), dtype=np.int64))


# --- means, variances, covariances ---


@composite(FAMILY, "aten::nansum")
def nansum(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, keepdim: bool, dtype: int | None
) -> AnyTensor:
    """`sum` without the NaNs."""
    if aten.dtype(self).is_complex:
        raise DTypeError("nansum on CPU does not support complex inputs")
    known = aten("masked_fill.Scalar", self, aten.isnan(self), 0) if aten.dtype(self).is_floating else self
    return aten("sum.dim_IntList", known, dim, keepdim, dtype=dtype)


@composite(FAMILY, "aten::nanmean")
def nanmean(
    aten: Aten, self: AnyTensor, dim: Sequence[int] | None, keepdim: bool, dtype: int | None
) -> AnyTensor:
    """`mean` without the NaNs."""
    if not (aten.dtype(self).is_floating or aten.dtype(self).is_complex):
        raise DTypeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{aten.dtype(self).name}"
        )
    count = aten("sum.dim_IntList", aten.logical_not(aten.isnan(self)), dim, keepdim)
    return aten("div.Tensor", aten("nansum", self, dim, keepdim, dtype=dtype), count)


def _define_with_mean(name: str) -> None:
    @composite(FAMILY, f"aten::{name}_mean.correction")
    def correction_and_mean(
        aten: Aten, self: AnyTensor, dim: Sequence[int] | None, correction: Number | None, keepdim: bool
    ) -> tuple[Any, Any]:
        spread = aten(f"{name}.correction", self, dim, correction=correction, keepdim=keepdim)
        return spread, aten("mean.dim", self, dim, keepdim)

    @composite(FAMILY, f"aten::{name}_mean.dim")
    def along_and_mean(
        aten: Aten, self: AnyTensor, dim: Sequence[int] | None, unbiased: bool, keepdim: bool
    ) -> tuple[Any, Any]:
        return aten(f"{name}_mean.correction", self, dim, correction=int(unbiased), keepdim=keepdim)

    @composite(FAMILY, f"aten::{name}_mean")
    def all_and_mean(aten: Aten, self: AnyTensor, unbiased: bool) -> tuple[Any, Any]:
        return aten(f"{name}_mean.correction", self, None, correction=int(unbiased), keepdim=False)


_define_with_mean("var")
_define_with_mean("std")


@inferred_by_running(FAMILY, "aten::cov")
def cov(self: Array, correction: int, fweights: Array | None, aweights: Array | None) -> Array:
    """The covariance matrix of the rows."""
    if self.ndim > 2 or self.dtype == np.bool_:
        raise ShapeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {self.ndim} "
            "dimensions"
        )
    kind = result_dtype([spec_of(self), *([] if aweights is None else [spec_of(aweights)]), 1.0]).numpy
    wide = np.complex128 if kind.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        matrix = np.cov(self.astype(wide), ddof=correction, fweights=fweights, aweights=aweights)
    return np.asarray(matrix).astype(kind)


@inferred_by_running(FAMILY, "aten::corrcoef")
def corrcoef(self: Array) -> Array:
    """The correlation matrix of the rows."""
    if self.ndim > 2:
        raise ShapeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {self.ndim} "
            "dimensions"
        )
    kind = self.dtype if self.dtype.kind not in "iu" else np.dtype(np.float32)
    with np.errstate(all="ignore"):
        return np.asarray(np.corrcoef(self)).astype(kind)
