"""Pass `slice-operands`: tensors of which loops read a part are sliced before, as `linalg` of MLIR wants."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.passes import ModulePass

from tsc.analysis.module_functions import functions, is_kernel
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import loop_extents, shape_of
from tsc.dialects.sized import SizeOp, sized
from tsc.dims import Dim, certainly_equal
from tsc.passes.kernels.compose import input_pairs


@dataclass(frozen=True)
class SliceOperands(ModulePass):
    """Put a ``tensor.extract_slice`` before each operand whose size in a dim that a loop indexes alone is not
    the extent of that loop. It moves nothing: schedules look through it.

    Requires: stage `linalg`; nothing composes kernels any more.
    Leaves: operands that are indexed by sums and products of loops, of which MLIR asks only that they are
    large enough.

    ```mlir
    linalg.generic {maps = [(i) -> (i), (i) -> (i)]} ins(%y : tensor<4xf32>) outs(%e : tensor<2xf32>)
    // becomes
    %0 = tensor.extract_slice %y[0] [2] [1] : tensor<4xf32> to tensor<2xf32>
    linalg.generic {maps = [(i) -> (i), (i) -> (i)]} ins(%0 : tensor<2xf32>) outs(%e : tensor<2xf32>)
    ```
    """

    name = "slice-operands"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Slice the operands of each generic in kernels."""
        for function in functions(op):
            if is_kernel(function):
                for inner in list(function.body.block.ops):
                    if isinstance(inner, linalg.GenericOp):
                        _slice_inputs(inner)


def _slice_inputs(op: linalg.GenericOp) -> None:
    extents = loop_extents(op)
    for number, (value, map_) in enumerate(input_pairs(op)):
        shape = shape_of(value)
        read = _read_shape(map_, shape, extents)
        if all(certainly_equal(a, b) for a, b in zip(read, shape, strict=True)):
            continue
        made = _slice(value, read)
        block = op.parent
        assert block is not None
        block.insert_ops_before(made, op)
        op.operands[number] = made[-1].results[0]


def _read_shape(map_: AffineMap, shape: tuple[int, ...], extents: tuple[int, ...]) -> list[int]:
    """The sizes of the part that is read, as far as loops alone say; elsewhere those there are."""
    return [
        extents[e.position] if isinstance(e, AffineDimExpr) else n
        for e, n in zip(map_.results, shape, strict=True)
    ]


def _slice(value: SSAValue, sizes: list[int]) -> list[Operation]:
    """The first elements of `value` in each dim; the operation that gives them comes last."""
    symbolic = {n: SizeOp.of(size) for n, size in enumerate(sizes) if isinstance(size, Dim)}
    rank = len(sizes)
    given: list[SSAValue | int] = [
        symbolic[n].results[0] if n in symbolic else size for n, size in enumerate(sizes)
    ]
    kind = TensorType(element_of(value.type), sized(sizes))
    return [*symbolic.values(), tensor.ExtractSliceOp(value, [0] * rank, given, [1] * rank, kind)]
