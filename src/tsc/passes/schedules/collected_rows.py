"""Rows of a matrix that lie a power of two apart meet in the same lines of the first cache, and drive each
other out at each step of a product. Their parts are copied next to each other first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from tsc.analysis.cache_lines import LINE_BYTES
from tsc.analysis.layouts import element_bytes
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_index import Index
from tsc.dims import is_known
from tsc.passes.schedules.microkernel import DepthLoop, MicroKernel

BLOCK = 256
"""Elements of each row that are copied at a time: a tile's fit into half of the first cache."""
LEAST = 16
"""Fewer elements of a row are read where they are."""


def can_be_collected(depth: Sequence[DepthLoop]) -> bool:
    """Whether rows are parts of memory as they are."""
    size = depth[-1].size
    return depth[-1].stride == 1 and is_known(size) and size > LEAST


@dataclass(frozen=True)
class CollectedRows(MicroKernel):
    """Runs over copies of its rows, block after block of the innermost loop along the depth."""

    def innermost(
        self, rows: Sequence[Index], weights: Index, sums: Sequence[SSAValue], ways: int
    ) -> list[SSAValue]:
        """As a `MicroKernel` does it for each block."""
        builder, depth = self.builder, self.depth[-1].size
        element = element_of(self.data.type)
        step = BLOCK + LINE_BYTES // element_bytes(element)
        copies = builder.scratch(element, len(rows) * step)
        starts = [builder.index(number * step) for number in range(len(rows))]
        width = self.tile.vectors * self.lanes

        def block(start: Index, size: int, sums: Sequence[SSAValue]) -> list[SSAValue]:
            self._copy([row + start for row in rows], copies, starts, size)
            depth = (DepthLoop(size, 1),)
            micro = MicroKernel(
                builder, copies, self.weights, depth, self.tile, self.lanes, self.element, self.casts
            )
            return micro.innermost(starts, weights + start * width, sums, ways)

        whole = depth // BLOCK * BLOCK
        result = list(sums)
        if whole:
            with builder.loop(0, whole, BLOCK, result) as loop:
                loop.carry(block(loop.index, BLOCK, loop.carried))
            result = loop.results
        return block(builder.index(whole), depth - whole, result) if whole < depth else result

    def _copy(self, rows: Sequence[Index], copies: SSAValue, starts: Sequence[Index], size: int) -> None:
        """`size` elements of each row."""
        builder, whole = self.builder, size // self.lanes * self.lanes
        for row, start in zip(rows, starts, strict=True):
            with builder.loop(0, whole, self.lanes) as loop:
                part = builder.load(self.data, row + loop.index, self.lanes)
                builder.store(part, copies, start + loop.index)
            for rest in range(whole, size):
                builder.store(builder.load(self.data, row + rest), copies, start + rest)
