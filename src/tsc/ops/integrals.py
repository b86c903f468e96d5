"""Integrals of samples by the trapezoidal rule."""

from __future__ import annotations

from tsc.dtypes import Number
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.shapes import wrap_dim

FAMILY = Family()


def _refuse_bools(aten: Aten, *tensors: AnyTensor) -> None:
    if any(aten.dtype(t).name == "bool" for t in tensors):
        raise DTypeError("trapezoid: received a bool input for `x` or `y`, but bool is not supported")


def _steps(aten: Aten, y: AnyTensor, x: AnyTensor, axis: int) -> AnyTensor:
    """The distances of neighbours along `axis`, where `x` says where the samples `y` lie."""
    shape, own = aten.shape(y), aten.shape(x)
    if len(own) == 1:
        if own[0] != shape[axis]:
            raise ShapeError("trapezoid: There must be one `x` value for each sample point")
        x = aten("reshape", x, [-1 if i == axis else 1 for i in range(len(shape))])
    elif len(own) < len(shape):
        x = aten("reshape", x, [*([1] * (len(shape) - len(own))), *own])
    return aten("sub.Tensor", aten("slice.Tensor", x, axis, 1), aten("slice.Tensor", x, axis, 0, -1))


def _sums_of_neighbours(aten: Aten, y: AnyTensor, axis: int) -> AnyTensor:
    return aten("add.Tensor", aten("slice.Tensor", y, axis, 0, -1), aten("slice.Tensor", y, axis, 1))


def _without(aten: Aten, y: AnyTensor, axis: int) -> AnyTensor:
    """Zeros, one for each row along `axis`."""
    return aten("new_zeros", y, [n for i, n in enumerate(aten.shape(y)) if i != axis])


@composite(FAMILY, "aten::trapezoid.x", "aten::trapz.x", layout=ResultLayout.FOLLOWING)
def trapezoid(aten: Aten, y: AnyTensor, x: AnyTensor, dim: int) -> AnyTensor:
    """The integral along `dim` of samples `y` at the places `x`, by the trapezoidal rule."""
    axis = wrap_dim(dim, len(aten.shape(y)))
    if aten.shape(y)[axis] == 0:
        return _without(aten, y, axis)
    _refuse_bools(aten, x, y)
    areas = aten("mul.Tensor", _sums_of_neighbours(aten, y, axis), _steps(aten, y, x, axis))
    return aten("div.Scalar", aten("sum.dim_IntList", areas, [axis]), 2.0)


@composite(FAMILY, "aten::trapezoid.dx", "aten::trapz.dx", layout=ResultLayout.FOLLOWING)
def trapezoid_of_step(aten: Aten, y: AnyTensor, dx: Number, dim: int) -> AnyTensor:
    """The integral along `dim` of samples at the distance `dx`, by the trapezoidal rule."""
    axis = wrap_dim(dim, len(aten.shape(y)))
    if aten.shape(y)[axis] == 0:
        return _without(aten, y, axis)
    _refuse_bools(aten, y)
    ends = aten("add.Tensor", aten("select.int", y, axis, 0), aten("select.int", y, axis, -1))
    heights = aten("sub.Tensor", aten("sum.dim_IntList", y, [axis]), aten("mul.Scalar", ends, 0.5))
    return aten("mul.Scalar", heights, dx)


@composite(FAMILY, "aten::cumulative_trapezoid.x", layout=ResultLayout.FOLLOWING)
def cumulative_trapezoid(aten: Aten, y: AnyTensor, x: AnyTensor, dim: int) -> AnyTensor:
    """The integral up to each sample but the first."""
    axis = wrap_dim(dim, len(aten.shape(y)))
    _refuse_bools(aten, x, y)
    halves = aten("div.Scalar", _steps(aten, y, x, axis), 2.0)
    return aten("cumsum", aten("mul.Tensor", halves, _sums_of_neighbours(aten, y, axis)), axis)


@composite(FAMILY, "aten::cumulative_trapezoid.dx", layout=ResultLayout.FOLLOWING)
def cumulative_trapezoid_of_step(aten: Aten, y: AnyTensor, dx: float, dim: int) -> AnyTensor:
    """The integral up to each sample but the first, where they are at the distance `dx`."""
    axis = wrap_dim(dim, len(aten.shape(y)))
    _refuse_bools(aten, y)
    return aten("cumsum", aten("mul.Scalar", _sums_of_neighbours(aten, y, axis), dx / 2.0), axis)
