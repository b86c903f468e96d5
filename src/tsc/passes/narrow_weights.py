"""Pass `narrow-weights`: weights of products that fit into fewer bits are stored in as many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import DenseResourceAttr, ModuleOp, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.kernel_model import contraction_of, dims_of, read_stage
from tsc.analysis.module_functions import functions, is_kernel
from tsc.analysis.narrow_weights import narrowed
from tsc.analysis.target import Target
from tsc.dialects.arith_emitter import element_type
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.walking import walk
from tsc.dims import hint_of
from tsc.dtypes import DType
from tsc.passes.kernels.scaling import multiply_by

MOST_ROWS = 16
"""Up to how many rows a product has to be waiting for its weights, so that fewer bytes are faster."""


@dataclass(frozen=True)
class NarrowWeights(ModulePass):
    """Store the constant weights of a product of few rows in 16 or 8 bits, where each is exactly a bfloat16,
    or a whole number times what is the same for all that lead to one output: those of models that were
    rounded (pass `round-weights`), or trained, so. They are widened where they are multiplied.

    Requires: the output of `lower-to-linalg`.
    Leaves: weights that fit into no fewer bits; products of many rows, which do not wait for memory.

    ```mlir
    %w = arith.constant dense_resource<w> : tensor<768x768xf32>
    %y = func.call @linear(%x, %w) : ...
    // becomes
    %w = arith.constant dense_resource<w.bfloat16> : tensor<768x768xbf16>
    %y = func.call @linear(%x, %w) : ...   // its body widens: arith.extf
    ```
    """

    name = "narrow-weights"

    machine: Target | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Look at the products of each kernel."""
        if self.machine is not None and self.machine.is_gpu:
            return  # its schedules read weights as wide as they compute
        calls: dict[str, list[func.CallOp]] = {}
        for call in walk(op):
            if isinstance(call, func.CallOp):
                calls.setdefault(call.callee.string_value(), []).append(call)
        for kernel in [f for f in functions(op) if is_kernel(f)]:
            for generic in [o for o in kernel.body.block.ops if isinstance(o, linalg.GenericOp)]:
                _narrow(kernel, generic, calls.get(kernel.sym_name.data, []), pool_of(ctx))


@dataclass(frozen=True)
class _Weights:
    """Those of one product: an argument of its kernel."""

    argument: int
    """Of the kernel."""
    input: int
    """Of the product."""
    column: int
    """The dim of the weights whose elements lead to one output each."""
    output: int
    """The dim of the result that these are."""


def _narrow(
    kernel: func.FuncOp, product: linalg.GenericOp, calls: Sequence[func.CallOp], pool: ConstantPool
) -> None:
    found = _weights_of(kernel, product)
    if found is None or len(calls) != 1:
        return
    constant = calls[0].arguments[found.argument].owner
    if not isinstance(constant, arith.ConstantOp) or not isinstance(constant.value, DenseResourceAttr):
        return
    key = constant.value.resource_handle.data
    stored = narrowed(pool, key, found.column)
    if stored is None:
        return
    argument = kernel.body.block.args[found.argument]
    if stored.scales is not None:
        scales = kernel.body.block.insert_arg(
            TensorType(f32, [pool[stored.scales].size]), len(kernel.body.block.args)
        )
        multiply_by(product, scales, found.output)
        _give(calls[0], len(calls[0].operands), _constant(pool, stored.scales, dtypes.F32, constant))
    _widen(product, found.input, argument, stored.dtype)
    kernel.update_function_type()
    _give(calls[0], found.argument, _constant(pool, stored.weights, stored.dtype, constant))
    if constant.result.first_use is None:
        constant.detach()
        constant.erase()


def _weights_of(kernel: func.FuncOp, product: linalg.GenericOp) -> _Weights | None:
    """The weights of a product of few rows, if they are an argument that nothing else reads."""
    contraction = contraction_of(read_stage(product))
    if contraction is None or contraction.batch or hint_of(contraction.count(contraction.rows)) > MOST_ROWS:
        return None
    number = contraction.weights_argument
    argument, maps = product.inputs[number], [m.data for m in product.indexing_maps.data]
    is_alone = argument.uses.get_length() == 1 and argument in kernel.body.block.args
    columns = [d for d in contraction.columns if contraction.stage.sizes[d] != 1]
    if not is_alone or element_of(argument.type) != f32 or len(columns) != 1:
        return None
    places = [_place(maps[number].results, columns[0]), _place(maps[-1].results, columns[0])]
    if places[0] is None or places[1] is None or dims_of(maps[number]) & set(contraction.rows):
        return None
    position = list(kernel.body.block.args).index(argument)  # pyright: ignore[reportArgumentType]
    return _Weights(position, number, places[0], places[1])


def _place(results: Sequence[object], dim: int) -> int | None:
    """Which result of a map is a loop."""
    found = (n for n, e in enumerate(results) if isinstance(e, AffineDimExpr) and e.position == dim)
    return next(found, None)


def _widen(product: linalg.GenericOp, number: int, argument: SSAValue, dtype: DType) -> None:
    """Have the body of `product` take an input in `dtype`."""
    element, shape = element_type(dtype), shape_of(argument)
    argument._type = TensorType(element, shape)  # pyright: ignore[reportPrivateUsage]
    body = product.body.block
    taken = body.args[number]
    taken._type = element  # pyright: ignore[reportPrivateUsage]
    wide: Operation = arith.SIToFPOp(taken, f32) if dtype.is_integral else arith.ExtFOp(taken, f32)
    first = body.first_op
    assert first is not None
    for use in list(taken.uses):
        use.operation.operands[use.index] = wide.results[0]
    wide.operands[0] = taken
    body.insert_op_before(wide, first)


def _constant(pool: ConstantPool, key: str, dtype: DType, like: arith.ConstantOp) -> arith.ConstantOp:
    """The constant `key` before `like`."""
    kind = TensorType(element_type(dtype), pool[key].shape)
    value = DenseResourceAttr.from_params(key, kind)
    made = arith.ConstantOp.create(result_types=[kind], properties={"value": value})
    made.result.name_hint = like.result.name_hint
    block = like.parent
    assert block is not None
    block.insert_op_before(made, like)
    return made


def _give(call: func.CallOp, position: int, constant: arith.ConstantOp) -> None:
    operands = list(call.operands)
    operands[position : position + 1] = [constant.result]
    call.operands = operands
