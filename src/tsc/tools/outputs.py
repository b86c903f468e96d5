"""What `tsc-opt` prints: MLIR, LLVM IR, assembly, PTX."""

from __future__ import annotations

import io
from collections.abc import Callable

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from tsc.analysis.target import Target, ptx
from tsc.codegen import emit_cpu
from tsc.codegen.ptx import emit_ptx
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import compile_llvm


def schedule_target(emit: str, arch: str) -> Target:
    """The machine to schedule for."""
    return ptx(arch) if emit == "ptx" else host_target()


def _mlir(module: ModuleOp, arch: str, generic: bool) -> str:
    stream = io.StringIO()
    Printer(stream, print_generic_format=generic).print_op(module)
    return f"{stream.getvalue()}\n"


def _llvm(module: ModuleOp, arch: str, generic: bool) -> str:
    return emit_cpu(module, host_target()).text


def _asm(module: ModuleOp, arch: str, generic: bool) -> str:
    return compile_llvm(emit_cpu(module, host_target()).text, host_target()).assembly()


def _ptx(module: ModuleOp, arch: str, generic: bool) -> str:
    return emit_ptx(module, arch)


EMITTERS: dict[str, Callable[[ModuleOp, str, bool], str]] = {
    "mlir": _mlir,
    "llvm": _llvm,
    "asm": _asm,
    "ptx": _ptx,
}


def emit(kind: str, module: ModuleOp, *, arch: str, generic: bool) -> str:
    """The text of a module in the form `kind`."""
    return EMITTERS[kind](module, arch, generic)
