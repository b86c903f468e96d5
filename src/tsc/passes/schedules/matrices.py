"""Schedule of `matrices` kernels: factors of batches of matrices, and solutions with them."""

from xdsl.dialects import func

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.tsc_matrices import CholeskyOp, ExchangeRowsOp, LuOp, TriangularSolveOp
from tsc.errors import CodegenError
from tsc.passes.schedules.cholesky import emit_cholesky
from tsc.passes.schedules.kernel import ScheduleBuilder
from tsc.passes.schedules.lu import emit_exchange_rows, emit_lu
from tsc.passes.schedules.substitution import emit_triangular_solve


def schedule_matrices(model: KernelModel, target: Target) -> func.FuncOp:
    """Batches are independent, and shared among chunks.

    Raises:
        CodegenError: the kernel is another one.
    """
    kernel = ScheduleBuilder.create(model, target)
    op = model.results[0].owner
    if isinstance(op, TriangularSolveOp):
        emit_triangular_solve(kernel, op)
    elif isinstance(op, CholeskyOp):
        emit_cholesky(kernel, op)
    elif isinstance(op, LuOp):
        emit_lu(kernel, op)
    elif isinstance(op, ExchangeRowsOp):
        emit_exchange_rows(kernel, op)
    else:
        raise CodegenError(f"matrices: requires one operation on matrices; got {model.results[0]}")
    return kernel.finish()
