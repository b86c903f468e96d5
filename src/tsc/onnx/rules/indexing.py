"""Rules: elements at places that tensors say, read and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsc import dtypes
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor


def embedding(g: Emitter, weight: Tensor, indices: Tensor, *_: Any) -> str:
    """The rows of a table."""
    return g("Gather", weight, indices, axis=0)


def index_select(g: Emitter, x: Tensor, dim: int, indices: Tensor) -> str:
    """The places of a dim that a vector says."""
    line = g("Reshape", indices, g.sizes([-1])) if indices.ndim == 0 else indices.name
    if not x.ndim:
        return g.shaped(x)
    return g("Gather", x, line, axis=dim)


def gather(g: Emitter, x: Tensor, dim: int, indices: Tensor, _: Any) -> str:
    """An element for each index, along a dim."""
    if not x.ndim or not indices.ndim:
        raise NoFormError("requires tensors that have dims")
    return g("GatherElements", x, indices, axis=dim)


def index(g: Emitter, x: Tensor, indices: Sequence[Tensor | None]) -> str:
    """Elements at places that tensors say, dim by dim; those that say none are taken whole."""
    dims = [i for i, places in enumerate(indices) if places is not None]
    given = [places for places in indices if places is not None]
    _require_places(given)
    if len(given) == 1:
        return g("Gather", x, given[0], axis=dims[0])
    rest = [d for d in range(x.ndim) if d not in dims]
    moved = g("Transpose", x, perm=[*dims, *rest]) if dims != list(range(len(dims))) else x.name
    found = g("GatherND", moved, _places(g, given))
    is_together = dims == list(range(dims[0], dims[0] + len(dims)))
    if not is_together or not dims[0]:
        return found
    count = g.result.ndim - len(rest)  # dims of the places, which come where the dims were
    order = list(range(g.result.ndim))
    front, behind = order[count : count + dims[0]], order[count + dims[0] :]
    return g("Transpose", found, perm=[*front, *order[:count], *behind])


def _require_places(given: Sequence[Tensor]) -> None:
    for places in given:
        if places.dtype in (dtypes.BOOL, dtypes.U8):
            raise NoFormError("requires indices; got a mask, of which elements say how many there are")


def _places(g: Emitter, given: Sequence[Tensor]) -> str:
    """The indices of several dims, side by side in a new last dim."""
    shape = given[0].shape if len(given) == 1 else _broadcast(given)
    parts = [g("Unsqueeze", g("Expand", g.cast(p, dtypes.I64), g.sizes(shape)), g.sizes([-1])) for p in given]
    return g("Concat", *parts, axis=-1) if len(parts) > 1 else parts[0]


def _broadcast(given: Sequence[Tensor]) -> tuple[Any, ...]:
    """The shape that tensors of indices have together."""
    ndim = max(p.ndim for p in given)
    shape: list[Any] = [1] * ndim
    for places in given:
        for i, size in enumerate(places.shape, ndim - places.ndim):
            shape[i] = size if isinstance(shape[i], int) and shape[i] == 1 else shape[i]
    return tuple(shape)


def index_put(
    g: Emitter, x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool
) -> str:
    """Values put, or added, at places of the first dims."""
    given = [places for places in indices if places is not None]
    _require_places(given)
    if [*given, *[None] * (len(indices) - len(given))] != list(indices):
        raise NoFormError("requires indices of the first dims")
    shape = (*_broadcast(given), *x.shape[len(given) :])
    updates = g("Expand", values, g.sizes(shape))
    return g("ScatterND", x, _places(g, given), updates, reduction="add" if accumulate else "none")


def _scatter(reduction: str) -> Rule:
    def scatter(g: Emitter, x: Tensor, dim: int, indices: Tensor, source: Any) -> str:
        if not x.ndim or not indices.ndim:
            raise NoFormError("requires tensors that have dims")
        if isinstance(source, Tensor):
            updates = _as_large(g, source, indices)
        else:
            updates = g("Expand", g.number(source, x.dtype), g.sizes(indices.shape))
        return g("ScatterElements", x, indices, updates, axis=dim, reduction=reduction)

    return scatter


def _as_large(g: Emitter, source: Tensor, indices: Tensor) -> str:
    """As much of `source` as there are indices."""
    if source.shape == indices.shape:
        return source.name
    dims = list(range(source.ndim))
    return g("Slice", source, g.sizes([0] * source.ndim), g.sizes(indices.shape), g.sizes(dims))


def index_add(g: Emitter, x: Tensor, dim: int, indices: Tensor, source: Tensor, alpha: Any) -> str:
    """Slices added at the places of a dim that a vector says."""
    if not x.ndim or indices.ndim != 1:
        raise NoFormError("requires a vector of indices")
    shape = [1] * x.ndim
    shape[dim] = -1
    places = g("Expand", g("Reshape", g.cast(indices, dtypes.I64), g.sizes(shape)), g.sizes(source.shape))
    updates = source.name if alpha == 1 else g("Mul", source, g.number(alpha, x.dtype))
    return g("ScatterElements", x, places, updates, axis=dim, reduction="add")


REDUCTIONS = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}
"""PyTorch's names of what is made of elements that come to one place, and ONNX's."""


def scatter_reduce(
    g: Emitter, x: Tensor, dim: int, indices: Tensor, source: Tensor, reduction: str, include_self: bool
) -> str:
    """Elements put together with what is there."""
    if reduction not in REDUCTIONS or not include_self:
        raise NoFormError("requires a sum, product or extreme with what is there")
    return _scatter(REDUCTIONS[reduction])(g, x, dim, indices, source)


def one_hot(g: Emitter, indices: Tensor, count: Any) -> str:
    """1 at each index, 0 elsewhere."""
    if not isinstance(count, int) or count < 0:
        raise NoFormError("requires a number of classes that is known")
    numbers = g("Range", *(g.number(n, dtypes.I64) for n in (0, count, 1)))
    return g.casted(g("Equal", g("Unsqueeze", indices, g.sizes([-1])), numbers), dtypes.I64)


INDEXING: Rules = {
    "embedding": embedding, "index_select": index_select, "gather": gather, "index.Tensor": index,
    "index_put": index_put, "scatter.src": _scatter("none"), "scatter.value": _scatter("none"),
    "scatter_add": _scatter("add"), "one_hot": one_hot,
    "index_add": index_add, "scatter_reduce.two": scatter_reduce,
}  # fmt: skip
"""By the operator's name."""
