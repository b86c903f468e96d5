"""Reads what `tsc-opt` is given: MLIR text, an archive, or a function in a Python file."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.universe import Universe

from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import TorchContext, make_context
from tsc.dialects.torch_ops import ClassTypeOp, NnModuleOp
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.errors import ArgumentError
from tsc.frontend.object_graph import assemble

Input = tuple[TorchContext, ModuleOp, str]
_SEPARATOR = re.compile(r"^[ \t]*// -----.*$", re.MULTILINE)
_ARCHIVES = (".pt", ".pth", ".ptl")


@dataclass(frozen=True)
class Chunk:
    """An input, or a part of one: `text` is that of MLIR, from behind line `line` on."""

    name: str
    text: str | None = None
    line: int = 0


def split(source: str, is_split: bool) -> list[Chunk]:
    """The modules of an input; MLIR text is several of them, between lines ``// -----``, where asked for.

    Raises:
        ArgumentError: what is to be split is no text.
        OSError: it cannot be read.
    """
    if ".py:" in source or source.endswith(_ARCHIVES):
        if is_split:
            raise ArgumentError("--split-input-file: requires MLIR text")
        return [Chunk(source)]
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    if not is_split:
        return [Chunk(source, text)]
    found, start = list[Chunk](), 0
    for match in [*_SEPARATOR.finditer(text), None]:
        part = text[start : None if match is None else match.start()]
        found.append(Chunk(source, part, text[:start].count("\n")))
        start = len(text) if match is None else match.end()
    return found


def read_input(chunk: Chunk, method: str = "forward", *, is_open: bool = False) -> Input:
    """The context, the module and the stage it is at; `is_open` lets operations be that nobody knows.

    Raises:
        TscError: the input is not what its name says.
        OSError: it cannot be read.
    """
    if chunk.text is not None:
        return _mlir(chunk, is_open)
    path, _, name = chunk.name.partition(".py:")
    return _python(Path(f"{path}.py"), name) if name else _archive(chunk.name, method)


def _mlir(chunk: Chunk, is_open: bool) -> Input:
    context = make_context()
    context.allow_unregistered = is_open
    for name, factory in Universe.get_multiverse().all_dialects.items():
        if context.get_optional_dialect(name) is None:
            context.register_dialect(name, factory)
    assert chunk.text is not None
    module = Parser(context, chunk.text, chunk.name).parse_module()
    module.verify()
    weights = Path(chunk.name).parent / "weights.npz"
    if chunk.name != "-" and weights.exists():
        with np.load(weights) as arrays:
            for key in arrays.files:
                context.pool.set(key, arrays[key])
    context.take_resources(module)
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
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's own program: what it raises is what is wrong with it
        raise ArgumentError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
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
