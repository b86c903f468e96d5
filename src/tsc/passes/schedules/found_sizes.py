"""Sizes that a host function finds when it runs, as numbers where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Operation, SSAValue

from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import INDEX
from tsc.dialects.size_values import SizeValues
from tsc.dialects.sized import BindSizeOp, SizeOp
from tsc.dialects.walking import walk
from tsc.dims import Dim
from tsc.errors import CodegenError


@dataclass
class FoundSizes:
    """What binds the sizes that a function finds."""

    binders: list[BindSizeOp]

    def __bool__(self) -> bool:
        return bool(self.binders)

    def value(self, op: SizeOp, builder: LoopBuilder) -> SSAValue:
        """The number that `op` asks for, computed before it; `builder` has the sizes of arguments.

        Raises:
            CodegenError: one of the sizes that it is computed from is found later.
        """
        own = SizeValues(_Before(op), holds_guards=True)
        for atom in op.size.atoms:
            if atom.is_symbol and atom not in op.size.environment.found:
                symbol = Dim(op.size.environment, {(atom,): 1})
                own.give(symbol, builder.size(symbol).ssa)
        for binder in self.binders:
            if _comes_before(binder, op):
                own.give(binder.size, binder.operands[0])
        return own.value(op.size)

    def erase(self) -> None:
        """Nothing asks any more."""
        for binder in self.binders:
            binder.detach()
            binder.erase()


def found_sizes(function: func.FuncOp) -> FoundSizes:
    """The sizes that a host function finds.

    Raises:
        CodegenError: one is found twice.
    """
    binders = [op for op in walk(function) if isinstance(op, BindSizeOp)]
    if len({op.size for op in binders}) < len(binders):
        raise CodegenError("symbolic sizes: requires each to be found at one place")
    return FoundSizes(binders)


def _comes_before(binder: Operation, op: Operation) -> bool:
    block = binder.parent
    assert block is not None
    at = block.find_ancestor_op_in_block(op)
    return at is not None and binder.is_before_in_block(at)


@dataclass
class _Before:
    """Inserts operations before one."""

    op: Operation
    constants: dict[int, SSAValue] = field(default_factory=dict[int, SSAValue])

    def _add(self, op: Operation) -> SSAValue:
        block = self.op.parent
        if block is None:
            raise CodegenError("symbolic sizes: requires an operation in a block")
        block.insert_op_before(op, self.op)
        return op.results[0]

    def binary(self, op: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """``op(a, b)``."""
        return self._add(op.create(operands=[a, b], result_types=[a.type]))

    def index_constant(self, value: int) -> SSAValue:
        """An index constant."""
        if value not in self.constants:
            self.constants[value] = self._add(arith.ConstantOp(IntegerAttr(value, INDEX)))
        return self.constants[value]
