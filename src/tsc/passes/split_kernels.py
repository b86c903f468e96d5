"""Pass `split-kernels`: kernels reach a canonical form, and those that have no single one become several."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.module_functions import functions, is_kernel
from tsc.dialects.sized import SizeOp
from tsc.dialects.walking import walk
from tsc.passes.kernels.outline import OutlinedPiece, group_ops, outline


@dataclass(frozen=True)
class SplitKernels(ModulePass):
    """Give every kernel one canonical form; one that has none becomes several, called one after the other.

    Requires: the output of `fuse-elementwise`.
    Leaves: kernels in the forms of `docs/architecture.md`, named by ``tsc.kind``, loops of one iteration
    dropped and kept loops first; reshapes between them in the host function.

    ```mlir
    %0 = func.call @k(%x, %w)       // @k: a product, and the greatest of each row
    // becomes
    %1 = func.call @k_0(%x, %w)     // tsc.kind = "contraction"
    %0 = func.call @k_1(%1)         // tsc.kind = "row"
    ```
    """

    name = "split-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Put the pieces of each kernel in its place, and calls of them in that of its calls."""
        calls: dict[str, list[func.CallOp]] = {}
        for call in walk(op):
            if isinstance(call, func.CallOp):
                calls.setdefault(call.callee.string_value(), []).append(call)
        for function in list(functions(op)):
            if is_kernel(function):
                _replace(function, outline(function, group_ops(function.body.block)), calls)


def _replace(function: func.FuncOp, pieces: list[OutlinedPiece], calls: dict[str, list[func.CallOp]]) -> None:
    """Put the pieces in the place of the function, and call them in turn in the place of each call."""
    module = function.parent
    assert module is not None
    returned = function.body.block.last_op
    assert returned is not None
    for call in calls.get(function.sym_name.data, []):
        values: dict[SSAValue, SSAValue] = dict(zip(function.body.block.args, call.arguments, strict=True))
        block = call.parent
        assert block is not None
        for piece in pieces:
            for value in piece.inputs:
                if isinstance(value.owner, SizeOp):
                    size = value.owner.clone()
                    block.insert_op_before(size, call)
                    values[value] = size.results[0]
            step = _host_step(piece, [values[v] for v in piece.inputs])
            step.location = call.location
            block.insert_op_before(step, call)
            values.update(zip(piece.outputs, step.results, strict=True))
        for old, value in zip(call.res, returned.operands, strict=True):
            old.replace_all_uses_with(values[value])
        call.detach()
        call.erase()
    for piece in pieces:
        if isinstance(piece.op, func.FuncOp):
            module.insert_op_before(piece.op, function)
    function.detach()
    function.erase()


def _host_step(piece: OutlinedPiece, inputs: list[SSAValue]) -> Operation:
    if isinstance(piece.op, func.FuncOp):
        return func.CallOp(piece.op.sym_name.data, inputs, list(piece.op.function_type.outputs))
    copy = piece.op.clone()
    copy.operands = inputs
    return copy
