"""How results lie in memory: the strides PyTorch gives them, which `reshape` and `view` make visible."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from tsc.dtypes import Array
from tsc.memory.roots import root_of
from tsc.narrowing import is_array, is_sequence
from tsc.ops.definition import Operator, ResultLayout
from tsc.ops.index_views import IndexView


def laid_out(operator: Operator) -> Operator:
    """`operator` with results in the layout its definition names; itself where they are as computed."""
    arrange = _ARRANGEMENTS.get(operator.result_layout)
    if arrange is None or operator.may_share or operator.schema.mutates:
        return operator
    eager = operator.eager

    def run(*arguments: object) -> Any:
        result = eager(*arguments)
        if is_array(result):
            return arrange(result, arguments)
        if isinstance(result, tuple):
            return tuple(arrange(r, arguments) if is_array(r) else r for r in result)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return result

    return replace(operator, eager=run)


def strided_view(array: Array, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Array:
    """A view that begins `offset` bytes behind the first element of `array`, with any sizes, and strides in
    bytes. It knows the memory it is a view of, and so can be laid out anew in place; one of NumPy's
    ``as_strided`` does not.

    Raises:
        ValueError: the view would reach beyond the memory.
    """
    if isinstance(array, IndexView):
        return cast("Array", array.restrided(shape, cast("Any", strides)))
    root = root_of(array)
    whole = root
    if not root.flags.c_contiguous:
        whole = root.transpose(sorted(range(root.ndim), key=lambda dim: -root.strides[dim]))
    if not whole.flags.c_contiguous:  # a root with gaps, made by another library
        flat = array if offset == 0 else array.reshape(-1)[offset // array.itemsize :]
        return np.lib.stride_tricks.as_strided(flat, shape, strides, writeable=array.flags.writeable)
    memory = whole.reshape(-1).view(np.uint8)
    start = _address(array) - _address(whole) + offset if array.size else 0
    made: Array = np.ndarray(tuple(shape), array.dtype, memory, start, tuple(strides))
    made.flags.writeable = array.flags.writeable
    return made


def element_strides(array: Array) -> list[int]:
    """The steps between neighbours of each dim, in elements. NumPy keeps none of an array without elements:
    they are row-major, as those of PyTorch's new tensors.
    """
    if array.size:
        return [s // array.itemsize for s in array.strides]
    return _strides(array.shape, range(array.ndim - 1, -1, -1), 1)


def _address(array: Array) -> int:
    return array.__array_interface__["data"][0]


def as_it_lay(copy: Array, source: Array) -> Array:
    """`copy`, of the elements of `source`, with its dims in the order of theirs, without gaps."""
    return _elementwise(copy, [source])


def as_elementwise(result: Array, operands: Sequence[Array]) -> Array:
    """`result` laid out as that of an elementwise operator on `operands` is."""
    return _elementwise(result, operands)


def _row_major(result: Array, arguments: Sequence[Any]) -> Array:
    if not result.flags.c_contiguous:
        return np.array(result, order="C")
    if 1 not in result.shape:
        return result
    return restrided(result, _strides(result.shape, range(result.ndim - 1, -1, -1), result.itemsize))


def _elementwise(result: Array, arguments: Sequence[Any]) -> Array:
    arrays = [a for a in arguments if is_array(a)]
    if result.ndim < 2 or (all(a.flags.c_contiguous for a in arrays) and _follow_alike(result, arrays)):
        return _row_major(result, arguments)
    order = elementwise_order(result.shape, [(a.shape, a.strides) for a in arrays if a.ndim <= result.ndim])
    return restrided(result, _strides(result.shape, order, result.itemsize))


def restrided(array: Array, strides: Sequence[int]) -> Array:
    """The elements of `array` in memory with these strides, without gaps: a copy, unless they lie so. The
    strides of dims of one element say nothing about the memory, but programs can ask for them.
    """
    if array.strides == tuple(strides):
        return array
    if all(n <= 1 or s == t for n, s, t in zip(array.shape, array.strides, strides, strict=True)):
        return strided_view(array, array.shape, strides)
    stored = np.empty(array.size, array.dtype)
    made = strided_view(stored, array.shape, strides)
    made[...] = array
    return made


def suggested(result: Array, images: Sequence[Array], *, of_any: bool = False) -> Array:
    """`result`, of an operator that goes by what all, or any, of `images` suggest: with channels last, or
    row-major.
    """
    decide = any if of_any else all
    is_last = bool(images) and decide(suggests_channels_last(i.shape, i.strides) for i in images)
    if not is_last or result.ndim not in CHANNELS_INNERMOST:
        return _row_major(result, images)
    return restrided(result, _strides(result.shape, CHANNELS_INNERMOST[result.ndim], result.itemsize))


CHANNELS_INNERMOST = {4: (1, 3, 2, 0), 5: (1, 4, 3, 2, 0)}
"""The dims of images and volumes whose channels lie last, fastest first."""


def suggests_channels_last(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether a tensor with such strides is taken for an image, or a volume, whose channels lie last.

    Source: ``is_channels_last_strides_2d`` and its kin (c10/core/MemoryFormat.h), by which
    ``suggest_memory_format`` goes.
    """
    order = CHANNELS_INNERMOST.get(len(shape))
    if order is None or 0 in shape or strides[1] == 0:
        return False
    least = 0
    for dim in order:
        if strides[dim] < least or (dim == 0 and least == strides[1]):
            return False
        least = strides[dim] * shape[dim]
    return True


