"""Complex numbers: of their parts, their parts as views, conjugates, angles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, ShapeError, UnsupportedOperatorError
from tsc.memory.conjugates import conjugate_view, is_conjugate_view
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, Sharing, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelPair, KernelValue, broadcast_map
from tsc.ops.parts_emitter import PART_DTYPES, Part, Parts, PartsEmitter
from tsc.ops.shapes import broadcast, like_self

FAMILY = Family()


def _parts_dtype(dtype: dtypes.DType) -> dtypes.DType:
    return PART_DTYPES.get(dtype, dtype)


def _complex_infer(real: TensorSpec, imag: TensorSpec) -> TensorSpec:
    if real.dtype is not imag.dtype:
        raise DTypeError(
            f"Expected object of scalar type {real.dtype.scalar_type} but got scalar type "
            f"{imag.dtype.scalar_type}"
        )
    if real.dtype not in (dtypes.F32, dtypes.F64):
        raise DTypeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {real.dtype.scalar_type}"
        )
    dtype = dtypes.C64 if real.dtype is dtypes.F32 else dtypes.C128
    return TensorSpec(broadcast(real.shape, imag.shape), dtype)


def _complex_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelPair:
    shape = broadcast(*(a.spec.shape for a in arguments))
    real, imag = (a.view(shape, broadcast_map(a.spec.shape, shape).results) for a in arguments)
    return KernelPair(real, imag)


def _complex_parts(aten: Aten, real: AnyTensor, imag: AnyTensor) -> Parts:
    return Parts(real, imag)


@FAMILY.op(
    "aten::complex", infer=_complex_infer, layout=ResultLayout.ELEMENTWISE, lower=_complex_lower, kind="join",
    takes_complex=True, in_parts=_complex_parts,
)  # fmt: skip
def complex_(real: Array, imag: Array) -> Array:
    """``real + i * imag``."""
    spec = _complex_infer(spec_of(real), spec_of(imag))
    result = np.empty(spec.shape, spec.dtype.numpy)
    result.real, result.imag = real, imag
    return result


def _polar_parts(aten: Aten, abs: AnyTensor, angle: AnyTensor) -> Parts:
    return Parts(*(aten("mul.Tensor", abs, aten(name, angle)) for name in ("cos", "sin")))


@FAMILY.op("aten::polar", infer=_complex_infer, layout=ResultLayout.ELEMENTWISE, in_parts=_polar_parts)
def polar(abs: Array, angle: Array) -> Array:
    """``abs * (cos(angle) + i * sin(angle))``."""
    return complex_(np.asarray(abs * np.cos(angle)), np.asarray(abs * np.sin(angle)))


def _lower_part(number: int) -> Callable[..., KernelValue]:
    """A part in a kernel: one of a pair, or every other element of memory."""

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x = arguments[0]
        if not x.spec.dtype.is_complex:
            return x
        pair = KernelPair.of(x)
        return (pair.real, pair.imag)[number]

    return lower


def _view_as_real_infer(self: TensorSpec) -> TensorSpec:
    if not self.dtype.is_complex:
        raise DTypeError("view_as_real is only supported for complex tensors")
    return TensorSpec((*self.shape, 2), _parts_dtype(self.dtype))


def _view_as_real_parts(aten: Aten, self: Parts) -> AnyTensor:
    return aten("stack", [self.real, self.imag], -1)


@FAMILY.op("aten::view_as_real", infer=_view_as_real_infer, in_parts=_view_as_real_parts)
def view_as_real(self: Array) -> Array:
    """The same memory as pairs of real and imaginary parts, in a new last dim."""
    _view_as_real_infer(TensorSpec(self.shape, dtypes.by_numpy(self.dtype)))
    parts = self.real
    return np.lib.stride_tricks.as_strided(parts, (*self.shape, 2), (*self.strides, parts.itemsize))


def _view_as_complex_infer(self: TensorSpec) -> TensorSpec:
    wide = {dtypes.F32: dtypes.C64, dtypes.F64: dtypes.C128}.get(self.dtype)
    if wide is None:
        raise DTypeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of "
            f"scalar type: {self.dtype.scalar_type}"
        )
    if not self.ndim or self.shape[-1] != 2:
        raise ShapeError("Tensor must have a last dimension of size 2")
    return TensorSpec(self.shape[:-1], wide)


def _view_as_complex_parts(aten: Aten, self: AnyTensor) -> Parts:
    return Parts(aten("select.int", self, -1, 0), aten("select.int", self, -1, 1))


@FAMILY.op("aten::view_as_complex", infer=_view_as_complex_infer, in_parts=_view_as_complex_parts)
def view_as_complex(self: Array) -> Array:
    """The same memory, the pairs of the last dim taken as complex numbers."""
    spec = _view_as_complex_infer(TensorSpec(self.shape, dtypes.by_numpy(self.dtype)))
    if self.size and (
        self.strides[-1] != self.itemsize or any(s % (2 * self.itemsize) for s in self.strides[:-1])
    ):
        raise ShapeError("Tensor must have a last dimension with stride 1")
    return self.view(spec.dtype.numpy)[..., 0]


def _real_infer(self: TensorSpec) -> TensorSpec:
    return TensorSpec(self.shape, _parts_dtype(self.dtype))


def _real_part(aten: Aten, self: Parts) -> AnyTensor:
    return self.real


def _imaginary_part(aten: Aten, self: Parts) -> AnyTensor:
    return self.imag


@FAMILY.op(
    "aten::real",
    infer=_real_infer,
    lower=_lower_part(0),
    kind="view",
    takes_complex=True,
    in_parts=_real_part,
    gives_argument=True,
)
def real(self: Array) -> Array:
    """The real parts, in the same memory."""
    return self.real if np.iscomplexobj(self) else self


def _imag_infer(self: TensorSpec) -> TensorSpec:
    if not self.dtype.is_complex:
        raise DTypeError(
            f"imag is not implemented for tensors with non-complex dtypes; got {self.dtype.scalar_type}"
        )
    return TensorSpec(self.shape, _parts_dtype(self.dtype))


@FAMILY.op(
    "aten::imag", infer=_imag_infer, lower=_lower_part(1), kind="view", takes_complex=True,
    in_parts=_imaginary_part,
)  # fmt: skip
def imag(self: Array) -> Array:
    """The imaginary parts, in the same memory."""
    _imag_infer(TensorSpec(self.shape, dtypes.by_numpy(self.dtype)))
    return self.imag


def _itself(aten: Aten, self: Parts) -> Parts:
    return self


def _conjugate(aten: Aten, self: Parts) -> Parts:
    return Parts(self.real, PartsEmitter(aten).negative(self.imag))


@FAMILY.op(
    "aten::resolve_conj", "aten::resolve_neg", infer=like_self, sharing=Sharing.SOMETIMES, in_parts=_itself
)
def resolve(self: Array) -> Array:
    """The tensor itself; a copy of what follows another tensor as its conjugates."""
    return self.copy() if is_conjugate_view(self) else self


def _conjugated_back(aten: Aten, base: AnyTensor, piece: AnyTensor) -> AnyTensor:
    return aten("conj", piece)


@FAMILY.op(
    "aten::conj",
    "aten::_conj",
    infer=like_self,
    sharing=Sharing.FOLLOWING,
    in_parts=_conjugate,
    inverse=_conjugated_back,
)
def conj(self: Array) -> Array:
    """The conjugates, as a view: what is written to them is written to `self`, and what is written to `self`
    shows in them. A real tensor itself.
    """
    return conjugate_view(self) if np.iscomplexobj(self) else self


@FAMILY.op("aten::conj_physical", infer=like_self, sharing=Sharing.SOMETIMES, in_parts=_conjugate)
def conj_physical(self: Array) -> Array:
    """The conjugates; a real tensor itself."""
    return np.asarray(np.conj(self)) if np.iscomplexobj(self) else self


def _angle_infer(self: TensorSpec) -> TensorSpec:
    real = {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}.get(self.dtype, self.dtype)
    return TensorSpec(self.shape, real if real.is_floating else dtypes.F32)


def _angle_of_parts(aten: Aten, self: Parts) -> Part:
    return aten("atan2", self.imag, self.real)


def _angle_of_reals(aten: Aten, self: AnyTensor) -> AnyTensor:
    """`angle` of real numbers in terms of other operators."""
    dtype = aten.dtype(self)
    if dtype.is_complex:
        raise UnsupportedOperatorError("aten::angle: of complex numbers as wholes")
    x = self if dtype.is_floating else aten.in_dtype(self, dtypes.F32)
    sign = aten("mul.Scalar", aten.in_dtype(aten("lt.Scalar", x, 0), aten.dtype(x)), np.pi)
    return aten("where.self", aten.isnan(x), x, sign)


@FAMILY.op(
    "aten::angle", infer=_angle_infer, in_parts=_angle_of_parts, kind="composite", composite=_angle_of_reals
)
def angle(self: Array) -> Array:
    """The angle of a complex number; of a real one 0 or pi."""
    target = _angle_infer(spec_of(self)).dtype.numpy
    if np.iscomplexobj(self):
        return np.asarray(np.angle(self)).astype(target)
    x = self.astype(np.float64)
    return np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0)).astype(target)


def _adjoint_back(aten: Aten, base: AnyTensor, piece: AnyTensor) -> AnyTensor:
    return aten("adjoint", piece)


@composite(
    FAMILY, "aten::mH", "aten::adjoint", "aten::matrix_H", sharing=Sharing.FOLLOWING, inverse=_adjoint_back
)
def adjoint(aten: Aten, self: AnyTensor) -> AnyTensor:
    """The conjugate transpose of the last two dims."""
    if not aten.shape(self):
        return aten("conj", self) if aten.dtype(self).is_complex else self
    if len(aten.shape(self)) < 2:
        raise ShapeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got "
            f"{len(aten.shape(self))}-D tensor."
        )
    turned = aten("transpose.int", self, -2, -1)
    return aten("conj", turned) if aten.dtype(self).is_complex else turned
