"""Pass `schedule`: kernels over tensors become loops over buffers, and the host function passes
destinations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis import winograd
from tsc.analysis.affine import address_of
from tsc.analysis.kernel_model import KernelModel, KernelStage, read_kernel
from tsc.analysis.layouts import Layout, layout_of
from tsc.analysis.module_functions import is_kernel
from tsc.analysis.target import AVX2, AVX512, GENERIC_X86, Target, ptx
from tsc.dialects.sized import SizeOp
from tsc.dims import Dim, hint_of, is_one, symbols_in
from tsc.errors import CodegenError
from tsc.passes.kernels.retype import make_copy
from tsc.passes.schedules.concat import schedule_concat
from tsc.passes.schedules.contraction import schedule_contraction
from tsc.passes.schedules.fourier import schedule_fourier
from tsc.passes.schedules.gpu_contraction import gpu_contraction
from tsc.passes.schedules.gpu_elementwise import (
    gpu_concat,
    gpu_halo_kernel,
    gpu_pack,
    gpu_pointwise,
    gpu_window,
)
from tsc.passes.schedules.gpu_kernel import gpu_function, gpu_module, launch
from tsc.passes.schedules.gpu_row import gpu_row
from tsc.passes.schedules.halo import halo_kernel
from tsc.passes.schedules.host_calls import HostLowering
from tsc.passes.schedules.identity import structural_key
from tsc.passes.schedules.kernel import symbols_of
from tsc.passes.schedules.matrices import schedule_matrices
from tsc.passes.schedules.packing import schedule_pack
from tsc.passes.schedules.places import schedule_places
from tsc.passes.schedules.pointwise_loops import schedule_pointwise
from tsc.passes.schedules.random_numbers import schedule_random
from tsc.passes.schedules.row import schedule_row
from tsc.passes.schedules.scatter import gpu_scatter, schedule_scatter
from tsc.passes.schedules.sort import schedule_sort
from tsc.passes.schedules.sweeps import is_narrow
from tsc.passes.schedules.window import schedule_window
from tsc.passes.schedules.winograd import schedule_winograd_input, schedule_winograd_output
from tsc.progress import step

Scheduler = Callable[[KernelModel, Target], func.FuncOp]

TARGETS: Mapping[str, Target] = {"generic": GENERIC_X86, "avx2": AVX2, "avx512": AVX512, "gpu": ptx()}

SCHEDULERS: Mapping[str, Scheduler] = {
    "concat": schedule_concat,
    "contraction": schedule_contraction,
    "fourier": schedule_fourier,
    "matrices": schedule_matrices,
    "pack": schedule_pack,
    "places": schedule_places,
    "pointwise": schedule_pointwise,
    "random": schedule_random,
    "row": schedule_row,
    "scatter": schedule_scatter,
    "sort": schedule_sort,
    "window": schedule_window,
    winograd.INPUT: schedule_winograd_input,
    winograd.OUTPUT: schedule_winograd_output,
}

GPU_SCHEDULERS: Mapping[str, Scheduler] = {
    "concat": gpu_concat,
    "contraction": gpu_contraction,
    "pack": gpu_pack,
    "pointwise": gpu_pointwise,
    "row": gpu_row,
    "scatter": gpu_scatter,
    "window": gpu_window,
}


@dataclass(frozen=True)
class Schedule(ModulePass):
    """Choose loops, vectors, register tiles and chunks for every kernel.

    Requires: stage `linalg` with layouts assigned; every kernel in one canonical form, named by ``tsc.kind``.
    Leaves: stage `loop`, but for the places of intermediate buffers (`memref.alloc`, for `plan-memory`);
    kernels that are the same are written once.

    ```mlir
    func.func private @k(%x: tensor<64xf32>) -> tensor<64xf32> { linalg.generic ... }
    // becomes
    func.func private @k(%x: memref<64xf32>, %out: memref<64xf32>) { scf.for ... vector.load ... }
    ```

    For a GPU, kernels are `gpu.func`s of one `gpu.module`, and calls are launches.
    `target` names a machine for tests and tools; `machine`, where given, is the one to schedule for.
    """

    name = "schedule"

    target: str = "avx2"
    machine: Target | None = None
    kernel_ready: Callable[[func.FuncOp], None] | None = None
    """Told of each kernel that has its loop form, which it keeps."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Schedule all kernels and lower the host functions."""
        target = self.machine or TARGETS[self.target]
        functions = [f for f in op.ops if isinstance(f, func.FuncOp)]
        work = _ModuleSchedule(target, self.kernel_ready)
        kernels = [f for f in functions if is_kernel(f)]
        for done, function in enumerate(kernels):
            step(f"loop: {self.name}", done, len(kernels))
            work.add(function)
        host = HostLowering(work.names.__getitem__, work.halo, work.copy, work.call)
        hosts = [host.run(f) for f in functions if not is_kernel(f)]
        for old in functions:
            old.detach()
        op.body.block.add_ops([*host.globals.values(), *work.finished(), *hosts])


