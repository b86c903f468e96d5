"""What a module at stage `loop` becomes, as text: LLVM IR, assembly, PTX."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdsl.dialects.builtin import ModuleOp

from tsc.analysis.target import Target, ptx
from tsc.codegen import emit_cpu
from tsc.codegen.ptx import emit_ptx
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import compile_llvm

DEFAULT_ARCH = "sm_90"
"""The generation of GPUs that PTX is for, where none is named."""


def _llvm(module: ModuleOp, arch: str) -> str:
    return emit_cpu(module, host_target()).text


def _assembly(module: ModuleOp, arch: str) -> str:
    return compile_llvm(_llvm(module, arch), host_target()).assembly()


NATIVE_TEXTS: Mapping[str, Callable[[ModuleOp, str], str]] = {
    "llvm": _llvm,
    "asm": _assembly,
    "ptx": emit_ptx,
}
"""The text of a module that is scheduled for the machine of `machine_of`."""


def machine_of(kind: str, arch: str = DEFAULT_ARCH) -> Target:
    """The machine to schedule for."""
    return ptx(arch) if kind == "ptx" else host_target()
