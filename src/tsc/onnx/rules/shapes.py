"""Rules: what gives the same elements in another shape, order or dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsc import dtypes
from tsc.dims import Dim
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor

END = 2**63 - 1
"""An end behind all elements."""


def same(g: Emitter, x: Tensor, *_: Any) -> str:
    """The very elements."""
    return x.name


def dropout(g: Emitter, x: Tensor, p: float, train: bool) -> str:
    """The very elements, but while training."""
    if train:
        raise NoFormError("requires eval mode: it draws random numbers")
    return x.name


def converted(g: Emitter, x: Tensor, *_: Any) -> str:
    """The elements in the dtype of the result."""
    return g.cast(x, g.result.dtype)


def reshaped(g: Emitter, x: Tensor, *_: Any) -> str:
    """The shape of the result, whatever the other arguments say."""
    return g.shaped(x)


def expanded(g: Emitter, x: Tensor, *_: Any) -> str:
    """Repeated along dims of size 1."""
    return g("Expand", x, g.sizes(g.result.shape))


def unsqueeze(g: Emitter, x: Tensor, dim: int) -> str:
    """One dim more."""
    return g("Unsqueeze", x, g.sizes([dim]))


def _transposed(g: Emitter, x: Tensor, order: Sequence[int]) -> str:
    return g("Transpose", x, perm=[d % x.ndim for d in order]) if x.ndim else x.name


def transpose(g: Emitter, x: Tensor, first: int, second: int) -> str:
    """Two dims exchanged."""
    order = list(range(x.ndim))
    if order:
        order[first], order[second] = order[second], order[first]
    return _transposed(g, x, order)


def permute(g: Emitter, x: Tensor, order: Sequence[int]) -> str:
    """The dims in another order."""
    return _transposed(g, x, order)


def reversed_dims(g: Emitter, x: Tensor) -> str:
    """The dims from the last to the first."""
    return _transposed(g, x, list(range(x.ndim))[::-1])


def last_dims_exchanged(g: Emitter, x: Tensor) -> str:
    """Each matrix transposed."""
    return transpose(g, x, -1, -2)


def sliced(g: Emitter, x: Tensor, dim: int, start: Any, end: Any, step: int) -> str:
    """Every `step`-th element of a dim, from one place to before another."""
    bounds = [g.sizes([0 if start is None else start]), g.sizes([END if end is None else end])]
    return g("Slice", x, *bounds, g.sizes([dim]), g.sizes([step]))


def narrow(g: Emitter, x: Tensor, dim: int, start: Any, length: Any) -> str:
    """`length` elements of a dim."""
    if isinstance(start, Tensor):
        raise NoFormError("requires a start that is known")
    if not isinstance(start, Dim) and start < 0:
        start = x.shape[dim] + start
    return sliced(g, x, dim, start, start + length, 1)


def select(g: Emitter, x: Tensor, dim: int, index: Any) -> str:
    """One place of a dim."""
    return g("Gather", x, g.number(index, dtypes.I64), axis=dim)


def flip(g: Emitter, x: Tensor, dims: Sequence[int]) -> str:
    """Dims from behind."""
    if not dims:
        return x.name
    count = len(dims)
    return g(
        "Slice", x, g.sizes([-1] * count), g.sizes([-END - 1] * count), g.sizes(dims), g.sizes([-1] * count)
    )


def cat(g: Emitter, tensors: Sequence[Tensor], dim: int) -> str:
    """Tensors one behind the other; those of one dim without elements count for nothing."""
    held = [t for t in tensors if t.shape != (0,)] or list(tensors[:1])
    return g("Concat", *g.operands(*held), axis=dim)


def stack(g: Emitter, tensors: Sequence[Tensor], dim: int) -> str:
    """Tensors side by side, along a new dim."""
    parts = [g("Unsqueeze", t, g.sizes([dim])) for t in g.operands(*tensors)]
    return g("Concat", *parts, axis=dim)


def repeat(g: Emitter, x: Tensor, times: Sequence[Any]) -> str:
    """The whole tensor several times along each dim."""
    missing = len(times) - x.ndim
    whole = g("Unsqueeze", x, g.sizes(range(missing))) if missing else x.name
    return g("Tile", whole, g.sizes(times)) if times else whole


def _pads(x: Tensor, padding: Sequence[Any]) -> list[Any]:
    """Padding as PyTorch has it (from the last dim on) as ONNX wants it: all begins, then all ends."""
    begins, ends = [0] * x.ndim, [0] * x.ndim
    for place, (low, high) in enumerate(zip(padding[::2], padding[1::2], strict=True)):
        begins[-1 - place], ends[-1 - place] = low, high
    return [*begins, *ends]


def constant_pad(g: Emitter, x: Tensor, padding: Sequence[Any], value: Any) -> str:
    """A number around a tensor; or less of it."""
    return g("Pad", x, g.sizes(_pads(x, padding)), g.number(value, x.dtype), mode="constant")


def padded(mode: str) -> Rule:
    """What is in a tensor around it."""

    def pad(g: Emitter, x: Tensor, padding: Sequence[Any]) -> str:
        return g("Pad", x, g.sizes(_pads(x, padding)), mode=mode)

    return pad


def padded_around(g: Emitter, x: Tensor, padding: Sequence[int]) -> str:
    """What is at the other end of a dim around it."""
    name = x.name
    for place, (low, high) in enumerate(zip(padding[::2], padding[1::2], strict=True)):
        if min(low, high) < 0:
            raise NoFormError("requires padding, and not less of a tensor")
        axis = g.sizes([-1 - place])
        begin = [g("Slice", name, g.sizes([-low]), g.sizes([END]), axis)] if low else []
        end = [g("Slice", name, g.sizes([0]), g.sizes([high]), axis)] if high else []
        name = g("Concat", *begin, name, *end, axis=-1 - place)
    return name


def triangle(upper: int) -> Rule:
    """What is on one side of a diagonal of each matrix."""

    def cut(g: Emitter, x: Tensor, diagonal: int) -> str:
        return g("Trilu", x, g.number(diagonal, dtypes.I64), upper=upper)

    return cut


SHAPES: Rules = {
    "contiguous": same, "clone": same, "detach": same, "alias": same, "lift_fresh": same,
    "to.device": converted,
    "to.dtype": converted, "to.dtype_layout": converted, "to.other": converted, "to.prim_Device": converted,
    "to.prim_dtype": converted, "type_as": converted, "cpu": same, "dropout": dropout,
    "feature_dropout": dropout,
    "view": reshaped, "reshape": reshaped, "_unsafe_view": reshaped, "flatten.using_ints": reshaped,
    "unflatten.int": reshaped, "view_as": reshaped, "reshape_as": reshaped, "squeeze": reshaped,
    "squeeze.dim": reshaped,
    "squeeze.dims": reshaped, "unsqueeze": unsqueeze, "expand": expanded, "expand_as": expanded,
    "transpose.int": transpose, "permute": permute, "t": reversed_dims, "numpy_T": reversed_dims,
    "mT": last_dims_exchanged,
    "slice.Tensor": sliced, "narrow": narrow, "select.int": select, "flip": flip, "cat": cat, "stack": stack,
    "repeat": repeat, "constant_pad_nd": constant_pad,
    **{f"reflection_pad{n}d": padded("reflect") for n in (1, 2, 3)},
    **{f"replication_pad{n}d": padded("edge") for n in (1, 2, 3)},
    "_pad_circular": padded_around, "triu": triangle(1), "tril": triangle(0),
}  # fmt: skip
"""By the operator's name."""
