"""Fourier transforms, and the short-time transform of audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dialects.tsc_fourier import FourierPlan, Transform, has_radices
from tsc.dims import is_known
from tsc.dtypes import Array, DType
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.creation import dtype_or
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.fourier_lowering import transformed_lines
from tsc.ops.kernel_builder import KernelBuilder, KernelPair, KernelValue, dim
from tsc.ops.parts_emitter import PART_DTYPES
from tsc.ops.running import inferred_by_running
from tsc.ops.shapes import wrap_dim, wrap_dims

FAMILY = Family()
_COMPLEX = {dtypes.F64: dtypes.C128, dtypes.C128: dtypes.C128}
_REAL = {dtypes.F64: dtypes.F64, dtypes.C128: dtypes.F64}


def _complex(dtype: DType) -> DType:
    return _COMPLEX.get(dtype, dtypes.C64)


def _real(dtype: DType) -> DType:
    return _REAL.get(dtype, dtypes.F32)


def _require(name: str, dtype: DType, n: int | None, norm: str | None) -> None:
    if dtype in dtypes.REDUCED:
        raise DTypeError(f"Unsupported dtype {dtype.name}")
    if norm not in (None, "forward", "backward", "ortho"):
        raise ShapeError(f'Invalid normalization mode: "{norm}"')
    if n is not None and n < 1:
        raise ShapeError(f"Invalid number of data points ({n}) specified")
    if name in ("rfft", "ihfft") and dtype.is_complex:
        raise DTypeError(f"{name} expects a real input tensor, but got {dtype.name}")


def _wide(x: Array) -> Array:
    return x if x.dtype.kind in "fc" else x.astype(np.float32)


def _define_one(name: str, target: Callable[[DType], DType], transform: Transform | None = None) -> None:
    """A transform along one dim; native where it is a `transform` of lines."""
    eagerly = getattr(np.fft, name)

    def infer(self: TensorSpec, n: int | None, dim: int, norm: str | None) -> TensorSpec:
        _require(name, self.dtype, n, norm)
        axis = wrap_dim(dim, self.ndim)
        if not self.ndim:
            raise ShapeError("Dimension specified as -1 but tensor has no dimensions")
        extent = _extent(name, self, n, axis)
        if is_known(extent) and extent < 1:
            raise ShapeError(f"Invalid number of data points ({extent}) specified")
        made = extent // 2 + 1 if name in ("rfft", "ihfft") else extent
        shape = (*self.shape[:axis], made, *self.shape[axis + 1 :])
        return TensorSpec(shape, target(self.dtype))

    def fft(self: Array, n: int | None, dim: int, norm: str | None) -> Array:
        spec = infer(spec_of(self), n, dim, norm)
        axis = wrap_dim(dim, self.ndim)
        if not self.size:  # NumPy reads memory that nobody wrote
            return np.zeros(spec.shape, spec.dtype.numpy)
        made = np.asarray(eagerly(_wide(self), n, axis, norm))
        return _laid_out(
            made, _lengthened(self, name, [n], [axis]), [axis], target(dtypes.by_numpy(self.dtype))
        )

    native = {} if transform is None else _native_parts(name, transform)
    FAMILY.op(f"aten::fft_{name}", infer=infer, **native)(fft)


def _lengthened(x: Array, name: str, sizes: Sequence[int | None], axes: Sequence[int]) -> Array:
    """`x`, or where it gets zeros behind its elements a row-major array of its shape."""
    wanted = [x.shape[a] if n is None else n for n, a in zip(sizes, axes, strict=True)]
    if name in ("irfft", "hfft") and sizes[-1] is not None:
        wanted[-1] = sizes[-1] // 2 + 1
    gets_zeros = any(n > x.shape[a] for n, a in zip(wanted, axes, strict=True))
    return np.empty(x.shape, x.dtype) if gets_zeros else x


def _by_stride(x: Array, dims: Sequence[int]) -> list[int]:
    """Dims in the order of their strides, the largest first."""
    return sorted(dims, key=lambda d: -x.strides[d])


def _laid_out(made: Array, given: Array, last: Sequence[int], dtype: DType) -> Array:
    """`made` as `dtype` in new memory: the `last` dims, along which it was transformed, are innermost, and
    others lie in the order in which they were `given`.

    Source: PyTorch aten/src/ATen/native/mkl/SpectralOps.cpp, ``_exec_fft``.
    """
    order = [*_by_stride(given, [d for d in range(given.ndim) if d not in last]), *last]
    inverse = [order.index(d) for d in range(given.ndim)]
    return np.array(made.transpose(order), dtype.numpy, order="C").transpose(inverse)


def _extent(name: str, x: TensorSpec, n: int | None, axis: int) -> int:
    """Elements of a whole line."""
    if n is not None:
        return n
    return 2 * (x.shape[axis] - 1) if name in ("irfft", "hfft") else x.shape[axis]


def _native_parts(name: str, transform: Transform) -> dict[str, Any]:
    """How a transform is done in kernels: fields of `Operator`."""

    def lowers(self: TensorSpec, n: int | None, dim: int, norm: str | None) -> bool:
        axis = wrap_dim(dim, self.ndim)
        extent, size = _extent(name, self, n, axis), prod(self.shape[axis + 1 :])
        if not is_known(extent) or not is_known(size) or not is_known(self.shape[axis]):
            return False
        elements = self.size
        return not (is_known(elements) and elements == 0) and has_radices(extent)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> Any:
        x, n, dim, norm = arguments
        axis = wrap_dim(dim, x.spec.ndim)
        extent = _extent(name, x.spec, n, axis)
        plan = FourierPlan(transform, extent)
        part = PART_DTYPES[_complex(x.spec.dtype)]
        pair = KernelPair.of(x) if x.spec.dtype.is_complex else None
        planes = [kernel.convert(x, part)] if pair is None else [pair.real, pair.imag]
        planes = [_fitted(kernel, p, axis, plan.given) for p in planes]
        if transform is Transform.FROM_HALF and len(planes) == 1:
            planes.append(kernel.full(planes[0].spec, 0))
        is_inverse = name in ("ifft", "irfft")
        scale = _scale(norm, extent, is_inverse)
        made = transformed_lines(kernel, planes, axis, transform, extent, is_inverse, scale)
        return made[0] if len(made) == 1 else KernelPair(made[0], made[1])

    return {"lower": lower, "lowers": lowers, "kind": "fourier", "takes_complex": True}


def _fitted(kernel: KernelBuilder, x: KernelValue, axis: int, extent: int) -> KernelValue:
    """The first elements of lines, or lines with zeros behind them."""
    given = x.spec.shape[axis]
    if given >= extent:
        shape = (*x.spec.shape[:axis], extent, *x.spec.shape[axis + 1 :])
        return x if given == extent else x.view(shape, [dim(i) for i in range(len(shape))])
    rank = x.spec.ndim
    padded = kernel.pad(x, [0] * rank, [extent - given if i == axis else 0 for i in range(rank)])
    return kernel.elementwise([padded], padded.spec, lambda element: element, "aten::constant_pad_nd")


def _scale(norm: str | None, extent: int, is_inverse: bool) -> float:
    """What a sum is multiplied by."""
    if norm == "ortho":
        return 1 / sqrt(extent)
    return 1 / extent if (norm == "forward") != is_inverse else 1.0


_define_one("fft", _complex, Transform.COMPLEX)
_define_one("ifft", _complex, Transform.COMPLEX)
_define_one("rfft", _complex, Transform.TO_HALF)
_define_one("irfft", _real, Transform.FROM_HALF)
_define_one("ihfft", _complex)
_define_one("hfft", _real)


def _axes(
    shape: Sequence[int], s: Sequence[int] | None, dim: Sequence[int] | None
) -> tuple[Sequence[int] | None, list[int]]:
    """Sizes and dims of a transform along several dims; -1 keeps a size."""
    ndim = len(shape)
    if dim is None:
        count = ndim if s is None else len(s)
        axes = list(range(ndim - count, ndim))
    else:
        axes = [wrap_dim(d, ndim) for d in dim]
    if len(set(axes)) != len(axes):
        raise ShapeError("FFT dims must be unique")
    if s is not None:
        if len(s) != len(axes):
            raise ShapeError("When given, dim and shape arguments must have the same length")
        s = [shape[a] if n == -1 else n for n, a in zip(s, axes, strict=True)]
        if any(n < 1 for n in s):
            raise ShapeError(f"Invalid number of data points ({min(s)}) specified")
    return s, axes


def _define_many(name: str, target: Callable[[DType], DType]) -> None:
    """A transform along several dims, and its form for two: along one after the other, the last dim where the
    numbers are real.
    """
    eagerly = getattr(np.fft, f"{name}n")

    def fft(self: Array, s: Sequence[int] | None, dim: Sequence[int] | None, norm: str | None) -> Array:
        dtype = dtypes.by_numpy(self.dtype)
        _require(name, dtype, None, norm)
        sizes, axes = _axes(self.shape, s, dim)
        if not axes:
            return self.astype(target(dtype).numpy)
        made = np.asarray(eagerly(_wide(self), sizes, axes, norm))
        is_real = name in ("rfft", "irfft")
        given = _lengthened(self, name, sizes or [None] * len(axes), axes)
        order = [*_by_stride(given, axes[:-1]), axes[-1]] if is_real else _by_stride(given, axes)
        return _laid_out(made, given, order, target(dtype))

    def in_turn(
        aten: Aten, self: AnyTensor, s: Sequence[int] | None, dim: Sequence[int] | None, norm: str | None
    ) -> AnyTensor:
        _require(name, aten.dtype(self), None, norm)
        sizes, axes = _axes(aten.shape(self), s, dim)
        if not axes:
            return aten("to.dtype", self, target(aten.dtype(self)).code)
        steps = list(zip(sizes or [None] * len(axes), axes, strict=True))
        others = {"rfft": "fft_fft", "irfft": "fft_ifft"}.get(name, f"fft_{name}")
        if name == "rfft":
            self = aten("fft_rfft", self, *steps.pop(), norm)
        last = steps.pop() if name == "irfft" else None
        for n, axis in reversed(steps):
            self = aten(others, self, n, axis, norm)
        return self if last is None else aten("fft_irfft", self, *last, norm)

    names = (f"aten::fft_{name}n", f"aten::fft_{name}2")
    composite(FAMILY, *names, eager=fft, layout=ResultLayout.AS_COMPUTED)(in_turn)


for _name in ("fft", "ifft", "rfft"):
    _define_many(_name, _complex)
_define_many("irfft", _real)


def _define_hermitian(name: str, one: str, others: str, target: Callable[[DType], DType]) -> None:
    """A transform of (or into) numbers that are Hermitian along the last of several dims: `one` along that,
    `others` along the others, which come first where the result is real.
    """
    along_one, along_others = getattr(np.fft, one), getattr(np.fft, others)

    def fft(self: Array, s: Sequence[int] | None, dim: Sequence[int] | None, norm: str | None) -> Array:
        dtype = dtypes.by_numpy(self.dtype)
        _require(one, dtype, None, norm)
        sizes, axes = _axes(self.shape, s, dim)
        if not axes:
            raise ShapeError(f"{name} must transform at least one axis")
        first, last = (None, None) if sizes is None else (sizes[:-1], sizes[-1])
        if one == "hfft":
            made = along_one(along_others(_wide(self), first, axes[:-1], norm), last, axes[-1], norm)
        else:
            made = along_others(along_one(_wide(self), last, axes[-1], norm), first, axes[:-1], norm)
        given = _lengthened(self, one, sizes or [None] * len(axes), axes)
        order = [*_by_stride(given, axes[:-1]), axes[-1]]
        return _laid_out(np.asarray(made), given, order, target(dtype))

    inferred_by_running(FAMILY, f"aten::fft_{name}n", f"aten::fft_{name}2")(fft)


_define_hermitian("hfft", "hfft", "fftn", _real)
_define_hermitian("ihfft", "ihfft", "ifftn", _complex)


def _define_shift(name: str, *, is_forward: bool) -> None:
    shift = getattr(np.fft, name)

    def eager(self: Array, dim: Sequence[int] | None) -> Array:
        return shift(self, wrap_dims(dim, self.ndim)).copy()

    @composite(FAMILY, f"aten::fft_{name}", eager=eager)
    def shifted(aten: Aten, self: AnyTensor, dim: Sequence[int] | None) -> AnyTensor:
        shape = aten.shape(self)
        dims = wrap_dims(dim, len(shape))
        distances = [shape[d] // 2 if is_forward else (shape[d] + 1) // 2 for d in dims]
        return aten("roll", self, distances, list(dims))


_define_shift("fftshift", is_forward=True)
_define_shift("ifftshift", is_forward=False)


@inferred_by_running(FAMILY, "aten::fft_fftfreq")
def fftfreq(n: int, d: float, dtype: int | None, *_: object) -> Array:
    """The frequencies of the bins of a transform."""
    return np.fft.fftfreq(n, d).astype(dtype_or(dtype, dtypes.F32).numpy)


@inferred_by_running(FAMILY, "aten::fft_rfftfreq")
def rfftfreq(n: int, d: float, dtype: int | None, *_: object) -> Array:
    """The frequencies of the bins of a transform of real numbers."""
    return np.fft.rfftfreq(n, d).astype(dtype_or(dtype, dtypes.F32).numpy)
