"""Diagonals filled in place, tensors given other sizes, and nonzero elements of a number known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import holds_found
from tsc.dtypes import Array, Number
from tsc.errors import OperatorError, ShapeError
from tsc.ops.creation import constant, dtype_or, sized
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.strides import lay_out, strided_view

FAMILY = Family()


@FAMILY.op("aten::fill_diagonal_", kind="inplace", takes_overlap=True)
def fill_diagonal(self: Array, fill_value: Number, wrap: bool) -> Array:
    """Write the main diagonal; of a tall matrix, if it is to `wrap`, all those below it too.

    Raises:
        ShapeError: there are less than two dims, or more than two of different sizes.
    """
    if self.ndim < 2:
        raise ShapeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise ShapeError("all dimensions of input must be of equal length")
    value = constant(fill_value, spec_of(self).dtype)
    shape: tuple[int, ...] = self.shape
    self[(np.arange(min(shape)),) * self.ndim] = value
    rows, columns = shape[:2]
    if wrap and self.ndim == 2 and rows > columns + 1:
        for start in range(columns + 1, rows, columns + 1):
            steps: Array = np.arange(min(columns, rows - start))
            self[start + steps, steps] = value
    return self


@FAMILY.op("aten::resize_", kind="inplace", takes_overlap=True, changes_shape=True)
def resize(self: Array, size: Sequence[int], memory_format: int | None) -> Array:
    """Give this very tensor other sizes, row-major over the same memory from its first element on.

    Raises:
        OperatorError: they are of another number of elements, or that memory is too small.
    """
    wanted = sized(size, spec_of(self).dtype)
    if tuple(size) == self.shape:
        return self
    if wanted.size != self.size:
        raise OperatorError(
            f"resize_: requires as many elements: the memory of an array neither grows nor shrinks; got "
            f"{list(self.shape)} for {list(size)}"
        )
    try:
        seen = strided_view(self, size, np.empty(tuple(size), self.dtype).strides)
        lay_out(self, seen.shape, seen.strides)
    except ValueError:
        raise OperatorError(
            "resize_: requires memory for all elements; got a tensor of which several refer to a single "
            "memory location"
        ) from None
    return self


@FAMILY.op("aten::resize_as_", kind="inplace", takes_overlap=True, changes_shape=True)
def resize_as(self: Array, the_template: Array, memory_format: int | None) -> Array:
    """`resize` to the sizes of another tensor."""
    return resize(self, the_template.shape, memory_format)


def _permuted_infer(
    size: Sequence[int], physical_layout: Sequence[int], dtype: int | None, *_: object
) -> TensorSpec:
    return sized(size, dtype_or(dtype, dtypes.F32))


@FAMILY.op("aten::empty_permuted", infer=_permuted_infer)
def empty_permuted(
    size: Sequence[int], physical_layout: Sequence[int], dtype: int | None, *_: object
) -> Array:
    """A tensor of undefined elements whose dims lie in memory in the order of `physical_layout`."""
    spec = _permuted_infer(size, physical_layout, dtype)
    if sorted(physical_layout) != list(range(len(size))):
        raise ShapeError(f"empty_permuted: requires a permutation of the dims; got {list(physical_layout)}")
    made = np.zeros([size[d] for d in physical_layout], spec.dtype.numpy)
    return made.transpose(np.argsort(physical_layout))


def _nonzero_infer(self: TensorSpec, size: int, fill_value: int) -> TensorSpec:
    return TensorSpec((size, self.ndim), dtypes.I64)


def _nonzero_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    mask, size, _ = arguments
    return kernel.reshape_in_memory(kernel.places(mask, size), (size, 1))


def _is_counted(self: TensorSpec, size: int, fill_value: int) -> bool:
    """Whether a mask was counted before, so that nothing is filled."""
    return self.ndim == 1 and self.dtype is dtypes.BOOL and holds_found(size)


@FAMILY.op(
    "aten::nonzero_static", infer=_nonzero_infer, lower=_nonzero_lower, lowers=_is_counted, kind="places"
)
def nonzero_static(self: Array, size: int, fill_value: int) -> Array:
    """The places of the first `size` elements that are not 0; rows of `fill_value` where there are fewer."""
    if size < 0:
        raise ShapeError("nonzero_static: 'size' must be an non-negative integer")
    found: Any = np.argwhere(self)[:size]
    made = np.full((size, self.ndim), fill_value, np.int64)
    made[: len(found)] = found
    return made
