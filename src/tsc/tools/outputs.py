"""What `tsc-opt` prints: MLIR, LLVM IR, assembly, PTX."""

from __future__ import annotations

import io

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from tsc.compiler.native_text import NATIVE_TEXTS

KINDS = ("mlir", *NATIVE_TEXTS)


def _mlir(module: ModuleOp, generic: bool) -> str:
    stream = io.StringIO()
    Printer(stream, print_generic_format=generic).print_op(module)
    return f"{stream.getvalue()}\n"


def emit(kind: str, module: ModuleOp, *, arch: str, generic: bool) -> str:
    """The text of a module in the form `kind`: ``mlir``, or one of `NATIVE_TEXTS`."""
    return _mlir(module, generic) if kind == "mlir" else NATIVE_TEXTS[kind](module, arch)
