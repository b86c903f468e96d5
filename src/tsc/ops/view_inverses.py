"""How what is written into a view gets back into the tensor it shows: `Operator.inverse`."""

from __future__ import annotations

from collections.abc import Sequence

from tsc.dtypes import I64
from tsc.ops.composite import AnyTensor, Aten


def swapped_back(aten: Aten, base: AnyTensor, piece: AnyTensor, dim0: int, dim1: int) -> AnyTensor:
    return aten("transpose.int", piece, dim0, dim1)


def turned_back(aten: Aten, base: AnyTensor, piece: AnyTensor) -> AnyTensor:
    return aten("numpy_T", piece)


def matrix_turned_back(aten: Aten, base: AnyTensor, piece: AnyTensor) -> AnyTensor:
    return aten("mT", piece)


def permuted_back(aten: Aten, base: AnyTensor, piece: AnyTensor, dims: Sequence[int]) -> AnyTensor:
    order = [d % len(dims) for d in dims]
    return aten("permute", piece, [order.index(i) for i in range(len(order))]) if order else piece


def moved_back(
    aten: Aten,
    base: AnyTensor,
    piece: AnyTensor,
    source: Sequence[int] | int,
    destination: Sequence[int] | int,
) -> AnyTensor:
    name = "movedim.int" if isinstance(source, int) else "movedim.intlist"
    return aten(name, piece, destination, source)


def reshaped_back(aten: Aten, base: AnyTensor, piece: AnyTensor, *_: object) -> AnyTensor:
    return aten("reshape_as", piece, base)


def selected_back(aten: Aten, base: AnyTensor, piece: AnyTensor, dim: int, index: int) -> AnyTensor:
    return aten("select_scatter", base, piece, dim, index)


def sliced_back(
    aten: Aten, base: AnyTensor, piece: AnyTensor, dim: int, start: int | None, end: int | None, step: int
) -> AnyTensor:
    return aten("slice_scatter", base, piece, dim, start, end, step)


def narrowed_back(
    aten: Aten, base: AnyTensor, piece: AnyTensor, dim: int, start: int | AnyTensor, length: int
) -> AnyTensor:
    if not isinstance(start, int):  # it is not known
        places = aten("arange", length, I64.code, None, None, None)
        return aten("index_copy", base, dim, aten("add.Scalar", places, start, 1), piece)
    end = None if start < 0 and start + length == 0 else start + length
    return aten("slice_scatter", base, piece, dim, start, end, 1)


def diagonal_back(
    aten: Aten, base: AnyTensor, piece: AnyTensor, offset: int, dim1: int, dim2: int
) -> AnyTensor:
    return aten("diagonal_scatter", base, piece, offset, dim1, dim2)


def same_back(aten: Aten, base: AnyTensor, piece: AnyTensor) -> AnyTensor:
    return piece
