"""What a view is on specs and in kernels, found by taking it of arrays without memory: a map of indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc.narrowing import is_array, is_list
from tsc.ops.elementwise import specs_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue, dim
from tsc.ops.registry import TensorSpec

Array = np.ndarray[Any, Any]


def dummy(spec: TensorSpec) -> Array:
    """An array of one element that claims the shape of `spec`: shape functions run on it for free."""
    return np.broadcast_to(np.empty((), spec.dtype.numpy), spec.shape)


def infer_by_running(view: Callable[..., Any]) -> Callable[..., Any]:
    """Infer a view by taking it of a `dummy`."""

    def infer(self: TensorSpec, *rest: Any) -> Any:
        result = view(dummy(self), *rest)
        if is_list(result):
            return [TensorSpec(r.shape, self.dtype) for r in result]
        return TensorSpec(result.shape, self.dtype)

    return infer


def lower_by_tracing(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lower a view by tracing where the elements of a `dummy` come from."""

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> Any:
        x = arguments[0]
        rest = specs_of(arguments[1:])
        results = view(dummy(x.spec), *rest)
        probe = view(_index_probe(x.spec.shape), *rest)
        if is_list(results):
            return [_affine_view(x, r.shape, p) for r, p in zip(results, probe, strict=True)]
        return _affine_view(x, results.shape, probe)

    return lower


def _index_probe(shape: Sequence[int]) -> Array:
    """An array of `shape` with distinguishable strides over imaginary memory: only its layout counts."""
    return np.lib.stride_tricks.as_strided(np.empty(1), shape, _radix_strides(shape), writeable=False)


def _radix_strides(shape: Sequence[int]) -> list[int]:
    strides, step = [0] * len(shape), 8
    for i in reversed(range(len(shape))):
        strides[i] = step
        step *= 2 * max(shape[i], 1)
    return strides


def _affine_view(x: KernelValue, shape: Sequence[int], probe: Array) -> KernelValue:
    """Read the map off the strides and the offset of `probe`, a view of `_index_probe`."""
    base = _index_probe(x.spec.shape)
    source_strides = base.strides
    origin = probe.base if probe.base is not None else probe
    offset = probe.__array_interface__["data"][0] - _root_address(origin)
    order = sorted(range(len(source_strides)), key=lambda i: -source_strides[i])
    starts = [0] * len(source_strides)
    for i in order:
        starts[i], offset = divmod(offset, source_strides[i])
    results: list[Any] = [starts[i] for i in range(len(source_strides))]
    for axis, stride in enumerate(probe.strides):
        if stride == 0 or shape[axis] == 1:
            continue
        remaining = stride
        for i in order:
            step, remaining = divmod(remaining, source_strides[i])
            term = dim(axis) * step if step != 1 else dim(axis)
            if step:
                results[i] = term + results[i] if results[i] != 0 else term
    return x.view(tuple(shape), results)


def _root_address(array: Any) -> int:
    while is_array(getattr(array, "base", None)):
        array = array.base
    return array.__array_interface__["data"][0]