def _suggested(result: Array, arguments: Sequence[Any]) -> Array:
    first = arguments[0]
    return suggested(result, first if is_sequence(first) else [first])


def indexed(result: Array, source: Sequence[int], indices: Sequence[Array], at: int) -> Array:
    """`result`, an indexed tensor, in the memory PyTorch gives it: as an elementwise result of the tensor,
    whose `source` strides are 0 in the dims that the indices replaced, and of the indices, whose dims end
    before dim `at`.

    Source: ``make_info`` (aten/src/ATen/native/TensorAdvancedIndexingUtils.h).
    """
    shape = result.shape
    operands: list[tuple[Sequence[int], Sequence[int]]] = [(shape, source)]
    for index in indices:
        own = (*(1,) * (at - index.ndim), *index.shape, *(1,) * (len(shape) - at))
        operands.append((own, _spread_strides(index, at, len(shape))))
    return restrided(result, _strides(shape, elementwise_order(shape, operands), result.itemsize))


def _spread_strides(index: Array, at: int, ndim: int) -> list[int]:
    """The strides of `index` as a view with dims of one element before and after its own, in bytes of int64:
    those behind it step as its last dim, those before it over all of its first.
    """
    own = [s // index.itemsize * 8 for s in index.strides]
    if index.flags.c_contiguous:
        own = _strides(index.shape, range(index.ndim - 1, -1, -1), 8)
    first = own[0] * index.shape[0] if own else 8
    last = own[-1] if own else 8
    return [*[first] * (at - index.ndim), *own, *[last] * (ndim - at)]


def _follow_alike(result: Array, arrays: Sequence[Array]) -> bool:
    """Whether row-major operands certainly make a row-major result: none of them is broadcast."""
    return all(a.shape == result.shape or a.ndim == 0 for a in arrays)


def elementwise_order(
    shape: Sequence[int], operands: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[int]:
    """The dims of an elementwise result, fastest first, from the shapes and strides of its operands: sorted
    by their strides, earlier operands deciding first, broadcast dims not taking part.

    Source: ``TensorIteratorBase::reorder_dimensions`` (aten/src/ATen/TensorIterator.cpp).
    """
    ndim = len(shape)
    strides = [_broadcast_strides(shape, *operand) for operand in operands]
    order = list(range(ndim - 1, -1, -1))
    for start in range(1, ndim):
        at = start
        for before in range(start - 1, -1, -1):
            verdict = _compare(order[before], order[at], strides, shape)
            if verdict > 0:
                order[before], order[at] = order[at], order[before]
                at = before
            elif verdict < 0:
                break
    return order


def _broadcast_strides(shape: Sequence[int], own: Sequence[int], strides: Sequence[int]) -> list[int]:
    lead = len(shape) - len(own)
    kept = zip(own, shape[lead:], strides, strict=True)
    return [0] * lead + [0 if n == 1 and wanted != 1 else stride for n, wanted, stride in kept]


def _compare(a: int, b: int, strides: Sequence[Sequence[int]], shape: Sequence[int]) -> int:
    """Below 0: dim `a` is faster than dim `b`; above 0: slower; 0: nobody says."""
    for of in strides:
        if of[a] == 0 or of[b] == 0:
            continue
        if of[a] != of[b]:
            return -1 if of[a] < of[b] else 1
        if shape[a] > shape[b]:
            return 1
    return 0


def _strides(shape: Sequence[int], order: Iterable[int], itemsize: int) -> list[int]:
    strides, step = [0] * len(shape), itemsize
    for dim in order:
        strides[dim] = step
        step *= max(shape[dim], 1)
    return strides


_ARRANGEMENTS: dict[ResultLayout, Callable[[Array, Sequence[Any]], Array]] = {
    ResultLayout.ROW_MAJOR: _row_major,
    ResultLayout.ELEMENTWISE: _elementwise,
    ResultLayout.SUGGESTED: _suggested,
}


def lay_out(array: Array, shape: Sequence[int], strides: Sequence[int]) -> None:
    """Give this very array other sizes and strides over the same elements. NumPy looks at the memory that it
    knows of: that of the base, or all that an array of its own is laid out over just now.
    """
    if is_array(array.base):
        _stride(array, (0,) * array.ndim)  # fits every shape of as many elements
    else:
        _stride(array, np.empty(array.shape, array.dtype).strides)
    array.shape = tuple(shape)  # pyright: ignore[reportDeprecated]
    _stride(array, strides)


def _stride(array: Array, strides: Sequence[int]) -> None:
    array.strides = tuple(strides)  # pyright: ignore[reportDeprecated] - there is no other way in place


warnings.filterwarnings("ignore", "Setting the (strides|shape)", DeprecationWarning, module=__name__)
