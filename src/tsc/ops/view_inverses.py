"""How what is written into a view gets back into the tensor it shows: `Operator.inverse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsc.ops.composite import Aten


def swapped_back(aten: Aten, base: Any, piece: Any, dim0: Any, dim1: Any) -> Any:
    return aten("transpose.int", piece, dim0, dim1)


def turned_back(aten: Aten, base: Any, piece: Any) -> Any:
    return aten("numpy_T", piece)


def matrix_turned_back(aten: Aten, base: Any, piece: Any) -> Any:
    return aten("mT", piece)


def permuted_back(aten: Aten, base: Any, piece: Any, dims: Sequence[int]) -> Any:
    order = [d % len(dims) for d in dims]
    return aten("permute", piece, [order.index(i) for i in range(len(order))]) if order else piece


def moved_back(aten: Aten, base: Any, piece: Any, source: Any, destination: Any) -> Any:
    name = "movedim.int" if isinstance(source, int) else "movedim.intlist"
    return aten(name, piece, destination, source)


def reshaped_back(aten: Aten, base: Any, piece: Any, *_: Any) -> Any:
    return aten("reshape_as", piece, base)


def selected_back(aten: Aten, base: Any, piece: Any, dim: Any, index: Any) -> Any:
    return aten("select_scatter", base, piece, dim, index)


def sliced_back(aten: Aten, base: Any, piece: Any, dim: Any, start: Any, end: Any, step: Any) -> Any:
    return aten("slice_scatter", base, piece, dim, start, end, step)


def narrowed_back(aten: Aten, base: Any, piece: Any, dim: Any, start: int, length: int) -> Any:
    if not length:
        return base
    return aten("slice_scatter", base, piece, dim, start, (start + length) or None, 1)


def diagonal_back(aten: Aten, base: Any, piece: Any, offset: Any, dim1: Any, dim2: Any) -> Any:
    return aten("diagonal_scatter", base, piece, offset, dim1, dim2)


def same_back(aten: Aten, base: Any, piece: Any) -> Any:
    return piece
