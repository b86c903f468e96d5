"""``gradient``: derivatives along dims by central differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Number
from tsc.errors import ShapeError
from tsc.narrowing import is_array, is_list
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.shapes import wrap_dim

FAMILY = Family()
Spacing = Number | Array
"""The distance of neighbours along a dim, or where they are."""


def _dims(ndim: int, dim: int | Sequence[int] | None) -> list[int]:
    if dim is None:
        return list(range(ndim))
    return [wrap_dim(d, ndim) for d in ([dim] if isinstance(dim, int) else dim)]


def _derivative(x: Array, spacing: Spacing, axis: int, edge_order: int) -> Array:
    if x.shape[axis] <= edge_order:
        raise ShapeError(
            f"torch.gradient expected each dimension size to be at least edge_order+1; got {x.shape[axis]}"
        )
    points: Any = spacing
    if is_array(spacing) and spacing.ndim:
        points = spacing.astype(np.result_type(spacing.dtype, np.float64))
    wide: Any = x.astype(np.result_type(x.dtype, np.float64))
    differences: Any = np.gradient  # its stubs know one axis with one distance only
    return np.asarray(differences(wide, points, axis=axis, edge_order=edge_order))


def _gradient(self: Array, spacings: Sequence[Spacing], dims: Sequence[int], edge_order: int) -> list[Array]:
    if edge_order not in (1, 2):
        raise ShapeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if len(set(dims)) != len(dims):
        raise ShapeError("dim appears multiple times in the list of dims")
    if len(spacings) != len(dims):
        raise ShapeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or as long as the dims; got "
            f"{len(spacings)} for {len(dims)}"
        )
    target = _target(spec_of(self)).numpy
    pairs = zip(spacings, dims, strict=True)
    return [np.ascontiguousarray(_derivative(self, s, d, edge_order).astype(target)) for s, d in pairs]


def _target(self: TensorSpec) -> dtypes.DType:
    return self.dtype if self.dtype.is_floating or self.dtype.is_complex else dtypes.F32


def _define(overload: str, *, has_spacing: bool) -> None:
    def split(arguments: Sequence[Any]) -> tuple[Any, Any, Any, int]:
        self, *rest = arguments
        spacing = rest.pop(0) if has_spacing else None
        return self, spacing, rest[0], rest[1]

    def infer(*arguments: Any) -> list[TensorSpec]:
        self, _, dim, _ = split(arguments)
        return [TensorSpec(self.shape, _target(self)) for _ in _dims(self.ndim, dim)]

    @FAMILY.op(f"aten::gradient.{overload}", infer=infer)
    def gradient(*arguments: Any) -> list[Array]:
        """The derivatives along dims (all, by default): central within, one-sided at the edges."""
        self, spacing, dim, edge_order = split(arguments)
        dims = _dims(self.ndim, dim)
        if is_list(spacing):
            return _gradient(self, spacing, dims, edge_order)
        return _gradient(self, [1.0 if spacing is None else spacing] * len(dims), dims, edge_order)


for _overload in (
    "scalarint",
    "scalararray",
    "scalarrayint",
    "scalarrayarray",
    "tensorarrayint",
    "tensorarray",
):
    _define(_overload, has_spacing=True)
_define("array", has_spacing=False)
