"""Writes to memory of which one place is several elements: refused as PyTorch refuses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tsc.dtypes import Array
from tsc.errors import OperatorError
from tsc.memory.conjugates import PAIRS, follow_writes
from tsc.narrowing import is_array
from tsc.ops.definition import Operator
from tsc.ops.strides import elementwise_order


def guarded(operator: Operator) -> Operator:
    """`operator` with its arrays checked before it writes, and conjugates that follow; itself where it writes
    none, or any.
    """
    positions = [i for i, a in enumerate(operator.schema.arguments) if a.is_written]
    if operator.kind != "inplace" or not positions:
        return operator
    eager, takes_overlap = operator.eager, operator.takes_overlap
    first = positions[0]

    def run(*arguments: object) -> Any:
        if len(positions) > 1 or not _is_place(arguments[first], arguments):
            for position in positions:
                if is_array(arguments[position]):
                    require_writable(arguments, position, takes_overlap)
        result = eager(*arguments)
        if PAIRS:
            for position in positions:
                if is_array(target := arguments[position]):
                    follow_writes(target)
        return result

    return replace(operator, eager=run)


def _is_place(target: Any, arguments: Sequence[Any]) -> bool:
    """Whether `target` is one place, which may be written, and so are the other arrays: they share it or not.
    Loops over elements write so.
    """
    if not isinstance(target, np.ndarray) or target.ndim or not target.flags.writeable:
        return False
    return not [other for other in arguments if isinstance(other, np.ndarray) and other.ndim]


def require_writable(arguments: Sequence[Any], position: int, takes_overlap: bool) -> None:
    """Check that the array at `position` can be written while the other arrays are read.

    Raises:
        OperatorError: it is read-only, shares places among its elements, or partly with another array.
    """
    target: Array = arguments[position]
    if not target.flags.writeable:
        raise OperatorError("an in-place operator requires memory that may be written; got a read-only array")
    if takes_overlap or not target.size:
        return
    if 0 in target.strides and any(
        s == 0 and n > 1 for s, n in zip(target.strides, target.shape, strict=True)
    ):
        raise OperatorError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )
    for other in arguments:
        if is_array(other) and other is not target and _overlap_partly(target, other):
            raise OperatorError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to "
                "a single memory location. Please clone() the tensor before performing the operation."
            )


def distinct_pieces(target: Array, others: Sequence[Any]) -> Iterator[list[Any]]:
    """`target` and `others` in pieces in each of which no place of `target` is two elements, in the order in
    which PyTorch goes through the elements: all of it at once, but for such views as `unfold` and
    ``as_strided`` give.
    """
    arrays = [a for a in others if is_array(a)]
    if any(a.ndim > target.ndim for a in arrays):
        yield [target, *others]
        return
    order = elementwise_order(target.shape, [(a.shape, a.strides) for a in (target, *arrays)])
    slow = order[_distinct_dims(target, order) :]
    if not slow:
        yield [target, *others]
        return
    operands: list[Any] = [target, *(_broadcast(a, target.shape) for a in others)]
    turned = [np.moveaxis(a, slow[::-1], range(len(slow))) if _has_dims(a) else a for a in operands]
    for index in np.ndindex(*turned[0].shape[: len(slow)]):
        yield [a[(*index, ...)] if _has_dims(a) else a for a in turned]


def _has_dims(value: object) -> bool:
    return is_array(value) and value.ndim > 0


def _broadcast(value: Any, shape: Sequence[int]) -> Any:
    """An array with dims in another shape; anything else itself, which promotes types as it is."""
    return np.broadcast_to(value, shape) if _has_dims(value) else value


def _distinct_dims(array: Array, order: Sequence[int]) -> int:
    """How many of the dims, in this order, certainly lead to another place with each step."""
    reach = 0
    for count, dim in enumerate(order):
        stride, extent = abs(array.strides[dim]), array.shape[dim]
        if extent > 1:
            if stride <= reach:
                return count
            reach += stride * (extent - 1)
    return len(order)


def _overlap_partly(a: Array, b: Array) -> bool:
    """Whether two arrays, each without gaps, share some places but are not the same; with gaps in between
    nothing is said, as in PyTorch.
    """
    if not np.may_share_memory(a, b) or not (_is_dense(a) and _is_dense(b)):
        return False
    same_start = a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    return not (same_start and a.nbytes == b.nbytes and a.strides == b.strides)


def _is_dense(array: Array) -> bool:
    """Whether the elements fill a stretch of memory, each place once, in whatever order."""
    if array.flags.forc:
        return True
    step = array.itemsize
    for stride, extent in sorted(zip(array.strides, array.shape, strict=True)):
        if extent > 1:
            if stride != step:
                return False
            step *= extent
    return True
