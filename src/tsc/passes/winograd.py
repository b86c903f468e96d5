"""Pass `winograd`: convolutions of 3 x 3 filters multiply transformed tiles, where that is faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    f32,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.kernel_model import read_stage
from tsc.analysis.module_functions import functions, is_kernel
from tsc.analysis.target import AVX2, Target
from tsc.analysis.winograd import (
    INPUT,
    OUTPUT,
    POINTS,
    TAPS,
    ConvolutionSize,
    best_tile,
    matrices,
    transformed_filters,
)
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.walking import walk
from tsc.dims import is_known, is_one
from tsc.errors import IRError
from tsc.ops.contractions import multiply_add
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import BodyBuilder, KernelBuilder
from tsc.ops.kernel_values import KernelValue, Output
from tsc.ops.scalar import Scalar
from tsc.passes.kernels.convolutions import Convolution, convolution_in


@dataclass(frozen=True)
class Winograd(ModulePass):
    """Compute a convolution of 3 x 3 filters, stride 1, whose filters are constant, as products of tiles:
    ``A^T [(G g G^T) * (B^T d B)] A`` (`tsc.analysis.winograd`). Its kernel becomes three: one that transforms
    tiles of the image, products of matrices, and one that transforms back and goes on as the kernel did.

    Requires: the output of `split-kernels`.
    Leaves: kernels of the forms ``winograd-input``, ``contraction`` and ``winograd-output``; convolutions
    for which it does not pay.

    ```mlir
    %y = func.call @conv_relu(%x, %w) : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> ...
    // becomes
    %v = func.call @conv_relu_tiles(%x) : ... -> tensor<6x6x1x14x14x64xf32>
    %p = func.call @conv_relu_products(%v, %u) : ... -> tensor<6x6x1x14x14x64xf32>
    %y = func.call @conv_relu_4x4(%p)
    ```

    `machine` decides where it pays; with `side` all tiles have so many rows and columns (2 or 4), whether it
    pays or not.
    """

    name = "winograd"

    machine: Target | None = None
    side: int | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Look at each call of a kernel.

        Raises:
            IRError: there are no tiles of the side that is asked for.
        """
        if self.side is not None and self.side not in POINTS:
            raise IRError(f"winograd: requires side in {sorted(POINTS)}; got {self.side}")
        target = self.machine or AVX2
        if target.is_gpu:
            return
        known = {f.sym_name.data: f for f in functions(op) if is_kernel(f)}
        rewriting = _Rewriting(op, pool_of(ctx), target, self.side, known)
        for call in [o for o in walk(op) if isinstance(o, func.CallOp)]:
            rewriting.call(call)
        rewriting.drop_unused()


@dataclass(eq=False)
class _Kernels:
    """What a kernel becomes."""

    convolution: Convolution
    side: int
    tiles: func.FuncOp
    products: func.FuncOp
    back: func.FuncOp
    kept: list[int]
    """The kernel's arguments that are still read after the products."""


