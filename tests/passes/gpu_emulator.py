"""Runs `gpu.func` kernels on NumPy, a block at a time: an SSA value holds one number per thread."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith, func, gpu, memref, scf, vector
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    TensorType,
    VectorType,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tests.passes.kernel_runner import DTYPES, Array, context, parse
from tsc.analysis.layouts import layout_of, pack
from tsc.analysis.target import ptx
from tsc.dialects.loop_builder import element_of
from tsc.passes.assign_layouts import AssignLayouts
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.plan_memory import PlanMemory
from tsc.passes.schedule import Schedule
from tsc.passes.schedules.gpu_kernel import THREADS
from tsc.passes.split_kernels import SplitKernels

Values = dict[SSAValue, Any]


def inverse_root(a: Array) -> Array:
    return 1 / np.sqrt(a)


def multiply_add(a: Array, b: Array, c: Array) -> Array:
    return a * b + c


def unordered(a: Array, b: Array) -> Array:
    return np.isnan(a) | np.isnan(b)


def ordered(a: Array, b: Array) -> Array:
    return ~unordered(a, b)


PLAIN: dict[str, Callable[..., Any]] = {
    "arith.addi": np.add,
    "arith.addf": np.add,
    "arith.subi": np.subtract,
    "arith.subf": np.subtract,
    "arith.muli": np.multiply,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.divui": np.floor_divide,
    "arith.remui": np.remainder,
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
    "arith.minsi": np.minimum,
    "arith.maxsi": np.maximum,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.select": np.where,
    "math.exp": np.exp,
    "math.rsqrt": inverse_root,
    "math.fma": multiply_add,
}
SIGNED_COMPARISONS: Sequence[Callable[..., Any]] = (
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
)
FLOAT_COMPARISONS: dict[int, Callable[..., Any]] = {
    1: np.equal,
    2: np.greater,
    3: np.greater_equal,
    4: np.less,
    7: ordered,
    14: unordered,
}
CASTS = ("arith.index_cast", "arith.extf", "arith.truncf", "arith.sitofp", "arith.extui", "arith.extsi")


def dtype_of(type_: Attribute) -> Any:
    element = element_of(type_)
    return np.int64 if isinstance(element, IndexType) else DTYPES[str(element)]


class BlockEmulator:
    """One block of threads in lockstep; threads that a branch leaves out are masked."""

    def __init__(self, number: int, values: Values) -> None:
        self.number = number
        self.values = dict(values)

    def run(self, block: Block, active: Array) -> list[Any]:
        """Execute a region; gives what it yields."""
        for op in block.ops:
            if isinstance(op, scf.YieldOp | gpu.ReturnOp):
                return [self.values[v] for v in op.operands]
            if not isinstance(op, gpu.BarrierOp):  # threads run in lockstep anyway
                self.execute(op, active)
        return []

    def execute(self, op: Operation, active: Array) -> None:
        match op:
            case gpu.ThreadIdOp():
                self.values[op.result] = np.arange(THREADS)
            case gpu.BlockIdOp():
                self.values[op.result] = np.full(THREADS, self.number)
            case arith.ConstantOp():
                self.values[op.result] = np.full(THREADS, _number(op.value), dtype_of(op.result.type))
            case memref.AllocaOp():
                kind = op.memref.type
                assert isinstance(kind, MemRefType)
                self.values[op.memref] = np.full(kind.get_shape(), 99, dtype_of(kind))
            case scf.ForOp():
                self._loop(op, active)
            case scf.IfOp():
                condition = self.values[op.cond]
                for region, mask in (
                    (op.true_region, active & condition),
                    (op.false_region, active & ~condition),
                ):
                    if region.blocks and mask.any():
                        self.run(region.block, mask)
            case memref.LoadOp() | vector.LoadOp() | memref.StoreOp() | vector.StoreOp():
                self._access(op, active)
            case _:
                operands = [self.values[v] for v in op.operands]
                self.values[op.results[0]] = _compute(op, operands)

    def _branch(self, op: scf.IfOp, active: Array) -> None:
        condition = self.values[op.cond]
        sides = ((op.true_region, active & condition), (op.false_region, active & ~condition))
        for region, mask in sides:
            if region.blocks and mask.any():
                self.run(region.block, mask)

    def _loop(self, op: scf.ForOp, active: Array) -> None:
        lower, upper, step = (self.values[v] for v in (op.lb, op.ub, op.step))
        index: Array = lower.copy()
        carried: list[Any] = [self.values[v] for v in op.iter_args]
        while True:
            mask: Array = active & (index < upper)
            if not mask.any():
                break
            self.values[op.body.block.args[0]] = index
            self.values.update(zip(op.body.block.args[1:], carried, strict=True))
            yielded = self.run(op.body.block, mask)
            carried = [np.where(mask, new, old) for new, old in zip(yielded, carried, strict=True)]
            index = np.where(mask, index + step, index)
        self.values.update(zip(op.results, carried, strict=True))

    def _access(self, op: Any, active: Array) -> None:
        is_store = isinstance(op, memref.StoreOp | vector.StoreOp)
        buffer, place = self.values[op.operands[1 if is_store else 0]], self.values[op.operands[-1]]
        value = op.operands[0] if is_store else op.results[0]
        lanes = _lanes(value.type)
        places = place[:, None] + np.arange(max(1, lanes))
        assert (places[active] >= 0).all(), op
        assert (places[active] < buffer.size).all(), op
        if is_store:
            numbers = self.values[value].reshape(THREADS, -1)
            buffer[places[active]] = numbers[active]
            return
        loaded = buffer[np.where(active[:, None], places, 0)] if buffer.size else places
        self.values[value] = loaded if lanes else loaded[:, 0]


def _lanes(type_: Attribute) -> int:
    return type_.get_shape()[0] if isinstance(type_, VectorType) else 0


def _number(attribute: Attribute) -> Any:
    if isinstance(attribute, IntegerAttr | FloatAttr):
        return attribute.value.data
    assert isinstance(attribute, DenseIntOrFPElementsAttr)
    numbers: list[Any] = list(attribute.get_values())
    return numbers[0]


def _compute(op: Operation, operands: Sequence[Any]) -> Any:
    if op.name == "vector.broadcast":
        return np.repeat(operands[0][:, None], _lanes(op.results[0].type), 1)
    if isinstance(op, arith.CmpiOp):
        return SIGNED_COMPARISONS[op.predicate.value.data](*operands)
    if isinstance(op, arith.CmpfOp):
        return FLOAT_COMPARISONS[op.predicate.value.data](*operands)
    if op.name in CASTS:
        return operands[0].astype(dtype_of(op.results[0].type))
    return PLAIN[op.name](*operands)


class Device:
    """A module scheduled for the GPU, run as its host function says."""

    def __init__(self, text: str, constants: dict[str, Array]) -> None:
        self.module, self.constants = parse(text), constants
        for compiler_pass in (
            FuseElementwise(),
            SplitKernels(),
            AssignLayouts(machine=ptx()),
            Schedule(target="gpu"),
            PlanMemory(),
        ):
            compiler_pass.apply(context(), self.module)
        self.kernels = {op.sym_name.data: op for op in self.module.walk() if isinstance(op, gpu.FuncOp)}
        self.launches = 0

    def __call__(self, *arrays: Array) -> list[Array]:
        host = next(op for op in self.module.ops if isinstance(op, func.FuncOp))
        values: Values = {}
        outputs: list[Array] = []
        for number, argument in enumerate(host.body.block.args):
            kind = argument.type
            assert isinstance(kind, MemRefType)
            if number < len(arrays):
                values[argument] = arrays[number].copy().reshape(-1)
                continue
            memory = np.full(math.prod(kind.get_shape()), 77, dtype_of(argument.type))
            values[argument] = memory
            outputs.append(memory.reshape(kind.get_shape()))
        for op in host.body.block.ops:
            self._step(op, values)
        return outputs[:-1]

    def _step(self, op: Operation, values: Values) -> None:
        match op:
            case memref.ReinterpretCastOp():
                values[op.result] = values[op.source]
            case memref.GetGlobalOp():
                values[op.memref] = self._constant(op.name_.root_reference.data)
            case arith.ConstantOp():
                values[op.result] = _number(op.value)
            case memref.ViewOp():
                kind, start = op.result.type, values[op.byte_shift]
                assert isinstance(kind, MemRefType)
                size = math.prod(kind.get_shape()) * np.dtype(dtype_of(op.result.type)).itemsize
                values[op.result] = values[op.source][start : start + size].view(dtype_of(kind))
            case gpu.LaunchFuncOp():
                self._launch(op, values)
            case memref.CopyOp():
                values[op.destination][:] = values[op.source]
            case _:
                assert isinstance(op, func.ReturnOp), op.name

    def _constant(self, name: str) -> Array:
        op = next(o for o in self.module.ops if isinstance(o, memref.GlobalOp) and o.sym_name.data == name)
        shape = op.attributes["tsc.type"]
        assert isinstance(shape, TensorType)
        layout = layout_of(TensorType(element_of(op.type), shape.shape, op.attributes["tsc.layout"]))
        key = op.attributes["tsc.constant"].data.rsplit("_", 1)[0]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        return pack(self.constants[key], layout)

    def _launch(self, op: gpu.LaunchFuncOp, values: Values) -> None:
        kernel = self.kernels[op.kernel.nested_references.data[0].data]
        operands = [values[v] for v in op.kernelOperands]
        arguments: Values = dict(zip(kernel.body.block.args, operands, strict=True))
        self.launches += 1
        with np.errstate(all="ignore"):
            for number in range(values[op.gridSizeX]):
                BlockEmulator(number, arguments).run(kernel.body.block, np.ones(THREADS, bool))
