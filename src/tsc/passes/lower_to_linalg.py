"""Pass `lower-to-linalg`: every group becomes a kernel over tensors, and the function around them calls the
kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import (
    DenseResourceAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    ModuleOp,
    TensorType,
    i1,
    i64,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.fusion import operator_of, spec
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_type, unwrapped
from tsc.analysis.number_reads import is_number_read
from tsc.dialects import torch_types as tt
from tsc.dialects.arith_emitter import element_type
from tsc.dialects.aten import AtenOp, torch_name
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.context import pool_of
from tsc.dialects.sized import BindSizeOp, SizeOp
from tsc.dialects.torch_ops import (
    ConstantOp,
    DerefineOp,
    PrimIfOp,
    PrimListConstructOp,
    PrimLoopOp,
    PrimTupleConstructOp,
    PrimUninitializedOp,
    ValueTensorLiteralOp,
)
from tsc.dialects.tsc import FindSizeOp, GroupOp, YieldOp
from tsc.dims import Dim
from tsc.dtypes import Array, by_numpy
from tsc.errors import BoundsError, CodegenError, ShapeError
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.registry import require


@dataclass(frozen=True)
class LowerToLinalg(ModulePass):
    """Write each group as a private function of `linalg` operations, and ``main`` as calls of them.

    Requires: stage `fused`; every operation is a group, a reshape, or makes constants.
    Leaves: stage `linalg`: one public function ``main``, and the kernels in the order of their first call.

    ```mlir
    %1 = tsc.group "pointwise" (%x) { torch.aten.relu } : ...
    // func.func private @relu_0(%x: tensor<4xf32>) -> tensor<4xf32> { linalg.generic ... }
    // %1 = func.call @relu_0(%x)
    ```
    """

    name = "lower-to-linalg"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower the only function of the module.

        Raises:
            CodegenError: the function holds something that has no native form; the message names it.
        """
        functions = [f for f in op.ops if isinstance(f, FuncOp)]
        if len(functions) != 1:
            raise CodegenError(f"lower-to-linalg: requires one function; got {len(functions)}")
        lowering = _Lowering(pool_of(ctx))
        main = lowering.function(functions[0])
        for old in list(op.ops):
            old.detach()
            old.erase(safe_erase=False)
        op.body.block.add_ops([main, *lowering.kernels])


def tensor_type(found: TensorSpec) -> TensorType[Any]:
    """The builtin type of a tensor."""
    return KernelBuilder(Block()).tensor_type(found)