@dataclass
class _Rewriting:
    """Rewrites calls; kernels are made once."""

    module: ModuleOp
    pool: ConstantPool
    target: Target
    side: int | None
    kernels: dict[str, func.FuncOp]
    made: dict[str, _Kernels | None] = field(default_factory=dict[str, "_Kernels | None"])

    def call(self, call: func.CallOp) -> None:
        """Put three calls in the place of `call`, if its kernel is such a convolution."""
        name = call.callee.string_value()
        kernel = self.kernels[name]
        if name not in self.made:
            self.made[name] = self._kernels(kernel)
        kernels = self.made[name]
        if kernels is None:
            return
        given = dict[SSAValue, SSAValue](zip(kernel.body.block.args, call.arguments, strict=True))
        filters = given[kernels.convolution.filters].owner
        if not isinstance(filters, arith.ConstantOp) or not isinstance(filters.value, DenseResourceAttr):
            return
        image = given[kernels.convolution.image]
        self._insert(call, kernels, image, self._transformed(filters, kernels.side))

    def _kernels(self, kernel: func.FuncOp) -> _Kernels | None:
        found = convolution_in(kernel)
        if found is None:
            return None
        side = self.side or best_tile(found.size, self.target)
        if side is None:
            return None
        name = kernel.sym_name.data
        tiles, products = _tiles(f"{name}_tiles", found, side), _products(f"{name}_products", found, side)
        made = _Kernels(found, side, tiles, products, *_back(kernel, found, side))
        for function in (made.tiles, made.products, made.back):
            self.module.body.block.insert_op_before(function, kernel)
        return made

    def _transformed(self, filters: arith.ConstantOp, side: int) -> arith.ConstantOp:
        """The constant with the transformed filters."""
        value = filters.value
        assert isinstance(value, DenseResourceAttr)
        key = value.resource_handle.data
        make = partial(transformed_filters, outputs=side)
        handle = self.pool.derived(key, f"winograd {side}", make, f"{key}.winograd{side}")
        type_ = TensorType(f32, self.pool[handle].shape)
        constant = arith.ConstantOp.create(
            result_types=[type_], properties={"value": DenseResourceAttr.from_params(handle, type_)}
        )
        constant.result.name_hint = filters.result.name_hint
        return constant

    def _insert(
        self, call: func.CallOp, kernels: _Kernels, image: SSAValue, filters: arith.ConstantOp
    ) -> None:
        tiles = _call(kernels.tiles, [image])
        products = _call(kernels.products, [tiles.res[0], filters.result])
        kept = [call.arguments[n] for n in kernels.kept]
        back = _call(kernels.back, [*kept, products.res[0]])
        block = call.parent
        assert block is not None
        for op in (filters, tiles, products, back):
            op.location = call.location
            block.insert_op_before(op, call)
        for old, new in zip(call.res, back.res, strict=True):
            new.name_hint = old.name_hint
            old.replace_all_uses_with(new)
        call.detach()
        call.erase()

    def drop_unused(self) -> None:
        """Erase kernels that nothing calls any more."""
        called = {o.callee.string_value() for o in walk(self.module) if isinstance(o, func.CallOp)}
        for function in list(functions(self.module)):
            if is_kernel(function) and function.sym_name.data not in called:
                function.detach()
                function.erase()


def _call(kernel: func.FuncOp, operands: Sequence[SSAValue]) -> func.CallOp:
    return func.CallOp(kernel.sym_name.data, operands, list(kernel.function_type.outputs))


# The kernels


def _loops(sizes: Sequence[int]) -> tuple[list[AffineExpr], int]:
    """A dim for each loop that runs more than once, zero for the others; and how many there are."""
    expressions: list[AffineExpr] = []
    count = 0
    for size in sizes:
        expressions.append(AffineExpr.constant(0) if is_one(size) else AffineExpr.dimension(count))
        count += not is_one(size)
    return expressions, count


def _function(name: str, kind: str, block: Block, result: SSAValue) -> func.FuncOp:
    block.add_op(func.ReturnOp(result))
    types = ([a.type for a in block.args], [result.type])
    function = func.FuncOp(name, types, Region(block), visibility="private")
    function.attributes["tsc.kind"] = StringAttr(kind)
    return function


def _matrix(block: Block, array: Any) -> KernelValue:
    """A small matrix, as a constant of the kernel."""
    values = np.asarray(array, np.float32)
    type_ = TensorType(f32, values.shape)
    op = arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(type_, values.ravel().tolist()))
    block.add_op(op)
    return KernelValue(op.result, TensorSpec(values.shape, dtypes.F32))


def _twice(_: BodyBuilder, inputs: list[Scalar], sums: list[Scalar]) -> list[Scalar]:
    """The element times the entries of both matrices, added up."""
    element, left, right = inputs
    return [sums[0] + element * left * right]


def _value(block: Block, like: SSAValue) -> KernelValue:
    """A new argument of the type of `like`."""
    argument = block.insert_arg(like.type, len(block.args))
    argument.name_hint = like.name_hint
    return KernelValue(argument, TensorSpec(shape_of(like), dtypes.F32))


def _grid(size: ConvolutionSize, side: int, channels: int) -> TensorSpec:
    """Of transformed tiles: ``(t, t, image, row, column, channel)``."""
    count = side + TAPS - 1
    return TensorSpec((count, count, size.images, *size.tiles(side), channels), dtypes.F32)


