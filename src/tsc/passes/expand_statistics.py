"""Pass `expand-statistics`: updates of running statistics, which a norm makes in passing, become writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, argument_of, unwrapped
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.composite import Aten
from tsc.ops.definition import TensorSpec
from tsc.ops.registry import require
from tsc.passes import Rewriting
from tsc.passes.decompose import building_aten

NORMS = ("aten::batch_norm", "aten::instance_norm")
COMPUTED = (dtypes.F32, dtypes.F64)
"""The dtypes that statistics are computed in."""


@dataclass(frozen=True)
class ExpandStatistics(Rewriting):
    """Write the updates of running statistics, which a norm by the statistics of its input makes in passing,
    as what they are: writes. No gradients flow to them.

    Requires: types refined. Tensors may still be mutable.
    Leaves: norms of tensors whose shape is not known, or that are computed in another dtype, those by a
    momentum that is not known, and calls that raise.

    ```mlir
    %y = torch.aten.batch_norm %x, %w, %b, %mean, %var, %true, ...
    // %d = detach %x; %m = mean.dim %d; mul_ %mean; add_ %mean, %m; ... batch_norm %x, %w, %b, %none, ...
    ```
    """

    name = "expand-statistics"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Expand every such norm in the module."""
        changed = False
        for op in list(walk(module)):
            if isinstance(op, AtenOp) and op.schema.full_name in NORMS:
                changed |= _expand(op)
        return changed


def _expand(op: AtenOp) -> bool:
    arguments = [argument_of(operand) for operand in op.operands]
    x, by_input, momentum = arguments[0], arguments[5], arguments[6]
    running = [place for place in (3, 4) if arguments[place] is not None]
    if any(argument is UNKNOWN for argument in arguments) or by_input is not True or not running:
        return False
    try:
        require(op.schema.full_name).infer(*arguments[:3], None, None, *arguments[5:])  # pyright: ignore[reportOptionalCall]
    except OPERATOR_FAILURES:
        return False  # the call is wrong: it stays, and raises when the program runs
    fitting = TensorSpec(x.shape[1:2], x.dtype)
    if 0 in x.shape or x.dtype not in COMPUTED or any(arguments[place] != fitting for place in running):
        return False
    builder = TorchBuilder(before=op)
    aten = building_aten(builder, [])
    now = _statistics(aten, op, len(x.shape))
    for place in running:
        target = unwrapped(op.operands[place])
        _update(builder, target, now[place - 3], momentum)
        op.operands[place] = builder.constant(None)
    return True


def _statistics(aten: Aten, op: AtenOp, ndim: int) -> Sequence[Any]:
    """Mean and variance of each channel."""
    x = aten("detach", op.operands[0])
    dims = [dim for dim in range(ndim) if dim != 1]
    if op.schema.full_name == "aten::batch_norm":
        return aten("mean.dim", x, dims, False), aten("var.dim", x, dims, True, False)
    each = aten("var.dim", x, dims[1:], True, False)
    return aten("mean.dim", x, dims, False), aten("mean.dim", each, [0], False)


def _update(builder: TorchBuilder, target: Any, now: Any, momentum: float) -> None:
    kind = target.type
    builder.aten("aten::mul_.Scalar", [target, builder.constant(1 - momentum)], [kind])
    builder.aten("aten::add_.Tensor", [target, now, builder.constant(momentum)], [kind])