class _Lowering:
    def __init__(self, pool: ConstantPool) -> None:
        self.pool = pool
        self.kernels: list[FuncOp] = []
        self.values: dict[SSAValue, KernelValue] = {}
        self.numbers: dict[SSAValue, SSAValue] = {}
        """The numbers of rounds."""
        self.block = Block()
        self.names: dict[str, int] = {}

    def function(self, source: FuncOp) -> FuncOp:
        """The host function of `source`."""
        for argument in source.body.block.args:
            if not isinstance(argument.type, tt.TensorType):
                kind = cast("tt.TorchType", argument.type).torchscript()
                raise CodegenError(f"native code: requires tensor arguments; got {kind}")
            if not argument.type.is_static:
                raise CodegenError(f"native code: requires arguments of known shape; got {argument.type}")
            made = self.block.insert_arg(tensor_type(spec(argument)), len(self.block.args))
            made.name_hint = argument.name_hint
            self.values[argument] = KernelValue(made, spec(argument))
        for op in source.body.block.ops:
            self.operation(op)
        results = [r.type for r in self.block.last_op.operands]  # pyright: ignore[reportOptionalMemberAccess]
        kind = FunctionType.from_lists([a.type for a in self.block.args], results)
        return FuncOp("main", kind, Region(self.block))

    def operation(self, op: Operation) -> None:
        """Lower one operation of the host function."""
        if isinstance(op, (ConstantOp, DerefineOp, PrimListConstructOp, PrimTupleConstructOp)):
            return
        if isinstance(op, ValueTensorLiteralOp):
            self._literal(op.results[0], literal_array(self.pool, op), op.resource_key)
        elif isinstance(op, GroupOp):
            self._group(op)
        elif isinstance(op, func.ReturnOp):
            self.block.add_op(func.ReturnOp(*self._flat(op.operands)))
        elif isinstance(op, AtenOp) and _is_reshape(op):
            self._reshape(op)
        else:
            self._control(op)

    def _control(self, op: Operation) -> None:
        """What only functions with branches and loops have."""
        if isinstance(op, PrimIfOp):
            self._branch(op)
        elif isinstance(op, PrimLoopOp):
            self._loop(op)
        elif isinstance(op, PrimUninitializedOp):
            self._uninitialized(op)
        elif isinstance(op, AtenOp) and op.schema.full_name == "prim::NumToTensor.Scalar":
            self._number(op)
        elif isinstance(op, FindSizeOp):
            self._find_size(op)
        elif not is_number_read(op):  # of those, who wants the number reads the tensor
            raise CodegenError(f"native code: {_describe(op)} has no native form here")

    def _flat(self, values: Any) -> list[SSAValue]:
        """The tensors of results that may be tuples or lists of tensors, in order."""
        found: list[SSAValue] = []
        for value in values:
            if value in self.values:
                found.append(self.values[value].ssa)
            elif isinstance(value.owner, (PrimListConstructOp, PrimTupleConstructOp)):
                found += self._flat(value.owner.operands)
            else:
                raise CodegenError(f"native code: requires tensor results; got {value.type.torchscript()}")
        return found

    def _literal(self, value: SSAValue, array: np.ndarray[Any, Any], key: str | None) -> None:
        key = key or self.pool.add(value.name_hint or "constant", array)
        kind = tensor_type(spec(value))
        constant = arith.ConstantOp.create(
            result_types=[kind], properties={"value": DenseResourceAttr.from_params(key, kind)}
        )
        self.block.add_op(constant)
        self._define([value], constant.results)

    def _table(self, name: str, array: Array) -> SSAValue:
        key = self.pool.add(name, array)
        kind = tensor_type(TensorSpec(array.shape, by_numpy(array.dtype)))
        constant = DenseResourceAttr.from_params(key, kind)
        made = arith.ConstantOp.create(result_types=[kind], properties={"value": constant})
        return self._emit(made).results[0]

    def _reshape(self, op: AtenOp) -> None:
        source = self.values[op.operands[0]]
        self.values[op.results[0]] = KernelBuilder(self.block).reshape_in_memory(
            source, spec(op.results[0]).shape
        )

    def _group(self, group: GroupOp) -> None:
        kernel, tables = lower_group(group, self._kernel_name(group), self.pool)
        self.kernels.append(kernel)
        operands = [*(self.values[o].ssa for o in group.operands), *(self._table(*t) for t in tables)]
        call = func.CallOp(kernel.sym_name.data, operands, kernel.function_type.outputs.data)
        call.location = group.location
        self.block.add_op(call)
        for result, value in zip(group.results, call.results, strict=True):
            value.name_hint = result.name_hint
            self.values[result] = KernelValue(value, spec(result))

    # --- control flow ---

    def _branch(self, op: PrimIfOp) -> None:
        condition = self._element(op.operands[0])
        regions = [Region(self._region(region.block, scf.YieldOp)) for region in op.regions]
        kinds = [_type_of(r) for r in op.results]
        made = self._emit(scf.IfOp(condition, kinds, regions[0], regions[1]))
        self._define(op.results, made.results)

    def _loop(self, op: PrimLoopOp) -> None:
        """A loop that counts its rounds and keeps its condition in scalars, and carries tensors."""
        trips, enters = (self._element(o) for o in op.operands[:2])
        zero, one = (self._emit(arith.ConstantOp(IntegerAttr(n, i64))).results[0] for n in (0, 1))
        initial = [zero, enters, *self._flat(op.operands[2:])]
        kinds = [v.type for v in initial]
        before = Block(arg_types=kinds)
        outer, self.block = self.block, before
        more = self._emit(arith.CmpiOp(before.args[0], trips, "slt")).results[0]
        go = self._emit(arith.AndIOp(more, before.args[1])).results[0]
        self._emit(scf.ConditionOp(go, *before.args))
        body = Block(arg_types=kinds)
        self.block = outer
        source = op.regions[0].block
        self.numbers[source.args[0]] = body.args[0]
        self._define(source.args[1:], body.args[2:])

        def end(again: SSAValue, *carried: SSAValue) -> Operation:
            following = self._emit(arith.AddiOp(body.args[0], one)).results[0]
            return scf.YieldOp(following, again, *carried)

        self._region(source, end, body)
        made = self._emit(scf.WhileOp(initial, kinds, Region(before), Region(body)))
        self._define(op.results, made.results[2:])

    def _region(self, source: Block, end: Callable[..., Operation], block: Block | None = None) -> Block:
        """A region of the host function; `end` makes its terminator of what `source` gives back."""
        outer, self.block = self.block, block or Block()
        last = source.last_op
        assert last is not None
        for inner in source.ops:
            if inner is not last:
                self.operation(inner)
        given = [self.values[o].ssa if o in self.values else self._element(o) for o in last.operands]
        self._emit(end(*given))
        made, self.block = self.block, outer
        return made

    def _element(self, value: SSAValue) -> SSAValue:
        """A number on the host: a constant, or what a tensor of one element holds."""
        known = constant_of(value)
        if isinstance(known, Dim):
            number = self._emit(SizeOp.of(known)).results[0]
            return self._emit(arith.IndexCastOp(number, i64)).results[0]
        if known is not UNKNOWN:
            attribute = IntegerAttr(int(known), i1 if isinstance(known, bool) else i64)
            return self._emit(arith.ConstantOp(attribute)).results[0]
        owner = unwrapped(value).owner
        if not (isinstance(owner, AtenOp) and is_number_read(owner)) or owner.operands[0] not in self.values:
            raise CodegenError("native code: requires conditions and numbers of rounds that tensors hold")
        source = self.values[owner.operands[0]]
        wanted = i1 if value.type is tt.BOOL else i64
        if element_type(source.spec.dtype) != wanted:
            raise CodegenError(
                f"native code: requires a condition that is a bool; got {source.spec.dtype.name}"
            )
        zeros = [
            self._emit(arith.ConstantOp(IntegerAttr(0, IndexType()))).results[0] for _ in source.spec.shape
        ]
        return self._emit(tensor.ExtractOp(source.ssa, zeros, wanted)).results[0]

    def _number(self, op: AtenOp) -> None:
        """The number of a round, or a size, as a tensor."""
        number = self.numbers.get(op.operands[0])
        if number is None and isinstance(constant_of(op.operands[0]), Dim):
            number = self._element(op.operands[0])
        if number is None:
            raise CodegenError("native code: requires numbers that tensors hold")
        kind = tensor_type(spec(op.results[0]))
        made = self._emit(tensor.FromElementsOp.create(operands=[number], result_types=[kind]))
        self._define(op.results, made.results)

    def _find_size(self, op: FindSizeOp) -> None:
        """The number that a tensor holds is a size; not beyond the most that there is memory for, nor less
        than is required.
        """
        (atom,) = op.size.atoms
        sizes = op.size.environment
        source = self.values[op.operands[0]]
        number = self._emit(tensor.ExtractOp(source.ssa, [], i64)).results[0]
        found = self._emit(arith.IndexCastOp(number, IndexType())).results[0]
        most = KernelBuilder(self.block).size(cast("int", sizes.found[atom]))
        least = KernelBuilder(self.block).size(sizes.least(atom))
        found = self._emit(arith.MaxSIOp(found, least)).results[0]
        self._emit(BindSizeOp.of(self._emit(arith.MinSIOp(found, most)).results[0], op.size))

    def _uninitialized(self, op: PrimUninitializedOp) -> None:
        """A value that nobody reads; numbers are none of the host function."""
        kind = op.results[0].type
        if not isinstance(kind, tt.TensorType):
            return
        found = spec_of_type(kind)
        if found is None:
            raise CodegenError(f"native code: requires tensors of known shape; got {kind}")
        self._literal(op.results[0], np.zeros(found.shape, found.dtype.numpy), None)

    def _define(self, names: Sequence[SSAValue], values: Sequence[SSAValue]) -> None:
        for name, value in zip(names, values, strict=True):
            _type_of(name)
            value.name_hint = name.name_hint
            self.values[name] = KernelValue(value, spec(name))

    def _emit(self, op: Operation) -> Operation:
        self.block.add_op(op)
        return op

    def _kernel_name(self, group: GroupOp) -> str:
        words = [
            torch_name(o).split(".")[2]
            for o in group.body.ops
            if isinstance(o, AtenOp) and operator_of(o) is not None
        ]
        stem = "_".join(dict.fromkeys(words))[:48] or group.kind
        number = self.names.get(stem, 0)
        self.names[stem] = number + 1
        return f"{stem}_{number}"


