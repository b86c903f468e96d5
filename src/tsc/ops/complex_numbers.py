"""Complex numbers: their parts as views, conjugates, angles."""

from __future__ import annotations

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, Sharing, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.shapes import like_self

FAMILY = Family()


def _parts_dtype(dtype: dtypes.DType) -> dtypes.DType:
    return {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}.get(dtype, dtype)


def _view_as_real_infer(self: TensorSpec) -> TensorSpec:
    if not self.dtype.is_complex:
        raise DTypeError("view_as_real is only supported for complex tensors")
    return TensorSpec((*self.shape, 2), _parts_dtype(self.dtype))


@FAMILY.op("aten::view_as_real", infer=_view_as_real_infer)
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


@FAMILY.op("aten::view_as_complex", infer=_view_as_complex_infer)
def view_as_complex(self: Array) -> Array:
    """The same memory, the pairs of the last dim taken as complex numbers."""
    spec = _view_as_complex_infer(TensorSpec(self.shape, dtypes.by_numpy(self.dtype)))
    if self.strides[-1] != self.itemsize or any(s % (2 * self.itemsize) for s in self.strides[:-1]):
        raise ShapeError("Tensor must have a last dimension with stride 1")
    return self.view(spec.dtype.numpy)[..., 0]


def _real_infer(self: TensorSpec) -> TensorSpec:
    return TensorSpec(self.shape, _parts_dtype(self.dtype))


@FAMILY.op("aten::real", infer=_real_infer)
def real(self: Array) -> Array:
    """The real parts, in the same memory."""
    return self.real if np.iscomplexobj(self) else self


def _imag_infer(self: TensorSpec) -> TensorSpec:
    if not self.dtype.is_complex:
        raise DTypeError(
            f"imag is not implemented for tensors with non-complex dtypes; got {self.dtype.scalar_type}"
        )
    return TensorSpec(self.shape, _parts_dtype(self.dtype))


@FAMILY.op("aten::imag", infer=_imag_infer)
def imag(self: Array) -> Array:
    """The imaginary parts, in the same memory."""
    _imag_infer(TensorSpec(self.shape, dtypes.by_numpy(self.dtype)))
    return self.imag


@FAMILY.op("aten::resolve_conj", "aten::resolve_neg", infer=like_self, sharing=Sharing.SOMETIMES)
def resolve(self: Array) -> Array:
    """The tensor itself, or a copy of conjugates: `tsc` conjugates and negates at once."""
    return self if self.flags.writeable else self.copy()


@FAMILY.op("aten::conj", "aten::_conj", infer=like_self, sharing=Sharing.SOMETIMES)
def conj(self: Array) -> Array:
    """The conjugates, read-only: PyTorch's share memory with `self`, and a write to these would be lost. A
    real tensor itself.
    """
    if not np.iscomplexobj(self):
        return self
    conjugates = np.asarray(np.conj(self))
    conjugates.flags.writeable = False
    return conjugates


@FAMILY.op("aten::conj_physical", infer=like_self, sharing=Sharing.SOMETIMES)
def conj_physical(self: Array) -> Array:
    """The conjugates; a real tensor itself."""
    return np.asarray(np.conj(self)) if np.iscomplexobj(self) else self


def _angle_infer(self: TensorSpec) -> TensorSpec:
    real = {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}.get(self.dtype, self.dtype)
    return TensorSpec(self.shape, real if real.is_floating else dtypes.F32)


@FAMILY.op("aten::angle", infer=_angle_infer)
def angle(self: Array) -> Array:
    """The angle of a complex number; of a real one 0 or pi."""
    target = _angle_infer(spec_of(self)).dtype.numpy
    if np.iscomplexobj(self):
        return np.asarray(np.angle(self)).astype(target)
    x = self.astype(np.float64)
    return np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0)).astype(target)


@composite(FAMILY, "aten::mH", "aten::adjoint", "aten::matrix_H", sharing=Sharing.SOMETIMES)
def adjoint(aten: Aten, self: AnyTensor) -> AnyTensor:
    """The conjugate transpose of the last two dims."""
    if not aten.shape(self):
        return aten("conj", self) if aten.dtype(self).is_complex else aten("alias", self)
    if len(aten.shape(self)) < 2:
        raise ShapeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got "
            f"{len(aten.shape(self))}-D tensor."
        )
    turned = aten("transpose.int", self, -2, -1)
    return aten("conj", turned) if aten.dtype(self).is_complex else turned
