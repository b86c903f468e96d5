"""Transposing square blocks in registers, for operands that lie along another loop than the output."""

from collections.abc import Sequence

from xdsl.ir import SSAValue

from tsc.dialects.loop_builder import LoopBuilder
from tsc.dims import planned
from tsc.passes.schedules.body import Access, Point, locate


def transposed_loop(
    reads: Sequence[Access], writes: Sequence[Access], sizes: Sequence[int], lanes: int
) -> int | None:
    """The loop along which some operand is contiguous while the innermost loop strides through it, if any."""
    inner = len(sizes) - 1
    if lanes < 2 or any(w.address.terms for w in writes):
        return None
    for access in reads:
        strides = access.address.strides
        if access.address.terms or strides[inner] in (0, 1):
            continue
        for loop in range(inner):
            if strides[loop] == 1 and planned(sizes[loop]) >= lanes:
                return loop
    return None


def load_transposed(
    builder: LoopBuilder, access: Access, point: Point, across: int, lanes: int
) -> list[SSAValue]:
    """The block at `point`: entry ``i`` is the vector along the point's vector loop at ``across + i``."""
    rows: list[SSAValue] = []
    for lane in range(lanes):
        at = locate(builder, access.address, point.moved(point.vector_loop, lane).dims)
        rows.append(builder.load(access.buffer, at, lanes))
    del across
    return transpose(builder, rows)


def transpose(builder: LoopBuilder, rows: Sequence[SSAValue]) -> list[SSAValue]:
    """The transpose of a square matrix held as one vector per row (a power of two of them).

    In round ``w`` (1, 2, 4, ...) rows ``i`` and ``i + w`` exchange their off-diagonal blocks of size ``w``.
    """
    lanes, width, result = len(rows), 1, list(rows)
    while width < lanes:
        low = [c if not c & width else lanes + c - width for c in range(lanes)]
        high = [c + width if not c & width else lanes + c for c in range(lanes)]
        for i in range(lanes):
            if not i & width:
                a, b = result[i], result[i + width]
                result[i] = builder.shuffle(a, b, low)
                result[i + width] = builder.shuffle(a, b, high)
        width *= 2
    return result
