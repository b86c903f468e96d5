"""When each buffer of a host function is in use, as intervals over its ops in program order."""

from dataclasses import dataclass

from xdsl.dialects import func, memref, scf
from xdsl.ir import Block, Operation, SSAValue

ALIASES = (memref.ReinterpretCastOp, memref.CastOp, memref.ViewOp, memref.SubviewOp)


@dataclass
class Interval:
    """A buffer is in use from op number `start` to op number `end`, both included."""

    start: int
    end: int

    def overlaps(self, other: "Interval") -> bool:
        """Whether both are in use at one time."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True)
class Liveness:
    """The interval of every `memref.alloc`, and the number of every op."""

    intervals: dict[memref.AllocOp, Interval]
    positions: dict[Operation, int]


def live_intervals(function: func.FuncOp) -> Liveness:
    """Intervals of the allocations in `function`.

    What is allocated before a loop and used in it stays alive to the loop's end: the next iteration uses it
    again.
    """
    positions: dict[Operation, int] = {}
    loops: list[tuple[int, int]] = []
    _number(function.body.block, positions, loops)
    intervals: dict[memref.AllocOp, Interval] = {}
    for op, position in positions.items():
        if isinstance(op, memref.AllocOp):
            uses = [positions[user] for user in users(op.memref)]
            start = min([position, *uses])
            interval = Interval(min([p for p in uses if p > position], default=position), max([start, *uses]))
            intervals[op] = _through_loops(interval, position, loops)
    return Liveness(intervals, positions)


def users(buffer: SSAValue) -> list[Operation]:
    """The ops that use a buffer, directly or through a view of it."""
    found: list[Operation] = []
    for use in buffer.uses:
        found.append(use.operation)
        if isinstance(use.operation, ALIASES):
            found += users(use.operation.results[0])
    return found


def _number(block: Block, positions: dict[Operation, int], loops: list[tuple[int, int]]) -> None:
    for op in block.ops:
        start = len(positions)
        positions[op] = start
        for region in op.regions:
            for inner in region.blocks:
                _number(inner, positions, loops)
        if isinstance(op, scf.ForOp | scf.WhileOp):
            loops.append((start, len(positions) - 1))


def _through_loops(interval: Interval, allocated: int, loops: list[tuple[int, int]]) -> Interval:
    start, end = interval.start, interval.end
    for first, last in loops:
        if allocated < first and start <= last and first <= end:
            start, end = min(start, first), max(end, last)
    return Interval(start, end)
