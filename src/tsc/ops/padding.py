"""Padding by reflection, the edge and wrapping around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tsc.dims import certainly_equal, is_known
from tsc.dtypes import Array
from tsc.errors import CodegenError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.kernel_builder import KernelBuilder
from tsc.ops.kernel_values import KernelValue, constant, dim

FAMILY = Family()


def _places(mode: str, n: int, low: int, high: int) -> Array:
    """The input place each output place copies; negative widths crop."""
    at = np.arange(-low, n + high)
    if mode == "replicate":
        return np.clip(at, 0, n - 1)
    if mode == "circular":  # what is left after cropping goes round
        first, left = max(0, -low), n + min(0, low) + min(0, high)
        return first + np.arange(-max(0, low), left + max(0, high)) % left
    return (n - 1) - np.abs((n - 1) - np.abs(at))


def _require_widths(mode: str, shape: Sequence[int], pad: Sequence[int]) -> list[tuple[int, int, int]]:
    """``(axis, low, high)`` for each padded dim."""
    if (
        len(pad) % 2
        or len(pad) // 2 >= len(shape) + 1
        or len(shape) not in (len(pad) // 2 + 1, len(pad) // 2 + 2)
    ):
        raise ShapeError(
            f"pad: mode {mode} requires 2, 4 or 6 widths for the last dims of an input with 1 or 2 dims "
            f"more; got {len(pad)} widths for {list(shape)}"
        )
    widths: list[tuple[int, int, int]] = []
    for i in range(len(pad) // 2):
        axis = len(shape) - 1 - i
        n, low, high = shape[axis], pad[2 * i], pad[2 * i + 1]
        limit = {"reflect": n - 1, "circular": n, "replicate": None}[mode]
        if limit is not None and max(low, high) > limit:
            raise ShapeError(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input dimension, "
                f"but got: padding ({low}, {high}) at dimension {axis} of input {list(shape)}"
            )
        if n + low + high < 1 or n == 0:
            raise ShapeError(f"input (size {n}) is too small: the padded size would be {n + low + high}")
        widths.append((axis, low, high))
    return widths


def padded_spec(mode: str, self: TensorSpec, pad: Sequence[int]) -> TensorSpec:
    """The spec of `self` padded by `mode`.

    Raises:
        ShapeError: the widths do not fit.
    """
    shape = list(self.shape)
    for axis, low, high in _require_widths(mode, self.shape, pad):
        shape[axis] += low + high
    return TensorSpec(tuple(shape), self.dtype)


def padded(mode: str, self: Array, pad: Sequence[int]) -> Array:
    """`self` padded by `mode`: ``reflect``, ``replicate`` or ``circular``."""
    result = self
    for axis, low, high in _require_widths(mode, self.shape, pad):
        result = np.take(result, _places(mode, self.shape[axis], low, high), axis)
    return result.copy() if result is self else result


def _lower_axis(
    kernel: KernelBuilder, mode: str, x: KernelValue, axis: int, low: int, high: int
) -> KernelValue:
    """`x` along one dim as runs of its places: what stays, and a margin on either side."""
    n = x.spec.shape[axis]
    if is_known(n):
        places = [int(place) for place in _places(mode, n, low, high)]
        cuts = [0, max(0, low), len(places) - max(0, high), len(places)]
        runs = [_run(places[a:b]) for a, b in pairwise(cuts) if a < b]
    else:
        runs = [run for run in _symbolic_runs(mode, n, low, high) if run.count]
    parts = [_slices(x, axis, run) for run in runs]
    shape = tuple(size + low + high if i == axis else size for i, size in enumerate(x.spec.shape))
    return kernel.concat(parts, TensorSpec(shape, x.spec.dtype), axis)


@dataclass(frozen=True)
class _Run:
    """Places of a dim that are a step apart."""

    first: int
    step: int
    count: int


def _run(places: Sequence[int]) -> _Run:
    """What `places` are.

    Raises:
        CodegenError: they are not a step apart.
    """
    first, count = places[0], len(places)
    step = places[1] - first if count > 1 else 0
    if list(places) != [first + step * i for i in range(count)]:
        raise CodegenError("pad: requires margins no wider than what is left after cropping")
    return _Run(first, step, count)


def _symbolic_runs(mode: str, n: int, low: int, high: int) -> list[_Run]:
    """The margin before a dim of symbolic size `n`, what stays of it, and the margin behind it.

    Raises:
        CodegenError: a side is cropped.
    """
    if low < 0 or high < 0:
        raise CodegenError("pad: requires margins, and no cropping, for symbolic sizes")
    before, behind = {
        "replicate": (_Run(0, 0, low), _Run(n - 1, 0, high)),
        "reflect": (_Run(low, -1, low), _Run(n - 2, -1, high)),
        "circular": (_Run(n - low, 1, low), _Run(0, 1, high)),
    }[mode]
    return [before, _Run(0, 1, n), behind]


def _slices(x: KernelValue, axis: int, run: _Run) -> KernelValue:
    """The slices of a dim at the places of a run."""
    if run.step == 1 and certainly_equal(run.count, x.spec.shape[axis]):
        return x
    shape = tuple(run.count if i == axis else n for i, n in enumerate(x.spec.shape))
    along = dim(axis) * run.step + constant(run.first)
    return x.view(shape, [along if i == axis else dim(i) for i in range(x.spec.ndim)])


def _define(mode: str, name: str) -> None:
    def infer(self: TensorSpec, pad: Sequence[int]) -> TensorSpec:
        return padded_spec(mode, self, pad)

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        x, pad = arguments
        for axis, low, high in _require_widths(mode, x.spec.shape, pad):
            if low or high:
                x = _lower_axis(kernel, mode, x, axis, low, high)
        return kernel.materialize(x)

    layout = ResultLayout.AS_COMPUTED if mode == "circular" else ResultLayout.SUGGESTED

    @FAMILY.op(name, infer=infer, lower=lower, kind="concat", layout=layout)
    def pad_by_mode(self: Array, pad: Sequence[int]) -> Array:
        return padded(mode, self, pad)


for _spatial in (1, 2, 3):
    _define("reflect", f"aten::reflection_pad{_spatial}d")
    _define("replicate", f"aten::replication_pad{_spatial}d")
_define("circular", "aten::_pad_circular")

_COMPOSITES: dict[str, Callable[[int], str]] = {
    "reflect": lambda spatial: f"reflection_pad{spatial}d",
    "replicate": lambda spatial: f"replication_pad{spatial}d", "circular": lambda _: "_pad_circular",
}  # fmt: skip


@composite(FAMILY, "aten::pad", layout=ResultLayout.FOLLOWING)
def pad(aten: Aten, self: AnyTensor, pad: Sequence[int], mode: str, value: float | None) -> AnyTensor:
    """Padding by a constant, reflection, the edge or wrapping around."""
    if mode == "constant":
        return aten("constant_pad_nd", self, list(pad), 0 if value is None else value)
    if value not in (None, 0):
        raise ShapeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in _COMPOSITES or not 2 <= len(pad) <= 6 or len(pad) % 2:
        raise ShapeError(
            f"pad: mode must be one of constant, {', '.join(_COMPOSITES)} with 2, 4 or 6 widths; got {mode} "
            f"with {len(pad)}"
        )
    return aten(_COMPOSITES[mode](len(pad) // 2), self, list(pad))


@composite(FAMILY, "aten::_pad_enum", layout=ResultLayout.FOLLOWING)
def pad_enum(aten: Aten, self: AnyTensor, pad: Sequence[int], mode: int, value: float | None) -> AnyTensor:
    """As `pad`, the mode a number."""
    return aten("pad", self, pad, ("reflect", "replicate", "circular", "constant")[mode], value)
