"""``with torch.no_grad():`` of archives, where it is an object of a class: the modes that it sets."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.torch_ops import PrimCallMethodOp, PrimCreateObjectOp
from tsc.dialects.walking import walk

CLASSES = {
    "__torch__.torch.autograd.grad_mode.no_grad": False,
    "__torch__.torch.autograd.grad_mode.enable_grad": True,
    "__torch__.torch.autograd.grad_mode.inference_mode": False,
}
"""The classes of contexts, and the mode that each sets."""


def settle_grad_modes(module: ModuleOp) -> None:
    """Where a ``with`` enters and leaves such a context, set the mode, and set it back."""
    before: dict[SSAValue, SSAValue] = {}
    for op in list(walk(module)):
        if not isinstance(op, PrimCallMethodOp) or not {ENTERS, LEAVES} & op.attributes.keys():
            continue
        kind = op.operands[0].type
        mode = CLASSES.get(kind.data) if isinstance(kind, tt.ClassType) else None
        if mode is None:
            continue
        builder = TorchBuilder(before=op)
        if ENTERS in op.attributes:
            before[op.operands[0]] = builder.aten("aten::is_grad_enabled", []).results[0]
            builder.aten("aten::set_grad_enabled", [builder.constant(mode)])
        elif op.operands[0] in before:
            builder.aten("aten::set_grad_enabled", [before.pop(op.operands[0])])
        else:
            continue
        _erase(op)
    for op in [op for op in walk(module) if isinstance(op, PrimCreateObjectOp)]:
        _drop_unused(op)


def _erase(op: Operation) -> None:
    """Erase a call that gives None."""
    for result in op.results:
        result.replace_all_uses_with(TorchBuilder(before=op).constant(None))
    op.detach()
    op.erase()


def _drop_unused(op: PrimCreateObjectOp) -> None:
    """Erase a context that is only made."""
    kind = op.results[0].type
    if not isinstance(kind, tt.ClassType) or kind.data not in CLASSES:
        return
    users = [use.operation for use in op.results[0].uses]
    if all(isinstance(user, PrimCallMethodOp) and user.method == "__init__" for user in users):
        for user in users:
            _erase(user)
        op.detach()
        op.erase()
