"""Pass `plan-memory`: every intermediate buffer of a host function gets its place in one arena."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    IntAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    i8,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.layouts import element_bytes
from tsc.analysis.liveness import Interval, Liveness, live_intervals
from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import INDEX
from tsc.dialects.sized import SizeOp, dim_attribute, plain
from tsc.dialects.walking import walk
from tsc.dims import Dim, certainly_equal, certainly_natural, hint_of, holds_found, is_known, symbols_in
from tsc.passes.schedules.found_sizes import found_sizes

ARENA = "tsc.arena"
"""The attribute of host functions whose arena is as large as sizes of arguments say: how many bytes."""
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
    """Bytes."""
    interval: Interval
    offset: int = 0


def _plan(function: func.FuncOp, functions: dict[str, func.FuncOp]) -> None:
    live = live_intervals(function)
    slots = _merged_slots(live, functions)
    distinct = {id(slot): slot for slot in slots.values()}
    size = assign_offsets(list(distinct.values()))
    arena = function.body.block.insert_arg(MemRefType(i8, plain([size])), len(function.body.block.args))
    arena.name_hint = "arena"
    if isinstance(size, Dim):
        function.attributes[ARENA] = dim_attribute(size)
    for op, slot in slots.items():
        _replace(op, arena, slot.offset)
    _take_sizes(function)
    function.update_function_type()


def _take_sizes(function: func.FuncOp) -> None:
    """Symbolic sizes become numbers that are computed from one more input, which holds those of the
    arguments.
    """
    asked = [op for op in walk(function) if isinstance(op, SizeOp)]
    found = found_sizes(function)
    symbols = [s for s in symbols_in(op.size for op in asked) if not holds_found(s)]
    if not symbols and not found:
        return
    builder = LoopBuilder(function.body.block)
    if symbols:
        _take_symbols(function, symbols, builder)
    for op in asked:
        value = found.value(op, builder) if holds_found(op.size) else builder.size(op.size).ssa
        op.results[0].replace_all_uses_with(value)
        op.detach()
        op.erase()
    found.erase()


def _take_symbols(function: func.FuncOp, symbols: Sequence[Dim], builder: LoopBuilder) -> None:
    """Let sizes of arguments be the numbers in one more input."""
    block, count = function.body.block, function.attributes["tsc.num_inputs"]
    assert isinstance(count, IntegerAttr)
    inputs = count.value.data
    sizes = block.insert_arg(MemRefType(INDEX, [len(symbols)]), inputs)
    sizes.name_hint = "sizes"
    function.attributes["tsc.num_inputs"] = IntegerAttr(inputs + 1, i64)
    values: list[SSAValue] = []
    for number in range(len(symbols)):
        load = memref.LoadOp.get(sizes, [builder.index_constant(number)])
        builder.at_top(load)
        values.append(load.res)
    builder.take_sizes(symbols, values)


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
        if not certainly_equal(slots[operand].size, slots[result].size) or _times_passed(call, operand) != 1:
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
    elements = op.attributes.get("tsc.elements")
    count = elements.data if isinstance(elements, IntAttr) else type_.get_shape()[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    size = cast("int", count) * element_bytes(type_.element_type)
    return -(-size // ALIGNMENT) * ALIGNMENT


def assign_offsets(slots: list[Slot]) -> int:
    """Best fit, largest first: each slot takes the tightest gap between those in use at the same time.

    Returns the bytes needed in all.
    """
    placed: list[Slot] = []
    known = [s for s in slots if is_known(s.size)]
    for slot in sorted(known, key=lambda s: (-s.size, s.interval.start)):
        neighbours = sorted((p for p in placed if p.interval.overlaps(slot.interval)), key=lambda p: p.offset)
        slot.offset = _tightest_gap(slot.size, neighbours)
        placed.append(slot)
    end = max((s.offset + s.size for s in placed), default=0)
    return _stack_symbolic([s for s in slots if not is_known(s.size)], end)


def _stack_symbolic(slots: list[Slot], end: int) -> int:
    """Slots of symbolic sizes behind `end`, one behind the other; one that certainly is as large is shared.

    Returns where the last one ends.
    """
    owners: list[tuple[Slot, list[Slot]]] = []
    for slot in sorted(slots, key=lambda s: (-hint_of(s.size), s.interval.start)):
        for owner, sharing in owners:
            is_free = not any(s.interval.overlaps(slot.interval) for s in sharing)
            if is_free and certainly_natural(owner.size - slot.size):
                slot.offset = owner.offset
                sharing.append(slot)
                break
        else:
            slot.offset = end
            end = end + slot.size
            owners.append((slot, [slot]))
    return end


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
    constant = SizeOp.of(offset) if isinstance(offset, Dim) else arith.ConstantOp(IntegerAttr(offset, INDEX))
    view = memref.ViewOp(arena, constant, op.dynamic_sizes, op.memref.type)
    view.result.name_hint = op.memref.name_hint
    block.insert_ops_before([constant, view], op)
    op.memref.replace_all_uses_with(view.result)
    op.detach()
    op.erase()
