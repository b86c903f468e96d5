"""Which values share memory with which, and which of them the program writes to: flow-insensitive and
conservative.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tsc.analysis.values import writes_operand
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp

PASS_THROUGH = frozenset(
    (
        "torch.derefine", "torch.prim.unchecked_cast", "torch.prim.TupleConstruct", "torch.prim.TupleUnpack",
        "torch.prim.TupleIndex", "torch.prim.ListConstruct", "torch.prim.ListUnpack",
        "torch.prim.DictConstruct",
        "torch.copy.to_tensor",
    )
)  # fmt: skip
"""Operations whose results hold their operands."""
MAYBE_ALIASING = frozenset(
    (
        "aten::reshape", "aten::contiguous", "aten::to", "aten::flatten", "aten::dropout", "aten::type_as",
        "aten::cpu",
        "aten::reshape_as", "aten::__getitem__", "aten::feature_dropout", "aten::alpha_dropout",
        "aten::unflatten", "aten::cuda",
        "aten::index",
    )
)  # fmt: skip
"""Operators that may return their argument, or a view of it, though their schema does not say so."""


class AliasSets:
    """Sets of values that may share memory, by union-find."""

    def __init__(self, root: Operation) -> None:
        self._parent: dict[SSAValue, SSAValue] = {}
        for op in root.walk():
            self._visit(op)

    def find(self, value: SSAValue) -> SSAValue:
        """The representative of the set `value` is in."""
        while value in self._parent:
            value = self._parent[value]
        return value

    def union(self, a: SSAValue, b: SSAValue) -> None:
        """`a` and `b` may share memory."""
        a, b = self.find(a), self.find(b)
        if a is not b:
            self._parent[a] = b

    def _visit(self, op: Operation) -> None:
        if isinstance(op, AtenOp):
            if op.schema.aliases or op.schema.name in MAYBE_ALIASING:
                self._join(op)
        elif op.name in PASS_THROUGH:
            self._join(op)
        elif isinstance(op, PrimIfOp):
            for region in op.regions:
                end = region.block.last_op
                assert end is not None
                for result, value in zip(op.results, end.operands, strict=True):
                    self.union(result, value)
        elif isinstance(op, PrimLoopOp):
            body = op.regions[0].block
            end = body.last_op
            assert end is not None
            for i, result in enumerate(op.results):
                for value in (op.operands[i + 2], body.args[i + 1], end.operands[i + 1]):
                    self.union(result, value)

    def _join(self, op: Operation) -> None:
        held = [o for o in op.operands if _has_memory(o)]
        for result in op.results:
            if _has_memory(result):
                for operand in held:
                    self.union(result, operand)


def _has_memory(value: SSAValue) -> bool:
    kind = value.type
    return kind not in (tt.INT, tt.FLOAT, tt.BOOL, tt.STRING, tt.NONE, tt.DEVICE, tt.NUMBER, tt.COMPLEX)


def written_values(root: Operation) -> frozenset[SSAValue]:
    """The values whose memory, or what they hold, some operation below `root` may write to."""
    sets = AliasSets(root)
    dirty = {
        sets.find(operand)
        for op in root.walk()
        if isinstance(op, AtenOp) and op.schema.mutates
        for i, operand in enumerate(op.operands)
        if writes_operand(op, i)
    }
    return frozenset(
        value
        for op in root.walk()
        for value in (*op.results, *(a for r in op.regions for b in r.blocks for a in b.args))
        if sets.find(value) in dirty
    )
