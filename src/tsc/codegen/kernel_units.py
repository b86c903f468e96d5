"""Kernels as LLVM modules of their own, which LLVM works on while the next are written."""

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from tsc.analysis.target import Target
from tsc.codegen.emitter import ALONE, POOL, EmittedModule, Linkage, ModuleEmitter, emit_module

UNIT_BYTES = 1 << 16
"""LLVM IR beyond which a unit is full: some fifty milliseconds of LLVM's work."""
SHARED = Linkage(pool=f"@{POOL} = external hidden global ptr", kernels="hidden ")
"""Of a unit: its kernels are called from the host function's module, which defines what all share."""


@dataclass
class KernelUnits:
    """Takes kernels at stage `loop`, and hands LLVM modules ("units") of several kernels over as they get
    full.
    """

    target: Target
    hand_over: Callable[[str], None]
    names: set[str] = field(default_factory=set[str])
    """The kernels so far."""
    is_parallel: bool = False
    """Whether one of them asks for the thread pool."""
    _emitter: ModuleEmitter | None = None

    def add(self, kernel: func.FuncOp) -> None:
        """Write a kernel.

        Raises:
            CodegenError: it holds something outside the loop stage.
        """
        emitter = self._emitter = self._emitter or ModuleEmitter(self.target, linkage=SHARED)
        emitter.function(kernel)
        self.names.add(kernel.sym_name.data)
        if sum(map(len, emitter.functions)) > UNIT_BYTES:
            self.finish()

    def finish(self) -> None:
        """Hand over what is left."""
        if self._emitter is not None:
            self.is_parallel |= POOL in self._emitter.globals
            self.hand_over(self._emitter.text())
            self._emitter = None


def emit_host(module: ModuleOp, units: KernelUnits) -> EmittedModule:
    """LLVM IR of `module` but for the kernels that are in `units`, which are complete.

    Raises:
        CodegenError: the module holds something outside the loop stage.
    """
    emitter = ModuleEmitter(units.target)
    if units.is_parallel:
        emitter.globals[POOL] = ALONE.pool
    return emit_module(module, emitter, units.names)
