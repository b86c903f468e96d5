"""What `tsc-opt` prints: MLIR, LLVM IR, assembly, PTX."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from tsc.compiler.native_text import NATIVE_TEXTS
from tsc.dialects.constants import ConstantPool
from tsc.dialects.mlir_text import mlir_text, weights_text

KINDS = ("mlir", *NATIVE_TEXTS)


def emit(
    kind: str, module: ModuleOp, pool: ConstantPool | None = None, *, arch: str, generic: bool, located: bool
) -> str:
    """The text of a module in the form `kind`: ``mlir``, with the arrays of `pool` where one is given, or one
    of `NATIVE_TEXTS`.
    """
    if kind != "mlir":
        return NATIVE_TEXTS[kind](module, arch)
    text = mlir_text(module, is_generic=generic, is_located=located) + "\n"
    return text if pool is None else f"{text}\n{weights_text(module, pool)}"
