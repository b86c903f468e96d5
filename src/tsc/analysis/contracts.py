"""The contract of stage `value`: what a kernel may compute reads and writes nothing that changes."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import writes_operand
from tsc.analysis.memory_aliases import RETYPED, shared_operands
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimIfOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.errors import IRError


def verify_values(module: ModuleOp) -> None:
    """Check that a `!torch.vtensor` never changes: nothing writes to it, and it is no other name of a
    `!torch.tensor`, to which something may write.

    Raises:
        IRError: a value may change.
    """
    for op in walk(module):
        for i, operand in enumerate(op.operands):
            if writes_operand(op, i) and isinstance(operand.type, tt.ValueTensorType):
                raise IRError(f"stage 'value': {_name(op)} writes to a value, its operand {i}")
        for result, sources in _other_names(op):
            if isinstance(result.type, tt.ValueTensorType) and any(map(_is_mutable, sources)):
                raise IRError(f"stage 'value': a value that {_name(op)} gives may be memory that is written")


def _name(op: Operation) -> str:
    return op.schema.full_name if isinstance(op, AtenOp) else op.name


def _is_mutable(value: SSAValue) -> bool:
    return isinstance(value.type, tt.TensorType) and not isinstance(value.type, tt.ValueTensorType)


def _other_names(op: Operation) -> list[tuple[SSAValue, list[SSAValue]]]:
    """The values that `op` defines, each with those whose memory it may be."""
    if isinstance(op, AtenOp):
        return [(r, shared_operands(op)) for r in op.results]
    if op.name in RETYPED:
        return [(op.results[0], [op.operands[0]])]
    if isinstance(op, PrimIfOp):
        ends = [region.block.last_op for region in op.regions]
        return [(r, [end.operands[i] for end in ends if end is not None]) for i, r in enumerate(op.results)]
    if isinstance(op, PrimLoopOp):
        body = op.regions[0].block
        carried = list(zip(op.results, body.args[1:], op.operands[2:], strict=True))
        return [(v, [start]) for result, argument, start in carried for v in (result, argument)]
    return []
