"""Fourier transforms in kernels: lines in planes of reals, with a table of roots of unity."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects.linalg.ops import FillOp

from tsc.dialects.loop_extents import shape_of
from tsc.dialects.tsc_fourier import FourierOp, FourierPlan, Transform, columns_of
from tsc.dtypes import Array, DType
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import KernelBuilder, KernelValue


def transformed_lines(
    kernel: KernelBuilder, planes: Sequence[KernelValue], axis: int, transform: Transform, extent: int,
    inverse: bool, scale: float,
) -> list[KernelValue]:  # fmt: skip
    """The planes of the transform of lines along a dim; without a second plane the numbers are real."""
    shape = planes[0].spec.shape
    size = prod(shape[axis + 1 :])
    plan = FourierPlan(transform, extent, columns_of(size))
    lines = [_in_memory(kernel, p, (prod(shape[:axis]), shape[axis], size)) for p in planes]
    dtype = planes[0].spec.dtype
    table = kernel.table("roots", roots_of_unity(plan, dtype))
    op = FourierOp.of([line.ssa for line in lines], table.ssa, plan, inverse, scale)
    kernel.add(op)
    made = tuple(plan.made if i == axis else n for i, n in enumerate(shape))
    results = [KernelValue(r, TensorSpec(shape_of(r), dtype)) for r in op.made]
    return [kernel.reshape_in_memory(r, made) for r in results]


def _in_memory(kernel: KernelBuilder, x: KernelValue, shape: tuple[int, ...]) -> KernelValue:
    if isinstance(x.ssa.owner, FillOp):  # a number everywhere lies nowhere
        x = kernel.elementwise([x], x.spec, lambda element: element, "copy")
    return kernel.reshape_in_memory(kernel.materialize(x), shape)


@cache
def roots_of_unity(plan: FourierPlan, dtype: DType) -> Array:
    """The table that goes with a plan."""
    table = np.zeros(plan.table_size, np.longdouble)
    for stage in plan.stages:
        if stage.factors:
            powers = np.outer(np.arange(1, stage.radix), np.arange(stage.rest)).ravel()
            _put(table, stage.table, powers, stage.radix * stage.rest)
    _put(table, plan.roots, np.arange(plan.root_count), plan.extent)
    return table.astype(dtype.numpy)


def _put(table: Array, start: int, powers: Array, order: int) -> None:
    """Cosines, then sines, of ``-2 pi power / order``."""
    angles: Any = -2 * np.arccos(np.longdouble(-1)) * (powers % order) / order
    count = len(powers)
    table[start : start + count], table[start + count : start + 2 * count] = np.cos(angles), np.sin(angles)