def _tiles(name: str, found: Convolution, side: int) -> func.FuncOp:
    """``v[i, j, n, y, x, c] = sum(B[i, a] * B[j, b] * image[n, c, y * m + a, x * m + b])``."""
    size, count = found.size, side + TAPS - 1
    block = Block()
    kernel = KernelBuilder(block)
    image = _value(block, found.image)
    spatial = zip(size.tiles(side), (size.height, size.width), strict=True)
    beyond = (0, 0, *(count * side - n if is_known(n) else side - 1 for count, n in spatial))
    high = [a + b for a, b in zip(found.high, beyond, strict=True)]
    padded = kernel.pad(image, found.low, high)
    matrix = _matrix(block, matrices(side).data)
    made = _grid(size, side, size.inputs)
    (i, j, n, y, x, c, a, b), rank = _loops([*made.shape, count, count])
    pairs = [
        (padded, AffineMap(rank, 0, (n, c, y * side + a, x * side + b))),
        (matrix, AffineMap(rank, 0, (i, a))),
        (matrix, AffineMap(rank, 0, (j, b))),
    ]
    output = Output(made, AffineMap(rank, 0, (i, j, n, y, x, c)), 0)
    iterators = "p" * (rank - 2) + "rr"
    result = kernel.generic(pairs, [output], iterators, _twice, "aten::convolution")[0]
    return _function(name, INPUT, block, result.ssa)


def _products(name: str, found: Convolution, side: int) -> func.FuncOp:
    """``p[i, j, n, y, x, k] = sum(v[i, j, n, y, x, c] * u[i, j, c, k])``."""
    size, count = found.size, side + TAPS - 1
    block = Block()
    kernel = KernelBuilder(block)
    data, made = _grid(size, side, size.inputs), _grid(size, side, size.outputs)
    filters = TensorSpec((count, count, size.inputs, size.outputs), dtypes.F32)
    values = [
        KernelValue(block.insert_arg(kernel.tensor_type(s), number), s)
        for number, s in enumerate((data, filters))
    ]
    (i, j, n, y, x, k, c), rank = _loops([*made.shape, size.inputs])
    pairs = [
        (values[0], AffineMap(rank, 0, (i, j, n, y, x, c))),
        (values[1], AffineMap(rank, 0, (i, j, c, k))),
    ]
    output = Output(made, AffineMap(rank, 0, (i, j, n, y, x, k)), 0)
    iterators = "p" * (rank - 1) + "r"
    result = kernel.generic(pairs, [output], iterators, multiply_add(dtypes.F32), "aten::convolution")[0]
    return _function(name, "contraction", block, result.ssa)


def _back(kernel: func.FuncOp, found: Convolution, side: int) -> tuple[func.FuncOp, list[int]]:
    """The kernel, reading products in place of an image and filters:
    ``y[n, k, h, w] = sum(A[h % m, a] * A[w % m, b] * p[a, b, n, h / m, w / m, k])``; and which of its
    arguments it has still.
    """
    copy = kernel.clone()
    copy.sym_name = StringAttr(f"{kernel.sym_name.data}_{side}x{side}")
    copy.attributes["tsc.kind"] = StringAttr(OUTPUT)
    block = copy.body.block
    op = next(o for o in block.ops if isinstance(o, linalg.GenericOp))
    made = Block()
    builder = KernelBuilder(made)
    spec = _grid(found.size, side, found.size.outputs)
    argument = block.insert_arg(builder.tensor_type(spec), len(block.args))
    matrix = _matrix(made, matrices(side).outputs)
    n, k, h, w = op.indexing_maps.data[2].data.results
    rank = len(read_stage(op).kept)
    a, b = AffineExpr.dimension(rank), AffineExpr.dimension(rank + 1)
    places = (a, b, n, h // side, w // side, k)
    pairs = [
        (KernelValue(argument, spec), AffineMap(rank + 2, 0, places)),
        (matrix, AffineMap(rank + 2, 0, (h % side, a))),
        (matrix, AffineMap(rank + 2, 0, (w % side, b))),
    ]
    result = TensorSpec(shape_of(op.results[0]), dtypes.F32)
    output = Output(result, AffineMap(rank + 2, 0, (n, k, h, w)), 0)
    value = builder.generic(pairs, [output], "p" * rank + "rr", _twice, "aten::convolution")[0]
    for inner in list(made.ops):
        inner.detach()
        block.insert_op_before(inner, op)
    op.results[0].replace_all_uses_with(value.ssa)
    _erase_unread(block)
    kept = [n for n, old in enumerate(list(block.args)[:-1]) if old.first_use is not None]
    for number, old in reversed(list(enumerate(list(block.args)[:-1]))):
        if number not in kept:
            block.erase_arg(old)
    copy.update_function_type()
    return copy, kept


def _erase_unread(block: Block) -> None:
    """Erase operations whose results nothing reads."""
    for op in reversed(list(block.ops)):
        if op.results and all(r.first_use is None for r in op.results):
            op.detach()
            op.erase()