def schedule_kernel(function: func.FuncOp, target: Target) -> func.FuncOp:
    """The loop form of one kernel.

    Raises:
        CodegenError: the kernel is in none of the canonical forms.
    """
    model = read_kernel(function)
    schedulers = GPU_SCHEDULERS if target.is_gpu else SCHEDULERS
    scheduler = schedulers.get(scheduled_as(model))
    if scheduler is None:
        raise CodegenError(
            f"schedule: {function.sym_name.data} requires tsc.kind in {sorted(schedulers)}; got {model.kind}"
        )
    return scheduler(model, target)


def scheduled_as(model: KernelModel) -> str:
    """Which schedule fits: one reduction of a row kernel is a window if memory runs along a kept loop, and
    nothing but the reduction goes along the reduced ones.
    """
    if model.kind not in ("row", "window") or len(model.reductions) != 1:
        return model.kind
    (stage,) = model.reductions
    has_prologue = model.stages[0] is not stage
    if model.kind == "window" or has_prologue or stage.running:
        return model.kind
    goes_back = any(not is_narrow(s, stage) for s in model.stages if s is not stage)
    return "window" if runs_along_kept_loop(stage) and not goes_back else "row"


def runs_along_kept_loop(stage: KernelStage) -> bool:
    """Whether the biggest input is contiguous along a loop that the reduction keeps."""
    inputs = [i for i in stage.inputs if i.map.results and isinstance(i.value.type, TensorType)]
    if not inputs or any(i.padding is not None for i in inputs):
        return False
    data = max(inputs, key=lambda i: hint_of(layout_of(i.value.type).elements))
    layout = layout_of(data.value.type)
    strides = address_of(data.map, layout.strides, layout.base, stage.sizes).strides
    fastest = [d for d in range(len(stage.sizes)) if strides[d] == 1 and not is_one(stage.sizes[d])]
    return bool(fastest) and stage.parallel[fastest[0]]


@dataclass
class _ModuleSchedule:
    """The kernels of a module: which stands for which, their loop forms, and those that zero halos."""

    target: Target
    kernel_ready: Callable[[func.FuncOp], None] | None
    names: dict[str, str] = field(default_factory=dict[str, str])
    seen: dict[tuple[object, ...], str] = field(default_factory=dict[tuple[object, ...], str])
    kernels: dict[str, func.FuncOp] = field(default_factory=dict[str, func.FuncOp])
    symbols: dict[str, Sequence[Dim]] = field(default_factory=dict[str, Sequence[Dim]])
    """The sizes that a kernel takes as its last arguments."""

    def add(self, function: func.FuncOp) -> None:
        """Schedule `function`, unless an earlier kernel does the same."""
        name = function.sym_name.data
        first = self.seen.setdefault(structural_key(function), name)
        self.names[name] = first
        self.symbols[name] = symbols_of(function)
        if first == name:
            self._has(schedule_kernel(function, self.target))

    def halo(self, layout: Layout) -> str | None:
        """The kernel that zeroes the halo of a buffer of this layout."""
        if not layout.has_halo:
            return None
        make = gpu_halo_kernel if self.target.is_gpu else halo_kernel
        kernel = make(layout, self.target)
        name = kernel.sym_name.data
        self.symbols[name] = symbols_in(layout.shape)
        if name not in self.kernels:
            self._has(kernel)
        return name

    def _has(self, kernel: func.FuncOp) -> None:
        self.kernels[kernel.sym_name.data] = kernel
        if self.kernel_ready is not None:
            self.kernel_ready(kernel)

    def copy(self, layout: Layout) -> str:
        """The kernel that copies a tensor of this layout."""
        shape = "x".join(str(n) for n in layout.shape)
        name = f"copy_{shape}x{layout.element}"
        if name not in self.kernels:
            self.add(make_copy(name, layout, layout))
        return self.names[name]

    def call(self, block: Block, name: str, operands: Sequence[SSAValue]) -> Operation:
        """A call (on a GPU, a launch) of a kernel."""
        symbols = self.symbols.get(name, ())
        if symbols and self.target.is_gpu:
            raise CodegenError(f"schedule: {name} has symbolic sizes, which no kernel for a GPU has yet")
        sizes = [SizeOp.of(symbol) for symbol in symbols]
        block.add_ops(sizes)
        operands = [*operands, *(op.results[0] for op in sizes)]
        if not self.target.is_gpu:
            return func.CallOp(name, operands, [])
        blocks = self.kernels[name].attributes["tsc.blocks"]
        assert isinstance(blocks, IntegerAttr)
        return launch(block, name, blocks.value.data, operands)

    def finished(self) -> list[Operation]:
        """The kernels as they stand in the module."""
        if self.target.is_gpu:
            return [gpu_module([gpu_function(k) for k in self.kernels.values()])]
        return list(self.kernels.values())
