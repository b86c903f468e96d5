"""Which parts of a result are arguments, or views of them: named as such before values say only what is in
them.
"""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, is_list_mutated
from tsc.analysis.memory_aliases import AliasSets, has_memory, memory_sources, shared_operands
from tsc.analysis.operator_effects import definition_of, not_repeatable
from tsc.analysis.written_names import LITERALS, WRAPPERS
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.tsc import MemoryOp, PrefixOp, RequireOp
from tsc.dialects.walking import comes_from
from tsc.ops.definition import Sharing
from tsc.passes.functional.forms import CannotFunctionalizeError


def name_arguments(function: FuncOp) -> None:
    """Let the result read what of it is an argument, or certainly a view of one, from `tsc.memory`.

    Raises:
        CannotFunctionalizeError: a part of the result shares memory with an argument in another way.
    """
    naming = _Naming(function)
    end = function.body.block.last_op
    assert end is not None
    end.operands = [naming.part(o) for o in end.operands]


class _Naming:
    def __init__(self, function: FuncOp) -> None:
        self.block = function.body.block
        end = self.block.last_op
        assert end is not None
        self.builder = TorchBuilder(before=end)
        self.sets = AliasSets(function)
        self.outside = {p for a in self.block.args if has_memory(a) for p in self.sets.places(a)}
        self.function = function
        self.required: set[PrimLoopOp] = set()
        """Loops of which it is required that they have rounds."""
        self.done: dict[SSAValue, SSAValue] = {}

    def part(self, value: SSAValue) -> SSAValue:
        """A part of the result, as it should be read."""
        if value not in self.done:
            self.done[value] = self._part(value)
        return self.done[value]

    def _part(self, value: SSAValue) -> SSAValue:
        owner = value.owner
        if not has_memory(value) or isinstance(owner, LITERALS):
            return value
        if not isinstance(value.type, tt.TensorType) and not self._is_fixed(value):
            return self._surely_new(value)
        if isinstance(owner, Operation) and isinstance(owner, WRAPPERS):
            return self._wrapped(value, owner)
        source, chain = self._shown(value)
        if isinstance(source.owner, Block) and source.owner is self.block:
            return self._view(source, chain)
        return (
            value if isinstance(source.owner, LITERALS) or self._is_new(source) else self._surely_new(value)
        )

    def _wrapped(self, value: SSAValue, owner: Operation) -> SSAValue:
        parts = [self.part(o) for o in owner.operands]
        if all(new is old for new, old in zip(parts, owner.operands, strict=True)):
            return value
        return self.builder.create(
            type(owner), parts, [value.type], attributes=dict(owner.attributes)
        ).results[0]

    def _is_fixed(self, value: SSAValue) -> bool:
        """Whether a container holds what it was made of, and nothing else by now."""
        return isinstance(value.owner, WRAPPERS) and not is_list_mutated(value)

    def _shown(self, value: SSAValue) -> tuple[SSAValue, list[AtenOp]]:
        """The tensor that `value` shows, and the views taken of it, the last first."""
        chain: list[AtenOp] = []
        while isinstance(value.owner, AtenOp):
            op = value.owner
            first = op.operands[0] if op.operands else None
            if first is None or shared_operands(op) != [first] or not isinstance(first.type, tt.TensorType):
                break
            if _follows(op):
                break
            if not op.schema.mutates:  # what writes gives back what it wrote to
                operator = definition_of(op)
                if len(op.results) != 1 or operator is None or not operator.is_view:
                    break
                chain.append(op)
            value = first
        return value, chain

    def _view(self, source: SSAValue, chain: list[AtenOp]) -> SSAValue:
        """The views of `chain`, taken of the memory of an argument."""
        shown = self.builder.insert(MemoryOp.of(source, is_view=bool(chain))).results[0]
        for op in reversed(chain):
            again = op.clone()
            again.operands = [shown, *list(op.operands)[1:]]
            shown = self.builder.insert(again).results[0]
        return shown

    def _is_new(self, value: SSAValue) -> bool:
        """Whether a tensor certainly is memory of its own."""
        return comes_from(value, self._new_with)

    def _new_with(self, value: SSAValue) -> list[SSAValue] | None:
        """The tensors that must be memory of their own for `value` to be; None where that is not enough."""
        owner = value.owner
        if isinstance(owner, PrimIfOp):
            return [self._shown(source)[0] for source in memory_sources(value)]
        is_new = isinstance(owner, PrefixOp)
        if isinstance(owner, AtenOp):
            is_new = definition_of(owner) is not None and (not shared_operands(owner) or _follows(owner))
        elif isinstance(owner, PrimLoopOp):
            is_new = self._is_new_after(owner, owner.results.index(value))
        return [] if is_new else None

    def _is_new_after(self, loop: PrimLoopOp, number: int) -> bool:
        """Whether what a loop carries is new memory when it ends; it is required that it has rounds, where
        that makes the difference.
        """
        end = loop.regions[0].block.last_op
        assert end is not None
        if not self._is_new(self._shown(end.operands[number + 1])[0]):
            return False
        return self._is_new(self._shown(loop.operands[number + 2])[0]) or self._must_run(loop)

    def _must_run(self, loop: PrimLoopOp) -> bool:
        """Whether a loop surely has a round; perhaps since that is required from now on."""
        trips, enters = (constant_of(o) for o in loop.operands[:2])
        if enters is False or (trips is not UNKNOWN and trips < 1):
            return False
        if (enters is True and trips is not UNKNOWN) or loop in self.required:
            return True
        if loop.parent is not self.block or not_repeatable(self.function) is not None:
            return False
        self.required.add(loop)
        builder = TorchBuilder(before=loop)
        if enters is UNKNOWN:
            builder.insert(RequireOp.create(operands=[loop.operands[1]]))
        if trips is UNKNOWN:
            compared = builder.aten("aten::gt.int", [loop.operands[0], builder.constant(0)], [tt.BOOL])
            builder.insert(RequireOp.create(operands=[compared.results[0]]))
        return True

    def _surely_new(self, value: SSAValue) -> SSAValue:
        if self.sets.places(value) & self.outside:
            raise CannotFunctionalizeError("a result may share memory with an argument")
        return value


def _follows(op: AtenOp) -> bool:
    """Whether what `op` gives is memory of its own all the same: of complex numbers.

    Raises:
        CannotFunctionalizeError: it is not known whether it is given complex numbers.
    """
    operator = definition_of(op)
    if operator is None or operator.sharing is not Sharing.FOLLOWING:
        return False
    kind = op.operands[0].type
    if not isinstance(kind, tt.TensorType) or kind.dtype is None:
        raise CannotFunctionalizeError(f"{op.name} may give a tensor itself, or conjugates")
    return kind.dtype.is_complex
