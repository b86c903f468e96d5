"""What a view is on specs and in kernels: a map of indices, found by taking it of an `IndexView`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.ir.affine import AffineExpr

from tsc.dims import is_one
from tsc.narrowing import is_list
from tsc.ops.definition import TensorSpec
from tsc.ops.elementwise import specs_of
from tsc.ops.index_views import IndexView
from tsc.ops.kernel_builder import KernelBuilder
from tsc.ops.kernel_values import KernelValue, constant, dim


def infer_by_running(view: Callable[..., Any]) -> Callable[..., Any]:
    """Infer a view by taking it of an `IndexView`."""

    def infer(self: TensorSpec, *rest: object) -> TensorSpec | list[TensorSpec]:
        result = view(IndexView.of(self.shape, self.dtype.numpy), *rest)
        if is_list(result):
            return [TensorSpec(r.shape, self.dtype) for r in result]
        return TensorSpec(result.shape, self.dtype)

    return infer


def lower_by_tracing(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lower a view by tracing where its elements come from."""

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> Any:
        x = arguments[0]
        found = view(IndexView.of(x.spec.shape, x.spec.dtype.numpy), *specs_of(arguments[1:]))
        return [_seen(x, v) for v in found] if is_list(found) else _seen(x, found)

    return lower


def _seen(x: KernelValue, view: IndexView) -> KernelValue:
    """`x` through a view of it."""
    results: list[AffineExpr | int] = list(view.starts)
    for axis, (size, step) in enumerate(zip(view.shape, view.strides, strict=True)):
        for source, distance in () if is_one(size) else step.along:
            term = dim(axis) if is_one(distance) else dim(axis) * constant(distance)
            start = results[source]
            results[source] = term if _is_zero(start) else term + constant(start)
    return x.view(view.shape, results)


def _is_zero(start: AffineExpr | int) -> bool:
    return isinstance(start, int) and start == 0
