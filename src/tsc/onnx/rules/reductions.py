"""Rules: what is computed of all elements along dims, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsc import dtypes
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor


def _over(g: Emitter, name: str, x: str, ndim: int, dims: Sequence[int] | None, keepdim: bool) -> str:
    """A reduction over some dims; over all of them, where none are named."""
    if not ndim:
        return x
    axes = None if not dims else g.sizes(dims)
    return g(name, x, axes, keepdims=int(keepdim))


def _dims(dim: Any) -> Any:
    return [dim] if isinstance(dim, int) else dim


def reduction(name: str) -> Rule:
    """A reduction in the dtype of the result."""

    def reduce(g: Emitter, x: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> str:
        (numbers,) = g.operands(x)
        return _over(g, name, numbers, x.ndim, _dims(dim), keepdim)

    return reduce


def full_reduction(name: str) -> Rule:
    """The same of all elements: what follows the tensor is a dtype."""

    def reduce(g: Emitter, x: Tensor, dtype: Any = None) -> str:
        return reduction(name)(g, x)

    return reduce


def extreme(name: str) -> Rule:
    """The smallest or largest element; of bools, as numbers."""

    def reduce(g: Emitter, x: Tensor, dim: Any = None, keepdim: bool = False) -> str:
        if x.dtype is not dtypes.BOOL:
            return _over(g, name, x.name, x.ndim, _dims(dim), keepdim)
        found = _over(g, name, g.cast(x, dtypes.I32), x.ndim, _dims(dim), keepdim)
        return g.casted(found, dtypes.BOOL)

    return reduce


def truth(name: str) -> Rule:
    """Whether any, or all, are not 0."""

    def reduce(g: Emitter, x: Tensor, dim: Any = None, keepdim: bool = False) -> str:
        numbers = g.casted(g.cast(x, dtypes.BOOL), dtypes.I32)
        found = _over(g, name, numbers, x.ndim, _dims(dim), keepdim)
        return g.casted(found, g.result.dtype)

    return reduce


def with_places(values: str, places: str) -> Rule:
    """An extreme along a dim, and where the first one is."""

    def reduce(g: Emitter, x: Tensor, dim: int, keepdim: bool) -> list[str]:
        if not x.ndim:
            return [x.name, g.number(0, dtypes.I64)]
        return [extreme(values)(g, x, dim, keepdim), _place(g, places, x, dim, keepdim)]

    return reduce


def _place(g: Emitter, name: str, x: Tensor, dim: int, keepdim: bool) -> str:
    """Where the first extreme is along a dim; NaN is one, which ONNX passes over."""
    keeping = {"axis": dim, "keepdims": int(keepdim)}
    found = g(name, g.cast(x, dtypes.I32 if x.dtype is dtypes.BOOL else x.dtype), **keeping)
    if not x.dtype.is_floating:
        return found
    nans = g.casted(g("IsNaN", x), dtypes.I32)
    has_nan = g.casted(g("ReduceMax", nans, g.sizes([dim]), keepdims=int(keepdim)), dtypes.BOOL)
    return g("Where", has_nan, g("ArgMax", nans, **keeping), found)


def place(name: str) -> Rule:
    """Where the first extreme is: along a dim, or among all elements."""

    def find(g: Emitter, x: Tensor, dim: int | None, keepdim: bool) -> str:
        if not x.ndim:
            return g.number(0, dtypes.I64)
        if dim is not None:
            return _place(g, name, x, dim, keepdim)
        line = Tensor(g("Reshape", x, g.sizes([-1])), x.dtype, (None,))
        return g.shaped(_place(g, name, line, 0, False))

    return find


def cumsum(g: Emitter, x: Tensor, dim: int, dtype: Any) -> str:
    """The sum of what is before each place, and there."""
    (numbers,) = g.operands(x)
    return g("CumSum", numbers, g.number(dim, dtypes.I64)) if x.ndim else numbers


def topk(g: Emitter, x: Tensor, k: Any, dim: int, largest: bool, is_sorted: bool) -> list[str]:
    """The first elements in order, and where they are."""
    return _ordered(g, x, k, dim, largest)


def _ordered(g: Emitter, x: Tensor, count: Any, dim: int, largest: bool) -> list[str]:
    if not x.ndim:
        return [x.name, g.number(0, dtypes.I64)]
    if isinstance(count, Tensor):
        raise NoFormError("requires a number of elements that is known")
    return g.many("TopK", 2, x, g.sizes([count]), axis=dim, largest=int(largest), sorted=1)


def sort(g: Emitter, x: Tensor, dim: int, descending: bool) -> list[str]:
    """All elements in order, equal ones in theirs, and where they are."""
    return _ordered(g, x, x.shape[dim] if x.ndim else 1, dim, descending)


def stable_sort(g: Emitter, x: Tensor, stable: Any, dim: int, descending: bool) -> list[str]:
    """The same."""
    return sort(g, x, dim, descending)


def argsort(g: Emitter, x: Tensor, dim: int, descending: bool) -> str:
    """Where each element comes from."""
    return sort(g, x, dim, descending)[1]


REDUCTIONS: Rules = {
    "sum": full_reduction("ReduceSum"), "sum.dim_IntList": reduction("ReduceSum"),
    "mean": full_reduction("ReduceMean"),
    "mean.dim": reduction("ReduceMean"), "prod": full_reduction("ReduceProd"),
    "prod.dim_int": reduction("ReduceProd"),
    "amax": extreme("ReduceMax"), "amin": extreme("ReduceMin"), "max": extreme("ReduceMax"),
    "min": extreme("ReduceMin"),
    "max.dim": with_places("ReduceMax", "ArgMax"), "min.dim": with_places("ReduceMin", "ArgMin"),
    "argmax": place("ArgMax"), "argmin": place("ArgMin"),
    **{f"any{form}": truth("ReduceMax") for form in ("", ".dim", ".dims")},
    **{f"all{form}": truth("ReduceMin") for form in ("", ".dim", ".dims")},
    "logsumexp": reduction("ReduceLogSumExp"), "cumsum": cumsum, "topk": topk, "sort": sort,
    "sort.stable": stable_sort,
    "argsort": argsort,
}  # fmt: skip
"""By the operator's name."""
