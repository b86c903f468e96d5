"""`script`, `load`, `freeze`, `optimize_for_inference` and their relatives: PyTorch's ``torch.jit``, each a
few lines.
"""

from __future__ import annotations

import os
import types
from collections.abc import Sequence
from functools import cache
from typing import IO, Any

from tsc.archive.pickles import ArchiveObject
from tsc.archive.reader import Archive
from tsc.errors import ArgumentError, CompileError, NotSupportedError
from tsc.frontend.archived import ArchiveProgram
from tsc.frontend.live import Program
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.live_modules import script_object
from tsc.options import options
from tsc.runtime.specializations import FusionStrategy
from tsc.script_objects import Interpreter, ScriptFunction, ScriptModule, freeze_module


@cache
def _live() -> tuple[Program, Interpreter]:
    """The program made of this process's own functions and modules."""
    program = Program()
    return program, Interpreter(program.compiler)


def script(obj: Any, example_inputs: Any = None) -> Any:
    """Compile a function, a module or a class written in TorchScript's subset of Python.

    Raises:
        CompileError: the source is not TorchScript; the message shows where and why.
    """
    if not options().is_jit_enabled or isinstance(obj, (ScriptFunction, ScriptModule)):
        return obj
    program, interpreter = _live()
    if torch_interop.is_module(obj) or hasattr(obj, "__tsc_module__"):
        default = torch_interop.from_numpy if torch_interop.is_module(obj) else None
        held = script_object(program, obj)
        if "forward" in held.cls.methods:
            interpreter.compiler.compile(held.cls.methods["forward"])
        return ScriptModule(held, interpreter, default)
    if isinstance(obj, type):
        if program.class_type(obj) is None:
            raise NotSupportedError(f"script: requires a class of the program; got {obj}")
        return obj
    if not isinstance(obj, (types.FunctionType, types.MethodType)):
        raise ArgumentError(f"script: requires a function, a module or a class; got {type(obj).__name__}")
    default = torch_interop.from_numpy if torch_interop.torch() is not None and _uses_torch(obj) else None
    return ScriptFunction(interpreter, program.function(obj), default)


def _uses_torch(function: Any) -> bool:
    module = torch_interop.torch()
    return any(
        v is module or getattr(v, "__name__", "").startswith("torch")
        for v in getattr(function, "__globals__", {}).values()
    )


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    _extra_files: dict[str, Any] | None = None,
) -> ScriptModule:
    """Load a ``.pt`` archive written by ``torch.jit.save`` (or by `save`). PyTorch is not needed.

    `_extra_files` maps names to anything; the values become the contents of those files in the archive.

    Raises:
        ArchiveError: the file is damaged, hostile, or not a TorchScript archive.
        FileNotFoundError: there is no such file.
    """
    archive = Archive(f)
    program = ArchiveProgram(archive)
    for name in _extra_files or {}:
        found = archive.extra_file(name)
        if found is not None and _extra_files is not None:
            _extra_files[name] = found
    made: dict[int, ScriptObject] = {}
    root = _objects(program, archive.root, made)
    return ScriptModule(root, Interpreter(program.compiler))


def _objects(program: ArchiveProgram, held: Any, made: dict[int, ScriptObject]) -> Any:
    """Archive objects as program objects; sharing is kept."""
    if isinstance(held, ArchiveObject):
        if id(held) not in made:
            cls = program.class_named(held.qualified_name)
            if cls is None:
                raise NotSupportedError(f"load: class {held.qualified_name} is not in the archive's code")
            made[id(held)] = ScriptObject(cls)
            made[id(held)].attributes = {k: _objects(program, v, made) for k, v in held.attributes.items()}
        return made[id(held)]
    if isinstance(held, list):
        return [_objects(program, v, made) for v in held]  # pyright: ignore
    if isinstance(held, tuple):
        return tuple(_objects(program, v, made) for v in held)  # pyright: ignore
    if isinstance(held, dict):
        return {k: _objects(program, v, made) for k, v in held.items()}  # pyright: ignore
    return held


def freeze(
    mod: ScriptModule, preserved_attrs: Sequence[str] | None = None, optimize_numerics: bool = True
) -> ScriptModule:
    """Make a module's attributes constants of its methods, and fold what that lets fold.

    `preserved_attrs` names attributes and methods to keep. `optimize_numerics` is accepted; the folds are
    always done.

    Raises:
        CompileError: the module is in training mode.
    """
    if not isinstance(mod, ScriptModule):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise CompileError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to "
            "script your 'nn.Module'."
        )
    if mod.training:
        raise CompileError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your "
            "module before freezing."
        )
    return freeze_module(mod, tuple(preserved_attrs or ()))


def optimize_for_inference(
    mod: ScriptModule, other_methods: Sequence[str] | None = None, example_inputs: Sequence[Any] | None = None
) -> ScriptModule:
    """Freeze a module unless it is frozen, and compile it: at its first call, or now for `example_inputs`."""
    if not isinstance(mod, ScriptModule):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise CompileError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace."
        )
    frozen = object.__getattribute__(mod, "_frozen")
    made = mod if frozen is not None else freeze(mod.eval(), other_methods)
    if example_inputs is not None:
        made(*example_inputs)
    return made


def set_fusion_strategy(strategy: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Set how many specializations functions get: ``[("STATIC", 2), ("DYNAMIC", 10)]`` by default;
    returns the previous strategy.

    STATIC entries compile for exact shapes. Where a DYNAMIC entry would be next, the generic tier runs
    (and a log line says so).
    """
    return FusionStrategy.set(strategy)
