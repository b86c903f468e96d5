"""Reads what `tsc-opt` is given: MLIR text, an archive, or a function in a Python file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import TorchContext, make_context
from tsc.dialects.torch_ops import ClassTypeOp, NnModuleOp
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.errors import ArgumentError
from tsc.frontend.object_graph import assemble

Input = tuple[TorchContext, ModuleOp, str]


def read_input(source: str, method: str) -> Input:
    """The context, the module and the stage it is at.

    Raises:
        TscError: the input is not what its name says.
        OSError: it cannot be read.
    """
    path, _, name = source.partition(".py:")
    if name:
        return _python(Path(f"{path}.py"), name)
    if source.endswith((".pt", ".pth", ".ptl")):
        return _archive(source, method)
    return _mlir(source)


def _mlir(source: str) -> Input:
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    context = make_context()
    module = Parser(context, text, source).parse_module()
    module.verify()
    weights = Path(source).parent / "weights.npz"
    if source != "-" and weights.exists():
        with np.load(weights) as arrays:
            for key in arrays.files:
                context.pool.set(key, arrays[key])
    return context, module, stage_of(module)


def stage_of(module: ModuleOp) -> str:
    """The latest stage whose operations a module has."""
    names = {op.name for op in walk(module)}
    dialects = {name.partition(".")[0] for name in names}
    if "memref" in dialects or "scf" in dialects:
        return "loop"
    if "linalg" in dialects:
        return "linalg"
    if any(isinstance(op, GroupOp) for op in walk(module)):
        return "fused"
    if any(isinstance(op, (ClassTypeOp, NnModuleOp)) for op in module.ops) or "func.call" in names:
        return "torch"
    mutable = any(isinstance(op, AtenOp) and op.schema.mutates for op in walk(module))
    return "torch" if mutable else "frozen"


def _archive(source: str, method: str) -> Input:
    from tsc.jit import load

    module: Any = load(source)
    held, interpreter = module._object, module._interpreter
    if method not in held.cls.methods:
        raise ArgumentError(f"--method: requires one of {', '.join(held.cls.methods)}; got {method}")
    function = held.cls.methods[method]
    interpreter.compiler.compile(function)
    pool = ConstantPool()
    return make_context(pool), assemble(interpreter.compiler.unit, pool, [function], held), "torch"


def _python(path: Path, name: str) -> Input:
    from tsc.jit import script

    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ArgumentError(f"{path}: requires a Python file; there is none")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise ArgumentError(f"{path}: has no function or module called {name}")
    scripted: Any = script(getattr(module, name))
    pool = ConstantPool()
    if hasattr(scripted, "_object"):
        unit = scripted._interpreter.compiler.unit
        return (
            make_context(pool),
            assemble(unit, pool, [scripted._object.cls.methods["forward"]], scripted._object),
            "torch",
        )
    unit = scripted.interpreter.compiler.unit
    return make_context(pool), assemble(unit, pool, [scripted.function], None), "torch"
