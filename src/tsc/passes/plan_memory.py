"""Pass `plan-memory`: every intermediate buffer of a host function gets its place in one arena."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, MemRefType, ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.layouts import element_bytes
from tsc.analysis.liveness import Interval, Liveness, live_intervals
from tsc.dialects.loop_builder import INDEX

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


@dataclass(frozen=True)
class PlanMemory(ModulePass):
    """Replace allocations in host functions by views of an arena, sharing memory that is not in use at one
    time.

    Requires: the output of `schedule`.
    Leaves: stage `loop`; the host function's last argument is the arena.

    A pointwise kernel may write over an operand it reads for the last time (``tsc.may_alias`` lists which).

    ```mlir
    %0 = memref.alloc() : memref<64xf32>
    // becomes
    %0 = memref.view %arena[%offset][] : memref<256xi8> to memref<64xf32>
    ```
    """

    name = "plan-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Plan each host function on its own."""
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        for function in functions.values():
            if "tsc.num_inputs" in function.attributes:
                _plan(function, functions)


@dataclass
class Slot:
    """A range of the arena, shared by buffers that are computed in place."""

    size: int
    interval: Interval
    offset: int = 0


def _plan(function: func.FuncOp, functions: dict[str, func.FuncOp]) -> None:
    live = live_intervals(function)
    slots = _merged_slots(live, functions)
    distinct = {id(slot): slot for slot in slots.values()}
    size = assign_offsets(list(distinct.values()))
    arena = function.body.block.insert_arg(MemRefType(i8, [size]), len(function.body.block.args))
    arena.name_hint = "arena"
    function.update_function_type()
    for op, slot in slots.items():
        _replace(op, arena, slot.offset)


def _merged_slots(live: Liveness, functions: dict[str, func.FuncOp]) -> dict[memref.AllocOp, Slot]:
    slots = {op: Slot(_size(op), interval) for op, interval in live.intervals.items()}
    for call in live.positions:
        if isinstance(call, func.CallOp):
            _compute_in_place(call, functions[call.callee.string_value()], slots, live)
    return slots


def _compute_in_place(
    call: func.CallOp, kernel: func.FuncOp, slots: dict[memref.AllocOp, Slot], live: Liveness
) -> None:
    """Let the result of `call` take the place of an operand that is not needed afterwards."""
    result = _allocation(call.arguments[-1])
    if result is None or (
        slots[result].interval.start < live.positions[call] and not _only_halo(result, call)
    ):
        return
    position = live.positions[call]
    for number in _aliasing(kernel):
        operand = _allocation(call.arguments[number])
        if operand is None or slots[operand].interval.end != position or operand is result:
            continue
        if slots[operand].size != slots[result].size or _times_passed(call, operand) != 1:
            continue
        merged = slots[operand]
        merged.interval = Interval(merged.interval.start, slots[result].interval.end)
        slots[result] = merged
        return


def _only_halo(result: memref.AllocOp, call: func.CallOp) -> bool:
    """Whether what comes before the call is the zeroing of the halo, which the operand's buffer has as
    well.
    """
    earlier = [use.operation for use in result.memref.uses if use.operation is not call]
    return any(
        isinstance(op, func.CallOp) and op.callee.string_value().startswith("zero_halo") for op in earlier
    )


def _aliasing(kernel: func.FuncOp) -> tuple[int, ...]:
    attribute = kernel.attributes.get("tsc.may_alias")
    if isinstance(attribute, DenseArrayBase):
        return tuple(int(v) for v in attribute.get_values())
    return ()


def _times_passed(call: func.CallOp, operand: memref.AllocOp) -> int:
    return sum(1 for argument in call.arguments if argument is operand.memref)


def _allocation(value: SSAValue) -> memref.AllocOp | None:
    return value.owner if isinstance(value.owner, memref.AllocOp) else None


def _size(op: memref.AllocOp) -> int:
    type_ = op.memref.type
    assert isinstance(type_, MemRefType)
    assert not isinstance(type_.shape, ArrayAttr) or len(type_.get_shape()) == 1
    size = type_.get_shape()[0] * element_bytes(type_.element_type)
    return -(-size // ALIGNMENT) * ALIGNMENT


def assign_offsets(slots: list[Slot]) -> int:
    """Best fit, largest first: each slot takes the tightest gap between those in use at the same time.

    Returns the bytes needed in all.
    """
    placed: list[Slot] = []
    for slot in sorted(slots, key=lambda s: (-s.size, s.interval.start)):
        neighbours = sorted((p for p in placed if p.interval.overlaps(slot.interval)), key=lambda p: p.offset)
        slot.offset = _tightest_gap(slot.size, neighbours)
        placed.append(slot)
    return max((s.offset + s.size for s in placed), default=0)


def _tightest_gap(size: int, neighbours: list[Slot]) -> int:
    best, best_gap, end = None, 0, 0
    for other in neighbours:
        gap = other.offset - end
        if gap >= size and (best is None or gap < best_gap):
            best, best_gap = end, gap
        end = max(end, other.offset + other.size)
    return end if best is None else best


def _replace(op: memref.AllocOp, arena: SSAValue, offset: int) -> None:
    block = op.parent
    assert block is not None
    constant = arith.ConstantOp(IntegerAttr(offset, INDEX))
    view = memref.ViewOp(arena, constant, [], op.memref.type)
    view.result.name_hint = op.memref.name_hint
    block.insert_ops_before([constant, view], op)
    op.memref.replace_all_uses_with(view.result)
    op.detach()
    op.erase()
