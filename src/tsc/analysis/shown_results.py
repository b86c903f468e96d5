"""What a function gives back: which values callers can see, or see the memory of."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.ir import Operation, SSAValue, Use
from xdsl.traits import IsTerminator

from tsc.analysis.known_values import UNKNOWN_CALLS, is_returned, spec_of_value, writes_operand
from tsc.analysis.memory_aliases import (
    has_memory,
    holds_memory,
    is_container,
    shared_operands,
    written_values,
)
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp, PrimSetAttrOp
from tsc.dialects.walking import function_of
from tsc.ops.definition import ResultLayout
from tsc.ops.strides import CHANNELS_INNERMOST


def is_shown(value: SSAValue, hidden: set[SSAValue] | None = None) -> bool:
    """Whether `value`, something that holds it, or what may be a view of it, is given back. What is `hidden`
    is known not to be; where the answer is no, all that was looked at joins it.
    """
    pending, seen = [value], set[SSAValue]() if hidden is None else hidden
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        if is_returned(at) or any(_leaves(use.operation) for use in at.uses):
            return True
        seen.add(at)
        pending += [shown for use in at.uses for shown in _shown_by(use)]
    return False


def is_free(value: SSAValue, written: WrittenMemory | None = None) -> bool:
    """Whether it does not matter which memory a tensor lies in: it is a value, or nobody writes to its memory
    nor sees it. `written` is known of the function, where many are asked.
    """
    if isinstance(value.type, tt.ValueTensorType):
        return True
    if is_shown(value):
        return False
    function = function_of(value)
    assert function is not None
    return value not in (written_values(function) if written is None else written.values(function))


@dataclass
class WrittenMemory:
    """The values of functions whose memory is written to, found once between two changes of them."""

    _found: dict[Operation, frozenset[SSAValue]] = field(default_factory=dict[Operation, frozenset[SSAValue]])

    def values(self, function: Operation) -> frozenset[SSAValue]:
        """What `written_values` says."""
        if function not in self._found:
            self._found[function] = written_values(function)
        return self._found[function]

    def forget(self) -> None:
        """Something has changed."""
        self._found.clear()


def is_layout_shown(value: SSAValue) -> bool:
    """Whether callers see how `value` lies in memory: it is shown, or something that lies as it does."""
    pending, seen, hidden = [value], set[SSAValue](), set[SSAValue]()
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        if is_shown(at, hidden):
            return True
        seen.add(at)
        pending += [follower for use in at.uses for follower in _lying_as(use)]
    return False


def _lying_as(use: Use) -> list[SSAValue]:
    """The values that lie as the value used, or are it."""
    reader = use.operation
    if not isinstance(reader, AtenOp):
        return _shown_by(use)
    operator = definition_of(reader)
    if operator is None or not (operator.may_share or operator.result_layout.follows_operands):
        return []
    is_for_images = operator.result_layout is ResultLayout.SUGGESTED and not operator.may_share
    return [r for r in reader.results if has_memory(r) and (not is_for_images or _may_be_image(r))]


def _may_be_image(value: SSAValue) -> bool:
    """Whether a tensor may have so many dims that it can lie with channels last."""
    spec = spec_of_value(value)
    return spec is None or spec.ndim in CHANNELS_INNERMOST


def is_in_loop(op: Operation) -> bool:
    """Whether `op` may run several times in a call."""
    outer = op.parent_op()
    while outer is not None:
        if isinstance(outer, PrimLoopOp):
            return True
        outer = outer.parent_op()
    return False


def _shown_by(use: Use) -> list[SSAValue]:
    """The values that may be or hold the memory of the value used."""
    reader = use.operation
    outer = reader.parent_op()
    if reader.has_trait(IsTerminator) and isinstance(outer, PrimIfOp):
        return [outer.results[use.index]]
    if reader.has_trait(IsTerminator) and isinstance(outer, PrimLoopOp) and use.index:
        return [outer.results[use.index - 1], outer.regions[0].block.args[use.index]]
    if isinstance(reader, PrimLoopOp):
        carried = use.index - 2
        return [reader.regions[0].block.args[carried + 1], reader.results[carried]] if carried >= 0 else []
    if not isinstance(reader, AtenOp):
        return [r for r in reader.results if has_memory(r)]
    value = reader.operands[use.index]
    results = reader.results if value in shared_operands(reader) else filter(holds_memory, reader.results)
    written = [o for i, o in enumerate(reader.operands) if writes_operand(reader, i) and is_container(o)]
    return [*(r for r in results if has_memory(r)), *(o for o in written if o is not value)]


def _leaves(reader: Operation) -> bool:
    """Whether what `reader` is given is known elsewhere from then on: as an attribute, or to unknown code."""
    return isinstance(reader, (PrimSetAttrOp, *UNKNOWN_CALLS))
