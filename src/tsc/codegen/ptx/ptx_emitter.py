"""`gpu.func` kernels of the loop stage to PTX text, with the emitter of the CPU and another idea of
memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import llvmlite.binding as llvm
from xdsl.dialects import gpu, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.builtin_types import is_integer, is_memref
from tsc.analysis.target import Target, ptx
from tsc.codegen.emitter import ModuleEmitter, handlers
from tsc.codegen.function_emitter import Buffer, FunctionEmitter, strides_of
from tsc.codegen.types import llvm_type, storage
from tsc.errors import CodegenError

GLOBAL, SHARED = 1, 3
"""NVPTX's address spaces of device memory and of a block's own memory."""
ALIGNMENT = 16
"""Bytes a kernel argument is aligned to, so that four f32 are one load. Device allocations are aligned to
256.
"""

Handler = Callable[[FunctionEmitter, Any], None]


def _special_register(name: str) -> Handler:
    def emit(function: FunctionEmitter, op: Any) -> None:
        dimension = f".{op.dimension.data.value}" if "dimension" in op.properties else ""
        value = read_register(function, name + dimension)
        function.define(op.result, value)

    return emit


def read_register(function: FunctionEmitter, name: str) -> str:
    """A special register as an index."""
    value = function.call(f"llvm.nvvm.read.ptx.sreg.{name}", "i32")
    return function.emit(f"zext i32 {value} to i64")


def _global_id(function: FunctionEmitter, op: gpu.GlobalIdOp) -> None:
    dimension = op.dimension.data.value
    block, size, thread = (
        read_register(function, f"{name}.{dimension}") for name in ("ctaid", "ntid", "tid")
    )
    start = function.emit(f"mul nsw i64 {block}, {size}")
    function.define(op.result, function.emit(f"add nsw i64 {start}, {thread}"))


def _barrier(function: FunctionEmitter, op: gpu.BarrierOp) -> None:
    name = "llvm.nvvm.barrier.cta.sync.aligned.all"
    function.module.declare(name, "void", ["i32"])
    function.statement(f"call void @{name}(i32 0)")


def _return(function: FunctionEmitter, op: gpu.ReturnOp) -> None:
    function.statement("ret void")


GPU_HANDLERS: Mapping[type[Operation], Handler] = {
    gpu.ThreadIdOp: _special_register("tid"),
    gpu.BlockIdOp: _special_register("ctaid"),
    gpu.BlockDimOp: _special_register("ntid"),
    gpu.GridDimOp: _special_register("nctaid"),
    gpu.LaneIdOp: _special_register("laneid"),
    gpu.SubgroupSizeOp: _special_register("warpsize"),
    gpu.GlobalIdOp: _global_id,
    gpu.BarrierOp: _barrier,
    gpu.ReturnOp: _return,
}


def memory_space(type_: MemRefType[Attribute]) -> int | None:
    """The address space a memref type asks for, if it does."""
    space = type_.memory_space
    return space.value.data if is_integer(space) else None


@dataclass
class PtxModuleEmitter(ModuleEmitter):
    """Kernel arguments lie in device memory; memory space 3 is shared by a block."""

    def handlers(self) -> Mapping[str, Handler]:
        """The ops of the loop stage and those of `gpu`."""
        return {**handlers(), **{op.name: handler for op, handler in GPU_HANDLERS.items()}}

    def allocate(
        self, function: FunctionEmitter, type_: MemRefType[Attribute], op: memref.AllocaOp
    ) -> Buffer:
        """Shared memory for space 3, else the thread's own."""
        if memory_space(type_) != SHARED:
            return super().allocate(function, type_, op)
        return self._shared(f"shared.{len(self.globals)}", type_)

    def get_global(self, function: FunctionEmitter, op: memref.GetGlobalOp) -> Buffer:
        """A named buffer of shared memory; constants reach a kernel as arguments."""
        type_ = op.memref.type
        name = op.name_.root_reference.data
        if not is_memref(type_) or memory_space(type_) != SHARED:
            raise CodegenError(
                f"memref.get_global: requires memory space {SHARED} in a GPU kernel; got @{name}"
            )
        return self._shared(name, type_)

    def _shared(self, name: str, type_: MemRefType[Attribute]) -> Buffer:
        size = f"[{prod(type_.get_shape())} x {storage(type_.element_type)}]"
        self.globals[name] = (
            f'@"{name}" = internal addrspace({SHARED}) global {size} undef, align {ALIGNMENT}'
        )
        buffer = Buffer(f'@"{name}"', type_.element_type, strides_of(type_), space=SHARED, is_root=True)
        return _aligned(buffer)

    def kernel(self, op: gpu.FuncOp) -> None:
        """Emit one kernel."""
        name = op.sym_name.data.replace(".", "_")  # PTX names have no dots
        function = FunctionEmitter(self, may_alias="tsc.may_alias" in op.attributes)
        parameters = [self._parameter(function, argument) for argument in op.body.block.args]
        self.ops(function, op.body.block)
        block = op.known_block_size.get_values() if op.known_block_size else ()
        limit = f'"nvvm.maxntid"="{",".join(str(n) for n in block)}"' if block else ""
        self.entries.append(name)
        self.write(f'ptx_kernel void @"{name}"', parameters, f"nounwind {limit}", function)

    def _parameter(self, function: FunctionEmitter, argument: SSAValue) -> str:
        type_, name = argument.type, function.fresh()
        if not is_memref(type_):
            function.define(argument, name)
            return f"{llvm_type(type_)} {name}"
        function.define_buffer(argument, _aligned(function.argument_buffer(type_, name, GLOBAL)))
        alias = "" if function.may_alias else " noalias"
        return f"ptr addrspace({GLOBAL}){alias} align {ALIGNMENT} {name}"


def _aligned(buffer: Buffer) -> Buffer:
    return Buffer(
        buffer.pointer, buffer.element, buffer.strides, buffer.offset, buffer.space, buffer.is_root, ALIGNMENT
    )


def emit_llvm(module: ModuleOp, target: Target) -> str:
    """LLVM IR for NVPTX of all kernels in the `gpu.module` ops of `module`."""
    emitter = PtxModuleEmitter(target)
    for op in module.walk():
        if isinstance(op, gpu.FuncOp):
            emitter.kernel(op)
    if not emitter.entries:
        raise CodegenError("emit_ptx: requires a module with at least one gpu.func; got none")
    return emitter.text()


def emit_ptx(module: ModuleOp, arch: str = "sm_90") -> str:
    """PTX text of all kernels in `module`, for `arch`. Needs no GPU and no CUDA toolkit.

    Raises:
        CodegenError: a kernel holds something outside the loop stage and `gpu`.
    """
    target = ptx(arch)
    text = emit_llvm(module, target)
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=arch, features=target.features, opt=3
    )
    try:
        parsed = llvm.parse_assembly(text)
        parsed.verify()
    except RuntimeError as error:
        raise CodegenError(f"emit_ptx: requires valid LLVM IR; got {error}") from error
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.slp_vectorization = False
    options.loop_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return machine.emit_assembly(parsed)
