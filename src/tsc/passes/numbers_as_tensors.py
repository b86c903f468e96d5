"""Pass `numbers-as-tensors`: numbers that are read from tensors are computed with as tensors without dims."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from tsc.analysis.number_reads import is_number_read, is_rounded_read
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import (
    PrimIfOp,
    PrimLoopOp,
)
from tsc.errors import OPERATOR_FAILURES
from tsc.passes.eliminate_dead_code import eliminate_dead_code
from tsc.passes.numbers.conversion import CannotConvertError, Conversion
from tsc.passes.read_around_writes import copies_large_arguments


@dataclass(frozen=True)
class NumbersAsTensors(ModulePass):
    """Compute with numbers from tensors on tensors without dims, so that kernels do it.

    Requires: tensors are values, composites expanded, types refined.
    Leaves: functions in which such a number is wanted as one (a size, a condition), and arithmetic that may
    raise, as they are; and views at such a place, where callers can tell them from copies. A number that is
    returned is read from its tensor at the end.

    ```mlir
    %1 = torch.aten.Float.Tensor %s : !torch.vtensor<[],f64> -> !torch.float
    %2 = torch.aten.mul.Scalar %x, %1 : !torch.vtensor<[4],f32>, !torch.float
    // %1 = torch.aten.to.dtype %s, f32; %2 = torch.aten.mul.Tensor %x, %1
    ```
    """

    name = "numbers-as-tensors"
    in_regions: bool = False
    """Also those of branches and loops, which native code keeps in memory; in Python they stay numbers."""
    in_parts: bool = False
    """Whether who calls puts what is written into arguments part by part."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module that allows it."""
        for function in op.ops:
            if not isinstance(function, FuncOp):
                continue
            has_regions = any(isinstance(op, (PrimIfOp, PrimLoopOp)) for op in function.body.block.ops)
            reads = any(is_number_read(o) or is_rounded_read(o) for o in function.body.block.ops)
            if (has_regions and self.in_regions) or reads:
                _convert(function, self.in_regions, self.in_parts, pool_of(ctx))


def _convert(function: FuncOp, in_regions: bool, in_parts: bool, pool: ConstantPool) -> None:
    trial = function.clone()
    try:
        Conversion(trial, in_regions, pool).run()
        if copies_large_arguments(trial, in_parts=in_parts):
            return
    except (CannotConvertError, *OPERATOR_FAILURES):
        return  # an operator that is given what it cannot take stays, and raises when the program runs
    if in_regions:
        eliminate_dead_code(
            trial, leaves_gathers=True
        )  # what is left of numbers that are carried as tensors by now
    function.body.detach_block(function.body.block)
    block = trial.body.block
    trial.body.detach_block(block)
    function.body.add_block(block)
