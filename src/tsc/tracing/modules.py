"""The traced form of a live module: its tensors and submodules; and what `trace` returns for modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tsc.concurrency import serialized
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.frontend.compile import Compiler
from tsc.frontend.sources import qualified_name
from tsc.frontend.unit import Class, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.modules.script_modules import RecursiveScriptModule
from tsc.modules.scripting import scripted
from tsc.programs.loading import object_of
from tsc.tracing.frames import Path
from tsc.tracing.recorder import Recorder

TRACED = "traced"
"""The entry in `Class.members` that marks a traced module: the name of its Python class."""


class TracedModule(RecursiveScriptModule):
    """A submodule of a traced module."""

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        """Not for submodules.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("Trace submodules cannot be called.")

    @property
    def original_name(self) -> str:
        """The name of the Python class."""
        return self._object.cls.members[TRACED]

    def _class_for(self, held: ScriptObject) -> type[RecursiveScriptModule]:
        return TracedModule if TRACED in held.cls.members else RecursiveScriptModule

    def _made_around(self, held: ScriptObject) -> RecursiveScriptModule:
        if held.cls is self._object.cls:
            return type(self)(held, self._interpreter, object.__getattribute__(self, "_default"))
        return super()._made_around(held)

    def __repr__(self) -> str:
        return _described(self._object)


class TopLevelTracedModule(TracedModule):
    """What `trace` makes of a module."""

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        """Run ``forward``."""
        return self._method("forward")(*arguments, **keywords)


def _described(held: ScriptObject) -> str:
    name = held.cls.members.get(TRACED, held.cls.name.rpartition(".")[2])
    children = [(n, v) for n, v in held.attributes.items() if isinstance(v, ScriptObject)]
    if not children:
        return f"{name}(original_name={name})"
    lines = [f"({n}): {_described(v)}".replace("\n", "\n  ") for n, v in children]
    return "\n  ".join([f"{name}(", f"original_name={name}", *lines]) + "\n)"


class ModuleTracer:
    """Makes the program's object of a live module, and tells recorders where its tensors are."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.unit = compiler.unit
        self.made: list[Class] = []
        """The classes made for live modules; those of script modules below were there before."""
        self._arrays: dict[int, Any] = {}

    @serialized
    def object(self, module: Any) -> ScriptObject:
        """The object: parameters, buffers, script objects and submodules; the tensors are shared."""
        scripted = object_of(self.compiler, module)
        if scripted is not None:
            return scripted
        values: dict[str, Any] = {}
        kinds: dict[str, TorchType] = {}
        for name, tensor in _tensors(module):
            values[name], kinds[name] = self._array(tensor), tt.TENSOR
        values["training"], kinds["training"] = bool(module.training), tt.BOOL
        for name, child in _children(module):
            values[name] = self.object(child)
            kinds[name] = tt.ModuleType(values[name].cls.name)
        held = ScriptObject(self._class(module, kinds), values)
        if torch_interop.is_module(module):
            held.live = dict(_tensors(module))
        return held

    def _class(self, module: Any, kinds: dict[str, TorchType]) -> Class:
        live = cast("type[Any]", type(module))
        cls = Class(self.unit.unique_name(qualified_name(live)), "module", kinds)
        cls.members[TRACED] = live.__name__
        cls.parameters = frozenset(name for name, _ in module._parameters.items())
        cls.buffers = frozenset(name for name, _ in module._buffers.items())
        self.unit.classes[cls.name] = cls
        self.made.append(cls)
        return cls

    @serialized
    def forget(self) -> None:
        """Take the classes made, and their functions, out of the unit: the trace was only to be compared."""
        for cls in self.made:
            self.unit.classes.pop(cls.name, None)
            for method in cls.methods.values():
                self.unit.functions.pop(method.name, None)

    def _array(self, tensor: Any) -> Any:
        if id(tensor) not in self._arrays:
            self._arrays[id(tensor)] = (
                torch_interop.to_numpy(tensor) if torch_interop.is_tensor(tensor) else tensor.array
            )
        return self._arrays[id(tensor)]


def announce(recorder: Recorder, module: object, held: ScriptObject, path: Path = ()) -> None:
    """Tell `recorder` which tensors, modules and objects are below `module`, whose object is `held`."""
    recorder.add_object(held, path)
    if isinstance(module, RecursiveScriptModule):
        recorder.add_object(held, path, standing_for=module._object)  # pyright: ignore[reportPrivateUsage]
        for name, value in held.attributes.items():
            if isinstance(value, ScriptObject):
                announce(recorder, module, value, (*path, name))
        return
    if torch_interop.is_script_module(module):
        recorder.scripted[id(module)] = scripted(module)
        return
    recorder.modules.setdefault(id(module), path)
    for name, tensor in _tensors(module):
        recorder.add_attribute(tensor, (*path, name))
    for name, child in _children(module):
        announce(recorder, child, held.attributes[name], (*path, name))


def _tensors(module: Any) -> Iterator[tuple[str, Any]]:
    for table in (module._parameters, module._buffers):
        for name, tensor in table.items():
            if tensor is not None:
                yield name, tensor


def _children(module: Any) -> Iterator[tuple[str, Any]]:
    """Submodules, and script modules held as plain attributes."""
    for name, child in module._modules.items():
        if child is not None:
            yield name, child
    attributes: dict[str, Any] = module.__dict__
    for name, value in attributes.items():
        if isinstance(value, RecursiveScriptModule):
            yield name, value
