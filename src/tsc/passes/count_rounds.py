"""Pass `count-rounds`: loops that go on as long as a counter is below a number count their rounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, is_within
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dialects.walking import walk
from tsc.dims import certainly_natural
from tsc.passes import Rewriting

ANY_NUMBER = (1 << 63) - 1
"""The number of rounds of a loop that has a condition alone."""


@dataclass(frozen=True)
class CountRounds(Rewriting):
    """Give loops that are entered, and go on, as long as a counter is below a number the number of rounds in
    place of that condition. PyTorch's archives have ``for`` loops with ``break`` in such a form.

    Requires: nothing.
    Leaves: the counter, to whoever reads it behind the loop.

    ```mlir
    %enter = torch.aten.lt.int %int0, %n
    torch.prim.Loop %int9223372036854775807, %enter, init(%int0) {
    ^bb0(%i: !torch.int, %k: !torch.int):
      %next = torch.aten.add.int %k, %int1
      %more = torch.aten.lt.int %next, %n
      %on = torch.aten.__and__.bool %more, %keep
      torch.prim.Loop.condition %on, iter(%next)
    }
    // torch.prim.Loop %n, %true, init(%int0) { ... torch.prim.Loop.condition %keep, iter(%next) }: %k is %i
    ```
    """

    name = "count-rounds"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite every loop of the module that is one."""
        loops = [op for op in walk(module) if isinstance(op, PrimLoopOp)]
        return any([_count(loop) for loop in loops if _is_number(loop.operands[0], ANY_NUMBER)])


@dataclass(frozen=True)
class _Counter:
    """What says how often a loop runs."""

    place: int
    """Which of the carried values is counted up by 1."""
    first: SSAValue
    """What it begins with."""
    limit: SSAValue
    """What it stays below."""
    condition: SSAValue
    """The part of the loop's condition that says so."""


def _count(loop: PrimLoopOp) -> bool:
    """Rewrite one loop; whether it is such a one."""
    body, counter = loop.regions[0].block, _counter(loop)
    end = body.last_op
    if counter is None or end is None or not _is_entered_below(loop.operands[1], counter):
        return False
    builder = TorchBuilder(before=loop)
    is_from_0 = _is_number(counter.first, 0)
    rounds, number = counter.limit, body.args[0]
    if not is_from_0:
        rounds = builder.aten("aten::sub.int", [counter.limit, counter.first], [tt.INT]).results[0]
    loop.operands[0], loop.operands[1] = rounds, builder.constant(True)
    inside = TorchBuilder(before=body.first_op)
    if not is_from_0:
        number = inside.aten("aten::add.int", [number, counter.first], [tt.INT]).results[0]
    body.args[counter.place + 1].replace_all_uses_with(number)
    at_end = TorchBuilder(before=end)
    rest = [c for c in _conjuncts(end.operands[0]) if c is not counter.condition]
    keeps = rest[0] if rest else at_end.constant(True)
    for other in rest[1:]:
        keeps = at_end.aten("aten::__and__.bool", [keeps, other], [tt.BOOL]).results[0]
    end.operands[0] = keeps
    return True


def _counter(loop: PrimLoopOp) -> _Counter | None:
    """What a loop counts, where the condition of going on says below what."""
    body = loop.regions[0].block
    end = body.last_op
    assert end is not None
    following = list(end.operands)[1:]
    for condition in _conjuncts(end.operands[0]):
        below = _compared(condition)
        if below is None or below[0] not in following or is_within(below[1], loop):
            continue
        place = following.index(below[0])
        if _is_next(below[0], body.args[place + 1]):
            return _Counter(place, loop.operands[place + 2], below[1], condition)
    return None


def _conjuncts(condition: SSAValue) -> Iterator[SSAValue]:
    """The conditions that all hold where one does."""
    owner = condition.owner
    if isinstance(owner, AtenOp) and owner.schema.full_name == "aten::__and__.bool":
        for part in owner.operands:
            yield from _conjuncts(part)
    else:
        yield condition


def _compared(condition: SSAValue) -> tuple[SSAValue, SSAValue] | None:
    """What is below what, where a condition says that of two integers."""
    owner = condition.owner
    name = owner.schema.full_name if isinstance(owner, AtenOp) else None
    if not isinstance(owner, AtenOp) or name not in ("aten::lt.int", "aten::gt.int"):
        return None
    low, high = owner.operands if name == "aten::lt.int" else reversed(owner.operands)
    return low, high


def _is_next(value: SSAValue, counter: SSAValue) -> bool:
    """Whether a value is one more than a counter."""
    owner = value.owner
    if not isinstance(owner, AtenOp) or owner.schema.full_name != "aten::add.int":
        return False
    a, b = owner.operands
    return (a is counter and _is_number(b, 1)) or (b is counter and _is_number(a, 1))


def _is_entered_below(enter: SSAValue, counter: _Counter) -> bool:
    """Whether a loop is entered exactly if the first number is below the limit."""
    first, limit = constant_of(counter.first), constant_of(counter.limit)
    if constant_of(enter) is True:
        are_known = first is not UNKNOWN and limit is not UNKNOWN
        return are_known and certainly_natural(limit - first - 1)
    below = _compared(enter)
    return below is not None and _is_same(below[0], counter.first) and _is_same(below[1], counter.limit)


def _is_number(value: SSAValue, number: int) -> bool:
    """Whether an integer is known to be a number: of sizes, nothing is asked."""
    known = constant_of(value)
    return isinstance(known, int) and known == number


def _is_same(a: SSAValue, b: SSAValue) -> bool:
    """Whether two integers are one, or are known and equal."""
    known = constant_of(a)
    return a is b or (isinstance(known, int) and _is_number(b, known))