def _type_of(value: SSAValue) -> TensorType[Any]:
    """The builtin type of what a branch or loop hands on.

    Raises:
        CodegenError: it is no tensor of known shape and dtype.
    """
    if not isinstance(value.type, tt.ValueTensorType) or not value.type.is_static:
        raise CodegenError(f"native code: requires tensors of known shape; got {value.type}")
    return tensor_type(spec(value))


def _is_reshape(op: AtenOp) -> bool:
    operator = operator_of(op)
    return operator is not None and operator.kind == "reshape"


def _describe(op: Operation) -> str:
    return op.schema.full_name if isinstance(op, AtenOp) else op.name


def lower_group(group: GroupOp, name: str, pool: ConstantPool) -> tuple[FuncOp, Sequence[tuple[str, Array]]]:
    """The kernel function of a group, and the constants that are its last arguments: names and arrays.

    Raises:
        CodegenError: an operator has no native form for these dtypes.
    """
    body = group.body
    block = Block(arg_types=[tensor_type(spec(a)) for a in body.args])
    kernel = KernelBuilder(block)
    values: dict[SSAValue, Any] = {}
    for argument, made in zip(body.args, block.args, strict=True):
        made.name_hint = argument.name_hint
        values[argument] = KernelValue(made, spec(argument))
    results: list[SSAValue] = []
    for op in body.ops:
        if isinstance(op, YieldOp):
            results = [kernel.materialize(values[o]).ssa for o in op.operands]
            block.add_op(func.ReturnOp(*results))
            kernel.drop_unused()
        elif isinstance(op, ValueTensorLiteralOp):
            values[op.results[0]] = kernel.scalar_constant(literal_array(pool, op), spec(op.results[0]).dtype)
        elif isinstance(op, AtenOp):
            _lower_operator(kernel, op, values)
    kind = FunctionType.from_lists([a.type for a in block.args], [r.type for r in results])
    function = FuncOp(name, kind, Region(block), "private")
    function.location = group.location
    return function, kernel.tables


def _lower_operator(kernel: KernelBuilder, op: AtenOp, values: dict[SSAValue, Any]) -> None:
    operator = require(op.schema.full_name)
    assert operator.lower is not None
    try:
        lowered = operator.lower(kernel, [_argument(o, values) for o in op.operands])
    except (BoundsError, ShapeError) as error:
        raise CodegenError(f"it raises where it runs, in a branch perhaps: {error}") from error
    results = cast("tuple[Any, ...]", lowered) if isinstance(lowered, tuple) else (lowered,)
    values.update(zip(op.results, results, strict=True))


def _argument(value: SSAValue, values: dict[SSAValue, Any]) -> Any:
    """An operand as lowering functions take it: kernel values, lists of them, Python constants."""
    if value in values:
        return values[value]
    owner = value.owner
    inner = unwrapped(value)
    if inner is not value:
        return _argument(inner, values)
    known = constant_of(value)
    if known is not UNKNOWN:
        return known
    assert isinstance(owner, PrimListConstructOp), value
    return [_argument(o, values) for o in owner.operands]
