"""What all GPU schedules share: blocks and threads in the place of chunks, and memory that a block shares."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from xdsl.dialects import arith, func, gpu, memref
from xdsl.dialects.builtin import IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.layouts import element_bytes
from tsc.analysis.target import Target
from tsc.dialects.loop_index import INDEX, Index
from tsc.passes.schedules.kernel import ScheduleBuilder

THREADS = 256
"""Threads of a block."""
MOST_BLOCKS = 4096
"""Blocks of a grid; threads stride over what is more than that."""
SHARED = 3
"""The memory space of a block."""
MODULE = "kernels"
"""The name of the `gpu.module`."""


@dataclass
class GpuKernelBuilder(ScheduleBuilder):
    """A GPU kernel while it is scheduled; `blocks` is the size of its grid."""

    blocks: int = 1

    @staticmethod
    def for_gpu(model: KernelModel, target: Target) -> "GpuKernelBuilder":
        """An empty kernel."""
        base = ScheduleBuilder.create(model, target)
        return GpuKernelBuilder(base.model, base.target, base.function, base.builder, base.memory)

    def thread(self) -> Index:
        """The number of this thread in its block."""
        return Index(self.builder, self.builder.add(gpu.ThreadIdOp(_x())))

    def block_number(self) -> Index:
        """The number of this block in the grid."""
        return Index(self.builder, self.builder.add(gpu.BlockIdOp(_x())))

    @contextmanager
    def each(self, count: int) -> Generator[Index]:
        """``for n in range(count)``, the iterations shared among all threads of the grid."""
        self.blocks = max(self.blocks, min(MOST_BLOCKS, -(-count // THREADS)))
        start = self.block_number() * THREADS + self.thread()
        blocks = min(MOST_BLOCKS, max(1, -(-count // THREADS)))
        if count <= blocks * THREADS:
            with self.builder.branch(self.builder.compare("slt", start, count)):
                yield start
            return
        with self.builder.loop(start, count, self.blocks * THREADS) as loop:
            yield loop.index

    def barrier(self) -> None:
        """Wait for all threads of the block."""
        self.builder.effect(gpu.BarrierOp())

    def shared(self, element: Attribute, count: int) -> SSAValue:
        """`count` elements that all threads of the block see."""
        space = IntegerAttr(SHARED, i64)
        return self.builder.add(
            memref.AllocaOp.get(element, element_bytes(element), [count], memory_space=space)
        )

    def finish(self) -> func.FuncOp:
        """Close the function; how it is launched stands in ``tsc.blocks``."""
        function = super().finish()
        function.attributes["tsc.blocks"] = IntegerAttr(self.blocks, i64)
        return function


def _x() -> gpu.DimensionAttr:
    return gpu.DimensionAttr(gpu.DimensionEnum.X)


def gpu_function(function: func.FuncOp) -> gpu.FuncOp:
    """The `gpu.func` of a scheduled kernel."""
    region = function.body
    last = region.block.last_op
    assert last is not None
    last.detach()
    region.block.add_op(gpu.ReturnOp([]))
    block = region.detach_block(region.block)
    threads = [THREADS, 1, 1]
    kernel = gpu.FuncOp(
        function.sym_name.data, function.function_type, Region(block), kernel=True, known_block_size=threads
    )
    kernel.attributes.update(function.attributes)
    return kernel


def gpu_module(kernels: Sequence[gpu.FuncOp]) -> gpu.ModuleOp:
    """All kernels of a program."""
    name = StringAttr(MODULE)
    return gpu.ModuleOp.create(properties={"sym_name": name}, regions=[Region(Block(list(kernels)))])


def launch(block: Block, name: str, blocks: int, operands: Sequence[SSAValue]) -> Operation:
    """A launch of kernel `name`; its sizes are appended to `block`."""

    def constant(value: int) -> SSAValue:
        op = arith.ConstantOp(IntegerAttr(value, INDEX))
        block.add_op(op)
        return op.result

    one, grid, threads = constant(1), constant(blocks), constant(THREADS)
    symbol = SymbolRefAttr(MODULE, [name])
    return gpu.LaunchFuncOp(symbol, [grid, one, one], [threads, one, one], kernelOperands=list(operands))
