"""The functions of a module: the host function, which is public, and its kernels, which are private."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp


def functions(module: ModuleOp) -> Iterator[FuncOp]:
    """All functions, in order."""
    return (op for op in module.ops if isinstance(op, FuncOp))


def is_kernel(function: FuncOp) -> bool:
    """Whether `function` is a kernel, and no host function."""
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


def kernels(module: ModuleOp) -> list[FuncOp]:
    """The kernels."""
    return [f for f in functions(module) if is_kernel(f)]


def hosts(module: ModuleOp) -> list[FuncOp]:
    """The host functions; from stage `linalg` on there is one."""
    return [f for f in functions(module) if not is_kernel(f)]
